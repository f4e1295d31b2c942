//! `predict encrypt`: rows, or a model, as ciphertexts for `predict score`.

use std::io::{self, Write};

use mlr_train::roles::client::scoring::encrypt::{self, QueryInput, What};
use velum_record::predict::QueryEncrypted;

use crate::args::predict::encrypt::PredictEncryptArgs;
use crate::face::console::{Console, Summary};
use crate::face::failure::Failure;
use crate::face::reporter::Reported;
use crate::verbs::human_bytes;

/// Encrypts as the arguments say.
pub(crate) fn run(args: &PredictEncryptArgs, console: &Console) -> Result<QueryEncrypted, Failure> {
    let input = QueryInput {
        plan: args.plan.clone(),
        key: args.key.clone(),
        what: match &args.model {
            Some(model) => What::Model(model.clone()),
            None => What::Rows(args.features.rows()?),
        },
        out: args.out.clone(),
    };
    Ok(encrypt::run(&input, &Reported::new(console))?)
}

impl Summary for QueryEncrypted {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let what = self
            .rows
            .map_or("the model".to_owned(), |rows| format!("{rows} rows"));
        writeln!(
            out,
            "{what} in {} ciphertexts, {}, in {:.1} s",
            self.upload_ciphertexts,
            human_bytes(self.upload_bytes),
            self.seconds
        )
    }
}
