//! Rows of an owner under a key of its own, and one proved switching key that leads from it to the joint secret.
//!
//! # Protocol
//! An owner draws a fresh ternary secret r, which is of no other use, and encrypts its rows under it: c = (c_0, a), c_0 = m + e - a r over the chain's primes of a level, a from a public seed (below), the message m encoded at
//! *half* its scale. With the joint public key (b, a) = (e_pk - p s, p), over all primes q_0 .. q_l of the highest level in use and all special primes, whose product is P, it makes the key that switches from r to s: for
//! every digit j, with u_j ternary, e_j and e'_j errors and g_j the gadget's factor,
//!
//! a_j = u_j p + e'_j, b_j = u_j (e_pk - p s) + e_j + P g_j r,
//!
//! and proves by [`super::proof`] that it knows short (u_j, e'_j) for all a_j. The key is made first: the seed of a ciphertext follows by a hash from all a_j and b_j, session, party and the ciphertext's name ([`RowSeeds`]), and one under another seed is refused. Whoever has verified this uses, with d_j(a) the digits of a,
//!
//! (2 c_0 + round(sum_j d_j(a) 2 b_j / P), round(sum_j d_j(a) 2 a_j / P)).
//!
//! An honest one decrypts to 2 m, that is m at its scale, with hardly more than the noise of one division ([`crate::ckks::noise::fresh_switched`]).
//!
//! Digits are the residues modulo single primes, whatever the digits of the training's keys; those modulo q_0, which is longer than the others, are cut in two: no digit is longer than the others, and the
//! slack below grows with the longest.
//!
//! # What is proved, and why nothing is about c and b_j
//! If the proof holds then, but for 2^-128 a try at the hash, the owner knows integers u'_j, e''_j with **2 a_j = u'_j p + e''_j**, of at most B_u = 2 N M_u and B_e = 2 N M_e. So, whatever b_j is, the owner knows
//! X_j = 2 b_j - u'_j (e_pk - p s), and
//!
//! 2 b_j + 2 a_j s = X_j + u'_j e_pk + e''_j s.
//!
//! With Y = sum_j d_j X_j = P y + y_0, and t_0, t_1 what the divisions round away, |y_0|, |t_0|, |t_1| <= P/2, what is used decrypts to **m' + r'**, for any c:
//!
//! - m' = 2 c_0 + y is *known to the owner*: it is (0, P) or another owner's ciphertext in vain, since what they decrypt to under s does not enter;
//! - r' = (y_0 - t_0 - t_1 s + sum_j d_j (u'_j e_pk + e''_j s)) / P is all that depends on the secret: the rounding, at most 1 + n N / 2, which every honest ciphertext has as well, and the *slack*
//!   sum_j d_j (u'_j e_pk + e''_j s) / P.
//!
//! (Secrets of parties that themselves cheat may be larger than ternary, but they are known to them.)
//!
//! *Not* proved: anything of m'. It may be any integer polynomial modulo Q that the owner can compute. A wild m' spoils the model, and multiplies other ciphertexts' noise.
//!
//! The doubling is what turns "2 a_j has a short solution" into a statement on what is used.
//!
//! # The slack
//! J digits, each of absolute value at most h and of mean 0 and, since a is the stream of a seed, independent; but for the halves of those modulo q_0, which depend on each other: as a pair they are as subgaussian as two independent digits of at most the bound on their norm. In every complex embedding
//! (d_1, .., d_J) is subgaussian in 2 J real dimensions with variance proxy h^2 N/2,
//! so by Hsu, Kakade and Zhang (Electronic Communications in Probability 2012) its norm is at most D = h sqrt(N) (sqrt(J) + sqrt(t)) but for e^-t. With t = ln 2 (128 + 64 + log N - 1) this holds in all embeddings for all of
//! 2^128 seeds that an owner may compute, but for 2^-64. By Cauchy and Schwarz in every embedding, the coefficients of sum_j d_j e''_j then have a norm of at most D sqrt(J N) B_e, *even if the owner could choose e'' after a*. e_pk and s
//! are subgaussian with the variances 10.5 n and 2 n/3 of independent coefficients, which the owner does not know. So every coefficient of the slack is subgaussian with a standard deviation of at most
//!
//! D sqrt(J N n (10.5 B_u^2 + 2/3 B_e^2)) / P,
//!
//! which plans reckon with on top of an honest owner's noise ([`slack_noise`]); [`special_bits`] says how long P has to be for less than two thirds of the rounding.
//!
//! Of *several* ciphertexts c_k, with factors w_k that do not depend on the seeds, sum_k w_k d_kj is as subgaussian in every embedding as one digit times sqrt(sum_k |w_k|^2): all of the above holds of the sum with that factor, as if each had independent noise, which is how plans add it up. This is why seeds follow from the switching key, in the random oracle model: who
//! may choose or try the seed of each alone has 2^128 tries for each, and can make them fit each other. Now a try is another switching key, whose seeds are all others. What an owner can choose by the seeds is its rows: where ciphertexts are multiplied, they are such factors.
//!
//! # Cost
//! An upload is half as large as ciphertexts under the joint key, and one switching key longer. Proof and key do not depend on the number of ciphertexts.

#[cfg(test)]
mod attacks;
mod key;
mod owner;
mod seeds;
mod slack;
mod terms;
mod verified;

pub use key::UploadKey;
pub use owner::{RowSecret, encoded_at};
pub use seeds::RowSeeds;
pub use slack::{slack_noise, special_bits};
pub use terms::UploadTerms;
pub use verified::VerifiedUploadKey;
