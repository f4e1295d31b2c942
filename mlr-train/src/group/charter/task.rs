//! What a group computes, as far as it is agreed before anything is known of the rows.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::GroupError;
use crate::job::{MASK_BITS, Refreshes, Way};
use crate::sigmoid::Degree;

const MOST_CLASSES: usize = 1 << 12;
const MOST_FEATURES: usize = 1 << 14;

/// What a group is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    /// The pooled statistics of all owners' rows, for all owners.
    Statistics,
    /// A model, for the receivers.
    Model,
}

/// What is computed, as far as it is agreed before the pooled statistics are known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// What for.
    pub goal: Goal,
    /// In words, for people.
    pub purpose: String,
    /// Names of the classes, in order.
    pub classes: Vec<String>,
    /// Features of a row.
    pub features: usize,
    /// What the first owner plans for.
    #[serde(default, skip_serializing_if = "Wishes::is_none")]
    pub wishes: Wishes,
    /// Largest number of any owner's sums in absolute value, which the masks' fixed point is made for.
    pub largest_sum: f64,
    /// Bytes that one message may have.
    pub most_bytes: u64,
}

/// What a plan is asked for beside what is usual.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wishes {
    /// Principal axes that are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<usize>,
    /// Share of the largest variance that is added to every variance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda: Option<f64>,
    /// Step of every iteration in units of 1/rows; none: as usual.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<f64>,
    /// The polynomial for the sigmoid is fitted on scores between -R and R.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<f64>,
    /// Its degree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degree: Option<u32>,
    /// Where weights are refreshed during the training: iterations between two refreshes, 0 for those of the fastest plan. None: nobody refreshes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_every: Option<usize>,
    /// Who refreshes the weights of one owner's training. Several owners refresh them together: none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresher: Option<Refresher>,
}

/// Who refreshes the weights of one owner's training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Refresher {
    /// The owner: it decrypts them, compares them with its clear twin and encrypts them anew.
    Client,
    /// The server alone.
    Bootstrap,
}

impl Refresher {
    /// The words for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Client => "the client",
            Self::Bootstrap => "bootstrapping",
        }
    }
}

impl Wishes {
    /// Refreshes of a group; how fine values are, and where the modulus has room for masks, is found.
    #[must_use]
    pub fn refreshes(&self) -> Option<Refreshes> {
        let way = match self.refresher {
            Some(Refresher::Client) => Way::Client,
            Some(Refresher::Bootstrap) => Way::Bootstrap,
            None => Way::Owners,
        };
        let every = self.refresh_every?;
        Some(Refreshes {
            way,
            every,
            bits: if way == Way::Owners { MASK_BITS } else { 0 },
            level: 0,
        })
    }

    /// How often members can be asked to refresh weights: never where nobody does, or the server alone. The first iteration multiplies no data with weights.
    pub(crate) fn most_refreshes(&self) -> usize {
        let by_members = self
            .refreshes()
            .filter(|refresh| refresh.way != Way::Bootstrap);
        let iterations = self.steps.len();
        by_members.map_or(0, |refresh| {
            let before = refresh.before(iterations, iterations.saturating_sub(1));
            before.len()
        })
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Task {
    pub(super) fn check(&self) -> Result<(), GroupError> {
        let refuse = |expected, found: String| Err(GroupError::Form { expected, found });
        if !(2..=MOST_CLASSES).contains(&self.classes.len()) {
            return refuse("2 to 4096 classes", self.classes.len().to_string());
        }
        let names: BTreeSet<_> = self.classes.iter().collect();
        if names.len() != self.classes.len() {
            return refuse("classes of different names", "two of one name".to_owned());
        }
        if !(1..=MOST_FEATURES).contains(&self.features) {
            return refuse("1 to 16384 features", self.features.to_string());
        }
        if !(self.largest_sum >= 1.0 && self.largest_sum <= 1e15) {
            return refuse(
                "a largest sum from 1 to 10^15",
                self.largest_sum.to_string(),
            );
        }
        let lambda = self.wishes.lambda;
        if lambda.is_some_and(|lambda| !(lambda > 0.0 && lambda <= 1.0)) {
            return refuse("a lambda above 0, at most 1", "another".to_owned());
        }
        self.wishes.check_training()
    }
}

/// Most iterations that a plan has.
const MOST_ITERATIONS: usize = 32;

impl Wishes {
    /// Steps, range, degree and refreshes.
    fn check_training(&self) -> Result<(), GroupError> {
        let refuse = |expected, found: String| Err(GroupError::Form { expected, found });
        let positive = |x: &f64| *x > 0.0 && x.is_finite();
        if self.steps.len() > MOST_ITERATIONS || !self.steps.iter().all(positive) {
            let found = format!("{:?}", self.steps);
            return refuse("at most 32 steps, all of them positive", found);
        }
        if let Some(range) = self.range.filter(|range| !positive(range)) {
            return refuse("a positive range of scores", range.to_string());
        }
        if let Some(degree) = self.degree.filter(|d| Degree::from_number(*d).is_none()) {
            return refuse("an odd degree from 3 to 15", degree.to_string());
        }
        match self.refresh_every {
            Some(every) if every > MOST_ITERATIONS => refuse(
                "at most 32 iterations between two refreshes",
                every.to_string(),
            ),
            _ => Ok(()),
        }
    }
}
