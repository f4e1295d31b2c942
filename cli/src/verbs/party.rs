//! `party`: a party's keys and card.

use std::io::{self, Write};

use mlr_train::roles::group::party::{self, Party, PartyInput};

use crate::args::party::PartyArgs;
use crate::face::console::Summary;
use crate::face::failure::Failure;

/// Makes or shows as the arguments say.
pub(crate) fn run(args: &PartyArgs) -> Result<Party, Failure> {
    let input = PartyInput {
        name: args.name.clone(),
        key: args.key.clone(),
        card: args.card.clone(),
    };
    Ok(party::run(&input)?)
}

impl Summary for Party {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "party {}", self.name)?;
        writeln!(out, "  fingerprint {}", self.fingerprint)?;
        writeln!(
            out,
            "  card {}: it goes to the others, who compare the fingerprint",
            self.card
        )
    }
}
