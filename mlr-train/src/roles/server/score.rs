//! `predict score`: scores encrypted rows. No type in here can hold a secret key.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use he_core::evaluator::{Ckks, CkksCt, CountedOp, Evaluator as _};
use he_core::rlwe::Context;
use he_core::wire::Form;
use velum_record::predict::Scored;
use velum_record::{Step, Subject};

use crate::artifacts::manifest::Manifest;
use crate::artifacts::predict::{self as scoring, Incoming, Note, Under};
use crate::artifacts::{ScorePlanFile, evaluation_keys, kinds, record, secrets};
use crate::files::Outputs;
use crate::model::Model;
use crate::predict::head::{ClearHead, EncryptedHead, Piece, pieces};
use crate::predict::job::ModelForm;
use crate::predict::server::{self, Head, ScoreError};
use crate::roles::{Reporter, RunError, keep, peak_rss_mb};

/// What the server has of the model.
#[derive(Clone, Debug)]
pub enum ServedModel {
    /// The model itself: a directory.
    Clear(PathBuf),
    /// Ciphertexts of it: a file.
    Encrypted(PathBuf),
}

impl ServedModel {
    fn path(&self) -> &Path {
        match self {
            Self::Clear(path) | Self::Encrypted(path) => path,
        }
    }
}

/// What [`score`] needs.
#[derive(Clone, Debug)]
pub struct ScoreInput {
    /// The plan.
    pub plan: PathBuf,
    /// The evaluation keys.
    pub eval_keys: PathBuf,
    /// The encrypted rows.
    pub query: PathBuf,
    /// The model.
    pub model: ServedModel,
    /// Where the encrypted scores go.
    pub out: PathBuf,
}

/// Scores the rows and writes the encrypted scores.
///
/// # Errors
/// Files that do not belong together, or that are secret; the system's; interruption, after which nothing is there.
pub fn score(input: &ScoreInput, reporter: &dyn Reporter) -> Result<Scored, RunError> {
    let began = Instant::now();
    let place = claim(input)?;
    let plan = ScorePlanFile::read(&input.plan)?;
    let job = plan.plan.job();
    require_form(input, job.program().model)?;
    let context = plan.context()?;
    let most = plan.plan.forecast().query_ciphertexts;
    let under = Under {
        plan: &plan,
        context: &context,
    };
    let mut query = Incoming::open(&input.query, &scoring::QUERY, under, Form::Seeded, most)?;
    let rows = query.rows(&plan)?;
    let chunks = job.layout().chunks(rows);
    query.require_count(chunks * job.layout().parts())?;
    let (eval_keys, _) = evaluation_keys::read(&input.eval_keys, &plan, &context)?;
    let eval = Ckks::new(eval_keys)?;
    if let Some(key) = Manifest::read(&input.eval_keys)?.key() {
        query.require_key(key, &format!("the key of {}", input.eval_keys.display()))?;
    }
    let clear = match &input.model {
        ServedModel::Clear(path) => Some(Model::read(path)?),
        ServedModel::Encrypted(_) => None,
    };
    let head: Box<dyn Head<Ckks> + '_> = match &clear {
        Some(model) => {
            Box::new(ClearHead::new(job, model).map_err(|error| other_model(input, error))?)
        }
        None => {
            let path = input.model.path();
            Box::new(encrypted_model(path, &plan, &context, &query.note.key)?)
        }
    };
    let load_seconds = began.elapsed().as_secs_f64();
    reporter.note(&format!("server: sees {}", sees(job.program().model)));
    let scoring_began = Instant::now();
    reporter.stage("predict", chunks as u64);
    let mut scores = Vec::new();
    let mut note = Note {
        query: None,
        ..query.note.clone()
    };
    for chunk in 0..chunks {
        reporter.check()?;
        let parts = (0..job.layout().parts())
            .map(|_| query.next(job.row_placement()))
            .collect::<Result<Vec<_>, _>>()?;
        scores.extend(server::score(job, &eval, &parts, head.as_ref())?);
        reporter.advance(chunk as u64 + 1, "chunks of rows");
    }
    // Only now it is certain that the rows are whole; until here nothing has left.
    note.query = Some(query.finish()?);
    let compute_seconds = scoring_began.elapsed().as_secs_f64();
    scoring::write_scores(&input.out, &plan, &context, &note, &scores)?;
    let given = input.out.display();
    reporter.note(&format!(
        "server: {given} goes to the client, who alone can read it"
    ));
    let done = Scored {
        wall_seconds: began.elapsed().as_secs_f64(),
        load_seconds,
        compute_seconds,
        rows,
        key_switches: eval.tally().total(CountedOp::KeyProduct),
        mod_downs: eval.tally().total(CountedOp::ModDown),
        download_bytes: length(&input.out)?,
        peak_rss_mb: peak_rss_mb(),
    };
    let subject = Subject {
        plan: Some(plan.hash_hex()),
        key: Some(note.key),
        ..Subject::default()
    };
    keep(&place, Step::PredictScore(done.clone()), subject, reporter);
    Ok(done)
}

