//! Runs that are refreshed by whoever holds the key, in clear slots and on ciphertexts of a tiny insecure ring.

use std::sync::{Arc, Mutex};

use he_core::error::{Class, Explain as _};
use he_core::evaluator::{Ckks, Clear, CountedOp, Evaluator, Level, Simulator};
use he_core::key_holder::{
    ClearHolder, Decryptor, Encryptor, SecretKeyDecryptor, SecretKeyEncryptor,
};
use he_core::rlwe::{Context, SecretKey};
use ndarray::Array2;

use super::tests::{CLIENT, SERVER, program, ring, samples};
use super::{
    MemorySource, Observer, Refreshed, ShapeSource, SourceError, State, TrainError, Unobserved,
    resume, train,
};
use crate::client::decrypt::decrypt;
use crate::client::encrypt::Uploads;
use crate::client::prepare::{Recipe, Twin};
use crate::client::refresh::{Holder, refresh};
use crate::data::{FeatureSet, TrainingSet};
use crate::job::{Job, Method, Polynomial, Program, Refreshes, Way};
use crate::packing::{Arrangement, Shape};
use crate::plan::{fit_scales, key_levels};
use crate::sigmoid::{Degree, OddPolynomial, Polynomials, ScoreRange};

const SHAPE: Shape = Shape {
    samples: 150,
    columns: 11,
    classes: 3,
};

/// Five iterations, four of which multiply data with weights: polynomials of 2, 3, 4 and 4 levels.
fn refreshed(method: Method, every: usize, arrangement: Arrangement) -> Program {
    let seen = ScoreRange {
        range: 8.0,
        rms: 2.0,
    };
    let degrees = [Degree::Three, Degree::Seven, Degree::Nine, Degree::Fifteen];
    let each = degrees.map(|degree| OddPolynomial::fit_scores(degree, seen).unwrap());
    Program {
        arrangement,
        polynomial: Polynomial::from(&Polynomials::Each(each.to_vec())),
        refresh: Some(Refreshes {
            level: 0,
            way: Way::Client,
            every,
            bits: 12,
        }),
        ..program(SHAPE, method, 5, 4)
    }
}

fn twin(program: &Program) -> Twin {
    let (x, labels) = samples(program.shape);
    let set = FeatureSet::new(x.clone(), labels, None, "made up").unwrap();
    let set = TrainingSet::try_from(set).unwrap();
    Twin::train(&Recipe::of(program).unwrap(), &set, x.view()).unwrap()
}

/// A state that came, and its answer.
type Answered<C> = (State<C>, Refreshed<C>);

/// The client, in this process.
struct Client<'a, E: Evaluator, H, O> {
    job: &'a Job,
    eval: &'a E,
    encryptor: &'a H,
    decryptor: &'a O,
    twin: &'a Twin,
    /// The states that came, and what they were answered with.
    seen: Mutex<Vec<Answered<E::Ct>>>,
}

impl<E: Evaluator, H: Encryptor<E>, O: Decryptor<E>> Observer<E> for Client<'_, E, H, O> {
    fn refresh(&self, state: &State<E::Ct>) -> Result<Option<Refreshed<E::Ct>>, SourceError> {
        let all = state.look_ahead.iter().chain(&state.weights).flatten();
        for ct in all {
            assert_eq!(self.eval.meta(ct).level, Level(0));
        }
        let twin = self.twin.refreshed.iter();
        let twin = twin.into_iter().find(|twin| twin.before == state.done + 1);
        let given = Refreshed {
            look_ahead: state.look_ahead.clone(),
            weights: state.weights.clone(),
        };
        let holder = Holder {
            decryptor: self.decryptor,
            encryptor: self.encryptor,
        };
        let twin = twin.ok_or_else(|| "no refresh here".to_owned())?;
        let answer = refresh(self.job, self.eval, &holder, &given, twin);
        let answer = answer.map_err(SourceError::new)?;
        let mut seen = self.seen.lock().map_err(|e| e.to_string())?;
        seen.push((state.clone(), answer.clone()));
        Ok(Some(answer))
    }
}

fn uploads<E: Evaluator>(job: &Job, encryptor: &impl Encryptor<E>) -> MemorySource<E::Ct> {
    let (x, labels) = samples(SHAPE);
    let uploads = Uploads::new(job, x.view(), &labels).unwrap();
    let all = uploads.encrypt_all::<E>(encryptor);
    all.collect::<Result<_, _>>().unwrap()
}

fn largest_distance(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    (a - b).iter().fold(0.0f64, |most, x| most.max(x.abs()))
}

