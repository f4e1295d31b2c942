//! Keys: the secret key file, the public key file, the directory of evaluation keys.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use he_core::rlwe::{Context, EvaluationKeys, KeyId, PublicKey, SecretKey};
use he_core::wire::{self, Existing, SecretKeyFile, WireError};
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::directory::{NewDirectory, parent};
use super::manifest::{Kind, Manifest};
use crate::convert::from_text;
use crate::failure::Failure;
use crate::interrupt::Stoppable;
use crate::plan_file::PlanFile;
use crate::progress::Stage;

/// How every secret key file begins.
const SECRET_BEGINS: &[u8] = b"velum secret key";
/// A secret key file is a few lines of text.
const LARGEST_SECRET: u64 = 4096;
/// Beside its payload a key file has a header of less than this.
const LARGEST_KEY: u64 = 1 << 30;

/// Writes a secret key: mode 0600, never over another file, in a directory that is made with mode 0700 if there is none.
///
/// # Errors
/// A name that is taken; the system's.
pub(crate) fn write_secret(path: &Path, key: &SecretKey) -> Result<(), Failure> {
    make_private_directory(parent(path))?;
    let file = SecretKeyFile {
        binding: *key.context().fingerprint(),
        public: public_fingerprint(key)?,
        seed: (*key.expose_seed()).into(),
    };
    let text = file.to_text();
    wire::write_file(path, Existing::Keep, true, |sink| {
        sink.write_all(text.as_bytes())
            .map_err(|source| WireError::Io {
                file: path.display().to_string(),
                op: "write",
                source,
            })
    })?;
    Ok(())
}

/// Reads a secret key and derives it again; the derived public part must be the one that the file names.
///
/// # Errors
/// A file that others can read, of other parameters, or damaged.
pub(crate) fn read_secret(path: &Path, context: &Arc<Context>) -> Result<SecretKey, Failure> {
    refuse_readable_by_others(path)?;
    let name = path.display().to_string();
    let bytes = Zeroizing::new(mlr_train::files::read_limited(path, LARGEST_SECRET)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        Failure::input("expected a secret key file, found one that is no text")
            .at(name.clone())
            .hint("name the file that keygen wrote with --key")
    })?;
    let file = SecretKeyFile::from_text(text, &name, Some(context.fingerprint()))?;
    let key = SecretKey::from_seed(context, file.seed).map_err(|error| from_text(&error))?;
    if public_fingerprint(&key)? != file.public {
        return Err(Failure::input(
            "expected a seed of the public key that the file names, found another",
        )
        .at(name)
        .hint("the file is damaged, or was made by another version of velum"));
    }
    Ok(key)
}

/// Refuses to go on where a secret key or a private directory is among what the server was given.
///
/// # Errors
/// Names the file.
pub(crate) fn refuse_secrets(given: &[&Path]) -> Result<(), Failure> {
    for path in given {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries
                .filter_map(Result::ok)
                .map(|entry| entry.path())
                .collect(),
            Err(_) => vec![path.to_path_buf()],
        };
        for entry in entries {
            let private = entry
                .file_name()
                .is_some_and(|name| name == super::private::FILE);
            if private || is_secret(&entry) {
                return Err(Failure::input(
                    "expected nothing secret at the server, found a file that must never leave the client",
                )
                .at(entry.display().to_string())
                .hint("keep client and server files apart; if the server is another's machine, make new keys"));
            }
        }
    }
    Ok(())
}

/// Whether a file begins as secret key files do.
pub(crate) fn is_secret(path: &Path) -> bool {
    let mut begin = [0; SECRET_BEGINS.len()];
    // What cannot be read cannot be a key that anybody uses here; whoever needs the file reports it.
    path.is_file()
        && fs::File::open(path)
            .and_then(|mut file| file.read_exact(&mut begin))
            .is_ok()
        && begin == SECRET_BEGINS
}

/// Writes the public key.
///
/// # Errors
/// The system's.
pub(crate) fn write_public(path: &Path, key: &PublicKey) -> Result<(), Failure> {
    wire::write_file(path, Existing::Keep, false, |sink| {
        wire::write_public_key(sink, &path.display().to_string(), key).map(|_| ())
    })?;
    Ok(())
}

/// Reads a public key.
///
/// # Errors
/// A file of other parameters, or damaged.
pub(crate) fn read_public(path: &Path, context: &Arc<Context>) -> Result<PublicKey, Failure> {
    let (name, source, length) = wire::open_file(path)?;
    Ok(wire::read_public_key(source, &name, Some(length), context)?)
}

/// A plan that keys are made for: for training or for predictions.
pub(crate) trait KeyPlan {
    /// Whether somebody encrypts under the public key.
    fn wants_public_key(&self) -> bool {
        false
    }

