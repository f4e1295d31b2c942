//! The training on clear slots equals the recurrence on matrices.

use he_core::error::Report;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use he_core::evaluator::{Clear, CountedOp, Evaluator, Simulator};
use he_core::key_holder::ClearHolder;
use he_core::params::{Params, ParamsLiteral};
use ndarray::Array2;

use super::{MemorySource, ShapeSource, State, TrainError, Unobserved, resume, train};
use crate::clear::paper::{self, Direction};
use crate::clear::whitened::{self, Schedule};
use crate::client::decrypt::decrypt;
use crate::client::encrypt::Uploads;
use crate::data::{FeatureSet, TrainingSet};
use crate::packing::{Arrangement, Shape};
use crate::plan::{
    Bounds, FirstGradient, Job, Method, Owners, Polynomial, Program, Scales, fit_scales,
};
use crate::sigmoid::{Activation, Degree, OddPolynomial};

/// A tiny insecure ring with 512 slots and `levels` levels of 40 bits.
pub(super) fn ring(levels: usize) -> Arc<Params> {
    static KNOWN: Mutex<BTreeMap<usize, Arc<Params>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap();
    Arc::clone(known.entry(levels).or_insert_with(|| make_ring(levels)))
}

fn make_ring(levels: usize) -> Arc<Params> {
    let mut q_bits = vec![47];
    q_bits.extend(vec![40; levels]);
    let literal = ParamsLiteral {
        log_n: 10,
        dnum: q_bits.len() as u32,
        q_bits,
        p_bits: vec![48, 48],
    };
    Arc::new(Params::insecure_test(literal).unwrap())
}

/// Smooth made-up data with a constant column and rms of at most 1; the sum of squares of a row stays about the same for any width,
/// so that scores stay within the polynomial's range.
pub(super) fn samples(shape: Shape) -> (Array2<f64>, Vec<u32>) {
    let amplitude = 0.9 * (4.0 / shape.columns as f64).sqrt().min(1.0);
    let labels: Vec<u32> = (0..shape.samples)
        .map(|i| (i * 7 % shape.classes) as u32)
        .collect();
    let x = Array2::from_shape_fn((shape.samples, shape.columns), |(i, j)| {
        if j == 0 {
            1.0
        } else {
            amplitude * ((i * (j + 3)) as f64 * 0.37 + f64::from(labels[i]) * j as f64).sin()
        }
    });
    (x, labels)
}

pub(super) fn program(
    shape: Shape,
    method: Method,
    iterations: usize,
    row_length: usize,
) -> Program {
    let (x, _) = samples(shape);
    let curvature = paper::diagonal(&x).iter().fold(0.0f64, |a, &b| a.max(b));
    let schedule = Schedule::ladder(4.0, 6.0, iterations).unwrap();
    let schedule = match method {
        Method::Whitened { .. } => schedule.steps().to_vec(),
        Method::Paper { .. } => vec![1.0; iterations],
    };
    Program {
        shape,
        method,
        schedule,
        polynomial: Polynomial::new(&polynomial()),
        bounds: Bounds {
            data: 1.0,
            column_rms: 1.0,
            data_rms: 1.0,
            score: 12.0,
            weight: 4.0,
            curvature,
        },
        arrangement: Arrangement::RowMajor,
        row_length,
        classes_per_pass: shape.classes,
        radix: 4,
        scales: Scales {
            data: 36,
            first: 34,
            error: 34,
            curvature: 24,
        },
        owners: Owners::default(),
        refresh: None,
    }
}

/// The clear twins' weights.
pub(super) fn reference(program: &Program, x: &Array2<f64>, labels: &[u32]) -> Array2<f64> {
    let classes = program.shape.classes;
    let activation = Activation::from(program.polynomial.polynomials().unwrap());
    let iterations = program.schedule.len();
    match program.method {
        Method::Whitened { .. } => {
            let schedule = Schedule::new(program.schedule.clone()).unwrap();
            let run = whitened::train(x.view(), labels, classes, &schedule, &activation);
            run.unwrap().last().clone()
        }
        Method::Paper { .. } => {
            // The twin adds the constant column by itself.
            let raw = x.slice(ndarray::s![.., 1..]).to_owned();
            let set = FeatureSet::new(raw, labels.to_vec(), None, "made up").unwrap();
            let set = TrainingSet::try_from(set).unwrap();
            let run = paper::train(&set, iterations, &activation, Direction::QuadraticGradient);
            run.unwrap().weights[iterations - 1].clone()
        }
    }
}

fn polynomial() -> OddPolynomial {
    OddPolynomial::fit(Degree::Three, 6.0).unwrap()
}

struct Outcome {
    distance: f64,
    spread: f64,
    clear: Clear,
    job: Job,
}

