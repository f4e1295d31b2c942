//! The protocol of every error: one line of text, and typed beside it the place, the hint and who is to act.
//!
//! `Display` of an error is one line that holds neither place nor hint, nor the text of its [`source`](Error::source).
//! [`Report::of`] walks the sources once and puts the parts together.
//!
//! ```
//! use he_core::error::{Class, Explain, Report};
//!
//! #[derive(Debug)]
//! struct TooFewRows;
//! impl std::fmt::Display for TooFewRows {
//!     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
//!         f.write_str("expected 2 rows or more, found 1")
//!     }
//! }
//! impl std::error::Error for TooFewRows {}
//! impl Explain for TooFewRows {
//!     fn place(&self) -> Option<String> {
//!         Some("rows.csv".into())
//!     }
//! }
//!
//! let report = Report::of(&TooFewRows);
//! assert_eq!(report.to_string(), "rows.csv: expected 2 rows or more, found 1");
//! assert_eq!(report.class, Class::Input);
//! ```

use std::error::Error;
use std::fmt;
use std::io;

/// Who or what an error comes from, and so who is to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The input is wrong, or the request is refused: the caller acts.
    Input,
    /// The machine failed (reading, writing, memory, threads, randomness): a retry may help.
    Environment,
    /// A result did not pass its verification.
    Verification,
    /// The work stops until somebody else has done a part of it.
    Waiting,
    /// Somebody asked to stop.
    Interrupted,
}

impl Class {
    /// The class of what the operating system refuses: a path that leads nowhere is input.
    pub fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::NotADirectory => Self::Input,
            _ => Self::Environment,
        }
    }
}

/// What to do when the operating system refuses a file.
pub const SYSTEM_HINT: &str =
    "check the path, its permissions and the space that is left, then try again";

/// An error that says where it happened, what to do, and who is to act.
pub trait Explain: Error {
    /// The typed error behind this one: what this one does not say itself is taken from there.
    fn inner(&self) -> Option<&dyn Explain> {
        None
    }

    /// File, argument or step where it happened.
    fn place(&self) -> Option<String> {
        self.inner()?.place()
    }

    /// What the user can do, in one sentence.
    fn hint(&self) -> Option<String> {
        self.inner()?.hint()
    }

    /// Who is to act.
    fn class(&self) -> Class {
        self.inner().map_or(Class::Input, Explain::class)
    }
}

impl<E: Explain> Explain for Box<E> {
    fn inner(&self) -> Option<&dyn Explain> {
        (**self).inner()
    }

    fn place(&self) -> Option<String> {
        (**self).place()
    }

    fn hint(&self) -> Option<String> {
        (**self).hint()
    }

    fn class(&self) -> Class {
        (**self).class()
    }
}

/// An error of a type that only the caller knows: of a source of ciphertexts, of an observer.
#[derive(Debug)]
pub struct Cause(Box<dyn Explain + Send + Sync>);

impl Cause {
    /// Takes an error.
    pub fn new(error: impl Explain + Send + Sync + 'static) -> Self {
        Self(Box::new(error))
    }
}

impl From<String> for Cause {
    /// An error that is a text alone.
    fn from(text: String) -> Self {
        Self::new(Text(text))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Text(String);

impl Explain for Text {}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl Explain for Cause {
    fn inner(&self) -> Option<&dyn Explain> {
        Some(&*self.0)
    }
}

/// The parts of an error, put together for whoever shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What happened, causes included, in one line.
    pub message: String,
    /// File, argument or step where it happened.
    pub place: Option<String>,
    /// What the user can do.
    pub hint: Option<String>,
    /// Who is to act.
    pub class: Class,
}

impl Report {
    /// Of an error and its causes.
    pub fn of(error: &dyn Explain) -> Self {
        Self {
            message: message(error),
            place: error.place(),
            hint: error.hint(),
            class: error.class(),
        }
    }
}

impl fmt::Display for Report {
    /// Place and message, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// The texts of an error and of all its causes, in one line.
pub fn message(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Text that a terminal shows and does not obey: control characters and marks that turn the direction of writing are escaped, line ends and tabs are not.
/// Names and strings of files are whatever their makers wrote.
///
/// ```
/// assert_eq!(he_core::error::printable("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\n");
/// ```
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if turns || (c.is_control() && !matches!(c, '\n' | '\t')) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read")]
    struct Inner {
        source: io::Error,
    }

    impl Explain for Inner {
        fn place(&self) -> Option<String> {
            Some("a: b.bin".into())
        }

        fn hint(&self) -> Option<String> {
            Some(SYSTEM_HINT.into())
        }

        fn class(&self) -> Class {
            Class::of_io(&self.source)
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("block 3 is not there")]
    struct Outer {
        source: Cause,
    }

    impl Explain for Outer {
        fn inner(&self) -> Option<&dyn Explain> {
            Some(&self.source)
        }

        fn hint(&self) -> Option<String> {
            Some("upload again".into())
        }
    }

    #[test]
    fn every_cause_is_said_once_and_place_hint_and_class_are_passed_on() {
        let outer = |kind: io::ErrorKind| Outer {
            source: Cause::new(Inner {
                source: kind.into(),
            }),
        };
        let report = Report::of(&outer(io::ErrorKind::StorageFull));
        assert_eq!(
            report.message,
            "block 3 is not there: cannot read: no storage space"
        );
        assert_eq!(report.place.as_deref(), Some("a: b.bin"));
        assert_eq!(report.hint.as_deref(), Some("upload again"));
        assert_eq!(report.class, Class::Environment);
        let missing = Report::of(&outer(io::ErrorKind::NotFound));
        assert_eq!(missing.class, Class::Input);
    }
}
