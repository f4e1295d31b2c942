//! `predict decrypt`: from the server's ciphertexts to labels and scores, rounded to what the noise leaves certain.

use std::io::{self, Write};

use mlr_train::artifacts::predictions::Table;
use mlr_train::files::Access;
use mlr_train::roles::client::scoring::decrypt::{self, ScoresInput};
use serde::Serialize;
use velum_record::predict::ScoresOpened;

use crate::args::predict::decrypt::PredictDecryptArgs;
use crate::face::console::{Console, Summary};
use crate::face::failure::Failure;
use crate::face::reporter::Reported;

/// What was decrypted.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Opened {
    #[serde(flatten)]
    said: ScoresOpened,
    /// None where they went to a file.
    #[serde(flatten)]
    table: Option<Table>,
}

/// Decrypts as the arguments say.
pub(crate) fn run(args: &PredictDecryptArgs, console: &Console) -> Result<Opened, Failure> {
    let input = ScoresInput {
        plan: args.plan.clone(),
        key: args.key.clone(),
        query: args.query.clone(),
        scores: args.scores.clone(),
        model: args.model.clone(),
        table: args.table.out.clone(),
        open_again: args.open_again,
    };
    let opened = decrypt::run(&input, &Reported::quick(console))?;
    let names = opened.class_names.as_deref();
    let table = Table::new(opened.scores.view(), names, args.table.top.get());
    Ok(Opened {
        said: opened.said,
        table: table.deliver(args.table.out.as_deref(), Access::Private)?,
    })
}

impl Summary for Opened {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        match &self.table {
            Some(table) => out.write_all(table.csv().as_bytes()),
            None => writeln!(
                out,
                "{} rows predicted, {} certified bits a score, in {:.1} s",
                self.said.rows, self.said.certified_bits, self.said.seconds
            ),
        }
    }
}
