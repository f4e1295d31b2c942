use super::*;
use crate::ring::GaloisElement;
use crate::rlwe::KeyId;

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
        for expected in [None, Some(id)] {
            let found = read_switching_key(
                &bytes[..],
                "test",
                Some(bytes.len() as u64),
                &context,
                expected,
            )
            .unwrap();
            assert_eq!((found.id(), found.seed()), (id, key.seed()));
            for (x, y) in found
                .b()
                .iter()
                .chain(found.a())
                .zip(key.b().iter().chain(key.a()))
            {
                assert_eq!(bits(x), bits(y));
            }
        }
    }
}

#[test]
fn another_key_than_expected_is_refused() {
    let context = context();
    let [a, b, _] = ids(&context);
    let bytes = key_file(&context, a);
    let error = read_switching_key(&bytes[..], "test", None, &context, Some(b)).unwrap_err();
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
    let [relinearisation, rotation, _] = ids(&context);
    let found = [
        hash_of(&key_file(&context, relinearisation)),
        hash_of(&key_file(&context, rotation)),
        hash_of(&public_file(&context)),
    ];
    assert_eq!(
        found,
        [
            "be43a8df9e23621d7f2eb045b4a217f153adc6b1c0d4f9f9e3596468ca5a5d89",
            "17663b25b7d536c148643a4c4f888e4f62e90b052743021f5b6deb5763ea57d2",
            "FROZEN-PUB",
        ]
    );
}
