//! `keygen`: the secret key, and exactly the evaluation keys that the plan needs.

use std::io::{self, Write};

use mlr_train::roles::client::{KeygenInput, keygen};
use velum_record::client::Keygen;

use super::human_bytes;
use crate::args::keygen::KeygenArgs;
use crate::face::console::{Console, Summary};
use crate::face::failure::Failure;
use crate::face::reporter::Reported;

/// Makes the keys.
pub(crate) fn run(args: &KeygenArgs, console: &Console) -> Result<Keygen, Failure> {
    let input = KeygenInput {
        plan: args.plan.clone(),
        key: args.key.clone(),
        eval_keys: args.eval_keys.clone(),
        public_key: args.public_key.clone(),
    };
    Ok(keygen::run(&input, &Reported::new(console))?)
}

impl Summary for Keygen {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "{} evaluation keys, {}, in {:.1} s",
            self.keys,
            human_bytes(self.eval_key_bytes),
            self.seconds
        )?;
        writeln!(out, "public key {}", self.key)
    }
}
