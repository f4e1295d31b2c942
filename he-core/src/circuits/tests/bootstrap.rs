//! A whole bootstrapping, from 2^10 to 2^12 and back. **Insecure** sizes.

use super::*;
use crate::circuits::bootstrap::*;
use crate::evaluator::scales_match;
use crate::params::ParamsLiteral;

const SCALE: f64 = (1u64 << 32) as f64;
const BOUND: f64 = 8.0;

fn low() -> Placement {
    Placement {
        level: Level(2),
        scale: SCALE,
    }
}

/// Values up to the bound: unrelated ones, one constant at the bound in both parts, one in the real part, zero.
fn values(n: usize) -> Vec<Vec<Complex64>> {
    let side = BOUND / std::f64::consts::SQRT_2;
    let mixed = (0..n).map(|i| {
        let x = (1.9 * i as f64 + 0.3).sin();
        let y = (3.1 * (i * i % 1009) as f64).cos();
        Complex64::new(x, y) * side
    });
    vec![
        mixed.collect(),
        vec![Complex64::new(side, -side); n],
        vec![Complex64::from(BOUND); n],
        vec![Complex64::ZERO; n],
    ]
}

fn worst(found: &[Complex64], expected: &[Complex64]) -> f64 {
    let errors = found.iter().zip(expected).map(|(a, b)| (a - b).norm());
    errors.fold(0.0, f64::max)
}

/// The real thing.
struct Real {
    ckks: Ckks,
    boot: Bootstrap<Ckks, CkksCrossing>,
    encryptor: SecretKeyEncryptor,
    decryptor: SecretKeyDecryptor,
}

impl Real {
    fn new(plan: &Arc<BootstrapPlan>) -> Self {
        let bridge = plan.bridge();
        let key = Arc::new(SecretKey::generate(bridge.small()).unwrap());
        let ckks = Ckks::new(key.evaluation_keys_at(plan.keys()).unwrap()).unwrap();
        let way = key.bridge_keys(bridge, plan.large_keys()).unwrap();
        let way = CkksCrossing::new(bridge, way).unwrap();
        Self {
            boot: Bootstrap::new(&ckks, way, plan).unwrap(),
            encryptor: SecretKeyEncryptor::new(Arc::clone(&key)).unwrap(),
            decryptor: SecretKeyDecryptor::new(key).unwrap(),
            ckks,
        }
    }

    /// What comes out of slots at a scale, and the most that the refresh itself adds to a slot: the noise of the encryption apart, which it keeps.
    fn added(&self, slots: &[Complex64], scale: f64) -> (Meta, f64) {
        let at = Placement { scale, ..low() };
        let ct = self.encryptor.encrypt(slots, at, BOUND).unwrap();
        let brought = self.decryptor.decrypt(&ct).unwrap();
        let out = self.boot.refresh(&self.ckks, &ct).unwrap();
        let found = self.decryptor.decrypt(&out).unwrap();
        (out.meta(), worst(&found, &brought))
    }

    /// What comes out, and the error of its worst slot.
    fn refreshed(&self, slots: &[Complex64]) -> (Meta, f64) {
        let ct = self.encryptor.encrypt(slots, low(), BOUND).unwrap();
        let out = self.boot.refresh(&self.ckks, &ct).unwrap();
        (
            out.meta(),
            worst(&self.decryptor.decrypt(&out).unwrap(), slots),
        )
    }
}

