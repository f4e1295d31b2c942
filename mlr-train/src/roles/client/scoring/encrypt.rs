//! `predict encrypt`: rows, or a model, as ciphertexts for a server that scores.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use he_core::key_holder::SecretKeyEncryptor;
use velum_record::predict::QueryEncrypted;
use velum_record::{Step, Subject};

use super::{require_planned_origin, require_width};
use crate::artifacts::predict::{self as scoring, Note, Under};
use crate::artifacts::{ScorePlanFile, kinds, record, secret_key};
use crate::files::Outputs;
use crate::model::Model;
use crate::predict::client::{EncryptedModel, Query};
use crate::roles::{Reporter, Rows, RunError, keep};

/// What to encrypt.
#[derive(Clone, Debug)]
pub enum What {
    /// Rows to score.
    Rows(Rows),
    /// The model to score them with.
    Model(PathBuf),
}

/// What [`run`] needs.
#[derive(Clone, Debug)]
pub struct QueryInput {
    /// The plan.
    pub plan: PathBuf,
    /// The secret key.
    pub key: PathBuf,
    /// What to encrypt.
    pub what: What,
    /// Where the ciphertexts go.
    pub out: PathBuf,
}

/// Encrypts.
///
/// # Errors
/// Rows or a model that do not fit the plan; a place that is taken; the system's; interruption.
pub fn run(input: &QueryInput, reporter: &dyn Reporter) -> Result<QueryEncrypted, RunError> {
    let started = Instant::now();
    let place = record::beside(&input.out);
    let (read, kind) = match &input.what {
        What::Rows(rows) => (&rows.features, kinds::QUERY),
        What::Model(path) => (path, kinds::ENCRYPTED_MODEL),
    };
    let mut outputs = Outputs::new([input.plan.as_path(), &input.key, read]);
    outputs.file(&input.out, kind)?;
    outputs.file(&place, kinds::RECORD)?;
    let plan = ScorePlanFile::read(&input.plan)?;
    let job = plan.plan.job();
    let context = plan.context()?;
    let key = Arc::new(secret_key::read(&input.key, &context)?);
    let mut note = Note {
        rows: None,
        key: secret_key::fingerprint_hex(&key)?,
        query: None,
    };
    let encryptor = SecretKeyEncryptor::new(key)?;
    let out = &input.out;
    let under = Under {
        plan: &plan,
        context: &context,
    };
    let ciphertexts = match &input.what {
        What::Model(path) => {
            let model = Model::read(path)?;
            let encrypted = EncryptedModel::new(job, &model)
                .map_err(|error| RunError::from(error).at(path.display().to_string()))?;
            let count = plan.plan.forecast().model_ciphertexts;
            reporter.stage("encrypt", count);
            scoring::write_model(out, under, &note, &encrypted, &encryptor, reporter)?;
            count
        }
        What::Rows(rows) => {
            let rows = rows.load_unlabelled()?;
            require_width(&rows, job.program().shape.features)?;
            require_planned_origin(&rows, &input.plan, &plan.hash_hex())?;
            let query = Query::new(job, rows.features().view())
                .map_err(|error| RunError::from(error).at(rows.source().display().to_string()))?;
            note.rows = Some(rows.features().nrows());
            let count = query.places().count() as u64;
            reporter.stage("encrypt", count);
            scoring::write_query(out, under, &note, &query, &encryptor, reporter)?;
            count
        }
    };
    reporter.note(&format!(
        "client: {} goes to the server: ciphertexts and the number of rows; keep a copy of encrypted rows for predict decrypt",
        out.display()
    ));
    let length = std::fs::metadata(out).map_err(|error| RunError::io("read", out, &error))?;
    let done = QueryEncrypted {
        seconds: started.elapsed().as_secs_f64(),
        rows: note.rows,
        upload_ciphertexts: ciphertexts,
        upload_bytes: length.len(),
    };
    let subject = Subject {
        plan: Some(plan.hash_hex()),
        key: Some(note.key),
        ..Subject::default()
    };
    keep(
        &place,
        Step::PredictEncrypt(done.clone()),
        subject,
        reporter,
    );
    Ok(done)
}
