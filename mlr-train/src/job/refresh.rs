//! Where weights are given levels again.

use serde::{Deserialize, Serialize};

use super::error::{ProgramError, check};
use super::method::Method;
use crate::clear::whitened::Rounding;

/// Who gives weights levels again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The client decrypts W and V, checks them against its twin, rounds them and encrypts them anew.
    Client,
    /// Nobody but the server: it bootstraps W and V, packed as W + iV.
    Bootstrap,
}

/// Levels that a bootstrapping of weights begins at: one to pack them, two to bring slots to coefficients.
pub(crate) const BEGIN_AT: usize = 3;
/// Levels that unpacking takes.
pub(crate) const UNPACKED: usize = 1;

impl Way {
    /// Its name in files and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Bootstrap => "bootstrap",
        }
    }
}

/// The refreshes of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refreshes {
    /// By whom.
    pub way: Way,
    /// Iterations that multiply data with weights between two refreshes.
    pub every: usize,
    /// By the client: values are rounded to multiples of 2^-bits before they are encrypted anew. By bootstrapping: no value is off by more
    /// than 2^-bits afterwards, but for six standard deviations of noise.
    pub bits: i32,
}

/// Coarser rounding costs accuracy, finer is not what f64 holds.
const BITS: std::ops::RangeInclusive<i32> = 6..=40;

impl Refreshes {
    /// The iterations (from 1) before which weights are refreshed, where `reading` of `iterations` multiply data with weights.
    #[must_use]
    pub fn before(&self, iterations: usize, reading: usize) -> Vec<usize> {
        let first = iterations + 1 - reading;
        (1..)
            .map(|k| first + k * self.every.max(1))
            .take_while(|&iteration| iteration <= iterations)
            .collect()
    }

    /// Root mean square of the error that the client's rounding makes.
    #[must_use]
    pub fn error(&self) -> f64 {
        (-f64::from(self.bits)).exp2() / 12f64.sqrt()
    }

    /// The most that a refresh moves a value by.
    #[must_use]
    pub fn largest_error(&self) -> f64 {
        let unit = (-f64::from(self.bits)).exp2();
        match self.way {
            Way::Client => unit / 2.0,
            Way::Bootstrap => unit,
        }
    }

    /// Whether the client answers: it needs the twin's course, and the answer to a request.
    #[must_use]
    pub fn by_client(&self) -> bool {
        self.way == Way::Client
    }

    /// What a twin does at them: nothing where nobody rounds.
    pub(crate) fn rounding(&self, iterations: usize, reading: usize) -> Option<Rounding> {
        self.by_client().then(|| Rounding {
            before: self.before(iterations, reading),
            bits: self.bits,
        })
    }

    /// # Errors
    /// [`ProgramError`] names the number that is out of range. Of a refresh by the client: nobody has the twin of several owners' rows to check them against.
    pub(super) fn check(&self, method: Method, owners: usize) -> Result<(), ProgramError> {
        let every = self.every as f64;
        check(
            "iterations between refreshes",
            "at least 1",
            every,
            self.every > 0,
        )?;
        let bits = f64::from(self.bits);
        check(
            "bits of a refresh",
            "6 to 40",
            bits,
            BITS.contains(&self.bits),
        )?;
        if !self.by_client() {
            return Ok(());
        }
        check(
            "method of a run that the client refreshes",
            "the whitened one, which has a twin that rounds",
            0.0,
            method.whitens(),
        )?;
        check(
            "owners of data of a run that the client refreshes",
            "one",
            owners as f64,
            owners <= 1,
        )
    }
}
