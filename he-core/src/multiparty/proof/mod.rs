//! Proofs of knowledge of short solutions of linear equations: what was made with them is known to who made it.
//!
//! # Statement
//! Over `R_Q = Z_Q[X]/(X^N + 1)`, with a public matrix A and public vectors y_1 .. y_k, the prover knows short vectors w_i with y_i = A w_i: coefficients of column c of absolute value at most B_c. The digits of an owner's
//! switching key are k statements under one matrix; key shares are one statement. The proof is Sigma-protocol, Fiat-Shamir and abort (Lyubashevsky, ASIACRYPT 2009), with the challenges of Benhamouda, Camenisch, Krenn,
//! Lyubashevsky and Neven (ASIACRYPT 2014), {0} and X^j for 0 <= j < 2N, and one response for all k statements (as in Baum, Cozzo and Smart, TopGear, ePrint 2019/035):
//!
//! 1. mask r, coefficients of column c uniform in [-M_c, M_c); commitment t = A r;
//! 2. challenges e_1 .. e_k, independent and uniform among the 2N + 1;
//! 3. response z = r + sum_i e_i w_i, shown only if all coefficients of all columns lie in [-M_c + k B_c, M_c - k B_c);
//! 4. the verifier checks these ranges and A z = t + sum_i e_i y_i,
//!
//! in as many parallel repetitions as make 2^-128 of 1/(2N + 1) each: nine at N = 2^14. All repetitions are shown or none: after an abort, new masks. Challenges are the stream of a hash of session,
//! party, a label (plan and step), the relation with its matrix, all statements and all commitments; the proof is that hash and the responses.
//!
//! # Zero knowledge
//! |sum_i e_i w_i| <= k B_c in every coefficient, since monomials only move and negate. So z is uniform on the range of step 3 *whatever the w_i are*, and the probability of an abort does not depend on them either:
//! what is shown is distributed exactly as a simulator's that draws z in that range and programs the random oracle with t = A z - sum_i e_i y_i. Nothing is flooded, nothing is statistical. With M_c = 2^m, the least power of two
//! that is at least 8 k B_c times the number of coefficients of a whole proof, all of it is accepted with probability e^(-1/8) or more.
//!
//! # Soundness and slack
//! Fix a statement i and all challenges of the others. A prover who convinces with a probability above (2N + 1)^-repetitions answers two vectors of challenges that differ in some repetition, e against e', in e_i alone. Then
//! (e - e') y_i = A (z - z'). 2/(X^a - X^b) has coefficients -1, 0 and 1 (Benhamouda et al., lemma 3.1), and 2/X^a is a monomial times 2, so with w' = 2 (e - e')^-1 (z - z'):
//!
//! **2 y_i = A w', with coefficients of w' of at most 2 N M_c**, integers that the prover knows.
//!
//! The *slack* is in both: the bound is 2 N M_c where honest parties have B_c, and it is 2 y_i, not y_i, that has a short solution. **Neither is harmless.** y_i itself may be half of something, whose decryption is a large number or
//! a small one as a parity of secrets falls; so whoever uses y_i uses 2 y_i. And whatever is multiplied by a secret may be larger than honest parties' by the slack: [`super::upload`] says what that comes to after a division by the special primes.

mod challenge;
mod key_shares;
mod prove;
mod relation;
mod shape;
mod verify;
#[cfg(test)]
mod wipe_tests;

pub use key_shares::{prove_first, prove_second, verify_first, verify_second};
pub(super) use prove::prove;
pub(super) use relation::{Factor, Relation};
pub use shape::Shape;
pub(super) use verify::Check;

use super::{PartyId, Session};

const BINDING_CONTEXT: &str = "velum he-core 2026 v1 proof of knowledge";

/// A proof: the hash that its challenges come from, and the responses of every repetition and column, N integers each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub(crate) challenge: [u8; 32],
    /// `[repetition][column][coefficient]`.
    pub(crate) responses: Vec<Vec<Vec<i128>>>,
}

/// Hash of all that a proof is bound to but the commitments: session, party, label, relation, statements.
pub(super) fn binding(
    session: &Session,
    party: PartyId,
    label: &[u8; 32],
    relation: &Relation<'_>,
    statements: &[u8; 32],
) -> blake3::Hasher {
    let mut hash = session.hasher(BINDING_CONTEXT);
    hash.update(&party.index().to_le_bytes());
    hash.update(label);
    relation.absorb(&mut hash);
    hash.update(statements);
    hash
}
