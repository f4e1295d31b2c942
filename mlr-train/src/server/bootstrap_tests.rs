//! Runs whose weights the server bootstraps, in clear slots and on ciphertexts of a tiny **insecure** ring.

use std::sync::{Arc, Mutex};

use he_core::circuits::Refresh;
use he_core::circuits::bootstrap::{Bootstrap, CkksCrossing, ClearCrossing};
use he_core::error::Report;
use he_core::evaluator::{Ckks, CkksCt, Clear, ClearCt, CountedOp, Evaluator, Meta, Simulator};
use he_core::key_holder::{ClearHolder, Encryptor, SecretKeyDecryptor, SecretKeyEncryptor};
use he_core::params::ParamsLiteral;
use he_core::rlwe::SecretKey;
use ndarray::Array2;

use super::tests::{CLIENT, SERVER, program, reference, samples};
use super::{
    MemorySource, Observer, ShapeSource, SourceError, State, TrainError, Unobserved, resume, train,
};
use crate::client::decrypt::decrypt;
use crate::client::encrypt::Uploads;
use crate::job::{Job, Method, Polynomial, Program, Refreshes, Way};
use crate::packing::{Arrangement, Shape};
use crate::plan::{Bootstrapping, Plan, Under, fit_scales_under};
use crate::sigmoid::{Degree, OddPolynomial, Polynomials, ScoreRange};

/// Twenty vectors over two column groups, or ten: more than the eight or four that one ciphertext holds.
const TEN: Shape = Shape {
    samples: 90,
    columns: 100,
    classes: 10,
};

/// Four iterations, three of which multiply data with weights, by polynomials of 2, 3 and 4 levels.
fn bootstrapped(shape: Shape, method: Method, every: usize, arrangement: Arrangement) -> Program {
    let seen = ScoreRange {
        range: 8.0,
        rms: 2.0,
    };
    let degrees = [Degree::Three, Degree::Seven, Degree::Fifteen];
    let each = degrees.map(|degree| OddPolynomial::fit_scores(degree, seen).unwrap());
    let row_length = if shape.columns > 64 { 64 } else { 4 };
    Program {
        arrangement,
        polynomial: Polynomial::from(&Polynomials::Each(each.to_vec())),
        refresh: Some(Refreshes {
            level: 0,
            way: Way::Bootstrap,
            every,
            bits: 8,
        }),
        ..program(shape, method, 4, row_length)
    }
}

/// A checked plan at tiny insecure rings, with scales that fit.
fn planned(program: Program) -> Plan {
    planned_passes(program, 1)
}

/// The same, bootstrapped in so many passes.
fn planned_passes(program: Program, passes: u32) -> Plan {
    let job = Job::new(program.clone(), 512).unwrap();
    let literal = ParamsLiteral {
        log_n: 10,
        q_bits: [vec![47], vec![40; job.levels().top()]].concat(),
        p_bits: vec![48, 48],
        dnum: job.levels().top() as u32 + 1,
    };
    let plan = Plan::insecure_test(program.clone(), literal.clone());
    let plan = plan.unwrap_or_else(|e| panic!("{:?}", Report::of(&e)));
    let under = Under::new(plan.params(), plan.bootstrapping());
    let (job, _) = fit_scales_under(&program, under).unwrap();
    Plan::insecure_test_passes(job.program().clone(), literal, passes).unwrap()
}

fn uploads<E: Evaluator>(job: &Job, encryptor: &impl Encryptor<E>) -> MemorySource<E::Ct> {
    let (x, labels) = samples(job.program().shape);
    let uploads = Uploads::new(job, x.view(), &labels).unwrap();
    let all = uploads.encrypt_all::<E>(encryptor);
    all.collect::<Result<_, _>>().unwrap()
}

fn largest_distance(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    (a - b).iter().fold(0.0f64, |most, x| most.max(x.abs()))
}

/// The server: bootstraps, and keeps the states that it saw.
struct Server<E: Evaluator> {
    way: Arc<dyn Refresh<E> + Send>,
    seen: Mutex<Vec<State<E::Ct>>>,
}

impl<E: Evaluator> Server<E> {
    fn new(way: impl Refresh<E> + Send + 'static) -> Self {
        Self {
            way: Arc::new(way),
            seen: Mutex::default(),
        }
    }
}

impl<E: Evaluator> Observer<E> for Server<E> {
    fn bootstrap(&self) -> Result<Option<Arc<dyn Refresh<E>>>, SourceError> {
        Ok(Some(Arc::clone(&self.way) as Arc<dyn Refresh<E>>))
    }

    fn iteration_done(&self, state: &State<E::Ct>) -> Result<(), SourceError> {
        self.seen.lock().unwrap().push(state.clone());
        Ok(())
    }
}

