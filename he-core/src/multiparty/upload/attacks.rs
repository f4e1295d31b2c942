//! What a cheating owner makes: for tests.

use super::key::UploadKey;
use super::seeds::RowSeeds;
use super::terms::UploadTerms;
use super::verified::VerifiedUploadKey;
use crate::multiparty::MultipartyError;
use crate::multiparty::proof::{self, Proof};
use crate::multiparty::secret::Small;
use crate::ring::{Ntt, Poly};
use crate::rlwe::Ciphertext;

impl UploadTerms {
    /// A proof with whatever witness for whatever a_j, for attacks; b_j = 0.
    pub(in crate::multiparty) fn prove_insecure_test(
        &self,
        label: &[u8; 32],
        a: Vec<Poly<Ntt>>,
        witness: &(dyn Fn(usize) -> Result<Vec<Small>, MultipartyError> + Sync),
    ) -> Result<(UploadKey, Proof), MultipartyError> {
        let ring = self.session().context().ring();
        let zero = || Poly::zero(ring, self.basis());
        let key = UploadKey(a.into_iter().map(|a| [zero(), a]).collect());
        let relation = self.relation();
        let hash = self.binding(&relation, label, &self.digest(&key));
        let proof = proof::prove(&relation, self.shape(), &hash, witness)?;
        Ok((key, proof))
    }

    /// The key that an extractor's (u'_j, e''_j) belongs to, with X_j = 0, for ciphertexts of these seeds.
    pub(in crate::multiparty) fn extracted_insecure_test(
        &self,
        seeds: &RowSeeds,
        found: &[[Vec<i64>; 2]],
    ) -> VerifiedUploadKey {
        let ring = self.session().context().ring();
        let of = |numbers: &Vec<i64>| Poly::from_signed(ring, self.basis(), numbers);
        let pair = |[u, e]: &[Vec<i64>; 2]| {
            let (u, e) = (of(u).unwrap().into_ntt(), of(e).unwrap().into_ntt());
            let times = |key: &Poly<Ntt>| {
                let mut out = Poly::zero(ring, self.basis());
                out.inner_product_acc(&[(key, &u)]);
                out
            };
            let mut a = times(self.joint().a());
            a.add_assign(&e);
            (times(self.joint().b()), a)
        };
        let (b, a) = found.iter().map(pair).unzip();
        VerifiedUploadKey {
            b,
            a,
            seeds: seeds.clone(),
            terms: self.clone(),
        }
    }
}

impl VerifiedUploadKey {
    /// What a server would compute with that took any seed.
    pub(in crate::multiparty) fn any_seed_insecure_test(&self, rows: Ciphertext) -> Ciphertext {
        self.switched(rows)
    }
}
