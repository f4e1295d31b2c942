//! Opening a result together: in clear, or for a receiver alone.
//!
//! Party i of the active set has a summand s_i of the joint secret (its secret, or its Shamir share times Lagrange's coefficient). With e_i wide noise ([`Smudging`]):
//!
//! - *in clear*: it shows c_1 s_i + e_i; c_0 and all of these add up to the plaintext and noise.
//! - *for a receiver* with the public key (b, a): it shows (c_1 s_i + v_i b + e_i, v_i a + e'_i), v_i ternary; c_0 and the first halves, and the second halves, are a ciphertext under the
//!   receiver's key (Mouchet et al., ePrint 2020/304, PubKeySwitch). Nobody else reads it.
//!
//! # What may not happen
//! **One opening a key.** With a second set of parties, or the same ciphertext asked for twice with fresh noise, differences of shares are short equations in secrets: concrete attacks are in ePrint 2024/194, 2025/409 and
//! 2026/031. An [`OpeningKey`] answers one question, the hash of session, ciphertexts, active set and receiver, and refuses every other; the answer to the same question is the same, bit by bit. Whoever keeps
//! the key in a file keeps [`OpeningKey::answered`] with it.
//!
//! The ciphertexts must be what an honest server computed from proved uploads: of a ciphertext (0, 2^k) the answer is the secret itself. Owners who do not trust the server check the result, not the
//! ciphertext; that is the model that SECURITY.md states.

use super::session::absorb;
use super::share::once_each;
use super::stream::{Kind, Use};
use super::{ActiveSet, MultipartyError, OpeningKey, PartyId, Session, Smudging};
use crate::ring::{Coeff, Ntt, Poly, binomial, ternary};
use crate::rlwe::{Ciphertext, PublicKey, SecretPoly};

const QUESTION_CONTEXT: &str = "velum he-core 2026 v1 opening";

/// What is to be opened, by whom, for whom, behind how much noise.
#[derive(Clone, Debug)]
pub struct Opening {
    ciphertexts: Vec<Ciphertext>,
    active: ActiveSet,
    receiver: Option<PublicKey>,
    smudging: Smudging,
    question: [u8; 32],
}

impl Opening {
    /// Of these ciphertexts; `receiver`: the key of who alone is to read them.
    ///
    /// # Errors
    /// [`MultipartyError::Rlwe`] for ciphertexts or a key of another ring; [`MultipartyError::Room`] where a ciphertext's modulus has no room for the noise.
    pub fn new(
        session: &Session,
        ciphertexts: Vec<Ciphertext>,
        active: ActiveSet,
        receiver: Option<PublicKey>,
        smudging: Smudging,
    ) -> Result<Self, MultipartyError> {
        let context = session.context();
        let mut hash = session.hasher(QUESTION_CONTEXT);
        hash.update(&(active.parties().len() as u64).to_le_bytes());
        for party in active.parties() {
            hash.update(&party.index().to_le_bytes());
        }
        hash.update(format!("{smudging:?}").as_bytes());
        hash.update(&[u8::from(receiver.is_some())]);
        if let Some(key) = &receiver {
            context.check("receiver's key", key.b())?;
            absorb(&mut hash, key.b());
            hash.update(&key.seed().0);
        }
        for ct in &ciphertexts {
            context.check("ciphertext", ct.c0())?;
            absorb(&mut hash, ct.c0());
            absorb(&mut hash, ct.c1());
            let needed = smudging.log_bound() + f64::from(session.threshold()).log2() + 1.0;
            let available = context.params().log_q(ct.level());
            if needed > available {
                return Err(MultipartyError::Room {
                    what: "noise that hides the noise of a decryption",
                    needed,
                    available,
                });
            }
        }
        Ok(Self {
            ciphertexts,
            active,
            receiver,
            smudging,
            question: *hash.finalize().as_bytes(),
        })
    }

    /// Hash of all that is asked.
    pub fn question(&self) -> &[u8; 32] {
        &self.question
    }

    /// The parties that answer.
    pub fn active(&self) -> &ActiveSet {
        &self.active
    }

    /// The noise of each share.
    pub fn smudging(&self) -> Smudging {
        self.smudging
    }

    /// Polynomials of an answer: over the chain's primes of each ciphertext, one, or two for a receiver.
    pub fn levels(&self) -> Vec<usize> {
        let halves = 1 + usize::from(self.receiver.is_some());
        let levels = self.ciphertexts.iter().map(Ciphertext::level);
        levels.flat_map(|level| vec![level; halves]).collect()
    }

    /// The plaintexts, from all active parties' shares: message, noise, and the noise of every share.
    ///
    /// # Errors
    /// [`MultipartyError::Missing`], [`MultipartyError::Repeated`]; [`MultipartyError::Foreign`] for a share that answers another question;
    /// [`MultipartyError::Parts`] for an opening that is a receiver's.
    pub fn open(&self, shares: &[OpeningShare]) -> Result<Vec<Poly<Coeff>>, MultipartyError> {
        let sums = self.sums(shares, 1)?;
        Ok(sums.into_iter().map(Poly::into_coeff).collect())
    }

