//! What velum keeps in files beyond what the libraries read and write: directories of keys and of ciphertexts, each finished by its
//! manifest, and everything written so that nothing half-written ever has its final name.

pub(crate) mod directory;
pub(crate) mod manifest;
pub(crate) mod private;
