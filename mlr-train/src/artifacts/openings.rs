//! What a secret key has opened: one answer to each question, remembered beside the key.
//!
//! Every decryption that is acted upon tells of the key (ePrint 2020/1533), and one that was forged can tell all of it. A key therefore opens one model, and
//! one file of scores for each file of rows, and one request for each refresh of a training. The directory `KEY.opened` (mode 0700) holds a file for each question: its kind, the key's fingerprint, and the hash of
//! every answer that was opened. A copy of the key elsewhere does not know of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use he_core::evaluator::CkksCt;
use he_core::wire::Lock;

use super::manifest::short;
use super::{Reporter, RunError, secret_key};
use crate::files::{self, Access};

const FIRST_LINE: &str = "velum openings, format 1";
/// Thousands of answers.
const LARGEST: u64 = 1 << 18;
/// Hexadecimal digits of the key's fingerprint in a name.
const NAMED: usize = 16;

/// What a file answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question<'a> {
    /// The training that the key was made for.
    Model,
    /// The encrypted rows of this hash, in hex.
    Scores(&'a str),
    /// The weights before this iteration, to be refreshed. Nobody may insist on another request.
    Refresh(usize),
}

impl Question<'_> {
    fn name(self, key: &str) -> String {
        // A fingerprint is hexadecimal; whatever else a file may say makes no path.
        let digits = key.chars().filter(char::is_ascii_hexdigit);
        let key: String = digits.take(NAMED).collect();
        match self {
            Self::Model => format!("{key}-model"),
            Self::Scores(query) => format!("{key}-scores-{query}"),
            Self::Refresh(before) => format!("{key}-refresh-{before}"),
        }
    }

    fn answer(self) -> &'static str {
        match self {
            Self::Model => "encrypted model",
            Self::Scores(_) => "scores of these rows",
            Self::Refresh(_) => "request before this iteration",
        }
    }

    fn place(self) -> &'static str {
        match self {
            Self::Model | Self::Scores(_) => {
                "velum remembers beside the key what it has opened: keep the key in a directory of your own that can be written to, or say --open-again, and open no second model with this key"
            }
            Self::Refresh(_) => {
                "velum remembers beside the key what it has opened: keep the key in a directory of your own that can be written to"
            }
        }
    }

    fn restore(self) -> &'static str {
        match self {
            Self::Model | Self::Scores(_) => {
                "restore the file; without it nobody knows whether the key is spent, and --open-again opens all the same"
            }
            Self::Refresh(_) => {
                "restore the file; without it nobody knows what the key has answered"
            }
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Self::Model => {
                "a key is spent by its first model: make new keys, encrypt and train again; --open-again opens this one too, and whoever sees both, or whether velum takes them, learns more of the key"
            }
            Self::Scores(_) => {
                "honest servers answer the same rows with the same file: encrypt the rows anew and ask again; --open-again opens this one too, and whoever sees both, or whether velum takes them, learns more of the key"
            }
            Self::Refresh(_) => {
                "the same training asks with the same bytes: let the server go on from its checkpoint, or make new keys and begin anew"
            }
        }
    }
}

/// BLAKE3 of the residues of some ciphertexts, in hex: of what is decrypted, whatever a file says beside it.
pub fn answer<'a>(ciphertexts: impl IntoIterator<Item = &'a CkksCt>) -> String {
    let mut hash = blake3::Hasher::new_derive_key("velum 2026 v1 opened ciphertexts");
    for ct in ciphertexts {
        for part in [ct.ciphertext().c0(), ct.ciphertext().c1()] {
            let residues = part.to_canonical();
            hash.update(&(residues.len() as u64).to_le_bytes());
            for residue in residues {
                hash.update(&residue.to_le_bytes());
            }
        }
    }
    hash.finalize().to_hex().to_string()
}

/// One file about to be decrypted.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// The file of the secret key.
    pub key: &'a Path,
    /// Fingerprint of its public key, in hex.
    pub fingerprint: &'a str,
    /// What was asked.
    pub question: Question<'a>,
    /// [`answer`] of the ciphertexts, or the hash of their file, in hex.
    pub answer: &'a str,
}

impl Opening<'_> {
    /// Remembers, before anything is decrypted, that the key opens this answer. The same answer may be opened any number of times; another one only if
    /// `again`, with which a place that cannot be written to is only warned of.
    ///
    /// # Errors
    /// Another answer was opened before; a record that cannot be read or written.
    pub fn remember(&self, again: bool, reporter: &dyn Reporter) -> Result<(), RunError> {
        match self.write(again) {
            Err(error) if again => {
                reporter.warn(&format!("this opening is not remembered: {error}"));
                Ok(())
            }
            result => result,
        }
    }

    fn write(&self, again: bool) -> Result<(), RunError> {
        let directory = directory(self.key);
        let path = directory.join(self.question.name(self.fingerprint));
        let not_here = |error: RunError| error.hint_instead(self.question.place());
        secret_key::make_private_directory(&directory).map_err(not_here)?;
        let lock = Lock::take(&path)
            .map_err(|error| not_here(RunError::io("lock a record beside", &path, &error)))?;
        let Some(_lock) = lock else {
            return Err(RunError::input(
                "expected one decryption at a time, found another at work",
            )
            .at(path.display().to_string())
            .hint("wait for it"));
        };
        let mut opened = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            _ => read(&path, self.fingerprint, self.question)?,
        };
        if opened.iter().any(|opened| opened == self.answer) {
            return Ok(());
        }
        if let (Some(first), false) = (opened.first(), again) {
            let what = self.question.answer();
            let text = format!(
                "expected the {what} {} that this key has opened, found another, {}",
                short(first),
                short(self.answer)
            );
            let refused = match self.question {
                Question::Refresh(_) => RunError::unverified(text),
                Question::Model | Question::Scores(_) => RunError::input(text),
            };
            return Err(refused.hint(self.question.hint()));
        }
        opened.push(self.answer.to_owned());
        let mut text = format!("{FIRST_LINE}\nkey {}\n", self.fingerprint);
        for answer in opened {
            text.push_str("opened ");
            text.push_str(&answer);
            text.push('\n');
        }
        Ok(files::write_atomic(
            &path,
            text.as_bytes(),
            Access::Private,
        )?)
    }
}

