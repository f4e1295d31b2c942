use std::io::Write;

use super::*;

fn key() -> SecretKeyFile {
    SecretKeyFile {
        binding: [1; 32],
        public: [0xab; 32],
        seed: Zeroizing::new(SEED),
    }
}

#[test]
fn a_secret_key_file_comes_back_and_shows_its_seed_to_nobody() {
    let text = key().to_text();
    let found = SecretKeyFile::from_text(&text, "key", Some(&[1; 32])).unwrap();
    assert_eq!(
        (found.binding, found.public, *found.seed),
        ([1; 32], [0xab; 32], SEED)
    );
    assert_eq!(
        hash_of(text.as_bytes()),
        "1dd06f8f08eb67afe0de5d401f3d9e873845668b71282388bb8c8361e9b4b498"
    );
    let seed: String = SEED.iter().map(|b| format!("{b:02x}")).collect();
    assert!(text.contains(&seed));
    let shown = format!("{found:?}");
    assert!(!shown.contains(&seed) && !shown.contains(&format!("{SEED:?}")));
    let error = SecretKeyFile::from_text(&text, "key", Some(&[2; 32])).unwrap_err();
    assert!(matches!(error, WireError::Binding { .. }));
}

#[test]
fn any_damage_to_a_secret_key_file_is_found_and_no_error_shows_the_seed() {
    let text = key().to_text();
    let seed: String = SEED.iter().map(|b| format!("{b:02x}")).collect();
    for i in 0..text.len() {
        let mut bytes = text.as_bytes().to_vec();
        // Stays ASCII, and never the same character.
        bytes[i] ^= 1;
        let damaged = String::from_utf8(bytes).unwrap();
        for candidate in [
            damaged.as_str(),
            // The last newline is white space: without it the key is whole.
            &text[..i.min(text.len() - 2)],
            &format!("{}{}", &*text, &text[..=i]),
        ] {
            let error = SecretKeyFile::from_text(candidate, "key", None).unwrap_err();
            assert!(!error.to_string().contains(&seed[..16]), "{error}");
        }
    }
    assert!(SecretKeyFile::from_text(&text.to_uppercase(), "key", None).is_err());
    assert!(SecretKeyFile::from_text(&"x".repeat(1 << 20), "key", None).is_err());
}

/// What editors, version control, secret stores and unquoted variables of a shell do to a text.
#[test]
fn white_space_is_no_part_of_a_secret_key() {
    let text = key().to_text();
    for changed in [
        text.replace('\n', "\r\n"),
        text.replace('\n', "\r"),
        text.trim_end().to_owned(),
        format!("{}\n\n", &*text),
        format!("\u{feff}{}", &*text),
        format!("\n  {}", text.replace('\n', "\n\t")),
        text.replace('\n', "  \n"),
        text.replace('\n', " "),
    ] {
        let found = SecretKeyFile::from_text(&changed, "key", Some(&[1; 32])).unwrap();
        assert_eq!((*found.seed, found.public), (SEED, [0xab; 32]));
        assert!(SecretKeyFile::begins(changed.as_bytes()), "{changed:?}");
    }
    // Digits that are parted are not a key's; the public fingerprint is ab ab ..
    let parted = text.replacen("abab", "ab ab", 1);
    assert_ne!(parted, *text);
    assert!(SecretKeyFile::from_text(&parted, "key", None).is_err());
    assert!(!SecretKeyFile::begins(b"velum public key"));
}

#[test]
fn a_secret_key_of_another_version_is_refused_as_such() {
    use crate::error::Explain as _;
    let old = key().to_text().replace("format 2", "format 1");
    let error = SecretKeyFile::from_text(&old, "key", None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected format version 2 of \"secret key\", found 1"
    );
    assert!(error.hint().unwrap().contains("make the file again"));
}

#[test]
fn files_are_written_whole_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let write = |existing, text: &'static [u8]| {
        write_file::<_, WireError>(&path, existing, false, |sink| {
            sink.write_all(text).unwrap();
            Ok(text.len())
        })
    };
    assert_eq!(write(Existing::Keep, b"one").unwrap(), 3);
    assert_eq!(std::fs::read(&path).unwrap(), b"one");
    assert!(matches!(
        write(Existing::Keep, b"two"),
        Err(WireError::Io { .. })
    ));
    assert_eq!(std::fs::read(&path).unwrap(), b"one");
    write(Existing::Replace, b"three").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"three");

    // A failure half-way, and a panic: the old file stays, and nothing lies about.
    let failed = write_file::<(), _>(&path, Existing::Replace, false, |sink| {
        sink.write_all(b"half").unwrap();
        Err(WireError::Trailing { file: "no".into() })
    });
    assert!(failed.is_err());
    let panicked = std::panic::catch_unwind(|| {
        write_file::<(), WireError>(&path, Existing::Replace, false, |_| panic!("half-way"))
    });
    assert!(panicked.is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"three");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);

    let nowhere = directory.path().join("missing").join("file");
    let error =
        write_file::<(), WireError>(&nowhere, Existing::Keep, false, |_| Ok(())).unwrap_err();
    assert!(matches!(error, WireError::Io { .. }));
}

#[cfg(unix)]
#[test]
fn private_files_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    write_file::<_, WireError>(&path, Existing::Keep, true, |sink| {
        // Private from the first byte on, not only in the end.
        assert_eq!(
            sink.get_ref().metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
        sink.write_all(key().to_text().as_bytes()).unwrap();
        Ok(())
    })
    .unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn ciphertexts_travel_through_a_file() {
    let context = context();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shard");
    let bytes = ciphertext_file(&context);
    write_file::<_, WireError>(&path, Existing::Replace, false, |sink| {
        sink.write_all(&bytes).unwrap();
        Ok(())
    })
    .unwrap();
    let (name, source, length) = open_file(&path).unwrap();
    let mut reader = CiphertextReader::open(
        source,
        &name,
        Some(length),
        LIMIT,
        CIPHERTEXTS.bound_to(&[9; 32]),
        &context,
    )
    .unwrap();
    let mut count = 0;
    while reader.next(None).unwrap().is_some() {
        count += 1;
    }
    assert_eq!(
        (count, reader.finish().unwrap()),
        (4, *blake3::hash(&bytes[..bytes.len() - 32]).as_bytes())
    );
    assert!(matches!(
        open_file(directory.path()),
        Err(WireError::Field { .. } | WireError::Io { .. })
    ));
}
