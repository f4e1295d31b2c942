//! Who of the owners is there now: the server chooses those who open a model as late as it can.
//!
//! An owner that is named and stays away keeps the model from everybody, since the others, once they have answered, answer nobody else: a key answers one question. So the server remembers when it first
//! saw each owner's word that it is there. If one of those that it would name gave its word long ago, it asks all owners anew, and names some of those who answer. A call reveals and binds nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::group::Step;
use crate::group::machine::View;

/// Calls after which whoever is there is taken: members that look at the board more seldom than words grow old would be called for ever.
const MOST_CALLS: u32 = 8;

/// When this process first saw each owner's word.
#[derive(Debug, Default)]
pub(super) struct Presence(BTreeMap<(Step, usize), Instant>);

impl Presence {
    /// Notes who is there.
    pub(super) fn look(&mut self, view: View<'_>, now: Instant) {
        for (member, step) in view.there() {
            self.0.entry((step, member)).or_insert(now);
        }
    }

    /// The question, or the call that comes before it: where the word of an owner that would be named is older than `fresh`.
    pub(super) fn question(&self, view: View<'_>, now: Instant, fresh: Duration) -> Step {
        let named = view.openers();
        let stale = view.there().any(|(member, step)| {
            let seen = self.0.get(&(step, member));
            let age = seen.map(|seen| now.saturating_duration_since(*seen));
            named.contains(&member) && age.is_some_and(|age| age > fresh)
        });
        match view.calls() {
            calls if stale && calls < MOST_CALLS => Step::Call(calls),
            _ => Step::Question,
        }
    }
}
