//! Scoring on clear slots equals the model, for every layout; plans say what the scoring does.

use std::sync::Arc;

use he_core::evaluator::{Clear, CountedOp, Evaluator, Placement, Simulator};
use he_core::key_holder::{ClearHolder, Encryptor, SimulatorEncryptor};
use he_core::params::{Params, ParamsLiteral};
use ndarray::{Array1, Array2};

use super::client::{ClientError, EncryptedModel, Query, decrypt};
use super::head::{ClearHead, EncryptedHead, pieces};
use super::job::{Job, ModelForm};
use super::search::{Sizes, job_for};
use super::server::{Head, ScoreError, score};
use super::{PlanError, ScorePlan, forecast};
use crate::model::{Model, Provenance};

pub(super) const FORMS: [ModelForm; 2] = [ModelForm::Clear, ModelForm::Encrypted];
/// 512 slots; rows in both components, lanes that are full and not, features that fill their parts and do not.
pub(super) const BLOCKS: [usize; 5] = [1, 16, 64, 256, 512];

pub(super) fn literal() -> ParamsLiteral {
    ParamsLiteral {
        log_n: 10,
        q_bits: vec![44, 40],
        p_bits: vec![25, 25],
        dnum: 2,
    }
}

pub(super) fn ring() -> Arc<Params> {
    Arc::new(Params::insecure_test(literal()).unwrap())
}

/// Smooth made-up weights over `features` features, and rows.
pub(super) fn samples(rows: usize, features: usize, classes: usize) -> (Model, Array2<f64>) {
    let weights = Array2::from_shape_fn((classes, features), |(k, j)| {
        (k as f64 + 1.3 * j as f64).sin()
    });
    let intercept = Array1::from_shape_fn(classes, |k| 0.5 * k as f64 - 0.75);
    let provenance = Provenance {
        method: "made up".to_owned(),
        encrypted: false,
        iterations: 0,
        training_rows: 1,
        plan_blake3: None,
        certified_bits: None,
    };
    let model = Model::new(weights, intercept, None, provenance).unwrap();
    let x = Array2::from_shape_fn((rows, features), |(i, j)| {
        2.0 * ((i * (j + 3)) as f64 * 0.37).cos()
    });
    (model, x)
}

pub(super) fn job(model: &Model, x: &Array2<f64>, form: ModelForm, block: usize) -> Job {
    let sizes = Sizes::of(model, x.view()).unwrap();
    job_for(model, sizes, x.nrows(), form, block, &ring())
        .unwrap()
        .unwrap()
}

/// Encrypts, scores every chunk, decrypts.
pub(super) fn run<E: Evaluator>(
    job: &Job,
    (model, x): (&Model, &Array2<f64>),
    eval: &E,
    encryptor: &dyn Encryptor<E>,
    decryptor: &dyn he_core::key_holder::Decryptor<E>,
    error: f64,
) -> super::client::Scores
where
    E::Ct: Sync,
{
    let query = Query::new(job, x.view()).unwrap();
    let rows: Vec<E::Ct> = query
        .places()
        .map(|at| query.encrypt(encryptor, at).unwrap())
        .collect();
    let head: Box<dyn Head<E> + '_> = match job.program().model {
        ModelForm::Clear => Box::new(ClearHead::new(job, model).unwrap()),
        ModelForm::Encrypted => {
            let encrypted = EncryptedModel::new(job, model).unwrap();
            let all =
                pieces(job).map(|piece| (piece, encrypted.encrypt(encryptor, piece).unwrap()));
            Box::new(all.collect::<EncryptedHead<_>>())
        }
    };
    let mut scores = Vec::new();
    for chunk in rows.chunks(job.layout().parts()) {
        scores.extend(score(job, eval, chunk, head.as_ref()).unwrap_or_else(|e| panic!("{e}")));
    }
    decrypt(job, decryptor, &scores, x.nrows(), error).unwrap()
}

#[test]
fn scores_on_clear_slots_are_the_models() {
    let (model, x) = samples(70, 11, 3);
    let expected = model.scores(x.view()).unwrap();
    for form in FORMS {
        for block in BLOCKS {
            let job = job(&model, &x, form, block);
            let clear = Clear::new(ring());
            let encryptor = ClearHolder(&clear);
            let found = run(&job, (&model, &x), &clear, &encryptor, &encryptor, 1e-9);
            let distance = (&found.values - &expected)
                .iter()
                .fold(0.0f64, |a, d| a.max(d.abs()));
            // A score is a sum of some ten products of numbers below 2: double precision, and nothing else.
            assert!(
                distance < 1e-12,
                "{form:?}, blocks of {block}: {distance:e}"
            );
            assert!(found.spread < 1e-12);
            // The forecast is of what was done.
            let (said, _) = forecast(&job, &ring()).unwrap();
            assert_eq!(
                clear.tally().total(CountedOp::KeyProduct),
                said.key_products,
                "{form:?} {block}"
            );
            assert_eq!(
                clear.tally().total(CountedOp::ModDown),
                said.mod_downs,
                "{form:?} {block}"
            );
            assert_eq!(said.keys.relinearise, form == ModelForm::Encrypted);
        }
    }
}

