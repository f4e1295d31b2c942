//! Keys below the highest level.

use super::*;

/// The residues of a key polynomial modulo the primes of a level and the special ones.
fn truncated(poly: &Poly<Ntt>, level: usize) -> Vec<u64> {
    let mut poly = poly.clone();
    poly.drop_to_level(level);
    poly.to_canonical()
}

#[test]
fn a_key_of_a_lower_level_is_the_truncation_of_the_full_one_and_switches_to_the_same_bits() {
    // Two limbs a digit: at levels 0 and 2 the last digit is short.
    let context = context_with(10, 2);
    let (sk, top) = (key(&context), context.params().max_level());
    let g = GaloisElement::rotation(3, 10);
    for id in [KeyId::Relinearisation, KeyId::Galois(g)] {
        let full = sk.switching_key(id).unwrap();
        assert_eq!(full.level(), top);
        for level in 0..=top {
            let low = sk.switching_key_at(id, level).unwrap();
            let digits = context.params().digits(level).count();
            assert_eq!((low.level(), low.b().len()), (level, digits));
            assert_eq!(low.seed(), full.seed());
            // What a reader makes of the file: `a` expanded at this level.
            let read =
                SwitchingKey::from_seeded(&context, id, low.b().to_vec(), *low.seed().unwrap());
            for d in 0..digits {
                assert_eq!(low.b()[d].to_canonical(), truncated(&full.b()[d], level));
                assert_eq!(low.a(d).to_canonical(), truncated(full.a(d), level));
                assert_eq!(
                    read.as_ref().unwrap().a(d).to_canonical(),
                    low.a(d).to_canonical()
                );
            }
            let m = message(&context, level).into_ntt();
            for at in 0..=level {
                let ct = sk.encrypt(&m).unwrap().at_level(at);
                let switched = |key| KeySwitch::of(&context, ct.c1(), key).plus(ct.c0(), None);
                let digits = Digits::of(&context, ct.c1());
                let hoisted = digits.switch(&low).plus(ct.c0(), None);
                let [a, b] = [switched(&low), switched(&full)];
                for i in 0..2 {
                    assert_eq!(a[i].to_canonical(), b[i].to_canonical());
                    assert_eq!(a[i].to_canonical(), hoisted[i].to_canonical());
                }
            }
        }
        assert_eq!(
            sk.switching_key_at(id, top + 1).unwrap_err(),
            RlweError::KeyLevel {
                key: id,
                most: top,
                found: top + 1
            }
        );
    }
}

#[test]
fn keys_of_other_digits_or_primes_than_their_level_has_are_refused() {
    let context = context_with(10, 2);
    let sk = key(&context);
    let of = |level| sk.switching_key_at(KeyId::Relinearisation, level).unwrap();
    let (low, high) = (of(1), of(3));
    let made = |b: &[Poly<Ntt>]| {
        let seed = *low.seed().unwrap();
        SwitchingKey::from_seeded(&context, low.id(), b.to_vec(), seed)
    };
    assert!(made(low.b()).is_ok() && made(high.b()).is_ok());
    let digits = |expected, found| RlweError::Digits {
        key: low.id(),
        expected,
        found,
    };
    // A digit more, a digit less, none; a digit over the primes of another level; one without special primes.
    let more = [low.b(), low.b()].concat();
    assert_eq!(made(&more).unwrap_err(), digits(1, 2));
    assert_eq!(made(&high.b()[..1]).unwrap_err(), digits(2, 1));
    assert_eq!(made(&[]).unwrap_err(), digits(1, 0));
    let mixed = [high.b()[0].clone(), low.b()[0].clone()];
    assert!(matches!(made(&mixed), Err(RlweError::Basis { .. })));
    let mut narrow = low.b()[0].clone();
    narrow.drop_special();
    assert!(matches!(made(&[narrow]), Err(RlweError::Basis { .. })));
    // Both halves of one that has no seed.
    let halves = |b: &SwitchingKey, a: &SwitchingKey| {
        let a = (0..a.b().len()).map(|d| a.a(d).clone()).collect();
        SwitchingKey::from_halves(&context, b.id(), b.b().to_vec(), a)
    };
    assert!(halves(&low, &low).is_ok());
    assert!(halves(&low, &high).is_err() && halves(&high, &low).is_err());
}

#[test]
#[should_panic(expected = "a key of level 1 at level 2")]
fn a_switch_above_the_key_s_level_is_a_mistake_of_the_caller() {
    let context = context_with(10, 2);
    let sk = key(&context);
    let low = sk.switching_key_at(KeyId::Relinearisation, 1).unwrap();
    let ct = sk.encrypt(&message(&context, 2).into_ntt()).unwrap();
    let _ = KeySwitch::of(&context, ct.c1(), &low);
}
