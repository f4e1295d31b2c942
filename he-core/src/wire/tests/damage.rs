use proptest::prelude::*;

use super::*;
use crate::error::Explain as _;

fn variant(bytes: &[u8], length: Option<u64>) -> WireError {
    read_all(bytes, length, &context()).unwrap_err()
}

#[test]
fn any_flipped_bit_is_found() {
    let context = context();
    let good = ciphertext_file(&context);
    let head = 56 + 4 + 24 + 10;
    let all_bits = (0..head)
        .chain(good.len() - 32..good.len())
        .flat_map(|i| (0..8).map(move |b| (i, b)));
    // One bit in 37 bytes of the payload: 37 is prime to every length in the format.
    let some_bits = (head..good.len() - 32).step_by(37).map(|i| (i, i % 8));
    for (i, bit) in all_bits.chain(some_bits) {
        let mut bytes = good.clone();
        bytes[i] ^= 1 << bit;
        assert!(
            read_all(&bytes, None, &context).is_err(),
            "byte {i}, bit {bit}"
        );
    }
}

#[test]
fn any_missing_or_additional_byte_is_found() {
    let context = context();
    let good = ciphertext_file(&context);
    for end in (0..good.len())
        .step_by(97)
        .chain(0..128)
        .chain(good.len() - 64..good.len())
    {
        let cut = &good[..end];
        assert!(
            matches!(
                read_all(cut, None, &context),
                Err(WireError::Truncated { .. })
            ),
            "{end}"
        );
        // With the file's size at hand, before anything is allocated.
        let error = read_all(cut, Some(end as u64), &context).unwrap_err();
        assert!(
            matches!(
                error,
                WireError::Truncated { .. } | WireError::Length { .. }
            ),
            "{end}: {error}"
        );
    }
    let mut longer = good.clone();
    longer.push(0);
    assert!(matches!(variant(&longer, None), WireError::Trailing { .. }));
    assert!(matches!(
        variant(&longer, Some(longer.len() as u64)),
        WireError::Length { .. }
    ));
}

#[test]
fn a_residue_that_is_not_below_its_prime_is_refused_under_a_right_hash() {
    let context = context();
    let q0 = context.params().q()[0];
    let mut bytes = ciphertext_file(&context);
    // The first residue of the first c_0, after metadata and seed.
    let at = 56 + 4 + 24 + 10 + 16 + 32;
    let width = 64 - q0.leading_zeros();
    let mut word = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    word = word >> width << width | q0;
    bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
    repair(&mut bytes);
    match variant(&bytes, None) {
        WireError::Residue { prime, found, .. } => assert_eq!((prime, found), (q0, q0)),
        other => panic!("{other}"),
    }
}

#[test]
fn checks_come_in_their_order_and_before_any_allocation() {
    let good = ciphertext_file(&context());
    let read = |bytes: &[u8], limit| {
        let context = context();
        CiphertextReader::open(
            bytes,
            "test",
            Some(bytes.len() as u64),
            limit,
            CIPHERTEXTS.bound_to(&[9; 32]),
            &context,
        )
        .map(|_| ())
        .unwrap_err()
    };
    let mut bytes = good.clone();
    // Lengths of 2^63 and 4 GiB: nobody may try to allocate them.
    bytes[12..16].fill(0xff);
    bytes[16..24].copy_from_slice(&(1u64 << 63).to_le_bytes());
    assert!(matches!(read(&bytes, LIMIT), WireError::TooLarge { .. }));
    bytes[24] ^= 1;
    assert!(matches!(read(&bytes, LIMIT), WireError::Binding { .. }));
    bytes[10] ^= 1;
    assert!(matches!(read(&bytes, LIMIT), WireError::Version { .. }));
    bytes[8] ^= 4;
    assert!(matches!(read(&bytes, LIMIT), WireError::Kind { .. }));
    bytes[0] = b'P';
    assert!(matches!(read(&bytes, LIMIT), WireError::Magic { .. }));
    assert!(matches!(read(&bytes, 1000), WireError::TooLarge { .. }));

    // A payload that the shapes do not give, with the file's size to match.
    let mut bytes = good.clone();
    let payload = u64::from_le_bytes(bytes[16..24].try_into().unwrap());
    bytes[16..24].copy_from_slice(&(payload + 8).to_le_bytes());
    bytes.extend([0; 8]);
    assert!(matches!(read(&bytes, LIMIT), WireError::Length { .. }));
    // Runs that are no canonical description: an empty one, one cut in two, a level or form that does not exist, reserved bytes.
    for (at, value) in [
        (56 + 4 + 4, 0),
        (56 + 4 + 8, 1),
        (56 + 4 + 1, 3),
        (56 + 4, 3),
        (56 + 4 + 2, 1),
    ] {
        let mut bytes = good.clone();
        bytes[at] = value;
        if at == 68 {
            // The second run like the first.
            bytes.copy_within(60..68, 68);
        }
        assert!(
            matches!(read(&bytes, LIMIT), WireError::Field { .. }),
            "{at}"
        );
    }
    let mut bytes = good.clone();
    bytes[56..60].copy_from_slice(&5000u32.to_le_bytes());
    assert!(matches!(read(&bytes, LIMIT), WireError::Field { .. }));
    bytes[56..60].copy_from_slice(&100u32.to_le_bytes());
    assert!(matches!(read(&bytes, LIMIT), WireError::Truncated { .. }));
}

#[test]
fn every_error_names_the_file_and_has_a_hint() {
    let good = ciphertext_file(&context());
    let mut flipped = good.clone();
    flipped[200] ^= 1;
    for error in [
        variant(b"PK\x03\x04....", None),
        variant(&good[..300], None),
        variant(&flipped, None),
    ] {
        let text = error.to_string();
        assert!(!text.contains('\n') && !text.contains("test"), "{text}");
        assert_eq!(error.place().as_deref(), Some("test"));
        assert!(error.hint().is_some_and(|hint| !hint.is_empty()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400), kind in 0u16..4, known in any::<bool>(), depth in 0usize..4) {
        let context = context();
        // Ever more of a right prefix, so that the later checks are reached too.
        let mut prefix = ciphertext_file(&context)[..8].to_vec();
        prefix.extend(kind.to_le_bytes());
        prefix.extend(1u16.to_le_bytes());
        prefix.extend((bytes.len() as u32).to_le_bytes());
        prefix.extend(64u64.to_le_bytes());
        prefix.extend(if kind == 1 { [9; 32] } else { *context.fingerprint() });
        let len = [0, 8, 24, 56][depth].min(bytes.len());
        bytes[..len].copy_from_slice(&prefix[..len]);
        let length = known.then_some(bytes.len() as u64);
        prop_assert!(read_all(&bytes, length, &context).is_err());
        prop_assert!(read_switching_key(&bytes[..], "test", length, &context, None).is_err());
        prop_assert!(read_public_key(&bytes[..], "test", length, &context).is_err());
        let _ = Reader::inspect(&bytes[..], "test", length);
        prop_assert!(SecretKeyFile::from_text(&String::from_utf8_lossy(&bytes), "test", None).is_err());
    }
}