#[test]
fn whole_columns_need_no_keys() {
    let (model, x) = samples(1024, 5, 3);
    let (said, _) = forecast(&job(&model, &x, ModelForm::Clear, 512), &ring()).unwrap();
    assert!(said.keys.is_empty());
    assert_eq!(
        (said.query_ciphertexts, said.key_products, said.key_bytes),
        (5, 0, 0)
    );
    assert_eq!(said.model_bytes, 0);
}

#[test]
fn a_batch_may_be_smaller_than_planned_but_not_larger() {
    let (model, x) = samples(70, 11, 3);
    let job = job(&model, &x, ModelForm::Clear, 16);
    let clear = Clear::new(ring());
    let encryptor = ClearHolder(&clear);
    let few = x.slice(ndarray::s![..33, ..]).to_owned();
    let found = run(&job, (&model, &few), &clear, &encryptor, &encryptor, 1e-9);
    let expected = model.scores(few.view()).unwrap();
    assert!((&found.values - &expected).iter().all(|d| d.abs() < 1e-12));
    let more = Array2::zeros((71, 11));
    assert!(matches!(
        Query::new(&job, more.view()),
        Err(ClientError::Shape {
            what: "rows",
            found: 71,
            ..
        })
    ));
}

#[test]
fn what_does_not_belong_to_the_plan_is_refused() {
    let (model, x) = samples(70, 11, 3);
    let (other, wide) = samples(70, 12, 3);
    let clear_job = job(&model, &x, ModelForm::Clear, 16);
    let encrypted = job(&model, &x, ModelForm::Encrypted, 16);
    assert!(matches!(
        Query::new(&clear_job, wide.view()),
        Err(ClientError::Shape {
            what: "features",
            found: 12,
            ..
        })
    ));
    let large = &x * 3.0;
    assert!(matches!(
        Query::new(&clear_job, large.view()),
        Err(ClientError::Bound { .. })
    ));
    let mut nan = x.clone();
    nan[[3, 3]] = f64::NAN;
    assert!(matches!(
        Query::new(&clear_job, nan.view()),
        Err(ClientError::Bound { .. })
    ));
    assert!(matches!(
        ClearHead::new(&clear_job, &other),
        Err(ScoreError::Model(_))
    ));
    assert!(matches!(
        ClearHead::new(&encrypted, &model),
        Err(ScoreError::Model(_))
    ));
    assert!(matches!(
        EncryptedModel::new(&clear_job, &model),
        Err(ClientError::NotEncrypted)
    ));
    assert!(matches!(
        EncryptedModel::new(&encrypted, &other),
        Err(ClientError::Shape {
            what: "features",
            ..
        })
    ));
    let larger = Model::new(
        model.weights() * 2.0,
        model.intercept().clone(),
        None,
        model.provenance().clone(),
    )
    .unwrap();
    assert!(matches!(
        EncryptedModel::new(&encrypted, &larger),
        Err(ClientError::Bound { .. })
    ));
}

#[test]
fn ciphertexts_elsewhere_than_planned_are_refused() {
    let (model, x) = samples(70, 11, 3);
    let job = job(&model, &x, ModelForm::Clear, 64);
    let simulator = Simulator::new(ring());
    let head = ClearHead::new(&job, &model).unwrap();
    let encrypt = |factor: f64| {
        let at = job.row_placement();
        let at = Placement {
            scale: at.scale * factor,
            ..at
        };
        SimulatorEncryptor(&simulator)
            .encrypt(&[], at, job.row_bound())
            .unwrap()
    };
    let parts = job.layout().parts();
    assert!(score(&job, &simulator, &vec![encrypt(1.0); parts], &head).is_ok());
    assert!(matches!(
        score(&job, &simulator, &vec![encrypt(0.5); parts], &head),
        Err(ScoreError::Placement { .. })
    ));
    assert!(matches!(
        score(&job, &simulator, &vec![encrypt(1.0); parts + 1], &head),
        Err(ScoreError::Count { .. })
    ));
    let none: EncryptedHead<_> = std::iter::empty().collect();
    assert!(matches!(
        score(&job, &simulator, &vec![encrypt(1.0); parts], &none),
        Err(ScoreError::Model(_))
    ));
}