/// Refuses what is secret, and places that are taken; gives the record's place.
fn claim(input: &ScoreInput) -> Result<PathBuf, RunError> {
    let read: [&Path; 4] = [
        &input.plan,
        &input.eval_keys,
        &input.query,
        input.model.path(),
    ];
    secrets::refuse(&[&read[..], &[&input.out]].concat())?;
    let place = record::beside(&input.out);
    let mut outputs = Outputs::new(read);
    outputs.file(&input.out, kinds::SCORES)?;
    outputs.file(&place, kinds::RECORD)?;
    Ok(place)
}

fn other_model(input: &ScoreInput, error: ScoreError) -> RunError {
    RunError::from(error)
        .at(input.model.path().display().to_string())
        .hint_instead(
            "it is not the model that the plan was made for: plan anew, or use that model",
        )
}

fn length(path: &Path) -> Result<u64, RunError> {
    let found = std::fs::metadata(path).map_err(|error| RunError::io("read", path, &error))?;
    Ok(found.len())
}

fn sees(form: ModelForm) -> &'static str {
    match form {
        ModelForm::Clear => "sizes, the plan, ciphertexts, the model; no feature, score or label",
        ModelForm::Encrypted => {
            "sizes, the plan and ciphertexts; no feature, weight, score or label"
        }
    }
}

/// The plan says which form of the model there must be.
fn require_form(input: &ScoreInput, form: ModelForm) -> Result<(), RunError> {
    let (expected, found) = match (form, &input.model) {
        (ModelForm::Clear, ServedModel::Encrypted(_)) => ("--model", "--encrypted-model"),
        (ModelForm::Encrypted, ServedModel::Clear(_)) => ("--encrypted-model", "--model"),
        _ => return Ok(()),
    };
    Err(RunError::input(format!(
        "expected {expected}, which the plan is for, found {found}"
    ))
    .at(input.plan.display().to_string())
    .hint("name the other form of the model, or plan for this one"))
}

fn encrypted_model(
    path: &Path,
    plan: &ScorePlanFile,
    context: &Arc<Context>,
    key: &str,
) -> Result<EncryptedHead<CkksCt>, RunError> {
    let job = plan.plan.job();
    let most = plan.plan.forecast().model_ciphertexts;
    let (kind, under) = (&scoring::ENCRYPTED_MODEL, Under { plan, context });
    let mut file = Incoming::open(path, kind, under, Form::Seeded, most)?;
    file.require_key(key, "the key of the encrypted rows")?;
    file.require_count(pieces(job).count())?;
    let read: Result<EncryptedHead<_>, RunError> = pieces(job)
        .map(|piece| {
            let placement = match piece {
                Piece::Weights(..) => job.weight_placement(),
                Piece::Intercept { .. } => job.score_placement(),
            };
            Ok((piece, file.next(placement)?))
        })
        .collect();
    let head = read?;
    file.finish()?;
    Ok(head)
}
