//! Samplers: frozen streams and moments.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::*;
use crate::arith::tests::hash;

/// Keys and ciphertexts are derived from these streams: they must never change.
#[test]
fn samplers_never_change() {
    let ring = ring(6, 2, 1);
    let mut rng = ChaCha20Rng::seed_from_u64(6);
    let uniform = Poly::<Ntt>::uniform(&ring, ring.extended_basis(1), &mut rng);
    let found = [
        hash(uniform.to_canonical()),
        hash(ternary(1000, &mut rng).into_iter().map(|x| x as u64)),
        hash(binomial(1000, &mut rng).into_iter().map(|x| x as u64)),
    ];
    assert_eq!(
        found,
        ["1dd68cb442d97997", "509f54d8d61469f0", "73af0a1e86812f3e"]
    );
}

/// Limbs longer than what is drawn at a time: the values, and where the stream goes on, are those of the definition.
#[test]
fn uniform_residues_are_drawn_one_after_the_other() {
    let ring = ring(12, 3, 1);
    let basis = ring.extended_basis(2);
    let mut rng = ChaCha20Rng::seed_from_u64(8);
    let mut reference = rng.clone();
    let uniform = Poly::<Ntt>::uniform(&ring, basis, &mut rng);
    for i in 0..basis.limbs() {
        let p = uniform.modulus(i).value();
        let mask = p.next_power_of_two() - 1;
        let expected = std::iter::repeat_with(|| reference.next_u64() & mask)
            .filter(|candidate| *candidate < p)
            .take(ring.degree());
        assert!(uniform.limb_canonical(i).eq(expected), "prime {p}");
        let half = (p / 2) as f64;
        assert!(uniform.limb(i).iter().all(|x| x.abs() <= half));
    }
    assert_eq!(rng.next_u64(), reference.next_u64());
}

/// Means and variances within 6 standard deviations of the estimates: a right sampler fails for one seed in 10^8, and the seed is
/// fixed.
#[test]
fn samplers_have_their_moments() {
    let n = 1u32 << 16;
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let moments = |values: &[i64]| {
        let mean =
            |f: fn(i64) -> i64| values.iter().map(|x| f(*x)).sum::<i64>() as f64 / f64::from(n);
        (mean(|x| x), mean(|x| x * x))
    };
    let six = 6.0 / f64::from(n).sqrt();
    let values = ternary(n as usize, &mut rng);
    let (mean, square) = moments(&values);
    // The square is 1 with probability 2/3: mean 2/3, variance 2/9.
    assert!(mean.abs() < six * (2f64 / 3.0).sqrt());
    assert!((square - 2.0 / 3.0).abs() < six * (2f64 / 9.0).sqrt());
    let values = binomial(n as usize, &mut rng);
    let (mean, square) = moments(&values);
    // A sum of 42 signs of 1/2: variance 10.5, fourth moment 3 x 10.5^2 - 42/8.
    assert!(mean.abs() < six * 10.5f64.sqrt());
    assert!((square - 10.5).abs() < six * (2.0 * 10.5f64.powi(2) - 5.25).sqrt());
    assert!(values.iter().all(|x| x.abs() <= 21));
    // Uniform balanced residues: mean 0, variance p^2/12.
    let ring = ring(12, 1, 0);
    let uniform = Poly::<Coeff>::uniform(&ring, ring.basis(0), &mut rng);
    let mean = uniform.limb(0).iter().sum::<f64>() / 4096.0 / ring.q(0).p();
    assert!(mean.abs() < 6.0 / 64.0 / 12f64.sqrt());
}

#[test]
fn sparse_coefficients_are_as_many_as_asked_for_and_anywhere() {
    let mut rng = ChaCha20Rng::seed_from_u64(9);
    let once = sparse_ternary(1000, 32, &mut rng);
    assert_eq!(hash(once.into_iter().map(|x| x as u64)), "c04f6f138ca82390");
    let (mut signs, mut counts) = (0, [0f64; 8]);
    for _ in 0..2000 {
        let values = sparse_ternary(64, 32, &mut rng);
        assert_eq!(values.iter().filter(|x| **x != 0).count(), 32);
        assert!(values.iter().all(|x| x.abs() <= 1));
        signs += values.iter().sum::<i64>();
        for (k, x) in values.iter().enumerate() {
            counts[k / 8] += x.abs() as f64;
        }
    }
    // 64,000 signs, and 8,000 of them in each eighth: variances 64,000 and at most 4,000.
    assert!((signs as f64).abs() < 6.0 * 64_000f64.sqrt());
    assert!(
        counts
            .iter()
            .all(|c| (c - 8_000.0).abs() < 6.0 * 4_000f64.sqrt())
    );
    assert_eq!(sparse_ternary(5, 0, &mut rng), [0; 5]);
    assert!(sparse_ternary(5, 5, &mut rng).iter().all(|x| x.abs() == 1));
}
