//! What evaluation keys are bound to.

use he_core::params::{KeyLevels, Params};

/// Hash of parameters and keys with their levels.
pub(crate) fn key_binding(params: &Params, keys: &KeyLevels) -> [u8; 32] {
    let mut hash = blake3::Hasher::new_derive_key("velum mlr-train evaluation key set v2");
    hash.update(&params.fingerprint());
    for level in [keys.relinearise, keys.conjugate] {
        // No level is as large as this.
        let level = level.map_or(u64::MAX, |level| level as u64);
        hash.update(&level.to_le_bytes());
    }
    for (&rotation, &level) in &keys.rotations {
        hash.update(&(rotation as u64).to_le_bytes());
        hash.update(&(level as u64).to_le_bytes());
    }
    *hash.finalize().as_bytes()
}
