//! `predict-decrypt`: from the server's ciphertexts to labels and scores, rounded to what the noise leaves certain.

use std::io::{self, Write};
use std::sync::Arc;

use he_core::evaluator::{Ckks, CkksCt};
use he_core::holder::SecretOpener;
use he_core::rlwe::EvaluationKeys;
use he_core::wire::Form;
use mlr_train::model::Model;
use mlr_train::predict::client::{Scores, open};
use mlr_train::predict::expected;
use serde::Serialize;

use super::table::{self, Table};
use crate::artifacts::keys;
use crate::artifacts::scoring::{self, Incoming, ScorePlanFile};
use crate::console::{Console, Summary};
use crate::convert::from_text;
use crate::failure::{Exit, Failure};
use crate::prediction::PredictDecryptArgs;

/// Copies of a score may differ by this many expected errors, as copies of a weight may (see `decrypt`).
const LARGEST_SPREAD: f64 = 16.0;

/// What was decrypted.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Opened {
    seconds: f64,
    rows: usize,
    classes: usize,
    /// Bits after the binary point of a score that the noise leaves certain.
    certified_bits: f64,
    /// Largest distance of a copy of a score from its mean.
    spread: f64,
    expected_error: f64,
    warnings: Vec<String>,
    /// None where they went to a file.
    #[serde(flatten)]
    table: Option<Table>,
}

/// Decrypts as the arguments say.
pub(crate) fn run(args: &PredictDecryptArgs, console: &Console) -> Result<Opened, Failure> {
    let started = console.seconds();
    table::require_place(args.table.out.as_deref())?;
    let plan = ScorePlanFile::read(&args.plan)?;
    let context = plan.context()?;
    let job = plan.plan.job();
    let named = args.model.as_deref().map(Model::read).transpose()?;
    if let (Some(model), Some(path)) = (&named, &args.model) {
        require_classes(model.classes(), job.program().shape.classes)
            .map_err(|failure| failure.at(path.display().to_string()))?;
    }
    let key = Arc::new(keys::read_secret(&args.key, &context)?);
    let fingerprint = keys::key_fingerprint(&key)?;
    let (query, hash) = scoring::read_query_head(&args.query, &plan, &context)?;
    let rows = query.rows(&plan)?;
    let whose = format!("the key {}", args.key.display());
    query.require_key(&fingerprint, &whose)?;
    let wanted = job.layout().chunks(rows) * job.layout().outputs();
    let scores = (&plan, &context);
    let mut file = Incoming::open(
        &args.scores,
        &scoring::SCORES,
        scores,
        (Form::Full, wanted as u64),
    )?;
    file.require_key(&fingerprint, &whose)?;
    if file.note.query.as_deref() != Some(&hash) {
        return Err(Failure::input(format!(
            "expected scores of the rows in {}, found those of others",
            args.query.display()
        ))
        .at(args.scores.display().to_string())
        .hint("name the rows that these scores were computed from"));
    }
    file.require_count(wanted)?;
    let error = plan.plan.forecast().score_error();
    let metas = expected(job, plan.plan.params(), error)?;
    let eval = Ckks::new(EvaluationKeys::new(&context))?;
    let mut encrypted: Vec<CkksCt> = Vec::with_capacity(wanted);
    for index in 0..wanted {
        // Scale and noise are the plan's: a file's claims would be the server's.
        let meta = metas[index % metas.len()];
        let ct = file.next(meta.placement())?;
        let admitted = CkksCt::admit(eval.context(), ct.ciphertext().clone(), meta);
        encrypted.push(admitted.map_err(|error| from_text(&error))?);
    }
    file.finish()?;
    let opener = SecretOpener::new(key)?;
    let opened = open::<Ckks>(job, &opener, &encrypted, rows, error)?;
    let bounds = job.program().bounds;
    require_plausible(&opened, bounds.score + bounds.intercept)
        .map_err(|failure| failure.at(args.scores.display().to_string()))?;
    let warnings = warnings(&opened);
    for warning in &warnings {
        console.warn(warning);
    }
    let names = named.as_ref().and_then(Model::class_names);
    let rounded = opened.rounded();
    let table = Table::new(rounded.view(), names, args.table.top.get());
    console.note("client: scores and labels are yours alone; show them to the server or to others only if SECURITY.md allows it");
    Ok(Opened {
        rows,
        classes: job.program().shape.classes,
        certified_bits: opened.certified_bits(),
        spread: opened.spread,
        expected_error: error,
        warnings,
        table: table.deliver(&args.table)?,
        seconds: console.seconds() - started,
    })
}

fn require_classes(found: usize, expected: usize) -> Result<(), Failure> {
    if found == expected {
        return Ok(());
    }
    Err(Failure::input(format!(
        "expected a model of {expected} classes, found {found}"
    ))
    .hint("name the model that the plan was made for"))
}

/// Refuses what only another key or other ciphertexts can give: no bit of a score is certain, or scores are beyond the plan's bound.
fn require_plausible(opened: &Scores, bound: f64) -> Result<(), Failure> {
    let found = opened
        .values
        .iter()
        .fold(0.0f64, |most, z| most.max(z.abs()));
    // Written so that a value that is not a number is refused too.
    if opened.spread < bound && found <= bound + 16.0 * opened.expected_error {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Verification,
        format!(
            "expected scores of at most {bound:.1e} whose copies agree within {:.1e}, found {found:.1e} and {:.1e}: these are no scores of the plan's model, or the ciphertexts were changed",
            LARGEST_SPREAD * opened.expected_error,
            opened.spread
        ),
    )
    .hint("the server must score the rows again with the keys and the model of this plan"))
}

fn warnings(opened: &Scores) -> Vec<String> {
    if opened.spread <= LARGEST_SPREAD * opened.expected_error {
        return Vec::new();
    }
    vec![format!(
        "precision: copies of a score differ by {:.1e}, expected at most {:.1e}; the ciphertexts are not what an honest run of the plan gives",
        opened.spread,
        LARGEST_SPREAD * opened.expected_error
    )]
}

impl Summary for Opened {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        match &self.table {
            Some(table) => out.write_all(table.csv().as_bytes()),
            None => writeln!(
                out,
                "{} rows predicted, {:.1} certified bits a score, in {:.1} s",
                self.rows, self.certified_bits, self.seconds
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
            assert_eq!(failure.exit, Exit::Verification, "{value} {spread}");
        }
        for (spread, count) in [(1e-6, 0), (1e-3, 1)] {
            let opened = scores(0.5, spread);
            require_plausible(&opened, 4.0).unwrap();
            assert_eq!(warnings(&opened).len(), count);
        }
    }
}