fn run(program: Program) -> Outcome {
    let shape = program.shape;
    let (x, labels) = samples(shape);
    let expected = reference(&program, &x, &labels);
    let params = ring(Job::new(program.clone(), 512).unwrap().levels().top());
    let fitted = fit_scales(&program, &params);
    let (job, _) = fitted.unwrap_or_else(|e| panic!("{shape:?}: {e:?}"));
    let clear = Clear::new(params);
    let encryptor = ClearHolder(&clear);
    let uploads = Uploads::new(&job, x.view(), &labels).unwrap();
    let source: MemorySource<_> = uploads
        .encrypt_all::<Clear>(&encryptor)
        .collect::<Result<_, _>>()
        .unwrap();
    let weights = train(&job, &clear, &source, &Unobserved).unwrap_or_else(|e| panic!("{e}"));
    let opened = decrypt(&job, &clear, &encryptor, &weights).unwrap();
    let distance = (&opened.weights - &expected)
        .iter()
        .fold(0.0f64, |a, b| a.max(b.abs()));
    Outcome {
        distance,
        spread: opened.replica_spread,
        clear,
        job,
    }
}

pub(super) const CLIENT: Method = Method::Whitened {
    first_gradient: FirstGradient::Client,
};
pub(super) const SERVER: Method = Method::Whitened {
    first_gradient: FirstGradient::Server,
};
pub(super) const PAPER: Method = Method::Paper {
    start_weight: 0.0128,
};

#[test]
fn training_on_clear_slots_equals_the_recurrence_on_matrices() {
    // (samples, columns, classes, iterations, row length): partial blocks, several groups, one column a row, one row a ciphertext,
    // a first gradient of more than one ciphertext (c g = 12 over 8 rows), more classes than columns of a row, six blocks: more than go at once.
    for (samples, columns, classes, iterations, row_length) in [
        (100, 8, 3, 1, 8),
        (100, 8, 3, 2, 8),
        (150, 11, 4, 3, 8),
        (300, 5, 2, 4, 4),
        (40, 190, 4, 2, 64),
        (60, 6, 5, 2, 1),
        (3, 500, 2, 2, 512),
        (90, 7, 5, 3, 4),
        (90, 190, 4, 2, 64),
    ] {
        let shape = Shape {
            samples,
            columns,
            classes,
        };
        for method in [CLIENT, SERVER] {
            let out = run(program(shape, method, iterations, row_length));
            // Values of order 1 through at most 4 iterations of f64 sums of a few hundred terms: rounding stays far below 1e-9.
            assert!(
                out.distance < 1e-9 && out.spread < 1e-9,
                "{shape:?} {method:?} T = {iterations}, p = {row_length}: {} {}",
                out.distance,
                out.spread
            );
        }
        if iterations <= 2 {
            let out = run(program(shape, PAPER, iterations, row_length));
            assert!(out.distance < 1e-9, "{shape:?}: {}", out.distance);
        }
    }
}

#[test]
fn the_diagonal_arrangement_trains_the_same() {
    // (samples, columns, classes, iterations, row length): one group, square and oblong turns, columns that pad, as many groups as rows,
    // two passes with an odd rest, five blocks.
    for (samples, columns, classes, iterations, row_length, classes_per_pass) in [
        (100, 8, 3, 2, 8, 3),
        (150, 11, 4, 3, 4, 4),
        (300, 40, 2, 2, 4, 1),
        (700, 20, 5, 2, 1, 2),
        (40, 190, 4, 3, 32, 4),
        (30, 400, 3, 2, 16, 2),
        (150, 190, 4, 2, 32, 3),
    ] {
        let shape = Shape {
            samples,
            columns,
            classes,
        };
        for method in [CLIENT, SERVER] {
            let program = Program {
                arrangement: Arrangement::Diagonal,
                classes_per_pass,
                ..program(shape, method, iterations, row_length)
            };
            let out = run(program);
            assert!(
                out.distance < 1e-9 && out.spread < 1e-9,
                "{shape:?} {method:?} T = {iterations}, p = {row_length}: {} {}",
                out.distance,
                out.spread
            );
        }
    }
}

#[test]
fn passes_change_no_bit() {
    let shape = Shape {
        samples: 150,
        columns: 11,
        classes: 5,
    };
    for method in [CLIENT, SERVER, PAPER] {
        let distances = [5, 3, 1].map(|classes_per_pass| {
            run(Program {
                classes_per_pass,
                ..program(shape, method, 2, 8)
            })
            .distance
        });
        assert_eq!(distances[0], distances[1]);
        assert_eq!(distances[0], distances[2]);
    }
}

#[test]
fn degrees_5_and_7_train_as_their_twins_do() {
    let shape = Shape {
        samples: 150,
        columns: 11,
        classes: 4,
    };
    for degree in [Degree::Five, Degree::Seven] {
        for arrangement in [Arrangement::RowMajor, Arrangement::Diagonal] {
            for method in [CLIENT, SERVER, PAPER] {
                if method == PAPER && arrangement == Arrangement::Diagonal {
                    continue;
                }
                let fitted = OddPolynomial::fit(degree, 6.0).unwrap();
                let program = Program {
                    arrangement,
                    polynomial: Polynomial::new(&fitted),
                    ..program(shape, method, 2, 4)
                };
                let out = run(program);
                assert!(
                    out.distance < 1e-9,
                    "{degree:?} {method:?}: {}",
                    out.distance
                );
            }
        }
    }
}

