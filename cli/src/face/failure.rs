//! The one error of the command line: what happened, where, what to do about it, and the exit code.

use std::fmt;
use std::io;
use std::path::Path;

use serde::Serialize;

/// What an exit code means. Scripts may rely on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: the user's input is wrong, or the request is refused.
    Input,
    /// 2: the environment failed (reading, writing, memory); a retry may help.
    Environment,
    /// 3: a result did not pass its verification.
    Verification,
    /// 4: waits for a part that somebody else does, a refresh say.
    Waiting,
    /// 130: interrupted.
    Interrupted,
}

impl Exit {
    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Input => 1,
            Self::Environment => 2,
            Self::Verification => 3,
            Self::Waiting => 4,
            Self::Interrupted => 130,
        }
    }
}

/// Why a verb ended without its result.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What happened, in one line: expected and found where both are known.
    pub message: String,
    /// The file, argument or step where it happened.
    pub at: Option<String>,
    /// What the user can do.
    pub hint: Option<String>,
    /// How the process ends.
    pub exit: Exit,
}

impl Failure {
    /// A failure with this exit code, without place or hint yet.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            at: None,
            hint: None,
            exit,
        }
    }

    /// The user's input is wrong.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(Exit::Input, message)
    }

    /// The system refused to read or write.
    pub fn io(action: &str, path: &Path, error: &io::Error) -> Self {
        let exit = match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::NotADirectory => Exit::Input,
            _ => Exit::Environment,
        };
        Self::new(exit, format!("cannot {action}: {error}")).at(path.display().to_string())
    }

    /// The hint for whatever the system refuses.
    #[must_use]
    pub fn hint_for_system(self) -> Self {
        self.hint("check the path, its permissions and the space that is left, then try again")
    }

    /// Adds the place, unless one is known already.
    #[must_use]
    pub fn at(mut self, at: impl Into<String>) -> Self {
        self.at.get_or_insert_with(|| at.into());
        self
    }

    /// Adds the hint, unless there is one already.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// The form for people.
    pub fn human(&self) -> String {
        let mut text = format!("error: {}\n", self.message);
        if let Some(at) = &self.at {
            text.push_str(&format!("  at: {at}\n"));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("  hint: {hint}\n"));
        }
        text
    }

    /// The form for scripts: one line of JSON. `verb` is null when the arguments name none.
    pub fn json(&self, verb: Option<&str>) -> String {
        #[derive(Serialize)]
        struct Line<'a> {
            schema: u32,
            verb: Option<&'a str>,
            error: Body<'a>,
        }
        #[derive(Serialize)]
        struct Body<'a> {
            message: &'a str,
            at: Option<&'a str>,
            hint: Option<&'a str>,
            exit_code: u8,
        }
        let line = Line {
            schema: super::SCHEMA,
            verb,
            error: Body {
                message: &self.message,
                at: self.at.as_deref(),
                hint: self.hint.as_deref(),
                exit_code: self.exit.code(),
            },
        };
        // Strings and small integers always serialise.
        serde_json::to_string(&line).unwrap_or_default()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_carry_every_field() {
        let failure = Failure::input("training needs 17 levels, the plan leaves 13")
            .at("iteration 4 of 5, product of scores")
            .hint("plan with --iterations 4");
        assert_eq!(
            failure.human(),
            "error: training needs 17 levels, the plan leaves 13\n  at: iteration 4 of 5, product of scores\n  hint: plan with --iterations 4\n"
        );
        assert_eq!(
            failure.json(Some("plan")),
            r#"{"schema":1,"verb":"plan","error":{"message":"training needs 17 levels, the plan leaves 13","at":"iteration 4 of 5, product of scores","hint":"plan with --iterations 4","exit_code":1}}"#
        );
    }

    #[test]
    fn the_first_place_and_hint_stay() {
        let failure = Failure::input("x")
            .at("inner")
            .at("outer")
            .hint("a")
            .hint("b");
        assert_eq!(failure.at.as_deref(), Some("inner"));
        assert_eq!(failure.hint.as_deref(), Some("a"));
    }
}
