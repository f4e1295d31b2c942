//! How a secret key makes the evaluation keys.

use rayon::prelude::*;

use super::derive::Binding;
use super::secret::{SecretKey, SecretPoly};
use super::switching::gadget;
use super::wipe::on_clean_stack;
use super::{EvaluationKeys, KeyId, RlweError, SwitchingKey};
use crate::params::{KeyLevels, KeySet};

impl SecretKey {
    /// Makes one evaluation key, for every level: always the same. Independent of all others, so keys can be made in parallel, or one at a time and
    /// written away. `dnum (L + 1 + k)` transforms.
    ///
    /// # Errors
    /// As [`SecretKey::switching_key_at`].
    pub fn switching_key(&self, id: KeyId) -> Result<SwitchingKey, RlweError> {
        self.switching_key_at(id, self.context.params().max_level())
    }

    /// Makes the truncation of [`SecretKey::switching_key`] that switches at `level` and below. With d digits, `d (level + 1 + k)` transforms.
    ///
    /// # Errors
    /// [`RlweError::KeyLevel`] for a level above the chain; [`RlweError::MissingKey`] for a key between rings, which has no place in one; [`RlweError::Ring`]: none
    /// for a checked context.
    pub fn switching_key_at(&self, id: KeyId, level: usize) -> Result<SwitchingKey, RlweError> {
        self.context.check_key_level(id, level)?;
        on_clean_stack(|| self.make_switching_key(id, level))
    }

    fn make_switching_key(&self, id: KeyId, level: usize) -> Result<SwitchingKey, RlweError> {
        let log_n = self.context.params().log_n();
        let (from, to) = match id {
            KeyId::Relinearisation => (SecretPoly::new(self.s.mul(&self.s)), self.s.clone()),
            KeyId::Galois(g) => (
                self.s.clone(),
                SecretPoly::new(self.s.automorphism(g.inverse(log_n))),
            ),
            KeyId::Enter | KeyId::Raise | KeyId::Leave => {
                return Err(RlweError::MissingKey { key: id });
            }
        };
        self.lead(id, level, &from, &to)
    }

    /// The key `id` of this key's seed and parameters at a level of its chain, from any secret to any other.
    pub(super) fn lead(
        &self,
        id: KeyId,
        level: usize,
        from: &SecretPoly,
        to: &SecretPoly,
    ) -> Result<SwitchingKey, RlweError> {
        let context = &self.context;
        let (params, ring) = (context.params(), context.ring());
        let seed = Binding::of_key(id, 0).public_seed(&self.seed, context.fingerprint());
        let from = from.at_level(level);
        let mut halves = Vec::new();
        for (d, digit) in params.digits(level).enumerate() {
            let a_d = seed.expand(ring, context.key_basis_at(level), d as u32);
            let mut rng = Binding::of_key(id, d).secret_stream(&self.seed, context.fingerprint());
            let mut b_d = self.hide(to, &a_d, &mut *rng)?;
            let mut hidden = from.clone();
            hidden.mul_scalars(&gadget(context, level, digit));
            b_d.add_assign(&hidden);
            halves.push([b_d, a_d]);
        }
        Ok(SwitchingKey::made(id, seed, halves))
    }

    /// All keys of a set in memory, for every level, made in parallel.
    ///
    /// # Errors
    /// As [`SecretKey::switching_key`].
    pub fn evaluation_keys(&self, set: &KeySet) -> Result<EvaluationKeys, RlweError> {
        self.evaluation_keys_at(&set.up_to(self.context.params().max_level()))
    }

    /// All these keys in memory, each at its level, made in parallel.
    ///
    /// # Errors
    /// As [`SecretKey::switching_key_at`].
    pub fn evaluation_keys_at(&self, keys: &KeyLevels) -> Result<EvaluationKeys, RlweError> {
        let keys = KeyId::with_levels(keys, self.context.params().log_n())
            .into_par_iter()
            .map(|(id, level)| self.switching_key_at(id, level))
            .collect::<Result<Vec<_>, _>>()?;
        let mut all = EvaluationKeys::new(&self.context);
        for key in keys {
            all.insert(key)?;
        }
        Ok(all)
    }
}
