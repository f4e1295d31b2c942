use std::sync::Arc;

use num_complex::Complex64;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::*;
use crate::ckks::noise;
use crate::conformance;
use crate::evaluator::{Clear, CountedOp, Evaluator, Meta, Simulator};
use crate::key_holder::{
    ClearHolder, Decryptor, Encryptor, PublicKeyEncryptor, SecretKeyDecryptor, SecretKeyEncryptor,
    SimulatorEncryptor,
};
use crate::params::{KeyLevels, KeySet, Params, ParamsLiteral};
use crate::rlwe::{PublicKey, SecretKey};

/// Largest slot error in units of the expected root mean square. A slot's error is at worst a product of two complex Gaussians (a rounding
/// times the secret): P(|XY| > t) = 2 t K_1(2 t) < sqrt(4 pi t) exp(-2 t), 1.8e-13 at t = 16: 2^20 slots compared exceed it with probability 2e-7.
const WORST: f64 = 16.0;
/// Root mean square error in the same units. Over 1024 slots the mean square strays by sqrt(3 / 1024) = 0.05: 1.5^2 is 20 times that away.
const MEAN: f64 = 1.5;
const SCALE: f64 = (1u64 << 36) as f64;

struct Setup {
    encryptor: SecretKeyEncryptor,
    decryptor: SecretKeyDecryptor,
    public: PublicKey,
    ev: Ckks,
}

fn setup(literal: ParamsLiteral, secure: bool, rotations: &[usize]) -> Setup {
    let params = if secure {
        Params::new(literal)
    } else {
        Params::insecure_test(literal)
    };
    let context = Context::new(Arc::new(params.unwrap())).unwrap();
    let key = Arc::new(SecretKey::generate(&context).unwrap());
    let set = KeySet {
        relinearise: true,
        conjugate: true,
        rotations: rotations.iter().copied().collect(),
    };
    Setup {
        encryptor: SecretKeyEncryptor::new(Arc::clone(&key)).unwrap(),
        decryptor: SecretKeyDecryptor::new(Arc::clone(&key)).unwrap(),
        public: key.public_key().unwrap(),
        ev: Ckks::new(key.evaluation_keys(&set).unwrap()).unwrap(),
    }
}

fn small(rotations: &[usize]) -> Setup {
    let literal = ParamsLiteral {
        log_n: 11,
        q_bits: vec![48, 36, 36, 36, 36],
        p_bits: vec![48, 48],
        dnum: 3,
    };
    setup(literal, false, rotations)
}

fn random_slots(n: usize, seed: u64) -> Vec<Complex64> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut unit = || f64::from(rng.next_u32()) / (1u32 << 31) as f64 - 1.0;
    // Within the unit square, so at most sqrt(2) in absolute value.
    (0..n).map(|_| Complex64::new(unit(), unit())).collect()
}

fn at(level: usize) -> Placement {
    Placement {
        level: Level(level),
        scale: SCALE,
    }
}

impl Setup {
    fn encrypt(&self, slots: &[Complex64], level: usize) -> CkksCt {
        self.encryptor.encrypt(slots, at(level), 1.5).unwrap()
    }

    /// Decrypts and compares with the ledger's expectation, by [`WORST`] and [`MEAN`].
    fn check(&self, what: &str, ct: &CkksCt, expected: impl Fn(usize) -> Complex64) {
        let slots = self.decryptor.decrypt(ct).unwrap();
        let meta = ct.meta();
        let squares = slots
            .iter()
            .enumerate()
            .map(|(i, z)| (z - expected(i)).norm_sqr());
        let mean = (squares.sum::<f64>() / slots.len() as f64).sqrt();
        assert!(mean <= MEAN * meta.error(), "{what}: {mean:e}");
        for (i, z) in slots.iter().enumerate() {
            let error = (z - expected(i)).norm();
            assert!(
                error <= WORST * meta.error(),
                "{what}, slot {i}: error {error:e}, expected {:e}",
                meta.error()
            );
        }
    }
}

