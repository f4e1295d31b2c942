use super::*;
use crate::ring::GaloisElement;
use crate::rlwe::{KeyId, PublicKey, SwitchingKey};

fn ids(context: &Context) -> [KeyId; 3] {
    let log_n = context.params().log_n();
    [
        KeyId::Relinearisation,
        KeyId::Galois(GaloisElement::rotation(3, log_n)),
        KeyId::Galois(GaloisElement::conjugation(log_n)),
    ]
}

fn key_file(context: &Arc<Context>, id: KeyId) -> Vec<u8> {
    let key = secret(context).switching_key(id).unwrap();
    write_switching_key(vec![], "test", context, &key)
        .unwrap()
        .1
}

fn public_file(context: &Arc<Context>) -> Vec<u8> {
    write_public_key(vec![], "test", &secret(context).public_key().unwrap())
        .unwrap()
        .1
}

#[test]
fn evaluation_keys_come_back_residue_by_residue() {
    let context = context();
    for id in ids(&context) {
        let key = secret(&context).switching_key(id).unwrap();
        let bytes = key_file(&context, id);
        for expected in [None, Some((id, 2))] {
            let found = read_switching_key(
                &bytes[..],
                "test",
                Some(bytes.len() as u64),
                &context,
                expected,
            )
            .unwrap();
            assert_eq!((found.id(), found.seed()), (id, key.seed()));
            for d in 0..key.b().len() {
                assert_eq!(bits(&found.b()[d]), bits(&key.b()[d]));
                assert_eq!(bits(found.a(d)), bits(key.a(d)));
            }
            let (_, hash) =
                read_switching_key_hashed(bytes.as_slice(), "test", None, &context, expected)
                    .unwrap();
            assert_eq!(hash, *blake3::hash(&bytes).as_bytes());
        }
    }
}

#[test]
fn keys_without_a_seed_come_back_with_both_halves() {
    let context = context();
    let seeded = secret(&context)
        .switching_key(KeyId::Relinearisation)
        .unwrap();
    let digits = seeded.b().len();
    let a: Vec<_> = (0..digits).map(|d| seeded.a(d).clone()).collect();
    let of = |id| SwitchingKey::from_halves(&context, id, seeded.b().to_vec(), a.clone()).unwrap();
    let key = of(KeyId::Relinearisation);
    let (_, bytes) = write_switching_key(vec![], "test", &context, &key).unwrap();
    let length = Some(bytes.len() as u64);
    let found = read_switching_key(&bytes[..], "test", length, &context, None).unwrap();
    assert_eq!((found.id(), found.seed()), (KeyId::Relinearisation, None));
    for (d, a) in a.iter().enumerate() {
        assert_eq!(bits(&found.b()[d]), bits(&key.b()[d]));
        assert_eq!(bits(found.a(d)), bits(a));
    }
    // A seeded file with the tag of this one, and the other way about: lengths say no before anything is allocated.
    let seeded_bytes = key_file(&context, KeyId::Relinearisation);
    for (bytes, tag) in [(seeded_bytes, 2), (bytes, 0)] {
        let mut bytes = bytes;
        bytes[56] = tag;
        let error = read_switching_key(&bytes[..], "test", None, &context, None).unwrap_err();
        assert!(matches!(error, WireError::Length { .. }), "{error}");
    }
    // Galois keys have seeds.
    let galois = of(ids(&context)[1]);
    let error = write_switching_key(vec![], "test", &context, &galois).unwrap_err();
    assert!(matches!(error, WireError::Field { .. }), "{error}");
}

#[test]
fn another_key_than_expected_is_refused() {
    let context = context();
    let [a, b, _] = ids(&context);
    let bytes = key_file(&context, a);
    let error = read_switching_key(&bytes[..], "test", None, &context, Some((b, 2))).unwrap_err();
    assert!(matches!(error, WireError::Field { .. }), "{error}");
    // An even element, one beyond 2 N, an unknown tag, an element of the relinearisation key; all with a right hash.
    for (tag, element) in [(1u64, 4u64), (1, 1 << 20 | 1), (2, 3), (0, 3), (1 << 40, 0)] {
        let mut bytes = bytes.clone();
        bytes[56..64].copy_from_slice(&tag.to_le_bytes());
        bytes[64..72].copy_from_slice(&element.to_le_bytes());
        repair(&mut bytes);
        let error = read_switching_key(&bytes[..], "test", None, &context, None).unwrap_err();
        assert!(
            matches!(error, WireError::Field { .. }),
            "{tag} {element}: {error}"
        );
    }
}

