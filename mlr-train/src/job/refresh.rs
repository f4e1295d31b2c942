//! Where weights are given levels again.

use he_core::multiparty::refresh::STATISTICAL_SECURITY;
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
    /// The parties of a joint key, as many as open together: they open W and V under masks and encrypt them anew, in one exchange.
    Owners,
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
            Self::Owners => "owners",
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
    /// than 2^-bits afterwards, but for six standard deviations of noise. By the owners: their masks hide values to a statistical distance of 2^-bits, 64.
    pub bits: i32,
    /// By the owners: the level at which they take the weights, where the modulus has room for their masks. 0 otherwise.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub level: usize,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks with a reference"
)]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Bits that the owners' masks hide weights to.
pub const MASK_BITS: i32 = STATISTICAL_SECURITY as i32;
/// Levels at which owners take weights: no iteration that multiplies data with weights begins lower than the last.
const LEVELS: std::ops::RangeInclusive<usize> = 1..=4;

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
            // Noise alone, which is reckoned with as all other noise is.
            Way::Owners => 0.0,
        }
    }

    /// Whether the client answers: it needs the twin's course, and the answer to a request.
    #[must_use]
    pub fn by_client(&self) -> bool {
        self.way == Way::Client
    }

    /// Whether the parties of a joint key answer.
    #[must_use]
    pub fn by_owners(&self) -> bool {
        self.way == Way::Owners
    }

    /// What a twin does at them: nothing where nobody rounds.
    pub(crate) fn rounding(&self, iterations: usize, reading: usize) -> Option<Rounding> {
        self.by_client().then(|| Rounding {
            before: self.before(iterations, reading),
            bits: self.bits,
        })
    }

    /// # Errors
    /// [`ProgramError`] names the number that is out of range. Of a refresh by the client: nobody has the twin of several owners' rows to check them against. Under a joint key its
    /// parties refresh, and nobody else.
    pub(super) fn check(
        &self,
        method: Method,
        owners: usize,
        joint: bool,
    ) -> Result<(), ProgramError> {
        let every = self.every as f64;
        check(
            "iterations between refreshes",
            "at least 1",
            every,
            self.every > 0,
        )?;
        let (bits, level) = (f64::from(self.bits), self.level as f64);
        if self.by_owners() {
            if !joint {
                return Err(ProgramError::NoParties);
            }
            check("bits of the masks", "64", bits, self.bits == MASK_BITS)?;
            let inside = LEVELS.contains(&self.level);
            return check("level of the masks", "1 to 4", level, inside);
        }
        check(
            "refreshes under a joint key",
            "none, or those by the owners: nobody else has a part of the key",
            1.0,
            !joint,
        )?;
        check("level of the masks", "0", level, self.level == 0)?;
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