fn in_clear(plan: &Plan) -> (Clear, Server<Clear>, MemorySource<ClearCt>) {
    let boot = plan.bootstrapping().unwrap().plan();
    let clear = Clear::new(Arc::clone(plan.params()));
    let way = ClearCrossing::new(boot.bridge()).unwrap();
    let server = Server::new(Bootstrap::new(&clear, way, boot).unwrap());
    let source = uploads::<Clear>(plan.job(), &ClearHolder(&clear));
    (clear, server, source)
}

#[test]
fn bootstrapped_runs_follow_the_twin_by_the_error_of_the_sine_alone() {
    let small = Shape {
        samples: 150,
        columns: 11,
        classes: 3,
    };
    for (shape, method, every, arrangement, packed) in [
        (TEN, CLIENT, 1, Arrangement::RowMajor, 3),
        (TEN, CLIENT, 1, Arrangement::Diagonal, 3),
        (small, SERVER, 2, Arrangement::RowMajor, 1),
    ] {
        let plan = planned(bootstrapped(shape, method, every, arrangement));
        let (job, estimate) = (plan.job(), plan.estimate());
        let (clear, server, source) = in_clear(&plan);
        let weights = train(job, &clear, &source, &server).unwrap_or_else(|e| panic!("{e}"));
        let opened = decrypt(job, &clear, &ClearHolder(&clear), &weights).unwrap();
        let (x, labels) = samples(shape);
        let twin = reference(job.program(), &x, &labels);
        let distance = largest_distance(&opened.weights, &twin);
        // The sine's error is bounded, and carried on as the estimate says; weights stay far below their bound, where it is least.
        assert!(
            distance < estimate.weight_error(),
            "{distance:e} {:e}",
            estimate.weight_error()
        );
        assert!(distance > 1e-12, "{distance:e}: nothing was bootstrapped");
        assert_eq!(job.refreshes(), 2 / every);
        let said = estimate.bootstrap.as_ref().unwrap();
        assert_eq!(said.ciphertexts, packed);
        assert!(said.failure_log2 <= -64);
        assert_eq!(estimate.refresh_bytes, 0);
        // What the plan reckons with is what is done, operation by operation.
        let simulator = Simulator::new(Arc::clone(plan.params()));
        let shapes = ShapeSource::new(&simulator, job)
            .with_bootstrap(plan.bootstrapping().map(Bootstrapping::plan));
        train(job, &simulator, &shapes, &shapes).unwrap();
        assert_eq!(simulator.tally().rows(), clear.tally().rows());
        // It is read back as it is, with the bootstrapping's own set.
        let read = Plan::parse_insecure_test(&plan.to_json()).unwrap();
        assert_eq!(read, plan);
    }
}

/// Residues of every ciphertext.
fn bits(weights: &[Vec<CkksCt>]) -> Vec<(Meta, Vec<u64>)> {
    let residues = |ct: &CkksCt| {
        let c = ct.ciphertext();
        let limbs = [c.c0(), c.c1()].into_iter().flat_map(|poly| {
            let limbs = 0..poly.basis().limbs();
            limbs.flat_map(|l| poly.limb(l).iter().map(|x| x.to_bits()).collect::<Vec<_>>())
        });
        (ct.meta(), limbs.collect())
    };
    weights.iter().flatten().map(residues).collect()
}

#[test]
fn bootstrapped_ciphertexts_err_as_planned_and_resume_to_the_same_bits() {
    let program = bootstrapped(TEN, CLIENT, 1, Arrangement::Diagonal);
    let [once, twice] = [1, 2].map(|passes| planned_passes(program.clone(), passes));
    // Nothing but the bootstrapping differs, and what follows from it.
    let figures = |plan: &Plan| plan.estimate().bootstrap.clone().unwrap();
    assert_eq!(figures(&once).keys, figures(&twice).keys);
    assert_eq!(
        figures(&twice).failure_log2,
        figures(&once).failure_log2 + 1
    );
    assert!(figures(&twice).precision_centibits > figures(&once).precision_centibits + 500);
    assert!(twice.estimate().weight_error() < once.estimate().weight_error());
    assert_ne!(once.hash(), twice.hash());
    assert_eq!(once.key_binding(), twice.key_binding());
    let text = String::from_utf8(twice.to_json()).unwrap();
    assert!(text.contains("\"second_pass\":"));
    assert_eq!(Plan::parse_insecure_test(text.as_bytes()).unwrap(), twice);
    // Plans with one pass are written as they were before there were two.
    assert!(
        !String::from_utf8(once.to_json())
            .unwrap()
            .contains("second_pass")
    );
    for plan in [once, twice] {
        errs_as_planned_and_resumes(&plan);
    }
}

