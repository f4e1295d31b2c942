use std::sync::Arc;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use zeroize::Zeroizing;

use super::derive::{Binding, Kind};
use super::*;
use crate::ckks::{lift::Lift, noise};
use crate::params::{KeySet, Params, ParamsLiteral};
use crate::ring::{Coeff, GaloisElement, Ntt, Poly};

mod bridge;
mod levels;

fn context_with(log_n: u32, dnum: u32) -> Arc<Context> {
    let literal = ParamsLiteral {
        log_n,
        q_bits: vec![48, 36, 36, 36],
        p_bits: vec![48; if dnum == 1 { 4 } else { 2 }],
        dnum,
    };
    Context::new(Arc::new(Params::insecure_test(literal).unwrap())).unwrap()
}

fn context(log_n: u32) -> Arc<Context> {
    context_with(log_n, 2)
}

fn key(context: &Arc<Context>) -> SecretKey {
    SecretKey::from_seed(context, Zeroizing::new([7; 32])).unwrap()
}

/// A message with coefficients that grow, over `q_0 .. q_level`.
fn message(context: &Context, level: usize) -> Poly<Coeff> {
    let c: Vec<i64> = (0..context.params().n() as i64)
        .map(|i| (i - 500) * 1_000_000)
        .collect();
    Poly::from_signed(context.ring(), context.ring().basis(level), &c).unwrap()
}

/// Centred integers of a polynomial, from at most its first three primes.
fn integers(poly: &Poly<Coeff>) -> Vec<f64> {
    let limbs: Vec<Vec<u64>> = (0..poly.basis().limbs().min(3))
        .map(|i| poly.limb_canonical(i).collect())
        .collect();
    let primes: Vec<u64> = (0..limbs.len()).map(|i| poly.modulus(i).value()).collect();
    let limbs: Vec<&[u64]> = limbs.iter().map(Vec::as_slice).collect();
    Lift::new(&primes).unwrap().lift(&limbs).unwrap()
}

/// Decryption less the message, coefficient by coefficient.
fn error(key: &SecretKey, ct: &Ciphertext, message: &Poly<Coeff>) -> Vec<f64> {
    let mut m = key.decrypt(ct).unwrap();
    m.sub_assign(message);
    integers(&m)
}

/// Root mean square of slots, whose mean square is N times that of the coefficients.
fn slot_rms(errors: &[f64], n: usize) -> f64 {
    let mean = errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64;
    (n as f64 * mean).sqrt()
}

fn assert_near(what: &str, measured: f64, expected: f64, tolerance: f64) {
    let ratio = measured / expected;
    assert!(
        (ratio - 1.0).abs() < tolerance,
        "{what}: measured {measured:.4e}, expected {expected:.4e}, ratio {ratio:.4}"
    );
}

/// `c` at `X^g`, by a key switch.
fn rotate(context: &Context, ct: &Ciphertext, key: &SwitchingKey, g: GaloisElement) -> Ciphertext {
    let [c0, c1] = KeySwitch::of(context, ct.c1(), key).rotate(ct.c0(), g);
    Ciphertext::new(c0, c1)
}

#[test]
fn fresh_errors_have_the_variance_of_the_formulas() {
    let context = context(12);
    let (n, sk) = (context.params().n(), key(&context));
    let pk = sk.public_key().unwrap();
    let m = message(&context, 2);
    let plain = m.clone().into_ntt();
    let (mut secret, mut public) = (vec![], vec![]);
    for _ in 0..8 {
        secret.extend(error(&sk, &sk.encrypt(&plain).unwrap(), &m));
        public.extend(error(&sk, &pk.encrypt(&plain).unwrap(), &m));
    }
    // The formulas count the encoder's rounding, which is not here.
    let without_encoding = |x: f64| (x * x - noise::encode(n).powi(2)).sqrt();
    // 2^15 independent values: the mean square deviates by sqrt(2 / 2^15) = 0.8 percent, its root by 0.4.
    let expected = without_encoding(noise::fresh_secret(n));
    assert_near("secret", slot_rms(&secret, n), expected, 0.025);
    // v e and e_1 s: products of two spectra with exponential squares (second moment 4, variance 3), 8 * 2^11 frequencies of which each key
    // part is common to all eight: at most sqrt(3 / 2^11) = 4 percent of the mean square, 2 of its root.
    let expected = without_encoding(noise::fresh_public(context.params()));
    assert_near("public", slot_rms(&public, n), expected, 0.1);
}

