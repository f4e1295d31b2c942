//! Ways between two rings.

use super::*;
use crate::params::sparse::Weight;
use crate::params::{KeyLevels, ParamsError};
use crate::rlwe::{Bridge, BridgeError, BridgeShape};

/// X^4: the gap between 2^10 and 2^12.
const GAP: usize = 4;

fn of(log_n: u32, q_bits: Vec<u32>, p_bits: Vec<u32>) -> Arc<Context> {
    let literal = ParamsLiteral {
        log_n,
        dnum: q_bits.len() as u32,
        q_bits,
        p_bits,
    };
    Context::new(Arc::new(Params::insecure_test(literal).unwrap())).unwrap()
}

fn shape() -> BridgeShape {
    BridgeShape {
        weight: 32,
        enter_p_bits: vec![48, 48],
        leave_level: 2,
        leave_p_bits: vec![48, 48],
        output_level: 2,
    }
}

fn bridge() -> Arc<Bridge> {
    let small = of(10, vec![46, 32, 32], vec![48, 48]);
    let large = of(12, vec![47; 4], vec![48, 48]);
    Bridge::insecure_test(&small, &large, shape()).unwrap()
}

/// Coefficients of the small ring, up to 2^32.
fn coefficients() -> Vec<i64> {
    (0..1024).map(|i| (i - 500) * 8_000_000 + i * i).collect()
}

fn encrypted(key: &SecretKey, level: usize, message: &[i64]) -> Ciphertext {
    let ring = key.context().ring();
    let plain = Poly::from_signed(ring, ring.basis(level), message).unwrap();
    key.encrypt(&plain.into_ntt()).unwrap()
}

#[test]
fn entering_adds_multiples_of_the_prime_that_the_sparse_key_bounds() {
    let bridge = bridge();
    let key = key(bridge.small());
    let keys = key.bridge_keys(&bridge, &KeyLevels::default()).unwrap();
    let gain = 8;
    let ct = encrypted(&key, 0, &coefficients());
    let found = bridge.enter(&keys, &ct, gain).unwrap();
    assert_eq!(found.level(), 3);
    let across = key.across(&bridge).unwrap();
    let found = integers(&across.decrypt(&found).unwrap());
    let (from, to) = (
        bridge.small().params().q()[0],
        bridge.large().params().q()[0],
    );
    let ratio = gain as f64 * to as f64 / from as f64;
    let (mut errors, mut overflow) = (vec![], vec![]);
    for (k, x) in found.iter().enumerate() {
        let message = if k % GAP == 0 {
            coefficients()[k / GAP] as f64 * ratio
        } else {
            0.0
        };
        let i = ((x - message) / to as f64).round();
        errors.push(x - message - i * to as f64);
        overflow.push(i);
    }
    // 32 values of -1/2 .. 1/2 and the message make at most 16.
    assert!(overflow.iter().all(|i| i.abs() <= 16.0));
    // A sum of 33 uniform values: variance 33/12. Of 4096 such, the mean square deviates by sqrt(2/4096), 2.2 percent.
    let square = overflow.iter().map(|i| i * i).sum::<f64>() / 4096.0;
    assert_near("variance of the overflow", square, 33.0 / 12.0, 0.11);
    // The error's largest part, rounding under both dense keys: as for the key switches, and a quarter of the coefficients.
    let fresh = noise::fresh_secret(1024).hypot(noise::encode(1024));
    let expected = noise::entering(&bridge, fresh, gain);
    assert_near("noise of entering", slot_rms(&errors, 4096), expected, 0.15);
}

#[test]
fn leaving_brings_every_fourth_coefficient_to_the_small_chain() {
    let bridge = bridge();
    let key = key(bridge.small());
    let keys = key.bridge_keys(&bridge, &KeyLevels::default()).unwrap();
    let across = key.across(&bridge).unwrap();
    // The switch divides by about 2^31.
    let large: Vec<i64> = (0..4096)
        .map(|k| {
            if k % GAP == 0 {
                coefficients()[k / GAP] << 29
            } else {
                77 << 40
            }
        })
        .collect();
    let ct = encrypted(&across, 2, &large);
    let found = bridge.leave(&keys, &ct).unwrap();
    assert_eq!(found.level(), 2);
    let found = integers(&key.decrypt(&found).unwrap());
    let modulus = |q: &[u64]| q.iter().map(|q| *q as f64).product::<f64>();
    let ratio = modulus(bridge.small().params().q()) / modulus(&bridge.large().params().q()[..3]);
    let errors: Vec<_> = (found.iter().enumerate())
        .map(|(k, x)| x - large[k * GAP] as f64 * ratio)
        .collect();
    let expected = noise::leaving(&bridge, 0.0);
    assert_near("noise of leaving", slot_rms(&errors, 1024), expected, 0.15);
    // Rounding to the nearest: no bias beyond its own standard error.
    let mean = errors.iter().sum::<f64>() / 1024.0;
    assert!(
        mean.abs() < 5.0 * slot_rms(&errors, 1024) / 1024.0,
        "{mean}"
    );
}

