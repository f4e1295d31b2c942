//! The evaluation keys: all that a server gets.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Context, KeyId, RlweError, SwitchingKey};

/// The switching keys of a computation, looked up by [`KeyId`]. Contains no secret.
///
/// ```
/// # use std::sync::Arc;
/// # use he_core::{params::{Params, ParamsLiteral}, rlwe::Context};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let literal = ParamsLiteral { log_n: 10, q_bits: vec![40, 30], p_bits: vec![46], dnum: 2 };
/// # let context = Context::new(Arc::new(Params::insecure_test(literal)?))?;
/// use he_core::params::KeySet;
/// use he_core::rlwe::{KeyId, SecretKey};
///
/// let set = KeySet { relinearise: true, conjugate: false, rotations: [1, 2].into() };
/// let keys = SecretKey::generate(&context)?.evaluation_keys(&set)?;
/// assert_eq!(keys.len(), 3);
/// assert!(keys.get(KeyId::Relinearisation).is_ok());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct EvaluationKeys {
    context: Arc<Context>,
    keys: BTreeMap<KeyId, Arc<SwitchingKey>>,
}

impl EvaluationKeys {
    /// No keys yet.
    pub fn new(context: &Arc<Context>) -> Self {
        Self {
            context: Arc::clone(context),
            keys: BTreeMap::new(),
        }
    }

    /// The context.
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Adds a key.
    ///
    /// # Errors
    /// [`RlweError::Foreign`], [`RlweError::RepeatedKey`].
    pub fn insert(&mut self, key: SwitchingKey) -> Result<(), RlweError> {
        for b in key.b() {
            self.context.check("switching key", b)?;
        }
        let id = key.id();
        if self.keys.contains_key(&id) {
            return Err(RlweError::RepeatedKey { key: id });
        }
        self.keys.insert(id, Arc::new(key));
        Ok(())
    }

    /// The key `id`.
    ///
    /// # Errors
    /// [`RlweError::MissingKey`].
    pub fn get(&self, id: KeyId) -> Result<&Arc<SwitchingKey>, RlweError> {
        self.keys.get(&id).ok_or(RlweError::MissingKey { key: id })
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// No key at all.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// All keys, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &SwitchingKey> {
        self.keys.values().map(Arc::as_ref)
    }
}
