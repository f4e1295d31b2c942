use super::*;
use crate::sigmoid::Degree;
use crate::sigmoid::OddPolynomial;

/// 200 rows of two classes, nearly separable, unit variance, with the constant.
fn rows() -> (Array2<f64>, Vec<u32>) {
    let labels: Vec<u32> = (0..200).map(|i| u32::from(i % 3 == 0)).collect();
    let rows = Array2::from_shape_fn((200, 4), |(i, j)| {
        let noise = ((i * 7919 + j * 104_729 + i * i * j) % 199) as f64 / 99.0 - 1.0;
        match j {
            3 => 1.0,
            0 => noise * 0.7 + if labels[i] == 1 { 1.2 } else { -0.6 },
            _ => noise * 1.7,
        }
    });
    (rows, labels)
}

fn check(
    steps: &[f64],
    degree: Degree,
    range: f64,
    limits: Limits,
) -> Result<CheckReport, PlanRefused> {
    let (rows, labels) = rows();
    let checked = Checked {
        schedule: Schedule::new(steps.to_vec()).unwrap(),
        polynomials: OddPolynomial::fit(degree, range).unwrap().into(),
        rounding: None,
    };
    check_plan(rows.view(), &labels, 2, &checked, limits)
}

#[test]
fn a_sound_plan_passes_with_its_figures() {
    let report = check(&[4.0, 4.0, 4.0], Degree::Three, 8.0, Limits::default()).unwrap();
    assert_eq!((report.iterations.len(), report.held_out), (3, 40));
    assert_eq!(report.allowed_loss, allowed_loss(40, report.disagreeing));
    assert_eq!(report.iterations[0].largest_score, 0.0);
    assert!(report.iterations[2].largest_score > 1.0);
    assert!(report.iterations.iter().all(|f| f.correct_exact >= 30));
    // 133 rows are of class 0.
    assert_eq!(report.baseline().hits, 133 / 5);
    assert_eq!(
        report.client_only().hits,
        report.iterations[0].correct_polynomial as u64
    );
    assert!(!report.learns_nothing());
}

#[test]
fn scores_beyond_twice_the_range_are_refused() {
    let refused = check(&[4.0, 16.0, 16.0], Degree::Three, 1.0, Limits::default());
    match refused {
        Err(PlanRefused::Score {
            score,
            limit,
            suggested,
            ..
        }) => assert!(score > limit && 2.0 * suggested >= score),
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_beyond_the_modulus_are_refused_first() {
    let limits = Limits {
        gradient: 10.0,
        ..Limits::default()
    };
    match check(&[4.0, 16.0, 16.0], Degree::Three, 1.0, limits) {
        Err(PlanRefused::Modulus {
            iteration, what, ..
        }) => assert_eq!((iteration, what), (1, "gradient")),
        other => panic!("{other:?}"),
    }
}

/// Classes in turns: a split by place would hold out whole classes.
#[test]
fn rows_in_turns_are_judged_like_any_others() {
    let labels: Vec<u32> = (0..600).map(|row| row % 10).collect();
    let rows = Array2::from_shape_fn((600, 11), |(i, j)| match j {
        10 => 1.0,
        _ if i % 10 == j => 1.0,
        _ => ((i * 7919 + j * 104_729) % 97) as f64 / 400.0,
    });
    let limits = Limits::default();
    let checked = Checked {
        schedule: Schedule::ladder(4.0, 4.0, 2).unwrap(),
        polynomials: OddPolynomial::fit(Degree::Three, 6.0).unwrap().into(),
        rounding: None,
    };
    let report = check_plan(rows.view(), &labels, 10, &checked, limits).unwrap();
    assert_eq!((report.held_out, report.largest_class), (120, 12));
    assert_eq!(report.accuracy().hits, 120);
}

#[test]
fn a_twin_that_learns_nothing_is_refused() {
    // Nine of ten rows are of class 0; what the others differ in says nothing about them.
    let labels: Vec<u32> = (0..1000).map(|row| u32::from(row % 10 == 0)).collect();
    let figures = |correct| IterationFigures {
        iteration: 1,
        largest_score: 1.0,
        range: 6.0,
        beyond_range: 0.0,
        largest_gradient: 1.0,
        largest_weight: 1.0,
        correct_polynomial: correct,
        correct_exact: correct,
    };
    let judged = |correct| {
        let report = CheckReport {
            temperature: None,
            iterations: vec![figures(correct)],
            held_out: 200,
            range: 6.0,
            ranges: 2.0,
            disagreeing: 0,
            allowed_loss: 1,
            largest_class: Split::of_labels(&labels).largest_class(&labels),
        };
        judge(report, Limits::default())
    };
    // 180 of 200 is the baseline; Wilson's interval of 170 ends at 89.3 %.
    assert!(matches!(
        judged(170),
        Err(PlanRefused::NothingLearnt { expected: 180, .. })
    ));
    assert!(judged(178).unwrap().learns_nothing());
    assert!(!judged(181).unwrap().learns_nothing());
}

#[test]
fn a_run_away_twin_is_refused() {
    let refused = check(&[400.0; 60], Degree::Three, 0.5, Limits::default());
    assert!(matches!(
        refused,
        Err(PlanRefused::Twin(TrainError::Diverged { .. }))
    ));
}

#[test]
fn accuracy_may_fall_by_the_allowance_and_no_further() {
    let figures = |correct_polynomial| IterationFigures {
        iteration: 1,
        largest_score: 1.0,
        range: 6.0,
        beyond_range: 0.0,
        largest_gradient: 1.0,
        largest_weight: 1.0,
        correct_polynomial,
        correct_exact: 980,
    };
    // 0.3 points of 1000 rows are three rows; of 25 rows less than one; 30 rows by chance differ by 5.
    assert_eq!(allowed_loss(1000, 2), 3);
    assert_eq!(allowed_loss(25, 0), 1);
    assert_eq!(allowed_loss(1000, 30), 5);
    let judged = |correct| {
        let report = CheckReport {
            temperature: None,
            iterations: vec![figures(correct)],
            held_out: 1000,
            range: 6.0,
            ranges: 2.0,
            disagreeing: 2,
            allowed_loss: allowed_loss(1000, 2),
            largest_class: 300,
        };
        judge(report, Limits::default())
    };
    assert!(judged(977).is_ok());
    assert!(matches!(
        judged(976),
        Err(PlanRefused::Accuracy { expected: 977, .. })
    ));
}
