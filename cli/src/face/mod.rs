//! What the user meets: results, notes and progress, failures and their exit codes, Ctrl-C.

pub(crate) mod colour;
pub mod console;
pub(crate) mod convert;
pub mod failure;
pub(crate) mod flags;
pub(crate) mod interrupt;
pub(crate) mod progress;
pub(crate) mod reporter;

/// Version of every JSON object on stdout.
pub const SCHEMA: u32 = 1;
