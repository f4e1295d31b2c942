//! Who makes a key that no party holds, and who opens under it.

use he_core::multiparty::OpeningSecurity;
use serde::{Deserialize, Serialize};

use super::error::{ProgramError, check};

/// What the parties' noise hides when the model is opened: see [`OpeningSecurity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hiding {
    /// So much of the ciphertexts' noise that keys are not found. About 12 bits of precision.
    KeyRecovery,
    /// All of it, to 64 bits of statistical security. About 43 bits of precision: more than usual scales leave.
    Statistical,
}

impl Hiding {
    /// In the terms of the opening.
    #[must_use]
    pub fn security(self) -> OpeningSecurity {
        match self {
            Self::KeyRecovery => OpeningSecurity::KeyRecovery,
            Self::Statistical => OpeningSecurity::Statistical,
        }
    }

    /// Its name in files and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::KeyRecovery => "key recovery",
            Self::Statistical => "statistical",
        }
    }
}

/// The parties that make the key together, and how many of them open the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joint {
    /// Parties, n. The first of them are the owners of data, in their order; any beyond those only hold a share of the key.
    pub parties: u32,
    /// How many of them open together, t.
    pub threshold: u32,
    /// What their noise hides.
    pub opening: Hiding,
}

/// Most parties of a joint key.
const MOST_PARTIES: u32 = 256;

impl Joint {
    /// # Errors
    /// [`ProgramError`] names the number that is out of range.
    pub(super) fn check(&self, owners: usize, public_key: bool) -> Result<(), ProgramError> {
        let parties = f64::from(self.parties);
        check(
            "parties of a joint key",
            "2 to 256, so that no party alone has the key",
            parties,
            (2..=MOST_PARTIES).contains(&self.parties),
        )?;
        check(
            "parties of a joint key",
            "as many as there are owners of data, or more",
            parties,
            self.parties as usize >= owners,
        )?;
        check(
            "threshold of a joint key",
            "2 to the number of parties, so that none opens alone",
            f64::from(self.threshold),
            (2..=self.parties).contains(&self.threshold),
        )?;
        check(
            "uploads under a joint key",
            "encryption under the public key",
            0.0,
            public_key,
        )
    }
}
