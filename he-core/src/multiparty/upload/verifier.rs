//! The side of whoever computes with uploads, or wants to know that they are honest.

use std::slice;

use rayon::prelude::*;

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
        self.expect(slice::from_ref(upload))?;
        self.digests.push(upload.digest(self.terms.session()));
        self.check.add(&[&upload.c0, &upload.c1]);
        Ok(())
    }

    /// The next uploads, in parallel, and what they are as ciphertexts: for whoever would not read them twice. Besides the cost of [`add`](Self::add), `2 k` inverse and `2 (l + 1)` forward
    /// transforms an upload.
    ///
    /// # Errors
    /// As of [`add`](Self::add): then none was added.
    pub fn add_all(
        &mut self,
        uploads: &[WideCiphertext],
    ) -> Result<Vec<ProvisionalCiphertext>, MultipartyError> {
        self.expect(uploads)?;
        let session = self.terms.session();
        let of = |upload: &WideCiphertext| {
            let rows = [&upload.c0, &upload.c1].map(|c| c.clone().into_coeff());
            (
                upload.digest(session),
                rows.into(),
                ProvisionalCiphertext(upload.divided()),
            )
        };
        let all: Vec<([u8; 32], Vec<_>, _)> = uploads.par_iter().map(of).collect();
        let (mut rows, mut ciphertexts) = (Vec::new(), Vec::new());
        for (digest, own, ciphertext) in all {
            self.digests.push(digest);
            rows.push(own);
            ciphertexts.push(ciphertext);
        }
        self.check.add_all(&rows);
        Ok(ciphertexts)
    }

    /// Refuses uploads of other primes, or too many.
    fn expect(&self, uploads: &[WideCiphertext]) -> Result<(), MultipartyError> {
        let terms = &self.terms;
        let found = self.digests.len() + uploads.len();
        if found > terms.shape.count() {
            return Err(MultipartyError::Parts {
                what: "the uploads",
                party: terms.party,
                expected: terms.shape.count(),
                found,
            });
        }
        let context = terms.session().context();
        let mut all = uploads.iter().flat_map(|upload| [&upload.c0, &upload.c1]);
        all.try_for_each(|c| Ok(context.check_basis("upload", c, terms.basis())?))
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

/// An upload ready to be computed with, if its proof holds: what [`VerifiedUploads::ciphertext`] gives then. Whoever takes it keeps it where nobody computes with it until [`UploadVerifier::finish`] has said so.
#[derive(Debug)]
pub struct ProvisionalCiphertext(Ciphertext);

impl ProvisionalCiphertext {
    /// To be put away.
    pub fn before_the_verdict(self) -> Ciphertext {
        self.0
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
        Ok(upload.divided())
    }
}

impl WideCiphertext {
    /// round(2 c / P).
    fn divided(&self) -> Ciphertext {
        let twice = [&self.c0, &self.c1].map(|c| {
            let mut c = c.clone();
            c.mul_integer(2);
            c
        });
        let [c0, c1] = divide_polys(twice, &Division::by(0));
        Ciphertext::new(c0, c1)
    }
}
