//! What the steps of a job say of themselves: one [`Record`] a step, as JSON. Types alone, so that whoever reads records (a report, a
//! benchmark, another program) builds in a second.
//!
//! | module | records of |
//! |---|---|
//! | [`plan`] | plans |
//! | [`client`] | statistics, keys, encryption, refreshes, decryption, evaluation |
//! | [`server`] | training |
//! | [`predict`] | predictions on encrypted rows |
//! | [`report`] | one page of HTML of all of them |
//! | [`share`] | shares of rows with their intervals |
//!
//! Nothing in a record is a function of the noise of a decryption but whole bits and powers of two, and a server's record
//! ([`Place::Server`]) holds sizes, times and hashes alone.
//!
//! ```
//! use velum_record::{Record, Step, Subject, client::Keygen};
//!
//! let made = Keygen {
//!     seconds: 0.25,
//!     keys: 14,
//!     eval_key_bytes: 33_000_000,
//!     key_binding: "ab".repeat(32),
//!     key: "cd".repeat(32),
//! };
//! let subject = Subject { key: Some(made.key.clone()), ..Subject::default() };
//! let record = Record::new(Step::Keygen(made), subject, 2);
//! let again = Record::parse(&record.to_json()).unwrap();
//! assert_eq!(again, record);
//! assert_eq!(again.did.name(), "keygen");
//! ```

pub mod client;
pub mod plan;
pub mod predict;
pub mod report;
pub mod server;
pub mod share;

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

pub use share::Share;

/// Version of the form. Fields may be added within one; whoever reads passes over what it does not know.
pub const SCHEMA: u32 = 1;
/// How a record says that it belongs to a client, so that a server refuses it.
pub const CLIENT_KIND: &str = "velum client record";
/// How a record says that anyone who has the encrypted files may have it.
pub const SERVER_KIND: &str = "velum server record";

/// Who may have a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It stays with a client or an owner of data: written for its owner's eyes alone.
    Client,
    /// It may lie where the server reads.
    Server,
}

/// What a step worked on: hashes in hex, as far as the step knows them. Records of one job find each other by these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Hash of the plan.
    pub plan: Option<String>,
    /// Fingerprint of the public key that belongs to the secret key.
    pub key: Option<String>,
    /// Hash of the encrypted dataset, of several owners' of all together.
    pub dataset: Option<String>,
    /// Hash of the file of the encrypted model.
    pub model: Option<String>,
}

/// What one step of a job did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    kind: String,
    schema: u32,
    /// Version of velum that did it.
    pub velum: String,
    /// When it was done, in seconds since 1970 (UTC).
    pub finished: u64,
    /// Threads that it computed with.
    pub threads: usize,
    /// What it worked on.
    pub subject: Subject,
    /// What it did.
    pub did: Step,
}

/// The steps of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// Statistics of one owner's rows, or of several owners'.
    Stats(client::Stats),
    /// A plan of a training.
    Plan(Box<plan::Planned>),
    /// Secret and evaluation keys.
    Keygen(client::Keygen),
    /// The encrypted dataset.
    Encrypt(client::Encrypted),
    /// The encrypted model.
    Train(server::Trained),
    /// Weights with levels again.
    Refresh(client::RefreshedWeights),
    /// The model.
    Decrypt(client::Opened),
    /// The accuracy of the model, beside those that need no encryption.
    Evaluate(client::Evaluated),
    /// A plan of predictions.
    PredictPlan(predict::ScorePlanned),
    /// Encrypted rows, or an encrypted model to score them with.
    PredictEncrypt(predict::QueryEncrypted),
    /// Encrypted scores.
    PredictScore(predict::Scored),
    /// Scores.
    PredictDecrypt(predict::ScoresOpened),
}

impl Step {
    /// The verb of the command line that does it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Stats(_) => "stats",
            Self::Plan(_) => "plan",
            Self::Keygen(_) => "keygen",
            Self::Encrypt(_) => "encrypt",
            Self::Train(_) => "train",
            Self::Refresh(_) => "refresh",
            Self::Decrypt(_) => "decrypt",
            Self::Evaluate(_) => "evaluate",
            Self::PredictPlan(_) => "predict plan",
            Self::PredictEncrypt(_) => "predict encrypt",
            Self::PredictScore(_) => "predict score",
            Self::PredictDecrypt(_) => "predict decrypt",
        }
    }

    /// Times of a server to the millisecond: more digits say nothing, and could pass for a number of the data.
    fn round(&mut self) {
        let thousandths = |value: &mut f64| *value = (*value * 1e3).round() / 1e3;
        let (times, memory) = match self {
            Self::Train(it) => (
                [
                    &mut it.wall_seconds,
                    &mut it.load_seconds,
                    &mut it.compute_seconds,
                ],
                &mut it.peak_rss_mb,
            ),
            Self::PredictScore(it) => (
                [
                    &mut it.wall_seconds,
                    &mut it.load_seconds,
                    &mut it.compute_seconds,
                ],
                &mut it.peak_rss_mb,
            ),
            _ => return,
        };
        times.into_iter().chain(memory).for_each(thousandths);
    }

    /// Who may have the record of it.
    #[must_use]
    pub fn place(&self) -> Place {
        match self {
            Self::Train(_) | Self::PredictScore(_) => Place::Server,
            // Sizes and times, which the server sees anyway.
            Self::PredictPlan(_) | Self::PredictEncrypt(_) => Place::Server,
            // What is left then is in the plan, which is public.
            Self::Plan(plan) if plan.trained_on.is_none() => Place::Server,
            _ => Place::Client,
        }
    }
}

