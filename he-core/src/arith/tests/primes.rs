//! Moduli and the prime search.

use super::*;

#[test]
fn primality_is_decided() {
    let sieve: Vec<u64> = (0..2000u64)
        .filter(|n| *n > 1 && (2..*n).all(|d| n % d != 0))
        .collect();
    assert!((0..2000).filter(|n| is_prime(*n)).eq(sieve));
    // A Carmichael number, and strong pseudoprimes to the first 4 and the first 9 prime bases.
    for composite in [561, 3_215_031_751, 3_825_123_056_546_413_051, u64::MAX] {
        assert!(!is_prime(composite));
    }
    for prime in [
        (1 << 61) - 1,
        18_446_744_073_709_551_557,
        281_474_976_710_597,
    ] {
        assert!(is_prime(prime));
    }
}

#[test]
fn the_search_gives_the_nearest_primes() {
    for (bits, log_n) in [(20, 6), (30, 10), (36, 14)] {
        let centre = 1u64 << bits;
        let step = 2u64 << log_n;
        let found = ntt_primes(bits, log_n, 12, &[]).unwrap();
        let distance = |p: &u64| p.abs_diff(centre);
        assert!(found.is_sorted_by_key(|p| (distance(p), *p)));
        let reach = distance(&found[11]);
        let all = (centre - reach..=centre + reach)
            .filter(|p| p % step == 1 && is_prime(*p))
            .count();
        assert!((12..=13).contains(&all));
        let rest = ntt_primes(bits, log_n, 3, &found[..9]).unwrap();
        assert_eq!(rest, found[9..]);
    }
    assert!(
        ntt_primes(48, 16, 20, &[])
            .unwrap()
            .iter()
            .all(|p| *p < 1 << 48 && Modulus::new(*p).is_ok())
    );
}

#[test]
fn what_is_no_modulus_is_refused() {
    assert_eq!(
        Modulus::new(1 << 48).unwrap_err(),
        ArithError::ModulusRange { found: 1 << 48 }
    );
    assert_eq!(
        Modulus::new(65_521).unwrap_err(),
        ArithError::ModulusRange { found: 65_521 }
    );
    assert_eq!(
        Modulus::new(65_541).unwrap_err(),
        ArithError::NotPrime { found: 65_541 }
    );
    assert!(matches!(
        ntt_primes(17, 16, 3, &[]),
        Err(ArithError::PrimesExhausted { wanted: 3, .. })
    ));
    assert!(matches!(
        ntt_primes(60, 10, 1, &[]),
        Err(ArithError::PrimesExhausted { found: 0, .. })
    ));
}

#[test]
fn integers_agree_with_wide_arithmetic() {
    let mut rng = Stream(7);
    for bits in [17, 36, 48] {
        let m = modulus(bits, 6);
        let p = m.value();
        for _ in 0..2000 {
            let (a, b) = (rng.next() % p, rng.next() % p);
            assert_eq!(m.add(a, b), (a + b) % p);
            assert_eq!(m.sub(a, b), residue(&m, i128::from(a) - i128::from(b)));
            assert_eq!(
                m.mul(a, b),
                (u128::from(a) * u128::from(b) % u128::from(p)) as u64
            );
            assert_eq!(m.mul(a.max(1), m.inv(a.max(1))), 1);
            assert_eq!(m.to_canonical(m.to_balanced(a)), a);
            assert!(m.to_balanced(a).abs() <= (m.p() - 1.0) / 2.0);
        }
        for x in [i64::MIN, i64::MAX, -1, 0, 1] {
            assert_eq!(m.to_canonical(m.from_i64(x)), residue(&m, x.into()));
        }
        for x in [i128::MIN, i128::MAX, (1e30 as i128), -(1e30 as i128)] {
            assert_eq!(m.to_canonical(m.from_i128(x)), residue(&m, x));
        }
        let edge = 1i64 << 52;
        for x in [
            edge,
            -edge,
            edge - 1,
            0,
            (p / 2) as i64,
            -(p as i64 / 2) - 1,
            p as i64,
            -(p as i64),
        ] {
            assert_eq!(m.to_canonical(x as f64), residue(&m, x.into()), "{x}");
        }
        assert_eq!(m.to_canonical(-0.0), 0);
        let split = (1u64 << m.split_bits()) as f64 / m.p();
        assert!((0.707..1.415).contains(&split));
    }
}
