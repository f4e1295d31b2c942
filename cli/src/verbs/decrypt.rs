//! `decrypt`: from the server's ciphertexts to a model, rounded to what the noise leaves certain.

use std::io::{self, Write};

use mlr_train::roles::client::{DecryptInput, decrypt};
use velum_record::client::Opened;

use crate::args::decrypt::DecryptArgs;
use crate::face::console::{Console, Summary};
use crate::face::failure::Failure;
use crate::face::reporter::Reported;

/// Decrypts as the arguments say.
pub(crate) fn run(args: &DecryptArgs, console: &Console) -> Result<Opened, Failure> {
    let input = DecryptInput {
        plan: args.plan.clone(),
        key: args.key.clone(),
        private: args.private.clone(),
        whitening: args.whitening.clone(),
        model: args.model.clone(),
        out: args.out.clone(),
        open_again: args.open_again,
    };
    Ok(decrypt::run(&input, &Reported::new(console))?)
}

impl Summary for Opened {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{} certified bits a weight", self.certified_bits)?;
        if let Some(error) = self.max_weight_error {
            write!(out, ", largest error against the clear twin {error:.1e}")?;
        }
        writeln!(out, ", in {:.1} s", self.seconds)
    }
}