#[test]
fn key_switching_has_the_noise_of_the_formulas_at_every_level() {
    let context = context(12);
    let (n, sk) = (context.params().n(), key(&context));
    let g = GaloisElement::rotation(3, 12);
    let galois = sk.switching_key(KeyId::Galois(g)).unwrap();
    let inverse = g.inverse(12);
    for level in 0..=context.params().max_level() {
        let m = message(&context, level);
        let ct = sk.encrypt(&m.clone().into_ntt()).unwrap();
        // What the key switch adds: the rotated ciphertext's content less the content rotated.
        let content = sk.decrypt(&ct).unwrap().automorphism(g);
        let rotated = rotate(&context, &ct, &galois, g);
        assert_eq!(rotated.level(), level);
        let added = slot_rms(&error(&sk, &rotated, &content), n);
        // t_0 + t_1 s: as for the public key, sqrt(3 / 2^11) = 4 percent of the mean square, 2 of its root.
        let expected = noise::key_switch(context.params(), level);
        assert_near("key switch", added, expected, 0.1);
        // The key product alone, in units of P, has its own formula: over P q_0 .. q_l, k_0 + k_1 u - P c_1 s.
        let product = KeySwitch::of(&context, ct.c1(), &galois).product(None);
        let mut u = sk.s.automorphism(inverse);
        let mut s = sk.s.clone();
        u.drop_to_level(level);
        s.drop_to_level(level);
        let KeyProduct([k0, k1]) = product;
        let mut rest = k0;
        rest.inner_product_acc(&[(&k1, &u)]);
        let p: Vec<u64> = (0..rest.basis().limbs())
            .map(|i| {
                rest.modulus(i)
                    .product(context.params().p().iter().copied())
            })
            .collect();
        let mut target = Poly::zero(context.ring(), rest.basis());
        let mut c1 = extended(&context, ct.c1());
        c1.mul_scalars(&p);
        target.inner_product_acc(&[(&c1, &s)]);
        rest.sub_assign(&target);
        if level >= 2 {
            let log_p: f64 = context
                .params()
                .p()
                .iter()
                .map(|&p| (p as f64).log2())
                .sum();
            rest.drop_special();
            let measured = slot_rms(&integers(&rest.into_coeff()), n) / log_p.exp2();
            // Each digit's error spectrum is fixed, again 2 percent of the root.
            assert_near(
                "key product",
                measured,
                noise::key_product(context.params(), level),
                0.1,
            );
        }
    }
}

/// The same residues over the chain, zeros over the special primes: `P` times it is 0 there anyway.
fn extended(context: &Context, poly: &Poly<Ntt>) -> Poly<Ntt> {
    let mut out = Poly::zero(context.ring(), context.ring().extended_basis(poly.level()));
    for i in 0..=poly.level() {
        out.limb_mut(i).copy_from_slice(poly.limb(i));
    }
    out
}

#[test]
fn relinearisation_leads_from_the_square_to_the_key() {
    for dnum in 1..=4 {
        let context = context_with(10, dnum);
        let sk = key(&context);
        let relin = sk.switching_key(KeyId::Relinearisation).unwrap();
        assert_eq!(relin.b().len(), context.params().digits(3).count());
        let d2 = sk
            .encrypt(&message(&context, 3).into_ntt())
            .unwrap()
            .c1()
            .clone();
        let zero = Poly::zero(context.ring(), d2.basis());
        let [k0, k1] = KeySwitch::of(&context, &d2, &relin).plus(&zero, None);
        let mut s = (*sk.s).clone();
        s.drop_special();
        let content = d2.mul(&s).mul(&s).into_coeff();
        let added = slot_rms(&error(&sk, &Ciphertext::new(k0, k1), &content), 1 << 10);
        // N = 2^10: sqrt(3 / 2^9) = 8 percent of the mean square, 4 of its root.
        assert_near(
            "relinearisation",
            added,
            noise::key_switch(context.params(), 3),
            0.2,
        );
    }
}

