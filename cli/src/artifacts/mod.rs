//! What velum keeps in files beyond what the libraries read and write: keys, the encrypted dataset, the encrypted model, the client's
//! private directory. Everything is written so that nothing half-written ever has its final name, and names the plan or the key set
//! that it belongs to.

pub(crate) mod checkpoint;
pub(crate) mod dataset;
pub(crate) mod directory;
#[cfg(feature = "sunscreen")]
pub(crate) mod exact;
pub(crate) mod keys;
pub(crate) mod manifest;
pub(crate) mod private;
pub(crate) mod scoring;
pub(crate) mod weights;
