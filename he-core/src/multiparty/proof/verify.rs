//! The verifier's side.

use super::super::session::absorb;
use super::challenge::{Challenges, add_multiples};
use super::{Proof, Relation, Shape};
use crate::multiparty::MultipartyError;
use crate::ring::{Coeff, Ntt, Poly};

/// A proof that is checked while its statements come, one after the other.
///
/// Cost: for each statement an inverse transform a row and prime, and a sum of as many polynomials a row and repetition; at the end a transform a column, prime and repetition.
#[derive(Debug)]
pub(crate) struct Check {
    challenges: Challenges,
    repetitions: usize,
    /// `[row][repetition]`: sum_i e_i y_i.
    sums: Vec<Vec<Poly<Coeff>>>,
    seen: usize,
}

impl Check {
    /// For a proof of this relation and shape.
    pub(crate) fn new(relation: &Relation<'_>, shape: &Shape, proof: &Proof) -> Self {
        let zero = |r| Poly::zero(relation.ring(), relation.row_basis(r));
        let row = |r| (0..shape.repetitions()).map(|_| zero(r)).collect();
        Self {
            challenges: Challenges::new(&proof.challenge, shape.n()),
            repetitions: shape.repetitions(),
            sums: (0..relation.rows()).map(row).collect(),
            seen: 0,
        }
    }

    /// The rows of the next statement, each over its primes.
    pub(crate) fn add(&mut self, rows: &[&Poly<Ntt>]) {
        let drawn = [self.challenges.next(self.repetitions)];
        for (row, sums) in rows.iter().zip(&mut self.sums) {
            add_multiples(sums, &[&(*row).clone().into_coeff()], &drawn);
        }
        self.seen += 1;
    }

    /// Whether the proof holds for what was added; `binding` is [`super::binding`]'s hash, the others are those that this was made for.
    pub(crate) fn holds(
        self,
        relation: &Relation<'_>,
        shape: &Shape,
        proof: &Proof,
        binding: &blake3::Hasher,
    ) -> Result<bool, MultipartyError> {
        let shaped = self.seen == shape.count()
            && proof.responses.len() == shape.repetitions()
            && proof.responses.iter().all(|columns| {
                columns.len() == shape.columns() && columns.iter().all(|z| z.len() == shape.n())
            });
        let in_range = |columns: &Vec<Vec<i128>>| {
            let mut columns = columns.iter().enumerate();
            columns.all(|(c, z)| {
                let limit = shape.limit(c);
                z.iter().all(|z| (-limit..limit).contains(z))
            })
        };
        if !shaped || !proof.responses.iter().all(in_range) {
            return Ok(false);
        }
        let mut hash = binding.clone();
        let mut sums: Vec<_> = self.sums.into_iter().map(Vec::into_iter).collect();
        for columns in &proof.responses {
            // t = A z - sum_i e_i y_i.
            let rows = relation.apply(&relation.columns(columns)?);
            for (mut row, sums) in rows.into_iter().zip(&mut sums) {
                if let Some(sum) = sums.next() {
                    row.sub_assign(&sum.into_ntt());
                }
                absorb(&mut hash, &row);
            }
        }
        Ok(*hash.finalize().as_bytes() == proof.challenge)
    }
}