#[test]
fn refreshed_runs_follow_their_twins_and_count_what_the_trace_counts() {
    for (method, every, arrangement) in [
        (CLIENT, 1, Arrangement::RowMajor),
        (CLIENT, 1, Arrangement::Diagonal),
        (CLIENT, 2, Arrangement::Diagonal),
        (SERVER, 3, Arrangement::RowMajor),
    ] {
        let program = refreshed(method, every, arrangement);
        let twin = twin(&program);
        let levels = Job::new(program.clone(), 512).unwrap().levels().top();
        let params = ring(levels);
        let (job, estimate) = fit_scales(&program, &params).unwrap();
        let clear = Clear::new(Arc::clone(&params));
        let holder = ClearHolder(&clear);
        let client = Client {
            job: &job,
            eval: &clear,
            encryptor: &holder,
            decryptor: &holder,
            twin: &twin,
            seen: Mutex::default(),
        };
        let source = uploads::<Clear>(&job, &holder);
        let weights = train(&job, &clear, &source, &client).unwrap_or_else(|e| panic!("{e}"));
        let opened = decrypt(&job, &clear, &holder, &weights).unwrap();
        // Rounding of f64 alone: no value lay within 1e-12 of a border between two multiples.
        let distance = largest_distance(&opened.weights, &twin.weights);
        assert!(distance < 1e-9, "{method:?} {every}: {distance:e}");
        let seen = client.seen.into_inner().unwrap();
        assert_eq!(seen.len(), 3 / every);
        assert_eq!(
            (job.refreshes(), estimate.refreshes),
            (seen.len(), seen.len() as u64)
        );
        assert!(estimate.refresh_bytes > 0);
        let simulator = Simulator::new(params);
        let shapes = ShapeSource::new(&simulator, &job);
        train(&job, &simulator, &shapes, &shapes).unwrap();
        assert_eq!(simulator.tally().rows(), clear.tally().rows());
        // From every state with its answer the run ends with the same bits.
        for (state, answer) in seen {
            let next = super::refresh::refreshed(&job, &clear, state.clone(), answer).unwrap();
            let client = Client {
                job: &job,
                eval: &clear,
                encryptor: &holder,
                decryptor: &holder,
                twin: &twin,
                seen: Mutex::default(),
            };
            let again = resume(&job, &clear, &source, &client, next).unwrap();
            for (a, b) in again.iter().flatten().zip(weights.iter().flatten()) {
                assert_eq!(a.slots(), b.slots());
            }
            // Nobody who refreshes: the run stops and says where.
            let stopped = resume(&job, &clear, &source, &Unobserved, state.clone()).unwrap_err();
            assert!(
                matches!(stopped, TrainError::Refresh { iteration } if iteration == state.done)
            );
        }
    }
}

#[test]
fn refreshed_ciphertexts_err_as_expected_and_others_are_refused() {
    let program = refreshed(CLIENT, 1, Arrangement::Diagonal);
    let twin = twin(&program);
    let params = ring(Job::new(program.clone(), 512).unwrap().levels().top());
    let (job, estimate) = fit_scales(&program, &params).unwrap();
    let context = Context::new(Arc::clone(&params)).unwrap();
    let key = Arc::new(SecretKey::generate(&context).unwrap());
    let encryptor = SecretKeyEncryptor::new(Arc::clone(&key)).unwrap();
    let decryptor = SecretKeyDecryptor::new(Arc::clone(&key)).unwrap();
    let eval = Ckks::new(key.evaluation_keys_at(&key_levels(&job, &params)).unwrap()).unwrap();
    let source = uploads::<Ckks>(&job, &encryptor);
    let client = |twin| Client {
        job: &job,
        eval: &eval,
        encryptor: &encryptor,
        decryptor: &decryptor,
        twin,
        seen: Mutex::default(),
    };
    let honest = client(&twin);
    let weights = train(&job, &eval, &source, &honest).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        eval.tally().total(CountedOp::KeyProduct),
        estimate.key_products
    );
    let opened = decrypt(&job, &eval, &decryptor, &weights).unwrap();
    let distance = largest_distance(&opened.weights, &twin.weights);
    // As for runs without refresh. Where a value lies near a border between two multiples the twin may stand at the other one: the expectation
    // holds the error of rounding itself, which is more.
    assert!(distance < 24.0 * estimate.weight_error(), "{distance:e}");
    // What it encrypts is rounded: to the twin's own value nearly everywhere, and never more than one multiple away.
    let seen = honest.seen.into_inner().unwrap();
    for ((_, answer), expected) in seen.iter().zip(&twin.refreshed) {
        let opened = decrypt(&job, &eval, &decryptor, &answer.weights).unwrap();
        let off = &opened.weights - &expected.weights;
        let unit = (-12f64).exp2();
        let flips = off.iter().filter(|x| x.abs() > unit / 2.0).count();
        assert!(
            off.iter().all(|x| x.abs() < 1.5 * unit) && flips <= 3,
            "{flips}"
        );
    }
    // A server that sends other weights than those of the training: the first gradient in their place, or those of another iteration.
    let (state, _) = &seen[0];
    for other in [&seen[1].0, &seen[2].0] {
        let forged = State {
            weights: other.weights.clone(),
            ..state.clone()
        };
        let stopped = resume(&job, &eval, &source, &client(&twin), forged).unwrap_err();
        let TrainError::Observer { source, .. } = &stopped else {
            panic!("{stopped}");
        };
        assert!(source.to_string().contains("twin"), "{source}");
        assert_eq!(stopped.inner().unwrap().class(), Class::Verification);
    }
}
