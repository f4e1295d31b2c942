//! Linear maps on every evaluator.

use super::*;
use crate::ckks::diagonals::{
    Diagonals, coefficients_to_slots, gather_rotations, slots_to_coefficients,
};
use crate::params::{Params, ParamsLiteral};

/// Sparse packing: 16 slots, repeated.
const PERIOD: usize = 16;
const TOP: Placement = Placement {
    level: Level(8),
    scale: (1u64 << 40) as f64,
};

/// N = 2^10 with eight levels: four layers there and back, one at a time. **Insecure.**
fn insecure_test_deep() -> Arc<Params> {
    let literal = ParamsLiteral {
        log_n: 10,
        q_bits: [vec![47], vec![40; 8]].concat(),
        p_bits: vec![48, 48],
        dnum: 5,
    };
    Arc::new(Params::insecure_test(literal).unwrap())
}

fn repeated(n: usize) -> Vec<Complex64> {
    let period = slots(PERIOD);
    (0..n).map(|i| period[i % PERIOD]).collect()
}

fn splits() -> Vec<Vec<u32>> {
    vec![
        vec![4],
        vec![1, 3],
        vec![2, 2],
        vec![3, 1],
        vec![1, 1, 2],
        vec![1, 2, 1],
        vec![2, 1, 1],
        vec![1, 1, 1, 1],
    ]
}

/// To coefficients and back by one split: the ciphertext between and the one after.
fn round<E: Evaluator>(
    eval: &E,
    encryptor: &impl Encryptor<E>,
    split: &[u32],
    babies: usize,
) -> Result<[E::Ct; 2], EvalError> {
    let z = encryptor.encrypt(&repeated(eval.slots()), TOP, 1.0)?;
    let maps = |factors: &[Diagonals]| LinearMaps::new(eval, factors, babies);
    let there = maps(&slots_to_coefficients(PERIOD, split).unwrap())?;
    let back = maps(&coefficients_to_slots(PERIOD, split).unwrap())?;
    assert_eq!(there.levels(), split.len());
    let between = there.apply(eval, &z, TOP.scale)?;
    let mut after = back.apply(eval, &between, TOP.scale)?;
    // What the two bounds, each of its own, cannot know.
    eval.declare_bound(&mut after, 1.0)?;
    Ok([between, after])
}

#[test]
fn slots_go_to_coefficients_and_back_by_every_split_on_every_evaluator() {
    let params = insecure_test_deep();
    let simulator = Simulator::new(Arc::clone(&params));
    for split in splits() {
        for babies in [1, 2, 4] {
            round(&simulator, &SimulatorEncryptor(&simulator), &split, babies).unwrap();
        }
    }
    let context = Context::new(Arc::clone(&params)).unwrap();
    let key = Arc::new(SecretKey::generate(&context).unwrap());
    // The very keys that the simulator asked for.
    let ckks = Ckks::new(key.evaluation_keys_at(&simulator.key_levels()).unwrap()).unwrap();
    let encryptor = SecretKeyEncryptor::new(Arc::clone(&key)).unwrap();
    let decryptor = SecretKeyDecryptor::new(key).unwrap();
    let clear = Clear::new(params);
    let z = repeated(clear.slots());
    for (split, babies) in splits().into_iter().zip([1, 2, 4, 1, 2, 4, 1, 2]) {
        let factors = slots_to_coefficients(PERIOD, &split).unwrap();
        let coefficients = (factors.iter()).fold(slots(PERIOD), |v, m| m.apply(&v));
        let between: Vec<_> = (0..z.len()).map(|i| coefficients[i % PERIOD]).collect();
        let exact = round(&clear, &ClearHolder(&clear), &split, babies).unwrap();
        let found = round(&ckks, &encryptor, &split, babies).unwrap();
        let pairs = exact.iter().zip(&found).zip([&between, &z]);
        for ((clear_ct, ct), expected) in pairs {
            // Sums of 16 values below 1, a few roundings each.
            agree(clear_ct.slots(), expected, 1e-13);
            assert_eq!(clear.meta(clear_ct), ct.meta());
            let slots = decryptor.decrypt(ct).unwrap();
            agree(&slots, expected, WORST * ct.meta().error());
        }
        let levels = found.map(|ct| TOP.level.0 - ct.meta().level.0);
        assert_eq!(levels, [split.len(), 2 * split.len()]);
    }
}

/// Decompositions, key products, divisions by P.
fn switches(simulator: &Simulator) -> [u64; 3] {
    [
        CountedOp::Decompose,
        CountedOp::KeyProduct,
        CountedOp::ModDown,
    ]
    .map(|op| simulator.tally().total(op))
}

#[test]
fn a_map_costs_its_baby_steps_its_giant_steps_and_its_last_rotation() {
    let params = insecure_test_deep();
    // 31 diagonals at distance 1 from -15 on, and 16 at distance 16 that go around.
    let factors = coefficients_to_slots(256, &[4, 4]).unwrap();
    let (gathered, rotation) = gather_rotations(&factors);
    assert_eq!(rotation, 256 - 15);
    for (m, babies, expected, keys) in [
        (&factors[1], 4, [1 + 7 + 1, 3 + 7 + 1, 3 + 7 + 1], 5),
        (&gathered[1], 4, [1 + 7, 3 + 7, 3 + 7], 4),
        (&gathered[1], 8, [1 + 3, 7 + 3, 7 + 3], 8),
        (&gathered[1], 1, [30, 30, 30], 1),
        (&gathered[1], 64, [1, 30, 30], 30),
        (&factors[0], 4, [1 + 3, 3 + 3, 3 + 3], 4),
    ] {
        let simulator = Simulator::new(Arc::clone(&params));
        let map = LinearMap::new(&simulator, m, babies).unwrap();
        let ct = simulator.fresh(TOP, 1.0, 1.0).unwrap();
        let out = map.apply(&simulator, &ct, TOP.scale).unwrap();
        assert_eq!(switches(&simulator), expected);
        assert_eq!(simulator.key_set().len(), keys);
        assert_eq!(simulator.meta(&out).level, Level(TOP.level.0 - 1));
        let products = simulator.tally().total(CountedOp::PlainProduct);
        assert_eq!(products, m.iter().len() as u64);
        assert_eq!(simulator.meta(&out).bound, m.row_sum());
    }
}

#[test]
fn a_period_that_does_not_fit_is_refused_and_so_is_a_map_without_levels() {
    let clear = Clear::new(insecure_test_deep());
    let wide = slots_to_coefficients(1024, &[10]).unwrap();
    let error = LinearMap::new(&clear, &wide[0], 4).map(|_| ()).unwrap_err();
    assert!(matches!(error.cause, Refusal::SlotCount { .. }));

    let factors = slots_to_coefficients(PERIOD, &[2, 2]).unwrap();
    let maps = LinearMaps::new(&clear, &factors, 2).unwrap();
    let low = Placement {
        level: Level(1),
        ..TOP
    };
    let z = ClearHolder(&clear)
        .encrypt(&repeated(clear.slots()), low, 1.0)
        .unwrap();
    let error = maps
        .apply(&clear, &z, 2f64.powi(38))
        .map(|_| ())
        .unwrap_err();
    assert!(matches!(error.cause, Refusal::LevelExhausted { .. }));
}
