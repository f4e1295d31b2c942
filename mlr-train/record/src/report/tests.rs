//! One whole job, and jobs with something missing or something strange in them.

use super::*;
use crate::client::{
    Class, Encrypted, Evaluated, Keygen, MOST_WRONG, Opened, Point, Thresholds, TrainingData, Wrong,
};
use crate::plan::{Explained, IterationCost, Planned};
use crate::server::Trained;
use crate::{Share, Step, Subject};

fn planned() -> Planned {
    Planned {
        method: "whitened".to_owned(),
        first_gradient: "client".to_owned(),
        rows: 7291,
        columns: 128,
        classes: 10,
        iterations: 2,
        owners: vec![],
        public_key: false,
        log_n: 14,
        log_qp: 322.9,
        security_bits: 128,
        security_log_qp: 430,
        security_source: "a table of a paper".to_owned(),
        levels: 7,
        layout: "row_major".to_owned(),
        row_length: 128,
        passes: 1,
        key_switches: 270,
        mod_downs: 99,
        upload_ciphertexts: 58,
        upload_bytes: 29_600_000,
        eval_keys: 14,
        eval_key_bytes: 33_000_000,
        download_bytes: 1_970_000,
        refreshes: 0,
        refresh_way: None,
        bootstrap: None,
        refresh_every: None,
        refresh_bytes: 0,
        server_memory_bytes: 449_000_000,
        memory_bound: None,
        predicted_weight_error: 1e-4,
        joint: None,
        predicted_train_seconds: Some(0.6),
        rates: None,
        plan_hash: "ab".repeat(32),
        seconds: Some(0.25),
        trained_on: None,
        check: None,
        explained: Some(Explained {
            plans: vec![],
            iterations: vec![IterationCost {
                iteration: 2,
                level_before: 5,
                level_after: 1,
                log2_scale: 36.0,
                log2_error: -13.2,
                key_products: 270,
                tensors: 580,
                seconds: 0.5,
            }],
        }),
        tuning: None,
        weighed: None,
        goal: None,
    }
}

/// What was found on `rows` rows of `classes` classes, all right but one of the first class.
fn evaluated(rows: u64, classes: usize) -> Evaluated {
    let each = rows / classes as u64;
    let mut confusion = vec![vec![0; classes]; classes];
    for (class, row) in confusion.iter_mut().enumerate() {
        row[class] = each;
    }
    confusion[0][0] -= 1;
    confusion[0][1] += 1;
    let class = |class| Class {
        class,
        name: Some(format!("<b>class & {class}</b>")),
        rows: each,
        precision: Some(0.5),
        recall: None,
        f1: Some(0.25),
        sensitivity: None,
        specificity: None,
        auc: Some(0.987_654),
    };
    let wrong = |row| Wrong {
        row,
        file: Some(format!("class 0/{}-{row}.png", "x".repeat(60))),
        label: 0,
        prediction: 1,
        margin: 3.5,
        probability: Some(0.9876),
    };
    Evaluated {
        method: "whitened".to_owned(),
        iterations: 2,
        encrypted: true,
        rows: each * classes as u64,
        accuracy: 0.9,
        accuracy_interval: Share::new(9, 10),
        balanced_accuracy: 0.9,
        macro_f1: 0.9,
        auc: None,
        accuracy_clear: Some(0.9),
        accuracy_client_only: Some(0.7),
        accuracy_best_clear: Some(0.95),
        max_weight_error: None,
        confusion,
        per_class: (0..classes).map(class).collect(),
        thresholds: (classes == 2).then(|| thresholds(each)),
        worst: (0..MOST_WRONG).map(wrong).collect(),
        seconds: Some(0.75),
    }
}

/// As long as there can be any.
fn thresholds(each: u64) -> Thresholds {
    let point = |k: u64| Point {
        threshold: 1.0 - k as f64 / 258.0,
        hits: each.min(each * k / 129),
        false_alarms: (each * k / 129).saturating_sub(each),
    };
    Thresholds {
        class: 1,
        probability: true,
        positives: each,
        negatives: each,
        curve: (1..=258).map(point).collect(),
        table: vec![Point {
            threshold: 0.5,
            hits: each,
            false_alarms: 0,
        }],
        chosen: Some(Point {
            threshold: 0.3125,
            hits: each,
            false_alarms: each / 4,
        }),
    }
}