#[test]
fn nothing_is_drawn_twice_for_two_bridges_of_one_seed() {
    let first = bridge();
    let small = of(11, vec![46, 32, 32], vec![48, 48]);
    let second = Bridge::insecure_test(&small, first.large(), shape()).unwrap();
    assert_eq!(
        first.entering().fingerprint(),
        second.entering().fingerprint()
    );
    let keys = [&first, &second].map(|bridge| {
        let set = KeySet {
            relinearise: true,
            ..KeySet::default()
        };
        key(bridge.small())
            .bridge_keys(bridge, &set.up_to(bridge.large().params().max_level()))
            .unwrap()
    });
    let seeds = keys.each_ref().map(|keys| {
        let relinearisation = keys.large().get(KeyId::Relinearisation).unwrap();
        let way = keys.way().map(|key| key.seed().unwrap().0);
        [&way[..], &[relinearisation.seed().unwrap().0]].concat()
    });
    let all: std::collections::BTreeSet<_> = seeds.iter().flatten().collect();
    assert_eq!(all.len(), 8);
}

#[test]
fn ciphertexts_at_another_level_or_of_another_ring_are_refused() {
    let bridge = bridge();
    let key = key(bridge.small());
    let keys = key.bridge_keys(&bridge, &KeyLevels::default()).unwrap();
    let high = encrypted(&key, 1, &coefficients());
    let refused = |result: Result<Ciphertext, RlweError>| result.map(|_| ()).unwrap_err();
    assert!(matches!(
        refused(bridge.enter(&keys, &high, 1)),
        RlweError::Basis { .. }
    ));
    assert!(matches!(
        refused(bridge.leave(&keys, &high)),
        RlweError::Foreign { .. }
    ));
    assert!(matches!(
        key.switching_key(KeyId::Raise),
        Err(RlweError::MissingKey { .. })
    ));
    // The same parameters, but another context.
    assert!(matches!(
        key.across(&self::bridge()),
        Err(RlweError::Foreign { .. })
    ));
    let large = keys.large().clone();
    let missing = BridgeKeys::new(&bridge, vec![keys.way()[0].clone()], large);
    assert!(matches!(
        missing,
        Err(RlweError::MissingKey { key: KeyId::Raise })
    ));
}

/// At sizes of the tables: (small, large) of 2^14 and 2^15.
#[test]
fn a_bridge_with_a_key_beyond_its_cap_does_not_exist() {
    let small = of(14, vec![47, 32], vec![48, 48]);
    let large = of(15, vec![47; 3], vec![48, 48]);
    let with = |change: &dyn Fn(&mut BridgeShape)| {
        let mut shape = BridgeShape {
            output_level: 1,
            ..shape()
        };
        change(&mut shape);
        Bridge::new(&small, &large, shape)
    };
    let bridge = with(&|_| ()).unwrap();
    for key in bridge.key_moduli() {
        let cap = key.weight.cap_128(key.log_n).unwrap();
        assert!(key.log_qp <= f64::from(cap), "{key:?}");
    }
    let under_sparse: Vec<_> = (bridge.key_moduli().into_iter())
        .filter(|key| key.weight != Weight::Uniform)
        .collect();
    assert_eq!(under_sparse.len(), 1);
    assert!((under_sparse[0].log_qp - 143.0).abs() < 0.01);

    let insecure = |change: &dyn Fn(&mut BridgeShape)| match with(change).unwrap_err() {
        BridgeError::Params(ParamsError::InsecureKey { key, .. }) => key,
        other => panic!("{other}"),
    };
    let enter = KeyId::Enter.to_string();
    assert_eq!(insecure(&|s| s.enter_p_bits = vec![48; 3]), enter);
    assert_eq!(insecure(&|s| s.weight = 31), enter);
    // 141 bits and 336: no harm at 2^15, but the key it leads to is one of degree 2^14.
    assert_eq!(
        insecure(&|s| s.leave_p_bits = vec![48; 7]),
        KeyId::Leave.to_string()
    );

    let none =
        |change: &dyn Fn(&mut BridgeShape)| matches!(with(change), Err(BridgeError::Shape { .. }));
    assert!(none(&|s| s.leave_level = 3));
    assert!(none(&|s| s.output_level = 2));
    assert!(none(&|s| s.weight = 0));
    assert!(none(&|s| s.leave_p_bits = vec![47, 48]));
    assert!(matches!(
        Bridge::new(&small, &small, shape()),
        Err(BridgeError::Shape { .. })
    ));
}