#[test]
fn weights_that_are_too_small_are_dropped_and_counted() {
    let (model, x) = samples(8, 600, 3);
    // Part 1 of the layout (features 512..600) all but vanishes, for class 2 more than for the others.
    let weights = Array2::from_shape_fn((3, 600), |(k, j)| {
        if j < 512 {
            model.weights()[[k, j]]
        } else {
            1e-9 * (k + 1) as f64
        }
    });
    let model = Model::new(
        weights,
        model.intercept().clone(),
        None,
        model.provenance().clone(),
    )
    .unwrap();
    let job = job(&model, &x, ModelForm::Clear, 1);
    assert!(job.smallest_weight() > 3e-9, "{:e}", job.smallest_weight());
    let expected = 88.0 * 3e-9 * job.program().bounds.data;
    let found = job.program().dropped;
    assert!(
        (found - expected).abs() < 1e-9 * expected,
        "{found:e} {expected:e}"
    );
    let clear = Clear::new(ring());
    let encryptor = ClearHolder(&clear);
    let scores = run(&job, (&model, &x), &clear, &encryptor, &encryptor, found);
    let distance = &scores.values - &model.scores(x.view()).unwrap();
    assert!(distance.iter().all(|d| d.abs() <= found));
}

#[test]
fn a_plan_is_read_as_it_was_written_and_not_otherwise() {
    let (model, x) = samples(70, 11, 3);
    let program = job(&model, &x, ModelForm::Clear, 16).program().clone();
    let plan = ScorePlan::insecure_test(program, literal()).unwrap();
    let json = String::from_utf8(plan.to_json()).unwrap();
    assert_eq!(
        ScorePlan::parse_insecure_test(json.as_bytes()).unwrap(),
        plan
    );
    assert!(ScorePlan::claims(json.as_bytes()) && !ScorePlan::claims(b"{\"schema\":1}"));
    insta::assert_snapshot!(json);
    // Insecure parameters only pass where the name says so.
    assert!(matches!(
        ScorePlan::parse(json.as_bytes()),
        Err(PlanError::Parameters(_))
    ));
    // White space, line ends and the order of entries mean nothing: the same plan with the same hash.
    let pretty = serde_json::from_str::<serde_json::Value>(&json).unwrap();
    let pretty = serde_json::to_string_pretty(&pretty).unwrap();
    for spelling in [format!("{json}\r\n"), format!("\u{feff}{json}"), pretty] {
        let read = ScorePlan::parse_insecure_test(spelling.as_bytes()).unwrap();
        assert_eq!(read.to_json(), json.as_bytes());
    }
    let changed = |from: &str, to: &str| {
        assert!(json.contains(from), "{from}");
        ScorePlan::parse_insecure_test(json.replacen(from, to, 1).as_bytes()).unwrap_err()
    };
    for (from, to) in [
        ("\"radix\":4", "\"radix\":5"),
        ("\"block\":16", "\"block\":12"),
        ("\"model\":\"clear\"", "\"model\":\"encrypted\""),
    ] {
        assert!(matches!(changed(from, to), PlanError::Program(_)), "{from}");
    }
    assert!(matches!(
        changed("\"schema\":2", "\"schema\":1"),
        PlanError::Schema { found: 1, .. }
    ));
    assert!(matches!(
        changed("prediction plan", "plan"),
        PlanError::Json(_)
    ));
    assert!(matches!(
        changed("\"forecast\"", "\"forecasts\""),
        PlanError::Json(_)
    ));
    assert!(matches!(
        changed("\"relinearise\":false", "\"relinearise\":true"),
        PlanError::Forecast { what: "key set" }
    ));
    assert!(matches!(
        changed("\"weight\":1.0", "\"weight\":1024000.0"),
        PlanError::Refused(_)
    ));
    let long = vec![b' '; 2 << 20];
    assert!(matches!(
        ScorePlan::parse(&long),
        Err(PlanError::Size { .. })
    ));
}

#[test]
fn the_search_finds_secure_parameters_for_both_forms() {
    let (model, x) = samples(40, 30, 4);
    for form in FORMS {
        let plan = ScorePlan::search(&model, x.view(), 100, form).unwrap();
        let said = plan.forecast();
        assert!(said.security_bits >= 128);
        assert_eq!(ScorePlan::parse(&plan.to_json()).unwrap(), plan);
        assert_eq!(plan.job().layout().shape().rows, 100);
        assert!(24.0 * said.score_error() <= 1.0001e-3 * plan.job().program().typical.range);
        // One hundred rows of thirty features are 3,000 numbers: less than one ciphertext of 2^12 holds, two numbers a slot.
        assert_eq!(said.query_ciphertexts, 1, "{form:?}");
    }
    let zero = Array2::zeros((40, 30));
    assert!(matches!(
        ScorePlan::search(&model, zero.view(), 40, ModelForm::Clear),
        Err(PlanError::Scores)
    ));
    let (_, wide) = samples(40, 31, 4);
    assert!(matches!(
        ScorePlan::search(&model, wide.view(), 40, ModelForm::Clear),
        Err(PlanError::Model(_))
    ));
}
