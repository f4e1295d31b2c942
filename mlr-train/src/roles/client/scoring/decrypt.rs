//! `predict decrypt`: from the server's ciphertexts to scores, rounded to what the noise leaves certain.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use he_core::evaluator::{Ckks, CkksCt};
use he_core::key_holder::SecretKeyDecryptor;
use he_core::rlwe::{Context, EvaluationKeys};
use he_core::wire::Form;
use ndarray::Array2;
use velum_record::predict::ScoresOpened;
use velum_record::{Step, Subject};

use crate::artifacts::openings::{self, Opening, Question};
use crate::artifacts::predict::{self as scoring, Incoming, Under};
use crate::artifacts::{ScorePlanFile, kinds, record, secret_key};
use crate::files::{Outputs, Place};
use crate::model::Model;
use crate::predict::client::{Scores, decrypt};
use crate::predict::expected;
use crate::roles::{Reporter, RunError, keep};

/// Copies of a score may differ by this many expected errors, as copies of a weight may (see `decrypt`).
const LARGEST_SPREAD: f64 = 16.0;

/// What [`run`] needs.
#[derive(Clone, Debug)]
pub struct ScoresInput {
    /// The plan.
    pub plan: PathBuf,
    /// The secret key.
    pub key: PathBuf,
    /// The encrypted rows, as they were sent.
    pub query: PathBuf,
    /// The encrypted scores.
    pub scores: PathBuf,
    /// The model, for the names of its classes.
    pub model: Option<PathBuf>,
    /// The file that the caller will write the scores to: its record goes beside it.
    pub table: Option<PathBuf>,
    /// Opens these scores although the key has opened others of the same rows.
    pub open_again: bool,
}

/// Scores, and what was said of them.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The record.
    pub said: ScoresOpened,
    /// Rounded scores, rows x classes.
    pub scores: Array2<f64>,
    /// Names of the classes, if known.
    pub class_names: Option<Vec<String>>,
}

/// Decrypts: one file of scores for each file of rows, which the key remembers before it opens them ([`openings`]).
///
/// # Errors
/// Files that do not belong together; a key that has opened other scores of these rows; scores that no honest run of the plan gives; the system's.
pub fn run(input: &ScoresInput, reporter: &dyn Reporter) -> Result<Opened, RunError> {
    let started = Instant::now();
    let place = record_place(input)?;
    let plan = ScorePlanFile::read(&input.plan)?;
    let context = plan.context()?;
    let job = plan.plan.job();
    let class_names = class_names(input, job.program().shape.classes)?;
    let key = Arc::new(secret_key::read(&input.key, &context)?);
    let fingerprint = secret_key::fingerprint_hex(&key)?;
    let received = Received::read(input, &plan, &context, &fingerprint)?;
    let opening = Opening {
        key: &input.key,
        fingerprint: &fingerprint,
        question: Question::Scores(&received.query),
        answer: &openings::answer(&received.scores),
    };
    opening
        .remember(input.open_again, reporter)
        .map_err(|error| error.at(input.scores.display().to_string()))?;
    let decryptor = SecretKeyDecryptor::new(key)?;
    let error = plan.plan.forecast().score_error();
    let opened = decrypt::<Ckks>(job, &decryptor, &received.scores, received.rows, error)?;
    let bounds = job.program().bounds;
    require_plausible(&opened, bounds.score + bounds.intercept)
        .map_err(|failure| failure.at(input.scores.display().to_string()))?;
    let warnings = warnings(&opened);
    for warning in &warnings {
        reporter.warn(warning);
    }
    reporter.note("client: scores and labels are yours alone; show them to the server or to others only if SECURITY.md allows it");
    let said = ScoresOpened {
        seconds: started.elapsed().as_secs_f64(),
        rows: received.rows,
        classes: job.program().shape.classes,
        certified_bits: opened.certified_bits(),
        expected_error: error,
        warnings,
    };
    if let Some(place) = &place {
        let subject = Subject {
            plan: Some(plan.hash_hex()),
            key: Some(fingerprint),
            ..Subject::default()
        };
        keep(place, Step::PredictDecrypt(said.clone()), subject, reporter);
    }
    Ok(Opened {
        said,
        scores: opened.rounded(),
        class_names,
    })
}

/// Refuses a table or a record that could not be written; gives the record's place.
fn record_place(input: &ScoresInput) -> Result<Option<PathBuf>, RunError> {
    let Some(table) = &input.table else {
        return Ok(None);
    };
    let read = [&input.plan, &input.key, &input.query, &input.scores];
    let read = read.into_iter().chain(&input.model);
    let mut outputs = Outputs::new(read.map(PathBuf::as_path));
    if outputs.file(table, kinds::TABLE)? == Place::Stream {
        return Ok(None);
    }
    let place = record::beside(table);
    outputs.file(&place, kinds::RECORD)?;
    Ok(Some(place))
}