#[test]
fn a_bootstrap_gives_levels_again_on_every_evaluator() {
    let plan = BootstrapPreset::insecure_test()
        .insecure_test_plan()
        .unwrap();
    let bridge = plan.bridge();
    let params = bridge.small().params();
    let real = Real::new(&plan);
    let clear = Clear::new(Arc::clone(params));
    let twin = Bootstrap::new(&clear, ClearCrossing::new(bridge).unwrap(), &plan).unwrap();
    let simulator = Simulator::new(Arc::clone(params));
    let trace = Bootstrap::new(&simulator, SimulatorCrossing::new(bridge), &plan).unwrap();
    let ct = SimulatorEncryptor(&simulator)
        .encrypt(&[], low(), BOUND)
        .unwrap();
    let simulated = simulator.meta(&trace.refresh(&simulator, &ct).unwrap());
    assert_eq!(simulated.placement(), Refresh::<Simulator>::output(&trace));
    for (k, slots) in values(params.slots()).into_iter().enumerate() {
        let (meta, noisy) = real.refreshed(&slots);
        assert_eq!(meta, simulated);
        // Scales are exact, whatever the primes.
        assert!(scales_match(meta.scale, SCALE));
        let ct = ClearHolder(&clear).encrypt(&slots, low(), BOUND).unwrap();
        let exact = twin.refresh(&clear, &ct).unwrap();
        assert_eq!(clear.meta(&exact), meta);
        let sine = worst(exact.slots(), &slots);
        // The stated error holds for the worst slot of the worst vector, and says not much more than it.
        assert!(noisy <= plan.worst_error(), "{k}: {noisy:e}");
        assert!(noisy >= plan.worst_error() / 16.0, "{k}: {noisy:e}");
        assert!(sine <= plan.error());
    }
    // What the plan alone says of it is what the circuit does.
    let by_plan = Simulator::new(Arc::clone(params));
    let ct = SimulatorEncryptor(&by_plan)
        .encrypt(&[], low(), BOUND)
        .unwrap();
    let said = Refresh::<Simulator>::refresh(&*plan, &by_plan, &ct).unwrap();
    let said = by_plan.meta(&said);
    assert_eq!(said.placement(), simulated.placement());
    assert!((said.noise / simulated.noise - 1.0).abs() < 0.01);
    assert_eq!(by_plan.tally().rows(), simulator.tally().rows());
    let rows = trace.large().tally().rows();
    assert_eq!(rows.len(), real.boot.large().tally().rows().len());
    assert!(plan.precision_bits() >= 12.0);
}

#[test]
#[ignore = "three minutes: a thousand bootstraps"]
fn a_thousand_bootstraps_keep_what_is_stated() {
    let plan = BootstrapPreset::insecure_test()
        .insecure_test_plan()
        .unwrap();
    let real = Real::new(&plan);
    let mut vectors = values(real.ckks.slots());
    for k in 0..1000 {
        let slots = &mut vectors[k % 4];
        slots.rotate_right(k % 7 + 1);
        let (_, noisy) = real.refreshed(slots);
        assert!(noisy <= plan.worst_error(), "{k}: {noisy:e}");
    }
}

#[test]
#[ignore = "minutes and 5 GB: fifty bootstraps at full size"]
fn fifty_bootstraps_at_full_size_keep_what_is_stated() {
    let plan = BootstrapPreset::weights_2_14().plan().unwrap();
    let real = Real::new(&plan);
    let mut vectors = values(real.ckks.slots());
    for k in 0..50 {
        let slots = &mut vectors[k % 4];
        slots.rotate_right(k % 7 + 1);
        let (_, noisy) = real.refreshed(slots);
        assert!(noisy <= plan.worst_error(), "{k}: {noisy:e}");
    }
}

/// A second pass, at **insecure** sizes: of the known set, and of one for a ring as trainings have it.
fn twice() -> Vec<Arc<BootstrapPlan>> {
    let training = ParamsLiteral {
        log_n: 10,
        q_bits: [vec![47], vec![38; 10]].concat(),
        p_bits: vec![48, 48],
        dnum: 11,
    };
    let sets = [
        BootstrapPreset::insecure_test(),
        BootstrapPreset::of_ring(training, 9, BOUND),
    ];
    sets.map(|set| {
        set.insecure_test_plan()
            .unwrap()
            .with_second_pass()
            .unwrap()
    })
    .to_vec()
}

