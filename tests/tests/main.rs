//! The program from outside: processes, files, exit codes. One binary, so that it is linked once.
//!
//! | module | asks |
//! |---|---|
//! | `journey` | does a job run through all verbs, in a client's and a server's folder? |
//! | `job` | does a job run in its folder without a path given twice, and end in a report? |
//! | `secrecy` | does anything that the server gets hold a secret? |
//! | `forgery` | does the result come through the ciphertexts? |
//! | `advice` | does following a hint help the client, the server and a group's members? |
//! | `hints` | do hints help, and name what there is? |
//! | `hostile` | what does each verb say to bad input, and does it leave anything behind? |
//! | `extraction` | does `extract` stop, go on and refuse as it says? |
//! | `manners` | does it say how far it is, to people and to programs, and what it knows of itself? |
//! | `outputs` | does an output replace what it must not? |
//! | `recipe` | does what is private of a recipe come from `plan` to `encrypt`, and nowhere else? |
//! | `names` | are classes, pictures and networks matched by their names everywhere? |
//! | `goal` | is the cheapest plan taken that reaches an accuracy, and said what is reached at best? |
//! | `owners` | do several owners of data get the model of all their rows? |
//! | `group` | do owners who trust nobody get what they agreed on, on a board, and nothing else? |
//! | `resume` | does a killed training go on where it was? |
//! | `full_disk` | what does a full disk leave? |
//! | `kills` | what do kills at arbitrary moments leave? |
//! | `promises` | are the tests there that `docs/testing.md` names? |
//! | `prediction` | do labels of new rows come through the ciphertexts, with a clear and an encrypted model? |
//! | `unusual` | what of rows, pictures and options is said or refused that would give a wrong result without a word? |
//! | `browser` | is the report whole in a browser: light and dark, phone and desk? (slow; node and Chromium) |
//! | `documents` | does every block of commands in README and docs run as written? |
//! | `figures` | the figures that the README promises (slow; development data) |

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod advice;
mod bootstraps;
mod browser;
#[cfg(unix)]
mod documents;
mod extraction;
mod figures;
mod forgery;
mod full_disk;
mod goal;
mod group;
mod hints;
mod hostile;
mod job;
mod journey;
mod kills;
mod manners;
mod names;
mod one_owner;
mod outputs;
mod owners;
mod prediction;
mod program;
mod promises;
mod recipe;
mod refresh;
mod resume;
mod secrecy;
mod table;
mod unusual;
