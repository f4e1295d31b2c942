//! What the client does before and after.

pub mod decrypt;
pub mod encrypt;
