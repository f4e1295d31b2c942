//! Why a member does not do a step, for the others: one bounded line that is shown as it is, and what kind of reason it is.

use he_core::error::{Class, printable};
use serde::{Deserialize, Serialize};

use super::Step;

/// Bytes of a reason.
const LONGEST: usize = 400;

/// Why a member does not do a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    step: String,
    class: Kind,
    reason: String,
}

/// What kind of reason it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// What the member was given, by whomever.
    Input,
    /// Something that it verified.
    Verification,
}

impl Refusal {
    /// A refusal of `step`; `reason` is cut to a line that can be shown. None for a class that is no refusal: a machine that fails, an interruption, waiting.
    #[must_use]
    pub fn new(step: Step, class: Class, reason: &str) -> Option<Self> {
        let class = match class {
            Class::Input => Kind::Input,
            Class::Verification => Kind::Verification,
            _ => return None,
        };
        let line = reason.split(['\n', '\t']).collect::<Vec<_>>().join(" ");
        let mut reason = printable(&line);
        while reason.len() > LONGEST {
            reason.pop();
        }
        let refusal = Self {
            step: step.to_string(),
            class,
            reason,
        };
        refusal.is_sound().then_some(refusal)
    }

    /// Whether it is of this form, whoever wrote it.
    pub(super) fn is_sound(&self) -> bool {
        let (step, reason) = (self.step.parse(), &self.reason);
        let whole = !reason.is_empty() && reason.len() <= LONGEST;
        matches!(step, Ok(step) if !matches!(step, Step::Refusal(_)))
            && whole
            && !reason.contains(['\n', '\t'])
            && printable(reason) == *reason
    }

    /// The step that is not done.
    #[must_use]
    pub fn step(&self) -> Step {
        // One that exists is sound.
        self.step.parse().unwrap_or(Step::Agree)
    }

    /// A word for the kind of reason: `input` or `verification`.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self.class {
            Kind::Input => "input",
            Kind::Verification => "verification",
        }
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_that_can_be_shown_and_is_bounded() {
        let long = "\u{e9}".repeat(1000);
        for (reason, shown) in [
            ("a proof", Some("a proof".to_owned())),
            (
                "two\nlines\u{1b}[2J",
                Some("two lines\\u{1b}[2J".to_owned()),
            ),
            (&long, Some("\u{e9}".repeat(LONGEST / 2))),
            ("", None),
        ] {
            let refusal = Refusal::new(Step::Verdict, Class::Verification, reason);
            assert_eq!(refusal.as_ref().map(|one| one.reason.clone()), shown);
            assert!(refusal.is_none_or(|one| one.is_sound() && one.step() == Step::Verdict));
        }
        for class in [Class::Environment, Class::Interrupted, Class::Waiting] {
            assert_eq!(Refusal::new(Step::Plan, class, "why"), None);
        }
        assert_eq!(Refusal::new(Step::Refusal(0), Class::Input, "why"), None);
        let sound = Refusal::new(Step::Plan, Class::Input, "why").unwrap();
        for (step, reason) in [
            ("plan", "a\nb"),
            ("plan", &*long),
            ("plan", ""),
            ("no", "why"),
        ] {
            let other = Refusal {
                step: step.to_owned(),
                reason: reason.to_owned(),
                ..sound.clone()
            };
            assert!(!other.is_sound(), "{step} {reason}");
        }
    }
}
