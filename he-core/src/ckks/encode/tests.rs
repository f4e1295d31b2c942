use super::*;
use crate::ckks::noise;

const U: f64 = f64::EPSILON / 2.0;

/// Deterministic numbers in (-1, 1).
fn slots(n: usize, seed: u64) -> Vec<Complex64> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..n).map(|_| Complex64::new(next(), next())).collect()
}

fn rms(z: &[Complex64]) -> f64 {
    (z.iter().map(Complex64::norm_sqr).sum::<f64>() / z.len() as f64).sqrt()
}

fn difference(a: &[Complex64], b: &[Complex64]) -> Vec<Complex64> {
    a.iter().zip(b).map(|(x, y)| x - y).collect()
}

/// A sum with the rounding of its additions carried along (Neumaier).
fn sum(terms: impl Iterator<Item = f64>) -> f64 {
    let (mut s, mut lost) = (0.0f64, 0.0);
    for x in terms {
        let t = s + x;
        lost += if s.abs() >= x.abs() {
            (s - t) + x
        } else {
            (x - t) + s
        };
        s = t;
    }
    s + lost
}

/// m(zeta^(5^j)) for every j, term by term: each root off by 2 u (its angle is taken in the first half turn), each product by u,
/// the sums by 2 u: 6 u times the sum of all |m_k| at most.
fn direct(coefficients: &[f64]) -> Vec<Complex64> {
    let n = coefficients.len();
    let mut e = 1;
    (0..n / 2)
        .map(|_| {
            let angle = |k: usize| std::f64::consts::PI * ((e * k % (2 * n)) as f64 / n as f64);
            let re = sum(coefficients
                .iter()
                .enumerate()
                .map(|(k, m)| m * libm::cos(angle(k))));
            let im = sum(coefficients
                .iter()
                .enumerate()
                .map(|(k, m)| m * libm::sin(angle(k))));
            e = e * 5 % (2 * n);
            Complex64::new(re, im)
        })
        .collect()
}

#[test]
fn decode_is_evaluation_at_the_orbit_of_five() {
    for log_n in [3, 4, 7, 10] {
        let encoder = Encoder::new(log_n).unwrap();
        let n = 1usize << log_n;
        let m: Vec<f64> = slots(n, 7).iter().map(|z| (z.re * 1e9).round()).collect();
        let expected = direct(&m);
        let found = encoder.decode(&m, 1.0).unwrap();
        // The angle of the direct evaluation is up to 2 pi, so its roots are off by 2 pi u + u.
        let direct_error = 10.0 * U * m.iter().map(|x| x.abs()).sum::<f64>();
        let bound = encoder.error_bound() * rms(&expected) + direct_error;
        let error = rms(&difference(&found, &expected));
        assert!(error <= bound, "log_n {log_n}: {error:e} > {bound:e}");
    }
}

#[test]
fn encode_inverts_decode_within_the_derived_error() {
    for (log_n, log_scale) in [(3, 20), (10, 35), (12, 47), (15, 40)] {
        let encoder = Encoder::new(log_n).unwrap();
        let (n, scale) = (1usize << log_n, f64::exp2(f64::from(log_scale)));
        let z = slots(n / 2, 11);
        let m = encoder.encode(&z, scale).unwrap();
        assert!(
            m.iter()
                .all(|x| x.fract() == 0.0 && x.abs() <= 2f64.sqrt() * scale + 0.5)
        );
        let error = scale * rms(&difference(&encoder.decode(&m, scale).unwrap(), &z));
        let arithmetic = 2.0 * encoder.error_bound() * scale * rms(&z);
        // Rounding: never above sqrt(N)/2; expected sqrt(N/12), from which a mean of N squares strays by sqrt(4/(5N)) relatively.
        assert!(error <= (n as f64).sqrt() / 2.0 + arithmetic);
        if log_n >= 10 {
            let stray = 6.0 * (0.8 / n as f64).sqrt();
            assert!(error <= noise::encode(n) * (1.0 + stray) + arithmetic);
            assert!(error >= noise::encode(n) * (1.0 - stray) - arithmetic);
        }
    }
}

#[test]
fn integer_polynomials_survive_the_round_trip_exactly() {
    // 2^35 times the bound of 2^-46 is far below one half.
    for log_n in [3, 9, 14] {
        let encoder = Encoder::new(log_n).unwrap();
        let m: Vec<f64> = slots(1 << log_n, 3)
            .iter()
            .map(|z| (z.im * 2f64.powi(35)).round() + 0.0)
            .collect();
        assert_eq!(
            encoder
                .encode(&encoder.decode(&m, 1.0).unwrap(), 1.0)
                .unwrap(),
            m
        );
    }
}

#[test]
fn coefficients_of_a_hundred_bits_are_exact_integers_near_the_right_ones() {
    let encoder = Encoder::new(10).unwrap();
    let z = slots(512, 5);
    let (small, large) = (
        encoder.encode(&z, 2f64.powi(50)).unwrap(),
        encoder.encode(&z, 2f64.powi(100)).unwrap(),
    );
    assert!(large.iter().any(|x| x.abs() > 2f64.powi(94)));
    for (s, l) in small.iter().zip(&large) {
        // Powers of two scale exactly: only the rounding to integers differs.
        assert!((l / 2f64.powi(50) - s).abs() <= 0.5);
        assert_eq!((*l as i128) as f64, *l);
    }
}

