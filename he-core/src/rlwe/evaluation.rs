//! The evaluation keys: all that a server gets.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Context, KeyId, RlweError, SwitchingKey};
use crate::params::KeySet;

/// The switching keys of a computation, looked up by [`KeyId`]. Contains no secret.
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

    /// Whether every key of `set` is here.
    ///
    /// # Errors
    /// [`RlweError::MissingKey`] names the first that is not.
    pub fn check_covers(&self, set: &KeySet) -> Result<(), RlweError> {
        KeyId::all_of(set, self.context.params().log_n())
            .into_iter()
            .try_for_each(|id| self.get(id).map(|_| ()))
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
