//! What evaluation keys are bound to.

use he_core::params::{KeySet, Params};

/// Hash of parameters and key set.
pub(crate) fn key_binding(params: &Params, keys: &KeySet) -> [u8; 32] {
    let mut hash = blake3::Hasher::new_derive_key("velum mlr-train evaluation key set v1");
    hash.update(&params.fingerprint());
    hash.update(&[u8::from(keys.relinearise), u8::from(keys.conjugate)]);
    for &rotation in &keys.rotations {
        hash.update(&(rotation as u64).to_le_bytes());
    }
    *hash.finalize().as_bytes()
}