#[test]
fn ties_round_to_even() {
    let encoder = Encoder::new(3).unwrap();
    for (value, expected) in [
        (0.5, 0.0),
        (1.5, 2.0),
        (2.5, 2.0),
        (-0.5, 0.0),
        (-1.5, -2.0),
    ] {
        // A constant vector is the constant polynomial; its transform is exact.
        let m = encoder.encode(&[Complex64::from(value); 4], 1.0).unwrap();
        assert_eq!(m[0], expected);
        assert!(m.iter().all(|x| !x.is_sign_negative() || *x != 0.0));
    }
}

/// X -> X^g on coefficients.
fn automorphism(m: &[f64], g: usize) -> Vec<f64> {
    let n = m.len();
    let mut out = vec![0.0; n];
    for (k, x) in m.iter().enumerate() {
        let e = k * g % (2 * n);
        out[e % n] = if e < n { *x } else { -x };
    }
    out
}

#[test]
fn automorphisms_rotate_and_conjugate_and_products_are_slotwise() {
    let encoder = Encoder::new(6).unwrap();
    let n = 64;
    let scale = 2f64.powi(30);
    let (a, b) = (slots(n / 2, 1), slots(n / 2, 2));
    let m = encoder.encode(&a, scale).unwrap();
    // Rounding moves a slot by at most N/2.
    let near = |found: &[Complex64], expected: &[Complex64], bound: f64| {
        assert!(
            difference(found, expected)
                .iter()
                .all(|d| d.norm() <= bound)
        );
    };
    let mut g = 1;
    for k in 0..n / 2 {
        let mut expected = a.clone();
        expected.rotate_left(k);
        near(
            &encoder.decode(&automorphism(&m, g), scale).unwrap(),
            &expected,
            n as f64 / 2.0 / scale + 1e-14,
        );
        g = g * 5 % (2 * n);
    }
    let conjugate: Vec<_> = a.iter().map(Complex64::conj).collect();
    near(
        &encoder.decode(&automorphism(&m, 2 * n - 1), scale).unwrap(),
        &conjugate,
        n as f64 / 2.0 / scale + 1e-14,
    );

    let w = encoder.encode(&b, scale).unwrap();
    let mut product = vec![0i128; n];
    for (i, x) in m.iter().enumerate() {
        for (j, y) in w.iter().enumerate() {
            let term = *x as i128 * *y as i128;
            product[(i + j) % n] += if i + j < n { term } else { -term };
        }
    }
    let product: Vec<f64> = product.iter().map(|x| *x as f64).collect();
    let expected: Vec<_> = a.iter().zip(&b).map(|(x, y)| x * y).collect();
    // |a|, |b| <= sqrt 2, each off by N/2 over the scale.
    near(
        &encoder.decode(&product, scale * scale).unwrap(),
        &expected,
        1.5 * n as f64 / scale,
    );
}

#[test]
fn unusable_input_is_refused() {
    assert_eq!(
        Encoder::new(2).unwrap_err(),
        EncodeError::RingDegree { found: 2 }
    );
    assert_eq!(
        Encoder::new(18).unwrap_err(),
        EncodeError::RingDegree { found: 18 }
    );
    let encoder = Encoder::new(4).unwrap();
    let z = slots(8, 1);
    assert!(matches!(
        encoder.encode(&z[1..], 1.0),
        Err(EncodeError::Length {
            expected: 8,
            found: 7,
            ..
        })
    ));
    assert!(matches!(
        encoder.decode(&[0.0; 8], 1.0),
        Err(EncodeError::Length {
            expected: 16,
            found: 8,
            ..
        })
    ));
    for scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(
            encoder.encode(&z, scale),
            Err(EncodeError::NotFinite { what: "scale", .. })
        ));
        assert!(matches!(
            encoder.decode(&[0.0; 16], scale),
            Err(EncodeError::NotFinite { what: "scale", .. })
        ));
    }
    assert!(matches!(
        encoder.encode(&z, 2f64.powi(130)),
        Err(EncodeError::TooLarge { .. })
    ));
    assert!(matches!(
        encoder.encode(&[Complex64::from(1e308); 8], 1.0),
        Err(EncodeError::TooLarge { .. })
    ));
    let bad = vec![Complex64::new(0.0, f64::NAN); 8];
    assert!(matches!(
        encoder.encode(&bad, 1.0),
        Err(EncodeError::NotFinite { what: "slot", .. })
    ));
    assert!(matches!(
        encoder.decode(&[f64::INFINITY; 16], 1.0),
        Err(EncodeError::NotFinite {
            what: "coefficient",
            ..
        })
    ));
}

#[test]
fn the_encoding_of_fixed_slots_never_changes() {
    let encoder = Encoder::new(12).unwrap();
    let mut hash = blake3::Hasher::new();
    for scale in [2f64.powi(35), 3e14, 2f64.powi(90)] {
        for x in encoder.encode(&slots(1 << 11, 42), scale).unwrap() {
            hash.update(&(x as i128).to_le_bytes());
        }
    }
    assert_eq!(
        hash.finalize().to_hex().as_str(),
        "4f08b32e8771add3567ecead23fa4f340f5eca4b13a158ada66808ca797f512e"
    );
}
