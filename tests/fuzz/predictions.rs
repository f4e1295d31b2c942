//! Files of predictions on encrypted rows: the rows, and the scores that come back. Exact ones have the library's own form inside the common envelope
//! (`wire`), and their reader is a cargo feature.

use std::path::Path;
use std::sync::Arc;

use he_core::evaluator::Ckks;
use he_core::key_holder::SecretKeyEncryptor;
use he_core::rlwe::{Context, SecretKey};
use he_core::wire::{Form, Kind};
use mlr_train::artifacts::predict::{self, Incoming, Note, Under};
use mlr_train::artifacts::{ScorePlanFile, Silent};
use mlr_train::model::{Model, Provenance};
use mlr_train::predict::ScorePlan;
use mlr_train::predict::client::Query;
use mlr_train::predict::head::ClearHead;
use mlr_train::predict::job::ModelForm;
use mlr_train::predict::server::score;
use ndarray::{Array1, Array2};

use crate::engine::{Target, rehash};

const ROWS: usize = 12;
const FEATURES: usize = 6;
const CLASSES: usize = 3;

/// Residues of 36 to 48 bits become 64, and there is a row of work space.
fn memory(length: usize) -> usize {
    4 * length + (8 << 20)
}

fn model() -> Model {
    let weights = Array2::from_shape_fn((CLASSES, FEATURES), |(i, j)| {
        0.5 * (0.7 * (i * 3 + j + 1) as f64).sin()
    });
    let provenance = Provenance {
        method: "whitened".to_owned(),
        encrypted: true,
        iterations: 2,
        training_rows: ROWS,
        plan_blake3: None,
        certified_bits: None,
    };
    Model::new(weights, Array1::zeros(CLASSES), None, provenance).unwrap()
}

pub(crate) fn targets() -> Vec<Target> {
    let rows = Array2::from_shape_fn((ROWS, FEATURES), |(i, j)| {
        0.5 * (0.37 * (i * (j + 3)) as f64).sin()
    });
    let model = model();
    let plan = ScorePlan::search(&model, rows.view(), ROWS, ModelForm::Clear).unwrap();
    let plan = Arc::new(ScorePlanFile::new(plan));
    let context = plan.context().unwrap();
    let key = Arc::new(SecretKey::generate(&context).unwrap());
    let encryptor = SecretKeyEncryptor::new(Arc::clone(&key)).unwrap();
    let place = tempfile::tempdir().unwrap();
    let (query, scores) = (place.path().join("query"), place.path().join("scores"));
    let job = plan.plan.job();
    let under = Under {
        plan: &plan,
        context: &context,
    };
    let mut note = Note {
        rows: Some(ROWS),
        key: "00".repeat(32),
        query: None,
    };
    let encrypted = Query::new(job, rows.view()).unwrap();
    predict::write_query(&query, under, &note, &encrypted, &encryptor, &Silent).unwrap();
    let eval = key.evaluation_keys_at(plan.plan.key_levels()).unwrap();
    let eval = Ckks::new(eval).unwrap();
    let most = encrypted.places().count() as u64;
    let (mut file, hash) = predict::read_query_head(&query, &plan, &context).unwrap();
    let parts: Vec<_> = (0..most)
        .map(|_| file.next(job.row_placement()).unwrap())
        .collect();
    let head = ClearHead::new(job, &model).unwrap();
    let scored = score(job, &eval, &parts, &head).unwrap();
    note.query = Some(hash);
    predict::write_scores(&scores, &plan, &context, &note, &scored).unwrap();
    let of = |name, path: &Path, kind, form, most| Reading {
        name,
        kind,
        form,
        most,
        seed: std::fs::read(path).unwrap(),
    };
    [
        of("query", &query, &predict::QUERY, Form::Seeded, most),
        of(
            "scores",
            &scores,
            &predict::SCORES,
            Form::Full,
            scored.len() as u64,
        ),
    ]
    .map(|reading| reading.target(&plan, &context))
    .into()
}

struct Reading {
    name: &'static str,
    kind: &'static Kind,
    form: Form,
    most: u64,
    seed: Vec<u8>,
}

impl Reading {
    /// Reads as server and client do, at the plan's placement.
    fn target(self, plan: &Arc<ScorePlanFile>, context: &Arc<Context>) -> Target {
        let place = tempfile::tempdir().unwrap();
        let (plan, context) = (Arc::clone(plan), Arc::clone(context));
        let Self {
            kind, form, most, ..
        } = self;
        let read = move |path: &Path| -> Option<()> {
            let under = Under {
                plan: &plan,
                context: &context,
            };
            let job = plan.plan.job();
            let mut file = Incoming::open(path, kind, under, form, most).ok()?;
            file.rows(&plan).ok()?;
            file.require_count(usize::try_from(most).unwrap()).ok()?;
            for _ in 0..most {
                let placement = match form {
                    Form::Seeded => job.row_placement(),
                    Form::Full => job.score_placement(),
                };
                file.next(placement).ok()?;
            }
            file.finish().ok().map(|_| ())
        };
        Target {
            name: self.name,
            seeds: vec![self.seed],
            repair: rehash(),
            read: Box::new(move |bytes| {
                let path = place.path().join("file");
                std::fs::write(&path, bytes).unwrap();
                read(&path).is_some()
            }),
            memory,
        }
    }
}
