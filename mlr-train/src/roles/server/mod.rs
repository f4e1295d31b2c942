//! What the server runs. No type in here can hold a secret key.

mod pace;
pub mod score;
pub mod status;
pub mod train;

pub use score::{ScoreInput, ServedModel, score};
pub use status::{Stage, Status, status};
pub use train::{TrainInput, train};
