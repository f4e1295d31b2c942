//! `refresh`: the client gives a training's weights levels again.

use std::io::{self, Write};

use mlr_train::roles::client::{RefreshInput, RefreshedWeights, refresh};

use crate::args::refresh::RefreshArgs;
use crate::face::console::{Console, Summary};
use crate::face::failure::Failure;
use crate::face::reporter::Reported;

/// Refreshes as the arguments say.
pub(crate) fn run(args: &RefreshArgs, console: &Console) -> Result<RefreshedWeights, Failure> {
    let input = RefreshInput {
        plan: args.plan.clone(),
        key: args.key.clone(),
        private: args.private.clone(),
        request: args.request.clone(),
        out: args.out.clone(),
    };
    Ok(refresh::run(&input, &Reported::new(console))?)
}

impl Summary for RefreshedWeights {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "refreshed the weights before iteration {} in {:.1} s: {} bytes came, {} go back",
            self.before, self.seconds, self.request_bytes, self.answer_bytes
        )
    }
}
