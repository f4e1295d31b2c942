use std::path::Path;

use ndarray::{Array1, Array2};
use velum_record::report::{Thumbnails, html};
use velum_record::{Record, Step, Subject};

use super::*;

/// A model of `classes` classes whose score of class k is feature k, and `rows` rows of random features of which three in four are of the class that it says.
fn job(rows: usize, classes: usize, temperature: Option<f64>) -> (Model, FeatureSet) {
    let mut state = 7_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1_u32 << 31)
    };
    let features = Array2::from_shape_simple_fn((rows, classes), &mut next);
    let says = metrics::predicted(features.view());
    let labels = says
        .into_iter()
        .map(|says| match next() < 0.75 {
            true => says,
            false => (next() * classes as f64) as u32,
        })
        .collect();
    let provenance = Provenance {
        method: "whitened".to_owned(),
        encrypted: true,
        iterations: 2,
        training_rows: rows,
        plan_blake3: None,
        certified_bits: None,
    };
    let model = Model::new(
        Array2::eye(classes),
        Array1::zeros(classes),
        None,
        provenance,
    );
    let set = FeatureSet::new(features, labels, None, Path::new("made"));
    (model.unwrap().with_temperature(temperature), set.unwrap())
}

fn found(rows: usize, classes: usize, temperature: Option<f64>, asked: Option<f64>) -> Evaluated {
    let (model, set) = job(rows, classes, temperature);
    evaluate(&model, set, &Others::default(), None, asked).unwrap()
}

#[test]
fn a_threshold_of_one_half_is_the_model_s_own() {
    for (temperature, usual) in [(Some(0.5), 0.5), (None, 0.0)] {
        let found = found(1000, 2, temperature, Some(usual));
        let all = found.thresholds.unwrap();
        assert_eq!(all.probability, temperature.is_some());
        let chosen = all.chosen.unwrap();
        assert_eq!(chosen.hits, found.confusion[1][1]);
        assert_eq!(chosen.false_alarms, found.confusion[0][1]);
        assert!(all.table.contains(&chosen));
        // The table says what it promises: some threshold finds 99 in 100.
        let enough = |point: &&Point| point.hits * 100 >= all.positives * 99;
        assert!(all.table.iter().any(|point| enough(&point)));
        assert!(all.table.is_sorted_by(|a, b| a.threshold > b.threshold));
        let last = all.curve.last().unwrap();
        assert_eq!(
            (last.hits, last.false_alarms),
            (all.positives, all.negatives)
        );
    }
}

#[test]
fn thresholds_that_no_row_can_have_are_refused() {
    for (classes, temperature, asked) in [
        (3, Some(1.0), 0.5),
        (2, Some(1.0), 0.0),
        (2, Some(1.0), 1.0),
        (2, Some(1.0), -3.0),
    ] {
        let (model, set) = job(50, classes, temperature);
        let refused = evaluate(&model, set, &Others::default(), None, Some(asked));
        assert!(refused.is_err(), "{classes} classes, {asked}");
    }
    // A difference of scores may be anything.
    found(50, 2, None, Some(-3.0));
}

#[test]
fn the_surest_mistakes_come_first() {
    let found = found(1000, 4, Some(0.5), None);
    assert_eq!(found.worst.len(), MOST_WRONG);
    assert!(
        found
            .worst
            .iter()
            .all(|wrong| wrong.label != wrong.prediction && wrong.margin > 0.0)
    );
    assert!(found.worst.is_sorted_by(|a, b| a.margin >= b.margin));
    assert!(
        found
            .per_class
            .iter()
            .all(|class| class.auc.is_some_and(|auc| auc > 0.5))
    );
    assert_eq!(found.thresholds, None);
}

/// The page of 10,000 rows is small, and shows what was found.
#[test]
fn a_report_of_ten_thousand_rows_is_small() {
    for classes in [2, 10] {
        let found = found(10_000, classes, Some(0.5), None);
        let planned = serde_json::from_str(PLANNED).unwrap();
        let subject = Subject {
            plan: Some("ab".to_owned()),
            ..Subject::default()
        };
        let steps = [Step::Plan(Box::new(planned)), Step::Evaluate(found)];
        let records = steps.map(|step| Record::new(step, subject.clone(), 2));
        let page = html(&records, &Thumbnails::default()).unwrap();
        assert!(
            page.len() < 500_000,
            "{classes} classes: {} bytes",
            page.len()
        );
        assert_eq!(page.contains("class=\"curve\""), classes == 2);
    }
}

/// A record of a plan, as far as it must be.
const PLANNED: &str = r#"{"method": "whitened", "first_gradient": "client", "rows": 9, "columns": 9, "classes": 2, "iterations": 2, "owners": [],
    "public_key": false, "log_n": 14, "log_qp": 300.0, "security_bits": 128, "security_log_qp": 430, "security_source": "a table", "levels": 7,
    "layout": "row_major", "row_length": 16, "passes": 1, "key_switches": 1, "mod_downs": 1, "upload_ciphertexts": 1, "upload_bytes": 1,
    "eval_keys": 1, "eval_key_bytes": 1, "download_bytes": 1, "server_memory_bytes": 1, "predicted_weight_error": 1e-4,
    "predicted_train_seconds": null, "plan_hash": "ab", "seconds": null, "trained_on": null, "check": null, "explained": null}"#;