#[test]
fn the_trace_counts_what_the_training_does() {
    let shape = Shape {
        samples: 150,
        columns: 11,
        classes: 4,
    };
    for method in [CLIENT, SERVER, PAPER] {
        let out = run(program(shape, method, 2, 8));
        let simulator = Simulator::new(ring(out.job.levels().top()));
        train(
            &out.job,
            &simulator,
            &ShapeSource::new(&simulator, &out.job),
            &Unobserved,
        )
        .unwrap();
        assert_eq!(simulator.tally().rows(), out.clear.tally().rows());
        assert!(simulator.tally().total(CountedOp::KeyProduct) > 0);
    }
}

#[test]
fn a_resumed_run_ends_with_the_same_weights() {
    struct Keep<'a>(&'a Mutex<Vec<State<<Clear as Evaluator>::Ct>>>);
    impl super::Observer<Clear> for Keep<'_> {
        fn iteration_done(
            &self,
            state: &State<<Clear as Evaluator>::Ct>,
        ) -> Result<(), super::SourceError> {
            self.0
                .lock()
                .map_err(|e| e.to_string())?
                .push(state.clone());
            Ok(())
        }
    }
    let shape = Shape {
        samples: 100,
        columns: 8,
        classes: 3,
    };
    let (x, labels) = samples(shape);
    let job = Job::new(program(shape, CLIENT, 3, 8), 512).unwrap();
    let clear = Clear::new(ring(job.levels().top()));
    let encryptor = ClearHolder(&clear);
    let source: MemorySource<_> = Uploads::new(&job, x.view(), &labels)
        .unwrap()
        .encrypt_all::<Clear>(&encryptor)
        .collect::<Result<_, _>>()
        .unwrap();
    let states = Mutex::default();
    let whole = train(&job, &clear, &source, &Keep(&states)).unwrap();
    let states = states.into_inner().unwrap();
    assert_eq!(states.iter().map(|s| s.done).collect::<Vec<_>>(), [1, 2, 3]);
    for state in states {
        let again = resume(&job, &clear, &source, &Unobserved, state).unwrap();
        for (a, b) in again.iter().flatten().zip(whole.iter().flatten()) {
            assert_eq!(a.slots(), b.slots());
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let shape = Shape {
        samples: 300,
        columns: 11,
        classes: 4,
    };
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build()
            .unwrap()
            .install(|| run(program(shape, CLIENT, 3, 4)).distance)
    };
    assert_eq!(with(1), with(4));
}

#[test]
fn refusals_name_step_and_iteration() {
    let shape = Shape {
        samples: 100,
        columns: 8,
        classes: 3,
    };
    let job = Job::new(program(shape, CLIENT, 3, 8), 512).unwrap();
    let short = Simulator::new(ring(8));
    let error = train(&job, &short, &ShapeSource::new(&short, &job), &Unobserved).unwrap_err();
    assert!(matches!(
        error,
        TrainError::Levels {
            needed: 9,
            available: 8
        }
    ));
    // Errors at a scale far too large for the modulus of the last level.
    let mut loud = program(shape, CLIENT, 2, 8);
    loud.scales.error = 60;
    let job = Job::new(loud, 512).unwrap();
    let simulator = Simulator::new(ring(job.levels().top()));
    let error = train(
        &job,
        &simulator,
        &ShapeSource::new(&simulator, &job),
        &Unobserved,
    )
    .unwrap_err();
    insta::assert_snapshot!(Report::of(&error));
    // An upload at another place than the plan's.
    let mut elsewhere = program(shape, CLIENT, 2, 8);
    elsewhere.scales.first = 33;
    let other = Job::new(elsewhere, 512).unwrap();
    let error = train(
        &job,
        &simulator,
        &ShapeSource::new(&simulator, &other),
        &Unobserved,
    )
    .unwrap_err();
    insta::assert_snapshot!(Report::of(&error));
}

#[test]
fn a_cancelled_run_says_so() {
    struct Stop;
    impl super::Observer<Simulator> for Stop {
        fn cancelled(&self) -> bool {
            true
        }
    }
    let shape = Shape {
        samples: 100,
        columns: 8,
        classes: 3,
    };
    let job = Job::new(program(shape, CLIENT, 2, 8), 512).unwrap();
    let simulator = Simulator::new(ring(job.levels().top()));
    let error = train(&job, &simulator, &ShapeSource::new(&simulator, &job), &Stop).unwrap_err();
    assert!(matches!(error, TrainError::Cancelled { iteration: 1, .. }));
}