    /// What evaluation keys are bound to, in hex.
    fn key_binding_hex(&self) -> String;
    /// The evaluation keys that are needed, in the order of their files.
    fn key_ids(&self) -> Vec<KeyId>;
    /// Everything that the keys are made under.
    ///
    /// # Errors
    /// None for a checked plan.
    fn context(&self) -> Result<Arc<Context>, Failure>;
}

impl KeyPlan for PlanFile {
    fn wants_public_key(&self) -> bool {
        self.plan.job().program().owners.public_key
    }

    fn key_binding_hex(&self) -> String {
        Self::key_binding_hex(self)
    }

    fn key_ids(&self) -> Vec<KeyId> {
        Self::key_ids(self)
    }

    fn context(&self) -> Result<Arc<Context>, Failure> {
        Self::context(self)
    }
}

/// Makes the plan's evaluation keys and writes each to a file of its own. As many are in memory as there are threads.
///
/// # Errors
/// The system's; interruption.
pub(crate) fn write_evaluation(
    directory: &NewDirectory,
    plan: &dyn KeyPlan,
    key: &SecretKey,
    stage: &Stage,
    stop: &Stoppable,
) -> Result<Manifest, Failure> {
    let mut manifest = Manifest::new(Kind::EvaluationKeys, plan.key_binding_hex());
    manifest.set_key(key_fingerprint(key)?);
    for ids in plan.key_ids().chunks(rayon::current_num_threads()) {
        stop.check()?;
        let written: Result<Vec<_>, Failure> = ids
            .par_iter()
            .map(|&id| {
                let name = name(id);
                let key_of_id = key.switching_key(id).map_err(|error| from_text(&error))?;
                let (_, bytes) =
                    wire::write_switching_key(Vec::new(), &name, key.context(), &key_of_id)?;
                Ok((name, bytes))
            })
            .collect();
        for (name, bytes) in written? {
            manifest.add(directory.path(), name, &bytes)?;
        }
        stage.set(manifest.files().len() as u64, "evaluation keys");
    }
    manifest.write(directory.path())?;
    Ok(manifest)
}

/// Reads the plan's evaluation keys; with them comes the hash of their manifest.
///
/// # Errors
/// Keys that are missing, damaged or made for something else.
pub(crate) fn read_evaluation(
    directory: &Path,
    plan: &dyn KeyPlan,
    context: &Arc<Context>,
) -> Result<(EvaluationKeys, blake3::Hash), Failure> {
    let ids = plan.key_ids();
    let names = ids.iter().map(|&id| name(id));
    let binding = plan.key_binding_hex();
    let manifest = Manifest::expect(directory, Kind::EvaluationKeys, &binding, names)?;
    let read: Result<Vec<_>, Failure> = ids
        .par_iter()
        .zip(manifest.files())
        .map(|(&id, entry)| {
            manifest.load_parsed(directory, entry, LARGEST_KEY, |path, bytes| {
                let (file, length) = (path.display().to_string(), Some(entry.bytes));
                wire::read_switching_key_hashed(bytes, &file, length, context, Some(id))
            })
        })
        .collect();
    let mut keys = EvaluationKeys::new(context);
    for key in read? {
        keys.insert(key).map_err(|error| from_text(&error))?;
    }
    Ok((keys, manifest.hash()))
}

fn name(id: KeyId) -> String {
    match id {
        KeyId::Relinearisation => "relinearisation".to_owned(),
        KeyId::Galois(element) => format!("galois-{}", element.exponent()),
    }
}

/// Hash of the public key's file: what a seed is recognised by.
fn public_fingerprint(key: &SecretKey) -> Result<wire::Hash, Failure> {
    let public = key.public_key().map_err(|error| from_text(&error))?;
    let (hash, _) = wire::write_public_key(io::sink(), "public key", &public)?;
    Ok(hash)
}

/// What files of one key name in hex: the fingerprint of its public key.
///
/// # Errors
/// None for a whole key.
pub(crate) fn key_fingerprint(key: &SecretKey) -> Result<String, Failure> {
    let hash = blake3::Hash::from_bytes(public_fingerprint(key)?);
    Ok(hash.to_hex().to_string())
}

pub(super) fn make_private_directory(directory: &Path) -> Result<(), Failure> {
    if directory.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(directory)
        .map_err(|error| Failure::io("create a directory", directory, &error))
}

#[cfg(unix)]
pub(super) fn refuse_readable_by_others(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(metadata) = fs::metadata(path) else {
        // A missing file is reported by its reader.
        return Ok(());
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Failure::input(format!(
        "expected a secret key that its owner alone can read, found mode {mode:04o}"
    ))
    .at(path.display().to_string())
    .hint("chmod 600 it; if others may have read it, make new keys"))
}

#[cfg(not(unix))]
pub(super) fn refuse_readable_by_others(_: &Path) -> Result<(), Failure> {
    Ok(())
}
