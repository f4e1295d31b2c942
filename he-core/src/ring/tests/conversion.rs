//! Base conversion and division at the edges.

use super::*;

/// Digits of 9 limbs exceed one chunk of a lazy sum; 48-bit primes next to 20-bit ones differ most.
#[test]
fn base_conversion_is_exact_for_any_mix_of_primes() {
    let log_n = 6;
    let large = ntt_primes(48, log_n, 14, &[]).unwrap();
    let small = ntt_primes(20, log_n, 3, &[]).unwrap();
    let middle = ntt_primes(36, log_n, 3, &[]).unwrap();
    let chain: Vec<u64> = [&large[..9], &middle, &small].concat();
    let ring = Ring::new(log_n, &chain, &large[9..]).unwrap();
    for alpha in [1, 4, 9, 15] {
        let a = random(&ring, ring.basis(14), alpha as u64);
        let coefficients = a.clone().into_coeff();
        for (d, digit) in a.decompose(alpha).into_iter().enumerate() {
            let own = alpha * d..(alpha * (d + 1)).min(15);
            // What the digit must be, from its own primes alone.
            let primes: Vec<u64> = own.clone().map(|i| chain[i]).collect();
            let part = Ring::new(log_n, &primes, &[]).unwrap();
            let limbs: Vec<u64> = own
                .flat_map(|i| coefficients.limb_canonical(i).collect::<Vec<_>>())
                .collect();
            let part =
                Poly::<Coeff>::from_canonical(&part, part.basis(primes.len() - 1), &limbs).unwrap();
            assert_eq!(
                lift(&digit.into_coeff()),
                lift(&part),
                "alpha {alpha}, digit {d}"
            );
        }
    }
}

#[test]
fn extreme_residues_convert_exactly() {
    let ring = ring(6, 3, 2);
    // Coefficients next to 0, to a quarter and to plus and minus half of Q.
    let q: i128 = (0..3).map(|i| i128::from(ring.q(i).value())).product();
    let edge = [
        0,
        1,
        -1,
        q / 2,
        -(q / 2),
        q / 2 - 1,
        1 - q / 2,
        q / 4,
        -q / 4,
    ];
    let coefficients: Vec<i128> = (0..64).map(|i| edge[i % edge.len()]).collect();
    let a = Poly::from_wide(&ring, ring.basis(2), &coefficients).unwrap();
    let digits = a.into_ntt().decompose(3);
    for (x, y) in coefficients
        .iter()
        .zip(lift(&digits[0].clone().into_coeff()))
    {
        let difference = (BigInt::from(*x) - y).magnitude().clone();
        // Within 2^-48 Q of a tie either neighbour is right.
        let tie = x.abs() > q / 2 - 10;
        assert!(
            difference == 0u32.into() || (tie && difference == (q as u128).into()),
            "{x}"
        );
    }
}

#[test]
fn rescaling_by_a_larger_prime_is_exact() {
    let log_n = 6;
    let mut chain = ntt_primes(20, log_n, 2, &[]).unwrap();
    chain.extend(ntt_primes(48, log_n, 1, &[]).unwrap());
    let ring = Ring::new(log_n, &chain, &[]).unwrap();
    let a = random(&ring, ring.basis(2), 9);
    let exact = lift(&a.clone().into_coeff());
    let mut b = a;
    b.rescale();
    let b = b.into_coeff();
    let p = BigInt::from(chain[2]);
    let whole = &p * product(&b);
    for (x, y) in exact.iter().zip(lift(&b)) {
        let error = centred(x - y * &p, &whole);
        assert!(error.magnitude() * 2u32 <= *p.magnitude());
    }
}

/// The same bits for one thread and for three, in sizes that are spread over threads.
#[test]
fn results_do_not_depend_on_threads() {
    let ring = ring(12, 4, 2);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let mut a = random(&ring, ring.basis(3), 5);
            let digits = a.decompose(2);
            let mut sum = Poly::zero(&ring, ring.extended_basis(3));
            sum.inner_product_acc(&[(&digits[0], &digits[1]), (&digits[1], &digits[1])]);
            a.mul_assign(&divided(sum, 0).automorphism(GaloisElement::rotation(7, 12)));
            a.rescale();
            (0..3)
                .flat_map(|i| a.limb(i).to_vec())
                .map(f64::to_bits)
                .collect::<Vec<_>>()
        })
    };
    assert!(run(1) == run(3));
}
