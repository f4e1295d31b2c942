//! Several owners who trust nobody: who they are, what they say to each other, where, and what each remembers of it.
//!
//! Messages lie on a *board*, a place that all members reach and that nobody has to trust, such as a shared folder or a bucket. Whoever can write there can delay, by deleting, altering or adding
//! files; nothing else, since every message is signed by its sender, names session, step and the hash of what it answers, and every file is named by its hash.
//!
//! | module | what it holds |
//! |---|---|
//! | [`identity`] | a member's keys to sign and to receive, its public card |
//! | [`seal`] | payloads that named receivers alone can read; seeds that two members share |
//! | [`step`] | the steps of a session |
//! | [`message`] | the signed envelope of a payload of files |
//! | [`refusal`] | why a member does not do a step |
//! | [`charter`] | what a group agrees on; its hash is the session's name |
//! | [`board`] | where messages lie: a folder, a bucket |
//! | [`inbox`] | the verified messages of a board, and what was refused |
//! | [`transcript`] | what a member has sent and answered, on its own disk |
//! | [`machine`] | whose turn it is: a function of the charter and of messages |
//! | [`runner`] | a member at work: reads, mends, computes, posts |
//!
//! Nothing here computes with ciphertexts: that is what the steps do, from files to files.

pub mod board;
pub mod charter;
pub mod error;
pub mod identity;
pub mod inbox;
pub mod machine;
pub mod message;
pub mod refusal;
pub mod runner;
pub mod seal;
pub mod step;
pub mod transcript;

pub use board::Board;
pub use charter::Charter;
pub use error::GroupError;
pub use identity::{Card, Identity};
pub use inbox::Inbox;
pub use message::Message;
pub use refusal::Refusal;
pub use runner::{Round, Runner, Turn, Work};
pub use step::Step;
pub use transcript::Transcript;
