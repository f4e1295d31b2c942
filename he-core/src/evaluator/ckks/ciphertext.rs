//! Ciphertexts with their metadata.

use std::sync::Arc;

use crate::evaluator::engine::Ct;
use crate::evaluator::ledger::Ledger;
use crate::evaluator::{EvalError, Meta, Op, Refusal};
use crate::params::Params;
use crate::rlwe::{Ciphertext, Context};

/// A ciphertext with its metadata. Clones share the data: no operation changes it.
pub type CkksCt = Ct<Arc<Ciphertext>>;

impl CkksCt {
    /// A ciphertext that comes from outside (a key holder, a file), with the metadata that its maker states. The ledger's checks hold afterwards:
    /// finite numbers, a level of the chain, values and noise that fit the modulus. Nobody without the key can check more.
    ///
    /// # Errors
    /// [`Refusal::ForeignOperand`] for another ring or a level that is not the ciphertext's; overflow; numbers that are not finite.
    pub fn admit(context: &Context, data: Ciphertext, meta: Meta) -> Result<Self, EvalError> {
        if !Arc::ptr_eq(data.c0().ring(), context.ring()) || data.level() != meta.level.0 {
            return Err(Refusal::ForeignOperand.of(Op::Admit));
        }
        let meta = fresh_meta(context.params(), meta)?;
        Ok(Self {
            data: Arc::new(data),
            meta,
        })
    }

    /// The polynomials.
    pub fn ciphertext(&self) -> &Ciphertext {
        &self.data
    }
}

/// The ledger's checks of a fresh ciphertext.
pub(crate) fn fresh_meta(params: &Params, meta: Meta) -> Result<Meta, EvalError> {
    Ledger::new(params).fresh(meta.placement(), meta.bound, meta.noise)
}
