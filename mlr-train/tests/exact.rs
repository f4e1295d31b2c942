//! Exact prediction of a thousand real rows.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use mlr_train::exact::bfv::Scheme;
use mlr_train::exact::{ExactPlan, Quantised};
use mlr_train::metrics;

#[test]
#[ignore = "650 products of BFV ciphertexts"]
fn exact_scores_of_a_thousand_rows_are_the_quantised_models() {
    let Some((model, train, test)) = common::squeezenet() else {
        return;
    };
    let plan = ExactPlan::new(&model, train.features().view(), 1000).unwrap();
    let rows = plan.quantise(test.features().view()).unwrap();
    let quantised = Quantised::new(&model, plan.steps());
    let expected = quantised.scores(rows.view());
    let clear = model.scores(test.features().view()).unwrap();
    let accuracy = |scores: ndarray::ArrayView2<'_, f64>| metrics::accuracy(scores, test.labels());
    let (found, reference) = (
        accuracy(expected.mapv(|z| z as f64).view()),
        accuracy(clear.view()),
    );
    // Half a point.
    assert!(
        (found - reference).abs() <= 0.005,
        "{found} against {reference}"
    );
    let scheme = Scheme::new(&plan).unwrap();
    let (public, private) = scheme.generate_keys().unwrap();
    let encrypted = scheme.encrypt(&public, rows.view()).unwrap();
    let scores = scheme.score(&public, &encrypted, 1000, &quantised).unwrap();
    assert_eq!(scheme.decrypt(&private, &scores, 1000).unwrap(), expected);
}