/// Beside the key itself, not beside a link to it.
fn directory(key: &Path) -> PathBuf {
    let real = fs::canonicalize(key).unwrap_or_else(|_| key.to_owned());
    let mut name = real.file_name().unwrap_or_default().to_owned();
    name.push(".opened");
    real.with_file_name(name)
}

/// The answers in a record.
fn read(path: &Path, key: &str, question: Question<'_>) -> Result<Vec<String>, RunError> {
    let bytes = files::read_limited(path, LARGEST)?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let mut lines = text.lines();
    let answer = |line: &str| {
        let hash = blake3::Hash::from_hex(line.strip_prefix("opened ")?).ok()?;
        Some(hash.to_hex().to_string())
    };
    let head = (
        lines.next(),
        lines.next().and_then(|l| l.strip_prefix("key ")),
    );
    let answers: Option<Vec<_>> = lines.map(answer).collect();
    match answers {
        Some(answers) if head == (Some(FIRST_LINE), Some(key)) && !answers.is_empty() => {
            Ok(answers)
        }
        _ => Err(RunError::input(
            "expected the record of what this key has opened, found a file that is none",
        )
        .at(path.display().to_string())
        .hint(question.restore())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifacts::Silent;
    use he_core::error::{Class, Explain};

    fn hint(error: &RunError) -> String {
        Explain::hint(error).unwrap()
    }

    fn opened(key: &Path, question: Question<'_>, answer: u8, again: bool) -> Result<(), RunError> {
        let opening = Opening {
            key,
            fingerprint: &"07".repeat(32),
            question,
            answer: &format!("{answer:02x}").repeat(32),
        };
        opening.remember(again, &Silent)
    }

    #[test]
    fn a_key_answers_each_question_once() {
        let place = tempfile::tempdir().unwrap();
        let key = place.path().join("secret.key");
        for question in [
            Question::Model,
            Question::Scores("aa"),
            Question::Scores("bb"),
            Question::Refresh(3),
            Question::Refresh(4),
        ] {
            let refresh = matches!(question, Question::Refresh(_));
            for _ in 0..2 {
                opened(&key, question, 1, false).unwrap();
            }
            let refused = opened(&key, question, 2, false).unwrap_err();
            let class = if refresh {
                Class::Verification
            } else {
                Class::Input
            };
            assert_eq!(refused.class(), class);
            assert_eq!(hint(&refused).contains("--open-again"), !refresh);
            // Having said so once is enough for this answer and for no other.
            opened(&key, question, 2, true).unwrap();
            for (answer, good) in [(1, true), (2, true), (3, false)] {
                assert_eq!(opened(&key, question, answer, false).is_ok(), good);
            }
        }
        // Another key that was put in the same place.
        let opening = Opening {
            key: &key,
            fingerprint: &"08".repeat(32),
            question: Question::Model,
            answer: &"09".repeat(32),
        };
        opening.remember(false, &Silent).unwrap();
        let names = fs::read_dir(directory(&key)).unwrap();
        assert_eq!(
            names.count(),
            6,
            "five questions and a key; no lock, no part"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_the_key_leads_to_the_same_record_which_is_private() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let place = tempfile::tempdir().unwrap();
        let (key, link) = (place.path().join("k/secret.key"), place.path().join("link"));
        fs::create_dir(key.parent().unwrap()).unwrap();
        fs::write(&key, "").unwrap();
        symlink(&key, &link).unwrap();
        opened(&link, Question::Model, 1, false).unwrap();
        assert!(opened(&key, Question::Model, 2, false).is_err());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let directory = directory(&key);
        assert_eq!(mode(&directory), 0o700);
        for entry in fs::read_dir(&directory).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
    }

    #[test]
    fn what_cannot_be_remembered_is_not_opened() {
        let place = tempfile::tempdir().unwrap();
        let key = place.path().join("secret.key");
        // No directory can be made where a file is.
        fs::write(place.path().join("secret.key.opened"), "").unwrap();
        let refused = opened(&key, Question::Model, 1, false).unwrap_err();
        assert!(hint(&refused).contains("can be written to"));
        opened(&key, Question::Model, 1, true).unwrap();
        fs::remove_file(place.path().join("secret.key.opened")).unwrap();
        opened(&key, Question::Model, 1, false).unwrap();
        let record = directory(&key).join("0707070707070707-model");
        for text in ["", "velum openings, format 1\n", "\u{0}"] {
            fs::write(&record, text).unwrap();
            let refused = opened(&key, Question::Model, 1, false).unwrap_err();
            assert_eq!(refused.class(), Class::Input, "{text:?}");
            assert_eq!(fs::read_to_string(&record).unwrap(), text);
        }
    }
}