    /// The ciphertexts under the receiver's key, from all active parties' shares.
    ///
    /// # Errors
    /// As [`Opening::open`].
    pub fn switch(&self, shares: &[OpeningShare]) -> Result<Vec<Ciphertext>, MultipartyError> {
        let mut sums = self.sums(shares, 2)?.into_iter();
        let mut out = Vec::new();
        while let (Some(c0), Some(c1)) = (sums.next(), sums.next()) {
            out.push(Ciphertext::new(c0, c1));
        }
        Ok(out)
    }

    fn sums(
        &self,
        shares: &[OpeningShare],
        halves: usize,
    ) -> Result<Vec<Poly<Ntt>>, MultipartyError> {
        let what = "the share of an opening";
        let active = self.active.parties().iter().copied();
        once_each(what, active, shares.iter().map(|share| share.party))?;
        let mut sums = Vec::new();
        for ct in &self.ciphertexts {
            sums.push(ct.c0().clone());
            if halves == 2 {
                sums.push(Poly::zero(ct.c0().ring(), ct.c0().basis()));
            }
        }
        for share in shares {
            if share.question != self.question {
                return Err(MultipartyError::Foreign {
                    what,
                    party: share.party,
                });
            }
            let (expected, found) = (sums.len(), share.parts.len());
            if expected != found {
                return Err(MultipartyError::Parts {
                    what,
                    party: share.party,
                    expected,
                    found,
                });
            }
            let parts = sums.iter_mut().zip(&share.parts);
            parts.for_each(|(sum, part)| sum.add_assign(part));
        }
        Ok(sums)
    }
}

/// A party's part of an opening: public.
#[derive(Clone, Debug)]
pub struct OpeningShare {
    party: PartyId,
    question: [u8; 32],
    parts: Vec<Poly<Ntt>>,
}

impl OpeningShare {
    /// A share that came as a message.
    ///
    /// # Errors
    /// [`MultipartyError::Foreign`] for another question; [`MultipartyError::Parts`]; [`MultipartyError::Rlwe`] for another ring or other primes.
    pub fn new(
        session: &Session,
        opening: &Opening,
        party: PartyId,
        question: [u8; 32],
        parts: Vec<Poly<Ntt>>,
    ) -> Result<Self, MultipartyError> {
        let what = "the share of an opening";
        if question != opening.question {
            return Err(MultipartyError::Foreign { what, party });
        }
        let levels = opening.levels();
        if levels.len() != parts.len() {
            return Err(MultipartyError::Parts {
                what,
                party,
                expected: levels.len(),
                found: parts.len(),
            });
        }
        let context = session.context();
        for (part, level) in parts.iter().zip(levels) {
            context.check_basis("share of an opening", part, context.ring().basis(level))?;
        }
        Ok(Self {
            party,
            question,
            parts,
        })
    }

    /// Whose.
    pub fn party(&self) -> PartyId {
        self.party
    }

    /// Hash of what it answers.
    pub fn question(&self) -> &[u8; 32] {
        &self.question
    }

    /// Its polynomials.
    pub fn parts(&self) -> &[Poly<Ntt>] {
        &self.parts
    }
}

impl OpeningKey {
    /// This party's share of an opening: the first one that the key is asked for, and from then on no other. A ciphertext of level l costs `l + 1`
    /// transforms; for a receiver four times as many.
    ///
    /// # Errors
    /// [`MultipartyError::Spent`] for a second question; [`MultipartyError::Missing`] if the party is not active.
    pub fn answer(&mut self, opening: &Opening) -> Result<OpeningShare, MultipartyError> {
        if self
            .answered
            .is_some_and(|before| before != opening.question)
        {
            return Err(MultipartyError::Spent);
        }
        let share = self.weighted(&opening.active)?;
        self.answered = Some(opening.question);
        let mut parts = Vec::new();
        for (i, ct) in opening.ciphertexts.iter().enumerate() {
            let use_of = |part| Use {
                digit: i as u32,
                part,
                question: opening.question,
                ..Use::of(Kind::Opening)
            };
            let stream = |part| use_of(part).stream(&self.seed, &self.session, self.party);
            let (ring, basis) = (ct.c1().ring(), ct.c1().basis());
            let n = ring.degree();
            let noise = zeroize::Zeroizing::new(opening.smudging.draw(n, &mut *stream(0)));
            let noise = SecretPoly::new(Poly::from_wide(ring, basis, &noise)?.into_ntt());
            let mut h0 = Poly::zero(ring, basis);
            h0.inner_product_acc(&[(ct.c1(), &*share)]);
            h0.add_assign(&noise);
            let Some(key) = &opening.receiver else {
                parts.push(h0);
                continue;
            };
            let small = |numbers| SecretPoly::from_small(ring, basis, numbers);
            let v = small(ternary(n, &mut *stream(1)))?;
            h0.inner_product_acc(&[(key.b(), &*v)]);
            let mut h1 = Poly::zero(ring, basis);
            h1.inner_product_acc(&[(key.a(), &*v)]);
            h1.add_assign(&*small(binomial(n, &mut *stream(2)))?);
            parts.extend([h0, h1]);
        }
        Ok(OpeningShare {
            party: self.party,
            question: opening.question,
            parts,
        })
    }
}
