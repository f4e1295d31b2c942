//! The side of whoever computes with uploads, or wants to know that they are honest.

use super::{UploadTerms, WideCiphertext};
use crate::multiparty::MultipartyError;
use crate::multiparty::proof::{Check, Proof};
use crate::ring::{Division, divide_polys};
use crate::rlwe::Ciphertext;

/// Checks a party's uploads, one after the other: nothing has to be held but sums, as many polynomials as components and repetitions.
#[derive(Debug)]
pub struct UploadVerifier {
    terms: UploadTerms,
    proof: Proof,
    check: Check,
    digests: Vec<[u8; 32]>,
}

impl UploadVerifier {
    /// Nothing seen yet.
    pub fn new(terms: UploadTerms, proof: Proof) -> Self {
        let check = Check::new(&terms.relation(), &terms.shape, &proof);
        Self {
            terms,
            proof,
            check,
            digests: Vec::new(),
        }
    }

    /// The next upload: `2 (l + 1 + k)` inverse transforms and twice as many polynomial sums as there are repetitions.
    ///
    /// # Errors
    /// [`MultipartyError::Rlwe`] for other primes than those of the terms' level; [`MultipartyError::Parts`] for more uploads than the terms have.
    pub fn add(&mut self, upload: &WideCiphertext) -> Result<(), MultipartyError> {
        let terms = &self.terms;
        if self.digests.len() >= terms.shape.count() {
            return Err(MultipartyError::Parts {
                what: "the uploads",
                party: terms.party,
                expected: terms.shape.count(),
                found: self.digests.len() + 1,
            });
        }
        let context = terms.session().context();
        for c in [&upload.c0, &upload.c1] {
            context.check_basis("upload", c, terms.basis())?;
        }
        self.digests.push(upload.digest(terms.session()));
        self.check.add(&[&upload.c0, &upload.c1]);
        Ok(())
    }

    /// The verdict on all of them.
    ///
    /// # Errors
    /// [`MultipartyError::Proof`].
    pub fn finish(self) -> Result<VerifiedUploads, MultipartyError> {
        let terms = self.terms;
        let relation = terms.relation();
        let hash = terms.binding(&relation, &self.digests);
        if !(self.check).holds(&relation, &terms.shape, &self.proof, &hash)? {
            return Err(terms.refused());
        }
        drop(relation);
        Ok(VerifiedUploads {
            terms,
            digests: self.digests,
        })
    }
}

/// Evidence that a party's uploads have a proof: only with it, and only those very ones, become ciphertexts.
#[derive(Debug)]
pub struct VerifiedUploads {
    terms: UploadTerms,
    digests: Vec<[u8; 32]>,
}

impl VerifiedUploads {
    /// How many.
    pub fn count(&self) -> usize {
        self.digests.len()
    }

    /// The terms.
    pub fn terms(&self) -> &UploadTerms {
        &self.terms
    }

    /// Upload number `i`, ready to be computed with: round(2 c / P), over the chain's primes of its level.
    ///
    /// # Errors
    /// [`MultipartyError::Proof`] for any other ciphertext than the one that was verified as number `i`.
    pub fn ciphertext(
        &self,
        i: usize,
        upload: &WideCiphertext,
    ) -> Result<Ciphertext, MultipartyError> {
        if self.digests.get(i) != Some(&upload.digest(self.terms.session())) {
            return Err(self.terms.refused());
        }
        let twice = [&upload.c0, &upload.c1].map(|c| {
            let mut c = c.clone();
            c.mul_integer(2);
            c
        });
        let [c0, c1] = divide_polys(twice, &Division::by(0));
        Ok(Ciphertext::new(c0, c1))
    }
}
