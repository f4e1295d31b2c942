//! What a party does with its secret.

pub mod opening;
pub mod refresh;
pub mod rows;
pub mod secret;
pub mod shares;
pub mod upload;