#[test]
fn every_level_rotates_conjugates_and_multiplies() {
    let ks = [1usize, 5, 1023];
    let s = small(&ks);
    let n = s.ev.slots();
    let (x, y) = (random_slots(n, 1), random_slots(n, 2));
    for level in 1..=s.ev.params().max_level() {
        let (a, b) = (s.encrypt(&x, level), s.encrypt(&y, level));
        s.check("fresh", &a, |i| x[i]);
        let hoisted = s.ev.hoist(&a).unwrap();
        for k in ks {
            let rotated = s.ev.rotate(&a, k as i64).unwrap();
            s.check("rotation", &rotated, |i| x[(i + k) % n]);
            let again = s.ev.rotate_hoisted(&hoisted, k as i64 - n as i64).unwrap();
            assert_eq!(
                canonical(&rotated),
                canonical(&again),
                "hoisted is the same"
            );
        }
        let conjugate = s.ev.conjugate(&a).unwrap();
        s.check("conjugation", &conjugate, |i| x[i].conj());
        let product = s.ev.mul(&a, &b).unwrap();
        assert_eq!(product.meta().level, Level(level - 1));
        s.check("product", &product, |i| x[i] * y[i]);
        let sum = s.ev.rotate_sum(&a, &[0, 1, -1, 5, 1]).unwrap();
        s.check("sum of rotations", &sum, |i| {
            x[i] + 2.0 * x[(i + 1) % n] + x[(i + n - 1) % n] + x[(i + 5) % n]
        });
    }
}

fn canonical(ct: &CkksCt) -> Vec<u64> {
    let mut all = ct.data.c0().to_canonical();
    all.extend(ct.data.c1().to_canonical());
    all
}

#[test]
fn sums_of_products_and_of_workers_relinearise_once() {
    let s = small(&[]);
    let n = s.ev.slots();
    let x: Vec<_> = (0..11).map(|i| random_slots(n, 10 + i)).collect();
    // Later products may stand above the first one's level; eleven of them exceed what is added at once.
    let cts: Vec<_> = x
        .iter()
        .enumerate()
        .map(|(i, x)| s.encrypt(x, if i == 0 { 2 } else { 2 + i % 3 }))
        .collect();
    let (mut left, mut right) = (s.ev.product_sum(), s.ev.product_sum());
    for i in 0..11 {
        let half = if i < 5 { &mut left } else { &mut right };
        s.ev.add_product(half, &cts[i], &cts[(i * i) % 11]).unwrap();
    }
    s.ev.merge(&mut left, right).unwrap();
    s.ev.merge(&mut left, s.ev.product_sum()).unwrap();
    let sum = s.ev.relinearize_rescale(left).unwrap();
    assert_eq!(sum.meta().level, Level(1));
    assert_eq!(s.ev.tally().total(CountedOp::ModDown), 1);
    s.check("sum of products", &sum, |j| {
        (0..11).map(|i| x[i][j] * x[(i * i) % 11][j]).sum()
    });
}

