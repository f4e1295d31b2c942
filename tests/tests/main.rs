//! The program from outside: processes, files, exit codes. One binary, so that it is linked once.
//!
//! | module | asks |
//! |---|---|
//! | `journey` | does a job run through all verbs, in a client's and a server's folder? |
//! | `secrecy` | does anything that the server gets hold a secret? |
//! | `forgery` | does the result come through the ciphertexts? |
//! | `hostile` | what does each verb say to bad input, and does it leave anything behind? |
//! | `extraction` | does `extract` stop, go on and refuse as it says? |
//! | `owners` | do several owners of data get the model of all their rows? |
//! | `resume` | does a killed training go on where it was? |
//! | `prediction` | do labels of new rows come through the ciphertexts, with a clear and an encrypted model? |
//! | `figures` | the figures that the README promises (slow; development data) |

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod extraction;
mod figures;
mod forgery;
mod hostile;
mod journey;
mod owners;
mod prediction;
mod program;
mod resume;
mod secrecy;
mod table;
