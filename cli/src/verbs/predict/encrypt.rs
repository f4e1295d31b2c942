//! `predict-encrypt`: rows, or a model, as ciphertexts for `predict-server`.

use std::io::{self, Write};
use std::sync::Arc;

use he_core::holder::SecretSealer;
use mlr_train::model::Model;
use mlr_train::predict::client::{Query, SealedModel};
use serde::Serialize;

use super::{load, require_width};
use crate::artifacts::scoring::{self, Note, ScorePlanFile};
use crate::artifacts::{directory, keys};
use crate::console::{Console, Summary};
use crate::failure::Failure;
use crate::interrupt::Stoppable;
use crate::prediction::PredictEncryptArgs;
use crate::verbs::human_bytes;

/// What was encrypted.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Encrypted {
    seconds: f64,
    /// None for a model.
    rows: Option<usize>,
    upload_ciphertexts: u64,
    upload_bytes: u64,
}

/// Encrypts as the arguments say.
pub(crate) fn run(args: &PredictEncryptArgs, console: &Console) -> Result<Encrypted, Failure> {
    let started = console.seconds();
    directory::require_parent(&args.out)?;
    let plan = ScorePlanFile::read(&args.plan)?;
    let job = plan.plan.job();
    let context = plan.context()?;
    let key = Arc::new(keys::read_secret(&args.key, &context)?);
    let mut note = Note {
        rows: None,
        key: keys::key_fingerprint(&key)?,
        query: None,
    };
    let sealer = SecretSealer::new(key)?;
    let stop = Stoppable::begin();
    let ciphertexts = if let Some(path) = &args.model {
        let model = Model::read(path)?;
        let sealed = SealedModel::new(job, &model)
            .map_err(|error| Failure::from(error).at(path.display().to_string()))?;
        let stage = console.stage("encrypt", plan.plan.forecast().model_ciphertexts);
        scoring::write_model(
            &args.out,
            &plan,
            &context,
            &note,
            (&sealed, &sealer),
            (&stage, &stop),
        )?;
        plan.plan.forecast().model_ciphertexts
    } else {
        let rows = load(&args.features)?;
        require_width(&rows, job.program().shape.features)?;
        let query = Query::new(job, rows.features().view())
            .map_err(|error| Failure::from(error).at(rows.source().display().to_string()))?;
        note.rows = Some(rows.features().nrows());
        let count = query.places().count() as u64;
        let stage = console.stage("encrypt", count);
        scoring::write_query(
            &args.out,
            &plan,
            &context,
            &note,
            (&query, &sealer),
            (&stage, &stop),
        )?;
        count
    };
    drop(stop);
    console.note(&format!(
        "client: {} goes to the server: ciphertexts and the number of rows; keep a copy of encrypted rows for predict-decrypt",
        args.out.display()
    ));
    let length =
        std::fs::metadata(&args.out).map_err(|error| Failure::io("read", &args.out, &error))?;
    Ok(Encrypted {
        seconds: console.seconds() - started,
        rows: note.rows,
        upload_ciphertexts: ciphertexts,
        upload_bytes: length.len(),
    })
}

impl Summary for Encrypted {
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