#[test]
fn two_encryptions_share_nothing() {
    let context = context(10);
    let sk = key(&context);
    let pk = sk.public_key().unwrap();
    let plain = message(&context, 1).into_ntt();
    let (a, b) = (sk.encrypt(&plain).unwrap(), sk.encrypt(&plain).unwrap());
    assert_ne!(a.seed(), b.seed());
    let (c, d) = (pk.encrypt(&plain).unwrap(), pk.encrypt(&plain).unwrap());
    for (x, y) in [(&a, &b), (&c, &d)] {
        for (x, y) in [(x.c0(), y.c0()), (x.c1(), y.c1())] {
            let same = x
                .to_canonical()
                .iter()
                .zip(y.to_canonical())
                .filter(|(x, y)| **x == *y)
                .count();
            // 2048 values uniform modulo more than 2^35: one coincidence has probability 2^-24.
            assert_eq!(same, 0);
        }
    }
    let m = message(&context, 1);
    assert_ne!(error(&sk, &a, &m), error(&sk, &b, &m));
    // The labelled exception, for fixtures.
    let fixed = || {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        sk.encrypt_insecure_test_rng(&plain, &mut rng).unwrap()
    };
    assert_eq!(fixed().c0().to_canonical(), fixed().c0().to_canonical());
}

#[test]
fn seeds_stand_for_their_polynomials() {
    let context = context(10);
    let sk = key(&context);
    let ct = sk.encrypt(&message(&context, 3).into_ntt()).unwrap();
    let low = ct.at_level(1);
    let read = Ciphertext::from_seeded(&context, low.c0().clone(), *low.seed().unwrap()).unwrap();
    assert_eq!(read.c1().to_canonical(), low.c1().to_canonical());
    let pk = sk.public_key().unwrap();
    let read = PublicKey::from_seeded(&context, pk.b().clone(), *pk.seed()).unwrap();
    let sent = read.encrypt(&message(&context, 2).into_ntt()).unwrap();
    let worst = error(&sk, &sent, &message(&context, 2))
        .iter()
        .fold(0f64, |a, e| a.max(e.abs()));
    // Coefficients: 10 standard deviations of v e + e_0 + e_1 s.
    assert!(worst < 10.0 * noise::fresh_public(context.params()) / 32.0);
    let relin = sk.switching_key(KeyId::Relinearisation).unwrap();
    let read = SwitchingKey::from_seeded(
        &context,
        relin.id(),
        relin.b().to_vec(),
        *relin.seed().unwrap(),
    )
    .unwrap();
    for (x, y) in (0..relin.b().len()).map(|d| (read.a(d), relin.a(d))) {
        assert_eq!(x.to_canonical(), y.to_canonical());
    }
}

/// A hash of canonical residues.
fn hash(polys: &[&Poly<Ntt>]) -> String {
    let mut hash = blake3::Hasher::new();
    for r in polys.iter().flat_map(|p| p.to_canonical()) {
        hash.update(&r.to_le_bytes());
    }
    hash.finalize().to_hex()[..16].to_owned()
}

#[test]
fn keys_are_functions_of_the_seed_and_nothing_else() {
    let first = context(10);
    let sk = key(&first);
    let pk = sk.public_key().unwrap();
    let ids = [
        KeyId::Relinearisation,
        KeyId::Galois(GaloisElement::rotation(1, 10)),
        KeyId::Galois(GaloisElement::conjugation(10)),
    ];
    let mut found = vec![hash(&[&sk.s]), hash(&[pk.b()])];
    for id in ids {
        let key = sk.switching_key(id).unwrap();
        let parts: Vec<_> = key
            .b()
            .iter()
            .chain((0..key.b().len()).map(|d| key.a(d)))
            .collect();
        found.push(hash(&parts));
    }
    // Frozen: key files of this version must give these keys for ever.
    assert_eq!(
        found,
        [
            "0e6cd433b2bcd6cb",
            "b6659e2235627f24",
            "cd69b4a2925fc6e0",
            "f795c7cddbc250f9",
            "a0af570955d307b0"
        ]
    );
    // Another context of the same set is the same key; other sets, seeds or generated keys are not.
    let s = |context: &Arc<Context>| hash(&[&key(context).s]);
    assert_eq!(s(&context(10)), found[0]);
    assert_ne!(
        key(&context_with(10, 3)).s.to_canonical()[..1024],
        sk.s.to_canonical()[..1024]
    );
    let generated = SecretKey::generate(&first).unwrap();
    assert_ne!(
        generated.expose_seed(),
        SecretKey::generate(&first).unwrap().expose_seed()
    );
}