/// The names that the model gives the classes.
fn class_names(input: &ScoresInput, expected: usize) -> Result<Option<Vec<String>>, RunError> {
    let Some(path) = &input.model else {
        return Ok(None);
    };
    let model = Model::read(path)?;
    let found = model.classes();
    if found != expected {
        return Err(RunError::input(format!(
            "expected a model of {expected} classes, found {found}"
        ))
        .at(path.display().to_string())
        .hint("name the model that the plan was made for"));
    }
    Ok(model.class_names().map(<[String]>::to_vec))
}

/// What came back from the server.
struct Received {
    rows: usize,
    /// Hash of the encrypted rows.
    query: String,
    scores: Vec<CkksCt>,
}

impl Received {
    fn read(
        input: &ScoresInput,
        plan: &ScorePlanFile,
        context: &Arc<Context>,
        fingerprint: &str,
    ) -> Result<Self, RunError> {
        let job = plan.plan.job();
        let (query, hash) = scoring::read_query_head(&input.query, plan, context)?;
        let rows = query.rows(plan)?;
        let whose = format!("the key {}", input.key.display());
        query.require_key(fingerprint, &whose)?;
        let wanted = job.layout().chunks(rows) * job.layout().outputs();
        let (kind, under) = (&scoring::SCORES, Under { plan, context });
        let mut file = Incoming::open(&input.scores, kind, under, Form::Full, wanted as u64)?;
        file.require_key(fingerprint, &whose)?;
        if file.note.query.as_deref() != Some(&hash) {
            return Err(RunError::input(format!(
                "expected scores of the rows in {}, found those of others",
                input.query.display()
            ))
            .at(input.scores.display().to_string())
            .hint("name the rows that these scores were computed from"));
        }
        file.require_count(wanted)?;
        let error = plan.plan.forecast().score_error();
        let metas = expected(job, plan.plan.params(), error)?;
        let eval = Ckks::new(EvaluationKeys::new(context))?;
        let mut scores: Vec<CkksCt> = Vec::with_capacity(wanted);
        for index in 0..wanted {
            // Scale and noise are the plan's: a file's claims would be the server's.
            let meta = metas[index % metas.len()];
            let ct = file.next(meta.placement())?;
            let admitted = CkksCt::admit(eval.context(), ct.ciphertext().clone(), meta);
            scores.push(admitted?);
        }
        file.finish()?;
        Ok(Self {
            rows,
            query: hash,
            scores,
        })
    }
}

/// Refuses what only another key or other ciphertexts can give: no bit of a score is certain, or scores are beyond the plan's bound.
fn require_plausible(opened: &Scores, bound: f64) -> Result<(), RunError> {
    let found = opened
        .values
        .iter()
        .fold(0.0f64, |most, z| most.max(z.abs()));
    // Written so that a value that is not a number is refused too.
    if opened.spread < bound && found <= bound + 16.0 * opened.expected_error {
        return Ok(());
    }
    Err(RunError::unverified(format!(
        "expected scores of at most {bound:.1e} whose copies agree within {:.1e}, found others: these are no scores of the plan's model, or the ciphertexts were changed",
        LARGEST_SPREAD * opened.expected_error
    ))
    .hint("the server must score the rows again with the keys and the model of this plan"))
}

fn warnings(opened: &Scores) -> Vec<String> {
    if opened.spread <= LARGEST_SPREAD * opened.expected_error {
        return Vec::new();
    }
    vec![format!(
        "precision: copies of a score differ by more than the {:.1e} that noise explains; the ciphertexts are not what an honest run of the plan gives",
        LARGEST_SPREAD * opened.expected_error
    )]
}

#[cfg(test)]
mod tests {
    use super::*;
    use he_core::error::{Class, Explain as _};
    use ndarray::array;

    fn scores(value: f64, spread: f64) -> Scores {
        Scores {
            values: array![[value, -0.25]],
            spread,
            expected_error: 1e-6,
        }
    }

    #[test]
    fn implausible_scores_are_refused_and_imprecise_ones_told() {
        for (value, spread) in [
            (4.1, 1e-6),
            (0.5, 5.0),
            (0.5, f64::NAN),
            (f64::INFINITY, 0.0),
        ] {
            let failure = require_plausible(&scores(value, spread), 4.0).unwrap_err();
            assert_eq!(failure.class(), Class::Verification, "{value} {spread}");
        }
        for (spread, count) in [(1e-6, 0), (1e-3, 1)] {
            let opened = scores(0.5, spread);
            require_plausible(&opened, 4.0).unwrap();
            assert_eq!(warnings(&opened).len(), count);
        }
    }
}
