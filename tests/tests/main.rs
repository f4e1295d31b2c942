//! The program from outside: processes, files, exit codes. One binary, so that it is linked once.
//!
//! | module | asks |
//! |---|---|
//! | `journey` | does a job run through all verbs, in a client's and a server's folder? |
//! | `secrecy` | does anything that the server gets hold a secret? |
//! | `forgery` | does the result come through the ciphertexts? |
//! | `hostile` | what does each verb say to bad input, and does it leave anything behind? |
//! | `prediction` | do labels of new rows come through the ciphertexts, with a clear and an encrypted model? |
//! | `figures` | the figures that the README promises (slow; development data) |

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod figures;
mod forgery;
mod hostile;
mod journey;
mod prediction;
mod program;
mod secrecy;
mod table;