/// The page without pictures.
fn html(records: &[Record]) -> Result<String, ReportError> {
    super::html(records, &Thumbnails::default())
}

fn steps(found: Evaluated) -> Vec<Step> {
    vec![
        Step::Plan(Box::new(planned())),
        Step::Keygen(Keygen {
            seconds: 0.2,
            keys: 14,
            eval_key_bytes: 33_000_000,
            key_binding: String::new(),
            key: "cd".repeat(32),
        }),
        Step::Encrypt(Encrypted {
            seconds: 0.4,
            clear_train_seconds: 0.1,
            upload_ciphertexts: 58,
            upload_bytes: 29_600_000,
            key: "cd".repeat(32),
            owner: None,
            own_check: None,
            data: TrainingData {
                source: "client/features".to_owned(),
                network: Some("velum-compact".to_owned()),
                rows: 7291,
                ..TrainingData::default()
            },
        }),
        Step::Train(Trained {
            wall_seconds: 1.44,
            load_seconds: 0.4,
            compute_seconds: 1.0,
            resumed_iterations: 0,
            predicted_seconds: None,
            key_switches: 270,
            mod_downs: 99,
            peak_rss_mb: Some(440.0),
        }),
        Step::Decrypt(Opened {
            seconds: 0.03,
            certified_bits: 11,
            max_weight_error: None,
            expected_error: 1e-5,
            warnings: vec![],
        }),
        Step::Evaluate(found),
    ]
}

fn records(found: Evaluated) -> Vec<Record> {
    let record = |(at, did): (usize, Step)| {
        let subject = Subject {
            plan: Some("ab".repeat(32)),
            key: (at > 0).then(|| "cd".repeat(32)),
            ..Subject::default()
        };
        let mut record = Record::new(did, subject, 2);
        record.finished = 1_000_000_000 + at as u64;
        record
    };
    steps(found).into_iter().enumerate().map(record).collect()
}

/// Elements that have no end of their own.
const VOID: [&str; 3] = ["meta", "!DOCTYPE", "img"];

