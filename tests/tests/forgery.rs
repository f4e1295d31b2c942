//! The result comes through the ciphertexts: with other ciphertexts it is another, however well the files are repaired.

use std::path::Path;

use serde_json::Value;

use crate::journey::{JOB, TRAIN_ARGUMENTS, figure, run_with_public_key};
use crate::prediction::CLEAR;
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
    assert!(end > start + 16_384, "{} is short", path.display());
    bytes[start..start + 8192].fill(0);
    let hash = blake3::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(hash.as_bytes());
    std::fs::write(path, bytes).unwrap();
}

/// Lets a model say that it was trained as `right` was: a forger does not name the dataset that it used.
fn claim(path: &Path, right: &Path) {
    let (mut bytes, right) = (std::fs::read(path).unwrap(), std::fs::read(right).unwrap());
    let header = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
    let header = PREFIX..PREFIX + header;
    assert_ne!(bytes[header.clone()], right[header.clone()]);
    bytes[header.clone()].copy_from_slice(&right[header]);
    let end = bytes.len() - HASH;
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

/// Decrypts and evaluates an encrypted model at the client: the accuracy and whether velum warned of it, or `None` if velum refused it. The client
/// insists: its key has opened the right model before.
fn accuracy_of(model: &Path) -> Option<(f64, bool)> {
    let client = JOB.copy(&JOB.client());
    let at = client.path();
    std::fs::copy(model, at.join("forged.enc")).unwrap();
    let decrypt = "decrypt --plan plan.json --key keys/secret.key --private private --model forged.enc --out forged --open-again";
    let outcome = velum(at, &decrypt.split(' ').collect::<Vec<_>>());
    if outcome.code != 0 {
        assert_eq!(outcome.code, 3, "{outcome}");
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
        let model = server.path().join("model.enc");
        claim(&model, &JOB.server().join("model.enc"));
        // The clear twin has other weights: nothing is shown.
        assert_eq!(accuracy_of(&model), None, "{name}");
    }
}

#[test]
fn a_changed_model_never_gives_the_right_model() {
    let server = JOB.copy(&JOB.server());
    let model = server.path().join("model.enc");
    forge(&model);
    assert_eq!(accuracy_of(&model), None);
}

/// Runs `line` in `at` and expects its refusal, then with `--open-again` another exit code.
fn spent(at: &Path, line: &str, insisting: i32) {
    let mut arguments: Vec<&str> = line.split(' ').collect();
    let refused = velum(at, &arguments);
    assert_eq!(refused.code, 1, "{refused}");
    assert!(
        refused.stderr.contains("has opened, found another"),
        "{refused}"
    );
    assert!(refused.stderr.contains("--open-again"), "{refused}");
    arguments.push("--open-again");
    let outcome = velum(at, &arguments);
    assert_eq!(outcome.code, insisting, "{outcome}");
}

#[test]
fn a_key_is_spent_by_its_first_model() {
    let client = JOB.copy(&JOB.client());
    let at = client.path();
    let line = "decrypt --plan plan.json --key keys/secret.key --private private --model";
    // The same model opens as often as one likes, to the same bits.
    let again = format!("{line} model.enc --out again");
    done(at, &again.split(' ').collect::<Vec<_>>());
    let weights = |name: &str| std::fs::read(at.join(name).join("model.safetensors")).unwrap();
    assert!(weights("again") == weights("model"));
    std::fs::copy(at.join("model.enc"), at.join("forged.enc")).unwrap();
    forge(&at.join("forged.enc"));
    spent(at, &format!("{line} forged.enc --out forged"), 3);
    assert!(!at.join("forged").exists());
    // Nor does another name of the key help.
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("keys/secret.key", at.join("link")).unwrap();
        let line = line.replace("keys/secret.key", "link");
        let right = format!("{line} model.enc --out third");
        done(at, &right.split(' ').collect::<Vec<_>>());
    }
}

#[test]
fn a_key_opens_one_answer_to_the_same_rows() {
    let client = JOB.copy(&CLEAR.client());
    let at = client.path();
    let line = "predict decrypt --plan plan.json --key keys/secret.key --query query.enc --scores";
    let again = format!("{line} scores.enc --out again.csv");
    done(at, &again.split(' ').collect::<Vec<_>>());
    std::fs::copy(at.join("scores.enc"), at.join("forged.enc")).unwrap();
    forge(&at.join("forged.enc"));
    spent(at, &format!("{line} forged.enc --out forged.csv"), 3);
    assert!(!at.join("forged.csv").exists());
}

/// Ciphertexts under a public key state their bound and their noise: a false word would stop the training iterations later.
#[test]
fn what_a_shard_states_of_its_noise_is_not_believed() {
    let job = run_with_public_key();
    let server = job.copy(&job.server());
    let dataset = server.path().join("dataset");
    let model = server.path().join("model.enc");
    std::fs::rename(&model, server.path().join("right.enc")).unwrap();
    let name = "data-0-0";
    let shard = dataset.join(format!("{name}.ct"));
    let mut bytes = std::fs::read(&shard).unwrap();
    let header = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
    // Behind the scale: bound and noise.
    for (number, stated) in [1e-6f64, 1e30].into_iter().enumerate() {
        let at = PREFIX + header + 8 * (1 + number);
        bytes[at..at + 8].copy_from_slice(&stated.to_le_bytes());
    }
    let end = bytes.len() - HASH;
    let hash = blake3::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(hash.as_bytes());
    std::fs::write(&shard, bytes).unwrap();
    repair(&dataset.join("manifest.json"), name, &shard);
    done(server.path(), &TRAIN_ARGUMENTS);
    claim(&model, &server.path().join("right.enc"));
    let read = |name: &str| std::fs::read(server.path().join(name)).unwrap();
    assert!(read("model.enc") == read("right.enc"));
}