#[test]
fn all_sums_at_once_are_the_sums_one_by_one() {
    let s = small(&[]);
    let n = s.ev.slots();
    // More factors than go through a piece at a stretch; with `uneven`, sums at different levels.
    for (count, uneven) in [(0, false), (1, false), (19, false), (3, true)] {
        let row = |seed: u64, level: usize| -> Vec<CkksCt> {
            (0..count)
                .map(|i| s.encrypt(&random_slots(n, seed + i), level))
                .collect()
        };
        let left = [
            row(100, 3),
            row(200, if uneven { 2 } else { 4 }),
            row(300, 3),
        ];
        let right = [row(400, 3), row(500, 3)];
        let [a, b] =
            [&left[..], &right[..]].map(|rows| rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let empty = || -> Vec<_> { (0..6).map(|_| s.ev.product_sum()).collect() };
        let (mut together, mut apart) = (empty(), empty());
        // One sum is there before the others, and a product waits in it.
        for _ in 0..if count > 0 { 5 } else { 0 } {
            for sum in [&mut together[0], &mut apart[0]] {
                s.ev.add_product(sum, &a[0][0], &b[0][0]).unwrap();
            }
        }
        // Twice: the second products meet sums that are there.
        for _ in 0..2 {
            s.ev.add_matrix_product(&mut together, &a, &b).unwrap();
            for (k, sum) in apart.iter_mut().enumerate() {
                for (x, y) in a[k / 2].iter().zip(b[k % 2]) {
                    s.ev.add_product(sum, x, y).unwrap();
                }
            }
        }
        for (x, y) in together.into_iter().zip(apart) {
            if count == 0 {
                assert!(s.ev.relinearize_rescale(x).is_err());
                continue;
            }
            let (x, y) = (
                s.ev.relinearize_rescale(x).unwrap(),
                s.ev.relinearize_rescale(y).unwrap(),
            );
            assert_eq!(x.meta(), y.meta());
            assert!(canonical(&x) == canonical(&y));
        }
    }
}

#[test]
fn linear_operations_bring_operands_to_the_lower_level() {
    let s = small(&[2, 7]);
    let n = s.ev.slots();
    let (x, y, w) = (random_slots(n, 1), random_slots(n, 2), random_slots(n, 3));
    let (a, b) = (s.encrypt(&x, 4), s.encrypt(&y, 2));
    let p = s.ev.plain(w.clone()).unwrap();
    let ok = |r: Result<CkksCt, EvalError>| r.unwrap();
    s.check("sum", &ok(s.ev.add(&a, &b)), |i| x[i] + y[i]);
    s.check("sum", &ok(s.ev.add(&b, &a)), |i| x[i] + y[i]);
    s.check("difference", &ok(s.ev.sub(&a, &b)), |i| x[i] - y[i]);
    s.check("difference", &ok(s.ev.sub(&b, &a)), |i| y[i] - x[i]);
    s.check("plain sum", &ok(s.ev.add_plain(&b, &p)), |i| y[i] + w[i]);
    s.check("integer", &ok(s.ev.mul_integer(&a, -3)), |i| -3.0 * x[i]);
    let landed = ok(s.ev.mul_scalar(&a, -0.37, at(1)));
    assert_eq!(landed.meta().placement(), at(1));
    s.check("constant", &landed, |i| -0.37 * x[i]);
    let dot = ok(s.ev.dot_plain(&[(&a, &p), (&b, &p), (&a, &p)], SCALE));
    assert_eq!(dot.meta().placement(), at(1));
    s.check("dot", &dot, |i| (2.0 * x[i] + y[i]) * w[i]);
    // The encoding of the higher level is found again for the lower one.
    let again = ok(s.ev.mul_plain(&dot, &p, SCALE));
    s.check("plain product", &again, |i| {
        (2.0 * x[i] + y[i]) * w[i] * w[i]
    });
    let each =
        ok(s.ev.rotate_each_and_sum(&[(&a, 2), (&b, 0), (&a, 7), (&b, 2)]));
    assert_eq!(each.meta().level, Level(2));
    s.check("rotations", &each, |i| {
        x[(i + 2) % n] + y[i] + x[(i + 7) % n] + y[(i + 2) % n]
    });
    let mut lower = ok(s.ev.drop_level(&a, Level(0)));
    s.ev.scale_value(&mut lower, 0.25).unwrap();
    s.check("relabelled", &lower, |i| 0.25 * x[i]);
    s.check("untouched", &a, |i| x[i]);
}

#[test]
fn a_public_key_encrypts_and_a_bound_is_held() {
    let s = small(&[]);
    let x = random_slots(s.ev.slots(), 1);
    let encryptor = PublicKeyEncryptor::new(Arc::new(s.public.clone())).unwrap();
    let ct = encryptor.encrypt(&x, at(3), 1.5).unwrap();
    assert!(ct.ciphertext().seed().is_none());
    assert!(ct.meta().noise > 10.0 * s.encrypt(&x, 3).meta().noise);
    s.check("public", &ct, |i| x[i]);
    let refused = Encryptor::<Ckks>::encrypt(&s.encryptor, &x, at(3), 0.5);
    assert!(matches!(
        refused,
        Err(EvalError {
            cause: Refusal::BoundExceeded { declared: 0.5, .. },
            ..
        })
    ));
    let short = Encryptor::<Ckks>::encrypt(&s.encryptor, &x[1..], at(3), 1.5);
    assert!(matches!(
        short,
        Err(EvalError {
            cause: Refusal::SlotCount { .. },
            ..
        })
    ));
    let high = Encryptor::<Ckks>::encrypt(&s.encryptor, &x, at(9), 1.5);
    assert!(matches!(
        high,
        Err(EvalError {
            cause: Refusal::LevelExhausted { .. },
            ..
        })
    ));
}

#[test]
fn missing_keys_and_foreign_operands_are_refused() {
    let s = small(&[1]);
    let x = random_slots(s.ev.slots(), 1);
    let a = s.encrypt(&x, 2);
    let none = Ckks::new(EvaluationKeys::new(s.ev.context())).unwrap();
    let missing = |r: Result<CkksCt, EvalError>, name: &str| match r {
        Err(EvalError {
            cause: Refusal::MissingKey { wanted },
            ..
        }) => assert_eq!(wanted, name),
        other => panic!("expected a missing key, found {other:?}"),
    };
    missing(s.ev.rotate(&a, 3), "rotation by 3");
    missing(s.ev.rotate_sum(&a, &[1, 4]), "rotation by 4");
    missing(s.ev.rotate_each_and_sum(&[(&a, 5)]), "rotation by 5");
    missing(none.conjugate(&a), "conjugation");
    missing(none.mul(&a, &a), "relinearisation");
    let other = small(&[]);
    let refused = other.ev.add(&a, &a);
    assert!(matches!(
        refused,
        Err(EvalError {
            op: Op::Add,
            cause: Refusal::ForeignOperand
        })
    ));
    assert!(matches!(
        other.decryptor.decrypt(&a),
        Err(EvalError {
            cause: Refusal::ForeignOperand,
            ..
        })
    ));
    let admitted = CkksCt::admit(other.ev.context(), a.ciphertext().clone(), a.meta());
    assert!(matches!(
        admitted,
        Err(EvalError {
            cause: Refusal::ForeignOperand,
            ..
        })
    ));
    let wrong_level = Meta {
        level: Level(1),
        ..a.meta()
    };
    assert!(CkksCt::admit(s.ev.context(), a.ciphertext().clone(), wrong_level).is_err());
}

/// A little of everything; the last ciphertext's metadata.
fn program<E: Evaluator>(ev: &E, encryptor: &impl Encryptor<E>, x: &[Complex64]) -> (E::Ct, Meta) {
    let a = encryptor.encrypt(x, at(4), 1.5).unwrap();
    let p = ev.plain(x.to_vec()).unwrap();
    let mut sum = ev.product_sum();
    ev.add_product(&mut sum, &a, &a).unwrap();
    ev.add_product(&mut sum, &a, &ev.conjugate(&a).unwrap())
        .unwrap();
    let b = ev.relinearize_rescale(sum).unwrap();
    let scale = ev.meta(&b).scale;
    let b = ev
        .add_plain(&ev.mul_plain(&b, &p, scale).unwrap(), &p)
        .unwrap();
    let b = ev.add(&b, &ev.rotate_sum(&b, &[0, 1, 2]).unwrap()).unwrap();
    let c = ev
        .rotate_each_and_sum(&[(&b, 2), (&ev.mul_integer(&b, 2).unwrap(), 0)])
        .unwrap();
    let d = ev.mul_scalar(&c, 0.125, at(1)).unwrap();
    let d = ev.sub(&d, &ev.rotate(&d, 1).unwrap()).unwrap();
    let meta = ev.meta(&d);
    (d, meta)
}

#[test]
fn trace_clear_and_ciphertexts_agree_on_a_program() {
    let s = small(&[1, 2]);
    let x = random_slots(s.ev.slots(), 5);
    let (ct, meta) = program(&s.ev, &s.encryptor, &x);
    let params = Arc::clone(s.ev.context().params());
    let (clear, simulator) = (Clear::new(Arc::clone(&params)), Simulator::new(params));
    let (in_clear, clear_meta) = program(&clear, &ClearHolder(&clear), &x);
    let (_, trace_meta) = program(&simulator, &SimulatorEncryptor(&simulator), &x);
    assert_eq!((meta, meta), (clear_meta, trace_meta));
    assert_eq!(s.ev.tally().rows(), simulator.tally().rows());
    assert_eq!(s.ev.tally().rows(), clear.tally().rows());
    let keys = KeyLevels {
        relinearise: Some(4),
        conjugate: Some(4),
        rotations: [(1, 2), (2, 2)].into(),
    };
    assert_eq!(simulator.key_levels(), keys);
    assert_eq!(simulator.key_set(), keys.set());
    s.check("program", &ct, |i| in_clear.slots()[i]);
}

#[test]
fn many_threads_share_an_evaluator_and_its_plaintexts() {
    use rayon::prelude::*;
    let s = small(&[1]);
    let n = s.ev.slots();
    let (x, w) = (random_slots(n, 1), random_slots(n, 2));
    let (a, p) = (s.encrypt(&x, 3), s.ev.plain(w.clone()).unwrap());
    let one = |i: usize| {
        let product =
            s.ev.mul_plain(&a, &p, SCALE * (1.0 + (i % 3) as f64))
                .unwrap();
        s.ev.rotate(&product, 1).unwrap()
    };
    let parallel: Vec<CkksCt> = (0..24).into_par_iter().map(one).collect();
    for (i, ct) in parallel.iter().enumerate() {
        s.check("in parallel", ct, |j| x[(j + 1) % n] * w[(j + 1) % n]);
        assert_eq!(canonical(ct), canonical(&one(i)), "threads change nothing");
    }
}

#[test]
fn a_secure_set_multiplies_and_rotates() {
    // log2(QP) = 48 + 2 * 36 + 48 + 40 = 208 of the 214 that 128 bits allow at N = 2^13.
    let literal = ParamsLiteral {
        log_n: 13,
        q_bits: vec![48, 36, 36],
        p_bits: vec![48, 40],
        dnum: 2,
    };
    let s = setup(literal, true, &[3]);
    let n = s.ev.slots();
    let x = random_slots(n, 1);
    let a = s.encrypt(&x, 2);
    let product = s.ev.rotate(&s.ev.mul(&a, &a).unwrap(), 3).unwrap();
    s.check("product", &product, |i| x[(i + 3) % n] * x[(i + 3) % n]);
    // The error must not be far below the expectation either: that would be encryption without its noise.
    let rotated = s.ev.rotate(&a, 3).unwrap();
    let slots = s.decryptor.decrypt(&rotated).unwrap();
    let mean: f64 = slots
        .iter()
        .enumerate()
        .map(|(i, z)| (z - x[(i + 3) % n]).norm_sqr())
        .sum::<f64>()
        / n as f64;
    let ratio = mean.sqrt() / rotated.meta().error();
    // 4096 slots whose squared errors are exponential, times the key's own spectrum: relative deviation sqrt(3 / 4096) = 0.03 of the
    // mean square, half of it of the root.
    assert!(
        (0.9..1.1).contains(&ratio),
        "measured over expected: {ratio}"
    );
    assert!(rotated.meta().noise > noise::key_switch(s.ev.params(), 2));
}

#[test]
fn the_conformance_suite_passes_and_agrees_with_the_trace() {
    let params = Arc::new(conformance::insecure_test_params().unwrap());
    let context = Context::new(Arc::clone(&params)).unwrap();
    let key = Arc::new(SecretKey::generate(&context).unwrap());
    let keys = key.evaluation_keys(&conformance::key_set(&params)).unwrap();
    let set = conformance::key_set(&params);
    let lower = key.evaluation_keys_at(&set.up_to(params.max_level() - 1));
    let encryptor = SecretKeyEncryptor::new(Arc::clone(&key)).unwrap();
    let decryptor = SecretKeyDecryptor::new(Arc::clone(&key)).unwrap();
    let noisy = conformance::Fidelity::Noisy;
    let ours = conformance::run(&Ckks::new(keys).unwrap(), &encryptor, &decryptor, noisy)
        .unwrap_or_else(|e| panic!("{e}"));
    let simulator = Simulator::new(params);
    let planned = conformance::run_meta(&simulator, &SimulatorEncryptor(&simulator))
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(ours.difference(&planned), None);
    // With the keys that the trace asked for, each at the level it was asked for at, and no higher.
    let exact = key.evaluation_keys_at(&simulator.key_levels()).unwrap();
    let exact = conformance::run(&Ckks::new(exact).unwrap(), &encryptor, &decryptor, noisy)
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(exact.difference(&planned), None);
    let lower = Ckks::new(lower.unwrap()).unwrap();
    conformance::run_with_lower_keys(&lower, &encryptor).unwrap_or_else(|e| panic!("{e}"));
    let keyless = Ckks::new(EvaluationKeys::new(&context)).unwrap();
    conformance::run_without_keys(&keyless, &encryptor).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn a_settled_ciphertext_has_the_residues_that_a_file_gives_back() {
    let set = small(&[]);
    let (ev, at) = (
        &set.ev,
        Placement {
            level: Level(4),
            scale: SCALE,
        },
    );
    let slots: Vec<_> = (0..ev.slots())
        .map(|i| Complex64::new((i as f64).sin(), (i as f64).cos()))
        .collect();
    let a = set.encryptor.encrypt(&slots, at, 1.5).unwrap();
    let mut product = ev.mul(&a, &a).unwrap();
    // Some of 2^11 x 4 residues of a product lie beyond the balanced ones, or this test says nothing.
    let mut c = product.data.c1().clone();
    c.mul_integer(3);
    product.data = Arc::new(Ciphertext::new(c.clone(), c));
    ev.canonicalize(&mut product);
    for poly in [product.data.c0(), product.data.c1()] {
        assert!(poly.is_balanced());
        let (ring, basis) = (poly.ring(), poly.basis());
        let read = Poly::<Ntt>::from_canonical(ring, basis, &poly.to_canonical()).unwrap();
        for i in 0..basis.limbs() {
            assert_eq!(read.limb(i), poly.limb(i));
        }
    }
    assert_eq!(product.meta, ev.mul(&a, &a).unwrap().meta);
}