fn errs_as_planned_and_resumes(plan: &Plan) {
    let (job, estimate) = (plan.job(), plan.estimate());
    let boot = plan.bootstrapping().unwrap().plan();
    let bridge = boot.bridge();
    let key = Arc::new(SecretKey::generate(bridge.small()).unwrap());
    let encryptor = SecretKeyEncryptor::new(Arc::clone(&key)).unwrap();
    let decryptor = SecretKeyDecryptor::new(Arc::clone(&key)).unwrap();
    let eval = Ckks::new(key.evaluation_keys_at(plan.key_levels()).unwrap()).unwrap();
    let keys = key.bridge_keys(bridge, boot.large_keys()).unwrap();
    let way = CkksCrossing::new(bridge, keys).unwrap();
    let server = Server::new(Bootstrap::new(&eval, way, boot).unwrap());
    let source = uploads::<Ckks>(job, &encryptor);
    let weights = train(job, &eval, &source, &server).unwrap_or_else(|e| panic!("{e}"));
    let products = eval.tally().total(CountedOp::KeyProduct);
    assert_eq!(products, estimate.key_products);
    let opened = decrypt(job, &eval, &decryptor, &weights).unwrap();
    let (x, labels) = samples(TEN);
    let twin = reference(job.program(), &x, &labels);
    let distance = largest_distance(&opened.weights, &twin);
    let expected = estimate.weight_error();
    // As for runs without refresh; and not so far below that nothing could exceed it.
    assert!(
        distance < 24.0 * expected && distance > expected / 64.0,
        "{distance:e} {expected:e}"
    );
    let seen = std::mem::take(&mut *server.seen.lock().unwrap());
    // All that a checkpoint does not keep follows from the plan.
    let simulator = Simulator::new(Arc::clone(plan.params()));
    let traced = Server::<Simulator> {
        way: Arc::clone(boot) as Arc<dyn Refresh<Simulator> + Send>,
        seen: Mutex::default(),
    };
    let shapes = ShapeSource::new(&simulator, job).with_bootstrap(Some(boot));
    train(job, &simulator, &shapes, &traced).unwrap();
    for (a, b) in seen.iter().zip(traced.seen.into_inner().unwrap()) {
        for (a, b) in a.ciphertexts().zip(b.ciphertexts()) {
            assert_eq!(a.meta(), simulator.meta(b));
        }
    }
    // From the state before each refresh to the same bits; and nobody who bootstraps ends the run.
    for state in seen.iter().filter(|s| job.refreshes_before(s.done + 1)) {
        let again = resume(job, &eval, &source, &server, state.clone()).unwrap();
        assert!(bits(&again) == bits(&weights));
        let stopped = resume(job, &eval, &source, &Unobserved, state.clone()).unwrap_err();
        assert!(matches!(stopped, TrainError::Refresh { iteration } if iteration == state.done));
    }
}

#[test]
fn a_plan_whose_bootstrapping_does_not_fit_is_refused() {
    let plan = planned(bootstrapped(TEN, CLIENT, 2, Arrangement::Diagonal));
    let text = String::from_utf8(plan.to_json()).unwrap();
    let refused = |from: &str, to: &str| {
        let other = text.replacen(from, to, 1);
        assert_ne!(other, text, "{from}");
        let refused = Plan::parse_insecure_test(other.as_bytes()).unwrap_err();
        format!("{:?}", Report::of(&refused))
    };
    let set = plan.bootstrapping().unwrap().set();
    let bound = format!("\"bound\":{}", set.shape.bound);
    let said = refused(&bound, "\"bound\":1.0");
    assert!(said.contains("bound of W + iV"), "{said}");
    let said = refused("\"bits\":8", "\"bits\":30");
    assert!(said.contains("error of a refresh"), "{said}");
    // Larger multiples of q_0 than the sine takes away come up more often than a decryptor may see.
    let said = refused("\"overflow\":14", "\"overflow\":9");
    assert!(said.contains("probability of failure"), "{said}");
    let output = |level: usize| format!("\"output_level\":{level}");
    let level = set.bridge.output_level;
    let said = refused(&output(level), &output(level - 1));
    assert!(said.contains("level that weights come back at"), "{said}");
    let said = refused("\"way\":\"bootstrap\"", "\"way\":\"client\"");
    assert!(said.contains("bootstrapping"), "{said}");
    // Without the check of security alone: these rings are insecure.
    let said = Plan::parse(text.as_bytes()).unwrap_err().to_string();
    assert!(said.contains("128-bit security"), "{said}");
}
