//! `predict score`: scores encrypted rows. No type in here can hold a secret key.

use std::io::{self, Write};

use mlr_train::roles::server::{ScoreInput, ServedModel, score};
use velum_record::predict::Scored;

use crate::args::predict::score::PredictScoreArgs;
use crate::face::console::{Console, Summary};
use crate::face::failure::Failure;
use crate::face::reporter::Reported;
use crate::verbs::human_bytes;

/// Scores as the arguments say.
pub(crate) fn run(args: &PredictScoreArgs, console: &Console) -> Result<Scored, Failure> {
    let model = match (&args.model, &args.encrypted_model) {
        (Some(path), _) => ServedModel::Clear(path.clone()),
        (None, Some(path)) => ServedModel::Encrypted(path.clone()),
        (None, None) => {
            return Err(Failure::input("expected a model to score with, found none")
                .at("arguments")
                .hint("--model or --encrypted-model"));
        }
    };
    let input = ScoreInput {
        plan: args.plan.clone(),
        eval_keys: args.eval_keys.clone(),
        query: args.query.clone(),
        model,
        out: args.out.clone(),
    };
    Ok(score(&input, &Reported::new(console))?)
}

impl Summary for Scored {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(
            out,
            "{} rows scored in {:.2} s (reading keys and model {:.2} s), {} key switches, {}",
            self.rows,
            self.wall_seconds,
            self.load_seconds,
            self.key_switches,
            human_bytes(self.download_bytes)
        )?;
        match self.peak_rss_mb {
            Some(peak) => writeln!(out, ", at most {peak:.0} MB of memory"),
            None => writeln!(out),
        }
    }
}