impl Record {
    /// Of a step that has just been done.
    #[must_use]
    pub fn new(mut did: Step, subject: Subject, threads: usize) -> Self {
        did.round();
        let kind = match did.place() {
            Place::Client => CLIENT_KIND,
            Place::Server => SERVER_KIND,
        };
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            kind: kind.to_owned(),
            schema: SCHEMA,
            velum: env!("CARGO_PKG_VERSION").to_owned(),
            // A clock before 1970 is not set.
            finished: since.map_or(0, |time| time.as_secs()),
            threads,
            subject,
            did,
        }
    }

    /// The record as JSON for a file, with a line end.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Every field is a number, a text, a list or an object with texts as names: nothing that JSON cannot say.
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }

    /// Reads a record.
    ///
    /// # Errors
    /// What was found in place of a record of this version, in a few words.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            kind: String,
            schema: u32,
        }
        let head: Head =
            serde_json::from_slice(text).map_err(|_| "other text than a record".to_owned())?;
        if ![CLIENT_KIND, SERVER_KIND].contains(&head.kind.as_str()) {
            return Err("a file of another kind".to_owned());
        }
        if head.schema != SCHEMA {
            return Err(format!("a record of schema {}", head.schema));
        }
        let record: Self = serde_json::from_slice(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            format!("a record that cannot be read at line {line}, column {column}")
        })?;
        let claimed = match record.did.place() {
            Place::Client => CLIENT_KIND,
            Place::Server => SERVER_KIND,
        };
        if head.kind != claimed {
            return Err("a record that says of itself that it is another's".to_owned());
        }
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trained() -> Record {
        let did = Step::Train(server::Trained {
            wall_seconds: 1.5,
            load_seconds: 0.5,
            compute_seconds: 1.0,
            resumed_iterations: 0,
            predicted_seconds: None,
            key_switches: 270,
            mod_downs: 99,
            peak_rss_mb: None,
        });
        Record::new(did, Subject::default(), 2)
    }

    #[test]
    fn a_server_s_record_says_that_it_is_one() {
        let text = String::from_utf8(trained().to_json()).unwrap();
        assert!(text.contains(SERVER_KIND) && !text.contains(CLIENT_KIND));
        // Who relabels a client's record as a server's is found out.
        let other = text.replace(SERVER_KIND, CLIENT_KIND);
        assert!(Record::parse(other.as_bytes()).is_err());
    }

    #[test]
    fn a_server_s_times_are_rounded() {
        let mut record = trained();
        if let Step::Train(it) = &mut record.did {
            it.wall_seconds = 0.569_652_289;
            it.peak_rss_mb = Some(154.935_296);
        }
        let again = Record::new(record.did, Subject::default(), 2);
        let text = String::from_utf8(again.to_json()).unwrap();
        assert!(text.contains("\"wall_seconds\": 0.57,"), "{text}");
        assert!(text.contains("\"peak_rss_mb\": 154.935\n"), "{text}");
    }

    #[test]
    fn other_files_and_versions_are_told_apart() {
        let text = String::from_utf8(trained().to_json()).unwrap();
        let later = text.replace("\"schema\": 1", "\"schema\": 2");
        let cut = &text[..text.len() / 2];
        let broken = text.replace("270", "\"many\"");
        for (text, found) in [
            (later.as_str(), "a record of schema 2"),
            (cut, "other text than a record"),
            (
                "{\"kind\":\"velum client recipe\",\"schema\":1}",
                "a file of another kind",
            ),
            (&broken, "a record that cannot be read at line"),
        ] {
            let error = Record::parse(text.as_bytes()).unwrap_err();
            assert!(error.starts_with(found), "{error}");
        }
    }

    #[test]
    fn what_a_later_version_adds_is_passed_over() {
        let text = String::from_utf8(trained().to_json()).unwrap();
        let more = text.replace("\"threads\"", "\"weather\": \"rain\", \"threads\"");
        assert_ne!(more, text);
        assert_eq!(Record::parse(more.as_bytes()).unwrap().did, trained().did);
    }
}