#[test]
fn every_use_has_its_own_stream() {
    use rand_core::Rng;
    let seed = Zeroizing::new([7; 32]);
    let mut seen = std::collections::BTreeSet::new();
    let mut count = 0;
    for fingerprint in [[0; 32], [1; 32]] {
        for kind in [
            Kind::Secret,
            Kind::PublicKey,
            Kind::Relinearisation,
            Kind::Galois,
        ] {
            for element in [0, 5, 25] {
                for digit in [0, 1] {
                    let binding = Binding {
                        kind,
                        element,
                        digit,
                    };
                    let mut word = [0; 32];
                    binding
                        .secret_stream(&seed, &fingerprint)
                        .fill_bytes(&mut word);
                    seen.insert(word);
                    seen.insert(binding.public_seed(&seed, &fingerprint).0);
                    count += 2;
                }
            }
        }
    }
    assert_eq!(seen.len(), count);
    let ring = context(10);
    let public = PublicSeed([3; 32]);
    let basis = ring.ring().basis(0);
    assert_ne!(
        hash(&[&public.expand(ring.ring(), basis, 0)]),
        hash(&[&public.expand(ring.ring(), basis, 1)])
    );
}

#[test]
fn secrets_are_not_printed() {
    let context = context(10);
    let sk = key(&context);
    assert_eq!(format!("{sk:?}"), "SecretKey(..)");
    // Seeds of 7s would show as "7, 7".
    let shown = format!(
        "{:?} {:?}",
        sk.public_key().unwrap(),
        sk.switching_key(KeyId::Relinearisation).unwrap()
    );
    assert!(!shown.contains("7, 7"));
}

#[test]
fn wrong_keys_and_polynomials_are_refused() {
    let (context, other) = (context(10), context(10));
    let sk = key(&context);
    let plain = message(&context, 1).into_ntt();
    let foreign = RlweError::Foreign { what: "plaintext" };
    assert_eq!(key(&other).encrypt(&plain).unwrap_err(), foreign);
    let ct = sk.encrypt(&plain).unwrap();
    assert!(matches!(
        key(&other).decrypt(&ct),
        Err(RlweError::Foreign { .. })
    ));
    let lower = ct.at_level(0);
    let mixed = Ciphertext::from_parts(&context, ct.c0().clone(), lower.c1().clone());
    assert!(matches!(
        mixed,
        Err(RlweError::Basis {
            what: "ciphertext",
            ..
        })
    ));
    let relin = sk.switching_key(KeyId::Relinearisation).unwrap();
    let few = SwitchingKey::from_seeded(
        &context,
        relin.id(),
        relin.b()[1..].to_vec(),
        *relin.seed().unwrap(),
    );
    assert_eq!(
        few.unwrap_err(),
        RlweError::Digits {
            key: relin.id(),
            expected: 2,
            found: 1
        }
    );
    let short = SwitchingKey::from_seeded(
        &context,
        relin.id(),
        vec![plain.clone()],
        *relin.seed().unwrap(),
    );
    assert!(matches!(short, Err(RlweError::Basis { .. })));
    let set = KeySet {
        relinearise: true,
        conjugate: false,
        rotations: [2].into(),
    };
    let mut keys = EvaluationKeys::new(&context);
    for id in KeyId::all_of(&set, 10) {
        keys.insert(sk.switching_key(id).unwrap()).unwrap();
    }
    assert_eq!(keys.len(), 2);
    let missing = keys
        .get(KeyId::Galois(GaloisElement::conjugation(10)))
        .unwrap_err();
    assert_eq!(
        missing.to_string(),
        "no evaluation key for the Galois element 2047"
    );
    assert_eq!(
        keys.insert(relin.clone()).unwrap_err(),
        RlweError::RepeatedKey { key: relin.id() }
    );
    assert!(matches!(
        EvaluationKeys::new(&other).insert(relin),
        Err(RlweError::Foreign { .. })
    ));
}