#[test]
fn a_second_pass_takes_the_error_of_the_first_away_on_every_evaluator() {
    for plan in twice() {
        let bridge = plan.bridge();
        let bits = plan.shape().second_pass.unwrap();
        let once = BootstrapShape {
            second_pass: None,
            ..plan.shape().clone()
        };
        let once = BootstrapPlan::new(bridge, once).unwrap();
        // As many bits as there is room for: one more would let the first pass's error leave the bound.
        let more = BootstrapShape {
            second_pass: Some(bits + 1),
            ..plan.shape().clone()
        };
        let refused = BootstrapPlan::new(bridge, more).unwrap_err();
        assert!(matches!(refused.cause, Refusal::BoundExceeded { .. }));
        assert!(plan.precision_bits() > once.precision_bits() + 7.0);
        assert!((plan.log_failure() - once.log_failure() - 1.0).abs() < 1e-9);
        assert_eq!(plan.keys(), once.keys());
        assert_eq!(plan.large_keys(), once.large_keys());
        assert_eq!(plan.memory_bytes(), once.memory_bytes());
        assert_eq!(plan.large_products(), 2 * once.large_products());

        let params = bridge.small().params();
        let scale = plan.shape().output_scale;
        let at = Placement { scale, ..low() };
        let real = Real::new(&plan);
        let clear = Clear::new(Arc::clone(params));
        let twin = Bootstrap::new(&clear, ClearCrossing::new(bridge).unwrap(), &plan).unwrap();
        let simulator = Simulator::new(Arc::clone(params));
        let trace = Bootstrap::new(&simulator, SimulatorCrossing::new(bridge), &plan).unwrap();
        let holder = SimulatorEncryptor(&simulator);
        let ct = holder.encrypt(&[], at, BOUND).unwrap();
        let simulated = simulator.meta(&trace.refresh(&simulator, &ct).unwrap());
        let said = Refresh::<Simulator>::refresh(&*plan, &simulator, &ct).unwrap();
        assert_eq!(simulated.placement(), simulator.meta(&said).placement());
        assert!((simulator.meta(&said).noise / simulated.noise - 1.0).abs() < 0.01);
        for (k, slots) in values(params.slots()).into_iter().enumerate() {
            let (meta, noisy) = real.added(&slots, scale);
            assert_eq!(meta, simulated);
            assert!(noisy <= plan.worst_error(), "{k}: {noisy:e}");
            assert!(noisy >= plan.worst_error() / 16.0, "{k}: {noisy:e}");
            let ct = ClearHolder(&clear).encrypt(&slots, at, BOUND).unwrap();
            let exact = twin.refresh(&clear, &ct).unwrap();
            assert_eq!(clear.meta(&exact), meta);
            assert!(worst(exact.slots(), &slots) <= plan.error());
        }
        let rows = trace.large().tally().rows();
        assert_eq!(rows, *plan.large_work());
        assert_eq!(
            rows,
            twin.large()
                .tally()
                .rows()
                .iter()
                .map(|&(op, level, n)| (op, level, n / 4))
                .collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_second_pass_needs_the_scale_that_it_gives_back() {
    let plan = &twice()[0];
    let real = Real::new(plan);
    let slots = &values(real.ckks.slots())[0];
    let half = Placement {
        scale: SCALE / 2.0,
        ..low()
    };
    let ct = real.encryptor.encrypt(slots, half, BOUND).unwrap();
    let before = real.ckks.tally().rows();
    let error = real.boot.refresh(&real.ckks, &ct).map(|_| ()).unwrap_err();
    assert!(matches!(error.cause, Refusal::ScaleMismatch { .. }));
    assert_eq!(real.ckks.tally().rows(), before);
    // No multiple at all, and one that leaves no scale, are none.
    for bits in [0, 31] {
        let shape = BootstrapShape {
            second_pass: Some(bits),
            ..plan.shape().clone()
        };
        let error = BootstrapPlan::new(plan.bridge(), shape).unwrap_err();
        assert!(matches!(error.cause, Refusal::NotFinite { .. }));
    }
}

/// `count` refreshes of vectors of every kind.
fn many(plan: &Arc<BootstrapPlan>, count: usize) {
    let real = Real::new(plan);
    let mut vectors = values(real.ckks.slots());
    for k in 0..count {
        let slots = &mut vectors[k % 4];
        slots.rotate_right(k % 7 + 1);
        let (_, noisy) = real.added(slots, plan.shape().output_scale);
        assert!(noisy <= plan.worst_error(), "{k}: {noisy:e}");
    }
}

#[test]
#[ignore = "half a minute: two hundred bootstraps of two passes"]
fn two_hundred_bootstraps_of_two_passes_keep_what_is_stated() {
    for plan in twice() {
        many(&plan, 100);
    }
}

#[test]
#[ignore = "minutes and 5 GB: ten bootstraps of two passes at full size"]
fn ten_bootstraps_of_two_passes_at_full_size_keep_what_is_stated() {
    let plan = BootstrapPreset::weights_2_14().plan().unwrap();
    let plan = plan.with_second_pass().unwrap();
    many(&plan, 10);
}

/// A key set, and a plan at sizes that count, without any data.
#[test]
fn the_set_for_weights_is_secure_key_by_key_and_fails_never() {
    let preset = BootstrapPreset::weights_2_14();
    let shape = preset.shape.clone();
    let plan = preset.plan().unwrap();
    let moduli = plan.bridge().key_moduli();
    assert_eq!(moduli.len(), 5);
    for key in &moduli {
        let cap = f64::from(key.weight.cap_128(key.log_n).unwrap());
        assert!(key.log_qp <= cap, "{key:?}");
    }
    let ratio = 2f64.powi(-10);
    let n = plan.bridge().small().params().n();
    assert_eq!(shape.overflow, least_overflow(32, ratio, n, -64.0));
    assert!(plan.log_failure() <= -64.0);
    assert!(plan.precision_bits() >= 13.5, "{}", plan.precision_bits());
    assert!(plan.key_bytes() < 700_000_000);
    // Two passes: bounded by the noise of the small ring at 32 bits of scale.
    let twice = plan.with_second_pass().unwrap();
    assert!(twice.precision_bits() >= plan.precision_bits() + 5.5);
    assert!((19.0..20.0).contains(&twice.precision_bits()));
    assert!(twice.log_failure() <= -64.0);
    // The trace, three maps, a conjugation, eleven of the sine, the two of the end.
    assert_eq!(plan.large_products(), 2 + 10 + 10 + 10 + 1 + 11 + 2);
}

/// Sets for rings that are given: as short as the known ones, and secure with more levels and in a larger ring.
#[test]
fn a_set_is_found_for_every_ring_of_weights() {
    let known = BootstrapPreset::weights_2_14();
    let same = BootstrapPreset::of_ring(known.small.clone(), 8, BOUND);
    assert_eq!(same, known);
    let small = |log_n, levels: usize, bits, special: &[u32]| ParamsLiteral {
        log_n,
        q_bits: [vec![47], vec![bits; levels]].concat(),
        p_bits: special.to_vec(),
        dnum: levels as u32 + 1,
    };
    for (literal, level) in [
        (small(14, 10, 32, &[26, 26]), 10),
        (small(14, 9, 33, &[26, 26]), 9),
        (small(15, 16, 36, &[48, 48]), 14),
    ] {
        let set = BootstrapPreset::of_ring(literal, level, 8.0);
        let plan = set.plan().unwrap();
        assert!(plan.precision_bits() >= 12.0, "{}", plan.precision_bits());
        let twice = plan.with_second_pass().unwrap();
        assert!(twice.precision_bits() >= plan.precision_bits() + 5.0);
        assert!(plan.log_failure() <= -80.0);
        let output = Refresh::<Simulator>::output(&*plan);
        assert_eq!(output.level, Level(level));
    }
    // A ring without a larger one.
    let largest = BootstrapPreset::of_ring(small(16, 8, 36, &[48, 48]), 8, 8.0);
    assert!(largest.plan().is_err());
}

#[test]
fn what_a_bootstrap_cannot_do_is_refused_before_any_work() {
    let plan = BootstrapPreset::insecure_test()
        .insecure_test_plan()
        .unwrap();
    let bridge = plan.bridge();
    let clear = Clear::new(Arc::clone(bridge.small().params()));
    let boot = Bootstrap::new(&clear, ClearCrossing::new(bridge).unwrap(), &plan).unwrap();
    let holder = ClearHolder(&clear);
    let n = clear.slots();
    let refused = |slots: &[Complex64], at: Placement, bound: f64| {
        let ct = holder.encrypt(slots, at, bound).unwrap();
        let before = clear.tally().rows();
        let error = boot.refresh(&clear, &ct).map(|_| ()).unwrap_err();
        assert_eq!(clear.tally().rows(), before);
        assert_eq!(error.op, Op::Refresh);
        error.cause
    };
    // What is declared decides: a value over the bound would wrap around in silence.
    let zero = vec![Complex64::ZERO; n];
    let beyond = Refusal::BoundExceeded {
        declared: BOUND,
        found: 8.5,
    };
    assert_eq!(refused(&zero, low(), 8.5), beyond);
    let level = Level(1);
    let short = Refusal::LevelExhausted {
        needed: Level(2),
        available: level,
    };
    assert_eq!(refused(&zero, Placement { level, ..low() }, 1.0), short);

    // Insecure rings are not taken for others, nor are splits that are none, nor chains that are too short.
    assert!(matches!(
        BootstrapPreset::insecure_test().plan(),
        Err(PresetError::Bridge(_))
    ));
    let mut preset = BootstrapPreset::insecure_test();
    preset.shape.to_slots = vec![3, 3, 2];
    assert!(matches!(
        preset.insecure_test_plan(),
        Err(PresetError::Eval(error)) if matches!(error.cause, Refusal::Split(_))
    ));
    let mut preset = BootstrapPreset::insecure_test();
    preset.shape.bound = f64::NAN;
    assert!(matches!(
        preset.insecure_test_plan(),
        Err(PresetError::Eval(error)) if matches!(error.cause, Refusal::NotFinite { .. })
    ));
    let mut preset = BootstrapPreset::insecure_test();
    preset.shape.doublings = 4;
    assert!(matches!(
        preset.insecure_test_plan(),
        Err(PresetError::Eval(error)) if matches!(error.cause, Refusal::LevelExhausted { .. })
    ));
}
