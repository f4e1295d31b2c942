//! Plans of tests for a joint key: a small ring that is labelled as what it is, everything else as in a plan of `velum plan --stats --parties`.

use std::sync::Arc;

use he_core::params::{Params, ParamsLiteral};

use crate::artifacts::PlanFile;
use crate::client::{PrivateFile, Statistics};
use crate::job::{
    Bounds, FirstGradient, Job, Joint, MASK_BITS, Method, Owners, Polynomial, Program, Refreshes,
    Scales, Way,
};
use crate::packing::{Arrangement, Shape};
use crate::plan::{Plan, Under, fit_scales_under};
use crate::sigmoid::{Degree, OddPolynomial};

/// Features of a row: with the constant, three column groups of eight.
pub(super) const FEATURES: usize = 19;
pub(super) const CLASSES: usize = 10;
pub(super) const SCHEDULE: [f64; 2] = [4.0, 8.0];
/// With refreshes by the owners before the third and the fourth iteration.
pub(super) const LONG_SCHEDULE: [f64; 4] = [4.0, 4.0, 4.0, 4.0];
const LAMBDA: f64 = 0.01;

/// The map of pooled statistics, with all axes.
pub(super) fn map_of(pooled: &Statistics) -> PrivateFile {
    PrivateFile {
        whitening: pooled.whitening(FEATURES, LAMBDA).unwrap(),
        class_names: pooled.class_names().map(<[String]>::to_vec),
        description: pooled.description().clone(),
        features_hash: pooled.hash(),
        source: "pooled".into(),
    }
}

/// A plan for owners of so many rows, whose data lie in this arrangement.
pub(super) fn small_plan(
    rows: &[usize],
    map: &PrivateFile,
    joint: Joint,
    arrangement: Arrangement,
) -> PlanFile {
    fitted(small_program(rows, map, joint, arrangement))
}

/// The same with more iterations, between which the owners refresh the weights.
pub(super) fn refreshed_plan(
    rows: &[usize],
    map: &PrivateFile,
    joint: Joint,
    arrangement: Arrangement,
) -> PlanFile {
    fitted(Program {
        schedule: LONG_SCHEDULE.to_vec(),
        refresh: Some(Refreshes {
            way: Way::Owners,
            every: 1,
            bits: MASK_BITS,
            level: 2,
        }),
        ..small_program(rows, map, joint, arrangement)
    })
}

/// A plan for one owner of so many rows, who refreshes the weights before the third and the fourth iteration, whose server bootstraps them there, or neither.
pub(super) fn plan_of_one(rows: usize, way: Option<Way>) -> PlanFile {
    let refreshes = |way| Refreshes {
        way,
        every: 1,
        bits: if way == Way::Bootstrap { 8 } else { 20 },
        level: 0,
    };
    let schedule: &[f64] = if way.is_some() {
        &LONG_SCHEDULE
    } else {
        &SCHEDULE
    };
    fitted(Program {
        schedule: schedule.to_vec(),
        refresh: way.map(refreshes),
        ..program(&[rows], Owners::default(), Arrangement::RowMajor)
    })
}

fn small_program(
    rows: &[usize],
    map: &PrivateFile,
    joint: Joint,
    arrangement: Arrangement,
) -> Program {
    let owners = Owners {
        rows: rows.to_vec(),
        whitening: Some(map.whitening_hash().to_hex().to_string()),
        public_key: true,
        joint: Some(joint),
    };
    program(rows, owners, arrangement)
}

fn program(rows: &[usize], owners: Owners, arrangement: Arrangement) -> Program {
    let cubic = OddPolynomial::fit(Degree::Three, 6.0).unwrap();
    Program {
        shape: Shape {
            samples: rows.iter().sum(),
            columns: FEATURES + 1,
            classes: CLASSES,
        },
        method: Method::Whitened {
            first_gradient: FirstGradient::Client,
        },
        schedule: SCHEDULE.to_vec(),
        polynomial: Polynomial::new(&cubic),
        bounds: Bounds {
            data: 8.0,
            column_rms: 1.0,
            data_rms: 1.0,
            score: 12.0,
            weight: 16.0,
            curvature: 1.0,
        },
        arrangement,
        row_length: 8,
        classes_per_pass: CLASSES,
        radix: 4,
        scales: Scales {
            data: 30,
            first: 30,
            error: 30,
            curvature: 30,
        },
        owners,
        refresh: None,
    }
}

/// The plan of a program at the scales that fit it best.
fn fitted(program: Program) -> PlanFile {
    let parties = program.owners.joint.map_or(1, |joint| joint.parties);
    let levels = Job::new(program.clone(), 512).unwrap().levels().top();
    let literal = ParamsLiteral {
        log_n: 10,
        q_bits: [vec![47], vec![40; levels]].concat(),
        p_bits: vec![48, 48],
        dnum: levels as u32 + 1,
    };
    let params = Params::insecure_test(literal.clone()).unwrap();
    let params = Arc::new(params.for_parties(parties).unwrap());
    let bootstrapped = program
        .refresh
        .is_some_and(|refresh| refresh.way == Way::Bootstrap);
    // What bootstraps does not depend on the scales that are to be found.
    let first =
        bootstrapped.then(|| Plan::insecure_test(program.clone(), literal.clone()).unwrap());
    let under = Under::new(&params, first.as_ref().and_then(Plan::bootstrapping));
    let (job, _) = fit_scales_under(&program, under).unwrap();
    PlanFile::new(Plan::insecure_test(job.program().clone(), literal).unwrap())
}