/// Every element that begins ends, in the right order.
fn require_balanced(html: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(begin) = rest.find('<') {
        let end = begin + rest[begin..].find('>').expect("a tag that ends");
        let tag = &rest[begin + 1..end];
        rest = &rest[end + 1..];
        let name = tag.split(' ').next().unwrap_or_default();
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(
                open.pop(),
                Some(name),
                "before {}",
                &rest[..rest.len().min(80)]
            );
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_whole_job_is_told() {
    let page = html(&records(evaluated(2000, 10))).unwrap();
    require_balanced(&page);
    for text in [
        "7291 rows in 10 classes trained a model, 2 iterations long",
        "90.00 % (88.61 to 91.24)",
        "client only",
        "converged",
        "at least 128 bits",
        "322.9",
        "430",
        "a table of a paper",
        "11 bits after the binary point",
        "5 to 1",
        "13.2",
        "29.6 MB",
        "1.44 s",
        "440 MB",
        "velum-compact",
        "2001-09-09",
        "taken for",
        "0.9877",
        "98.8 %",
        "evaluate",
    ] {
        assert!(page.contains(text), "{text} is missing");
    }
    assert!(!page.contains("No record was found"));
}

#[test]
fn the_page_stands_alone_and_runs_nothing() {
    let page = html(&records(evaluated(2000, 10))).unwrap();
    // A name can bring no element along.
    assert!(page.contains("&lt;b&gt;class &amp; 3&lt;/b&gt;") && !page.contains("<b>"));
    for foreign in [
        "<script", "http://", "https://", "url(", "@import", " src=", " href=", "<link",
    ] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    // Whoever does not see has names for pictures and tables, and the page a language, a title, one first heading.
    assert!(page.contains("<html lang=\"en\">") && page.contains("<title>"));
    assert_eq!(page.matches("<h1>").count(), 1);
    assert_eq!(
        page.matches("<svg").count(),
        page.matches("role=\"img\"").count()
    );
    assert_eq!(
        page.matches("<table").count(),
        page.matches("<caption>").count()
    );
    assert!(page.contains("prefers-color-scheme: dark"));
}

#[test]
fn it_is_small_for_many_rows_and_classes() {
    for classes in [2, 25, 26, 100] {
        let page = html(&records(evaluated(10_000, classes))).unwrap();
        require_balanced(&page);
        assert!(
            page.len() < 500_000,
            "{classes} classes: {} bytes",
            page.len()
        );
    }
}

/// A record states what its writer likes.
#[test]
fn counts_beyond_all_rows_make_a_page() {
    let mut found = evaluated(100, 3);
    found.confusion = vec![vec![u64::MAX; 3]; 3];
    let mut all = records(found);
    for record in &mut all {
        record.finished = u64::MAX;
        if let Step::Encrypt(done) = &mut record.did {
            done.upload_bytes = u64::MAX;
        }
    }
    all.extend(all.clone());
    require_balanced(&html(&all).unwrap());
}

#[test]
fn two_classes_have_a_curve_and_thresholds() {
    let page = html(&records(evaluated(2000, 2))).unwrap();
    require_balanced(&page);
    for text in [
        "class=\"curve\"",
        "class=\"usual\"",
        "class=\"chosen\"",
        "0.3125 (chosen)",
        // Of 1,000 rows of the class all, of the others three in four.
        "100.00 % (99.62 to 100.00)",
        "75.00 % (72.22 to 77.58)",
        "80.0 %",
    ] {
        assert!(page.contains(text), "{text} is missing");
    }
    let ten = html(&records(evaluated(2000, 10))).unwrap();
    assert!(!ten.contains("class=\"curve\""));
}

#[test]
fn small_pictures_are_shown_and_large_ones_are_not() {
    let all = records(evaluated(10_000, 2));
    let names = pictures(&all).unwrap();
    assert_eq!(names.len(), MOST_WRONG);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut thumbnails = Thumbnails::default();
    assert!(!thumbnails.add(names[0], b"GIF89a"));
    file.resize(Thumbnails::MOST_BYTES + 1, 0);
    assert!(!thumbnails.add(names[0], &file));
    file.truncate(Thumbnails::MOST_BYTES);
    let shown = names.iter().filter(|name| thumbnails.add(name, &file));
    let shown = shown.count();
    assert_eq!(shown, Thumbnails::MOST_OF_ALL / Thumbnails::MOST_BYTES);
    let page = super::html(&all, &thumbnails).unwrap();
    require_balanced(&page);
    assert_eq!(page.matches(" src=\"data:image/png;base64,").count(), shown);
    assert_eq!(page.matches(" src=").count(), shown);
    assert!(page.len() < 500_000, "{}", page.len());
}

#[test]
fn what_is_missing_is_said() {
    let all = records(evaluated(2000, 10));
    let page = html(&all[..2]).unwrap();
    require_balanced(&page);
    assert!(page.contains("No record was found of: encrypt, train, decrypt, evaluate."));
    assert_eq!(html(&[]), Err(ReportError::NoPlan));
    let error = html(&all[1..]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected the record of plan abababababab, found none"
    );
}

#[test]
fn other_jobs_and_earlier_tries_are_left_out() {
    let mut all = records(evaluated(2000, 10));
    let expected = html(&all).unwrap();
    let mut other_plan = all[3].clone();
    other_plan.subject.plan = Some("ee".repeat(32));
    other_plan.finished = 5;
    let mut other_key = all[3].clone();
    other_key.subject.key = Some("ff".repeat(32));
    other_key.finished = 6;
    let mut earlier = all[5].clone();
    if let Step::Evaluate(found) = &mut earlier.did {
        found.accuracy = 0.125;
    }
    earlier.finished = 7;
    for extra in [other_plan, other_key] {
        all.insert(0, extra);
    }
    assert_eq!(html(&all).unwrap(), expected);
    all.push(earlier);
    assert!(!html(&all).unwrap().contains("12.50 %"));
}
