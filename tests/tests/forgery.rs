//! The result comes through the ciphertexts: with other ciphertexts it is another, however well the files are repaired.

use std::path::Path;

use serde_json::Value;

use crate::journey::{JOB, TRAIN_ARGUMENTS, figure};
use crate::program::{done, velum};

/// Bytes before header and payload: magic, kind, version, two lengths, binding.
const PREFIX: usize = 56;
/// Bytes of the hash at the end.
const HASH: usize = 32;

/// Clears some residues of the first ciphertext in a file and repairs the file's own hash. Clearing bits of a residue leaves it smaller, so
/// it stays a residue; what is cleared begins behind scale, bound, noise and seed, and ends long before the next ciphertext.
fn forge(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let header = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
    let start = PREFIX + header + 4096;
    let end = bytes.len() - HASH;
    assert!(end > start + 65_536, "{} is short", path.display());
    bytes[start..start + 8192].fill(0);
    let hash = blake3::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(hash.as_bytes());
    std::fs::write(path, bytes).unwrap();
}

/// Puts the hash of a changed file into the manifest.
fn repair(manifest: &Path, name: &str, content: &Path) {
    let mut value: Value = serde_json::from_slice(&std::fs::read(manifest).unwrap()).unwrap();
    let entry = value["files"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .find(|entry| entry["name"] == name)
        .unwrap();
    let hash = blake3::hash(&std::fs::read(content).unwrap());
    assert_ne!(
        entry["blake3"],
        hash.to_hex().as_str(),
        "nothing was changed"
    );
    entry["blake3"] = hash.to_hex().as_str().into();
    std::fs::write(manifest, value.to_string()).unwrap();
}

/// Decrypts and evaluates an encrypted model at the client: the accuracy and whether velum warned of it, or `None` if velum refused it.
fn accuracy_of(model: &Path) -> Option<(f64, bool)> {
    let client = JOB.copy(&JOB.client());
    let at = client.path();
    std::fs::copy(model, at.join("forged.enc")).unwrap();
    let decrypt = "decrypt --plan plan.json --key keys/secret.key --private private --model forged.enc --out forged";
    let outcome = velum(at, &decrypt.split(' ').collect::<Vec<_>>());
    if outcome.code != 0 {
        assert!(matches!(outcome.code, 1 | 3), "{outcome}");
        assert!(!at.join("forged").exists());
        return None;
    }
    let evaluate = "evaluate --model forged --features rows.csv --rows 90..";
    let result = done(at, &evaluate.split(' ').collect::<Vec<_>>());
    let warned = outcome.stderr.contains("warning: precision");
    Some((figure(&result, "accuracy"), warned))
}

#[test]
fn a_changed_ciphertext_never_gives_the_right_model() {
    let right = figure(&JOB.evaluate, "accuracy");
    // The harness itself finds the right accuracy where nothing was changed.
    assert_eq!(
        accuracy_of(&JOB.server().join("model.enc")),
        Some((right, false))
    );

    let manifest = std::fs::read(JOB.server().join("dataset/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    for entry in manifest["files"].as_array().unwrap() {
        let name = entry["name"].as_str().unwrap();
        let server = JOB.copy(&JOB.server());
        let dataset = server.path().join("dataset");
        std::fs::remove_file(server.path().join("model.enc")).unwrap();
        let shard = dataset.join(format!("{name}.ct"));
        forge(&shard);
        repair(&dataset.join("manifest.json"), name, &shard);
        done(server.path(), &TRAIN_ARGUMENTS);
        if let Some((accuracy, warned)) = accuracy_of(&server.path().join("model.enc")) {
            // With one class in three a guess is right on a third of the rows, give or take 0.15 (three standard deviations of 90 rows).
            assert!(warned, "{name}");
            assert!(accuracy < right - 0.3, "{name}: {accuracy} of {right}");
        }
    }
}

#[test]
fn a_changed_model_never_gives_the_right_model() {
    let right = figure(&JOB.evaluate, "accuracy");
    let server = JOB.copy(&JOB.server());
    let model = server.path().join("model.enc");
    forge(&model);
    if let Some((accuracy, warned)) = accuracy_of(&model) {
        assert!(warned);
        // One ciphertext may hold the weights of one class alone: the other two thirds of the rows can still be right.
        assert!(accuracy < right - 0.1, "{accuracy} of {right}");
    }
}