#[test]
fn a_key_of_another_level_is_refused_by_name() {
    let context = context();
    for id in ids(&context) {
        let full = key_file(&context, id);
        for level in 0..=2 {
            let key = secret(&context).switching_key_at(id, level).unwrap();
            let (_, bytes) = write_switching_key(vec![], "test", &context, &key).unwrap();
            let read = |bytes: &[u8], expected| {
                read_switching_key(bytes, "test", None, &context, expected)
            };
            for expected in [None, Some((id, level))] {
                let found = read(&bytes, expected).unwrap();
                assert_eq!((found.id(), found.level()), (id, level));
                for d in 0..key.b().len() {
                    assert_eq!(bits(&found.b()[d]), bits(&key.b()[d]));
                    assert_eq!(bits(found.a(d)), bits(key.a(d)));
                }
            }
            for other in (0..=2).filter(|other| *other != level) {
                let error = read(&bytes, Some((id, other))).unwrap_err().to_string();
                assert!(error.contains("level of an evaluation key"), "{error}");
                assert!(
                    error.contains(&format!("expected {other}, found {level}")),
                    "{error}"
                );
                // One that lies about its level has a length of another.
                let mut bytes = bytes.clone();
                bytes[72..80].copy_from_slice(&(other as u64).to_le_bytes());
                repair(&mut bytes);
                let error = read(&bytes, Some((id, other))).unwrap_err();
                assert!(matches!(error, WireError::Length { .. }), "{error}");
            }
            assert_eq!(bytes.len() == full.len(), level == 2);
        }
        for level in [3, u64::MAX] {
            let mut bytes = full.clone();
            bytes[72..80].copy_from_slice(&level.to_le_bytes());
            repair(&mut bytes);
            let error = read_switching_key(&bytes[..], "test", None, &context, None).unwrap_err();
            assert!(matches!(error, WireError::Field { .. }), "{error}");
        }
    }
}

#[test]
fn a_public_key_comes_back() {
    let context = context();
    let bytes = public_file(&context);
    let key = secret(&context).public_key().unwrap();
    let found = read_public_key(&bytes[..], "test", None, &context).unwrap();
    assert_eq!((bits(found.b()), found.seed()), (bits(key.b()), key.seed()));
}

#[test]
fn keys_of_other_parameters_or_damaged_ones_are_refused() {
    let context = context();
    let other = context_of(&[40, 36]);
    let key = key_file(&context, KeyId::Relinearisation);
    let error = read_switching_key(&key[..], "test", None, &other, None).unwrap_err();
    assert!(matches!(error, WireError::Binding { .. }), "{error}");
    let public = public_file(&context);
    assert!(matches!(
        read_public_key(&public[..], "test", None, &other),
        Err(WireError::Binding { .. })
    ));
    assert!(matches!(
        read_public_key(&key[..], "test", None, &context),
        Err(WireError::Kind { .. })
    ));
    for i in (0..key.len()).step_by(61).chain(0..100) {
        let mut bytes = key.clone();
        bytes[i] ^= 1 << (i % 8);
        assert!(
            read_switching_key(&bytes[..], "test", None, &context, None).is_err(),
            "byte {i}"
        );
        assert!(
            read_switching_key(&key[..i], "test", None, &context, None).is_err(),
            "cut at {i}"
        );
    }
    for i in (0..public.len()).step_by(61).chain(0..100) {
        let mut bytes = public.clone();
        bytes[i] ^= 1 << (i % 8);
        assert!(
            read_public_key(&bytes[..], "test", None, &context).is_err(),
            "byte {i}"
        );
        assert!(
            read_public_key(&public[..i], "test", None, &context).is_err(),
            "cut at {i}"
        );
    }
}

#[test]
fn nothing_written_for_others_contains_the_seed() {
    let context = context();
    let mut files = vec![public_file(&context), ciphertext_file(&context)];
    files.extend(ids(&context).map(|id| key_file(&context, id)));
    for file in files {
        // Eight bytes of it in a row would be no accident.
        for part in SEED.chunks_exact(8) {
            assert!(!file.windows(8).any(|w| w == part));
        }
    }
}

#[test]
fn the_bytes_of_fixed_keys_never_change() {
    let context = context();
    let basis = context.ring().extended_basis(2);
    let frozen = ids(&context).map(|id| {
        let b = (0..3)
            .map(|d| fixed_poly(&context, basis, 10 * d))
            .collect();
        let key = SwitchingKey::from_seeded(&context, id, b, PublicSeed([6; 32])).unwrap();
        hash_of(
            &write_switching_key(vec![], "test", &context, &key)
                .unwrap()
                .1,
        )
    });
    let b = fixed_poly(&context, context.ring().basis(2), 7);
    let public = PublicKey::from_seeded(&context, b, PublicSeed([7; 32])).unwrap();
    let public = hash_of(&write_public_key(vec![], "test", &public).unwrap().1);
    assert_eq!(
        [&frozen[0], &frozen[1], &frozen[2], &public],
        [
            "ac0660c810d2ad42234b6966afe97dc626401f94405b429fb8b53c063e8947b1",
            "868b81b6f0bb5bf90b9a81660b732b27f0700b7432546bf9ccc20d94db036fc3",
            "b7c118863d7bf8efcdac135b2331f125c5a8fe8c8fd8c9594da293e1d98d77f9",
            "dc854c5f2dd3b2612ea08419a9d8503215090cf8c58609da2154a11171b9394b"
        ]
    );
}

/// Keys between rings are of a context of their own; a name is all that files know of it.
#[test]
fn keys_between_rings_are_named_in_the_header() {
    let context = context();
    for id in [KeyId::Enter, KeyId::Raise, KeyId::Leave] {
        let key = secret(&context).switching_key(ids(&context)[0]).unwrap();
        let key = SwitchingKey::from_seeded(&context, id, key.b().to_vec(), *key.seed().unwrap())
            .unwrap();
        let (_, bytes) = write_switching_key(vec![], "test", &context, &key).unwrap();
        let found = read_switching_key(&bytes[..], "test", None, &context, Some((id, 2))).unwrap();
        assert_eq!(found.id(), id);
        let other = Some((KeyId::Relinearisation, 2));
        assert!(read_switching_key(&bytes[..], "test", None, &context, other).is_err());
    }
}
