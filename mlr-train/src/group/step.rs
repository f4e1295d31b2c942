//! The steps of a session, in their order.

use std::fmt;
use std::str::FromStr;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A member has read the charter and agrees.
    Agree,
    /// An owner's rows and masked sums, sealed for the owners.
    Statistics,
    /// The first owner's plan; the map that whitens, sealed for the owners and receivers.
    Plan,
    /// A member has checked the plan.
    Accept,
    /// An owner's commitments to its shares of keys.
    Commit,
    /// An owner's shares of keys, with proofs.
    KeyShare,
    /// An owner's second share of the relinearisation key, with a proof.
    Relinearise,
    /// An owner's shares of its secret, each sealed for one owner.
    Deal,
    /// An owner's encrypted rows, with a proof.
    Upload,
    /// The server's verdict on the uploads.
    Verdict,
    /// The server's request to refresh weights: exchange number.
    RefreshQuestion(u32),
    /// An owner's answer to it.
    RefreshShare(u32),
    /// The server's encrypted model.
    Model,
    /// An owner is there to open the model.
    Ready,
    /// The server asks anew who is there: call number.
    Call(u32),
    /// An owner is there when that call comes.
    Here(u32),
    /// The server's choice of the owners that open it.
    Question,
    /// An owner's share of the opening.
    Share,
    /// A receiver has the model.
    Received,
    /// A member does not do a step, and says why: its refusal number.
    Refusal(u32),
}

/// Exchanges of one session.
const MOST_EXCHANGES: u32 = 10_000;

impl Step {
    /// Name of the step, without its number.
    fn word(self) -> &'static str {
        match self {
            Self::Agree => "agree",
            Self::Statistics => "statistics",
            Self::Plan => "plan",
            Self::Accept => "accept",
            Self::Commit => "commit",
            Self::KeyShare => "key-share",
            Self::Relinearise => "relinearise",
            Self::Deal => "deal",
            Self::Upload => "upload",
            Self::Verdict => "verdict",
            Self::RefreshQuestion(_) => "refresh-question",
            Self::RefreshShare(_) => "refresh-share",
            Self::Model => "model",
            Self::Ready => "ready",
            Self::Call(_) => "call",
            Self::Here(_) => "here",
            Self::Question => "question",
            Self::Share => "share",
            Self::Received => "received",
            Self::Refusal(_) => "refusal",
        }
    }

    fn number(self) -> Option<u32> {
        match self {
            Self::RefreshQuestion(number)
            | Self::RefreshShare(number)
            | Self::Call(number)
            | Self::Here(number)
            | Self::Refusal(number) => Some(number),
            _ => None,
        }
    }

    /// What is waited for, in the words of whoever waits.
    #[must_use]
    pub fn awaited(self) -> &'static str {
        match self {
            Self::Agree => "agreement to the charter",
            Self::Statistics => "masked sums",
            Self::Plan => "the plan",
            Self::Accept => "agreement to the plan",
            Self::Commit => "commitments to key shares",
            Self::KeyShare => "key shares",
            Self::Relinearise => "second shares of the relinearisation key",
            Self::Deal => "shares of secrets",
            Self::Upload => "encrypted rows",
            Self::Verdict => "the verdict on the uploads",
            Self::RefreshQuestion(_) => "the next request to refresh",
            Self::RefreshShare(_) => "shares of a refresh",
            Self::Model => "the encrypted model",
            Self::Ready | Self::Here(_) => "owners to open the model",
            Self::Call(_) => "the call of who opens",
            Self::Question => "the choice of who opens",
            Self::Share => "shares of the opening",
            Self::Received => "word that the model has come",
            Self::Refusal(_) => "word that it goes on",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number() {
            Some(number) => write!(f, "{}-{number}", self.word()),
            None => f.write_str(self.word()),
        }
    }
}

/// Every step without a number.
const PLAIN: [Step; 15] = [
    Step::Agree,
    Step::Statistics,
    Step::Plan,
    Step::Accept,
    Step::Commit,
    Step::KeyShare,
    Step::Relinearise,
    Step::Deal,
    Step::Upload,
    Step::Verdict,
    Step::Model,
    Step::Ready,
    Step::Question,
    Step::Share,
    Step::Received,
];

impl FromStr for Step {
    type Err = ();

    /// The one spelling of a step.
    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some(step) = PLAIN.into_iter().find(|step| step.word() == text) {
            return Ok(step);
        }
        let (word, number) = text.rsplit_once('-').ok_or(())?;
        let number: u32 = number.parse().map_err(|_| ())?;
        let step = match word {
            "refresh-question" => Self::RefreshQuestion(number),
            "refresh-share" => Self::RefreshShare(number),
            "call" => Self::Call(number),
            "here" => Self::Here(number),
            "refusal" => Self::Refusal(number),
            _ => return Err(()),
        };
        // `+3` and `03` are no other steps.
        let fits = number < MOST_EXCHANGES && step.to_string() == text;
        fits.then_some(step).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_one_spelling() {
        for step in PLAIN
            .into_iter()
            .chain([Step::RefreshQuestion(0), Step::RefreshShare(17)])
            .chain([Step::Refusal(3), Step::Call(0), Step::Here(12)])
        {
            assert_eq!(step.to_string().parse(), Ok(step));
        }
        for text in [
            "",
            "Agree",
            "agree ",
            "refresh-share",
            "refresh-share-",
            "refresh-share-03",
            "refresh-share-+3",
            "refresh-share-10000",
            "refresh-share-3-3",
        ] {
            assert_eq!(text.parse::<Step>(), Err(()), "{text}");
        }
    }
}
