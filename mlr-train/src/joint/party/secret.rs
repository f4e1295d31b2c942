//! A party's secret in one session, in its file.

use std::io::Write as _;
use std::path::Path;

use he_core::multiparty::{PartyId, PartySecret};
use he_core::wire::{Existing, SecretKeyFile, Unnamed, WireError};
use zeroize::Zeroizing;

use crate::artifacts::{RunError, secret_key};
use crate::files;
use crate::joint::Setting;

const CONTEXT: &str = "velum mlr-train 2026 v1 party of a session";
/// A secret key file is a few lines of text.
const LARGEST: u64 = 4096;

/// What the file is bound to: session, plan and party.
fn binding(setting: &Setting, party: PartyId) -> [u8; 32] {
    let mut hash = blake3::Hasher::new_derive_key(CONTEXT);
    hash.update(&setting.binding());
    hash.update(&party.index().to_le_bytes());
    *hash.finalize().as_bytes()
}

fn digest(setting: &Setting, secret: &PartySecret) -> Result<[u8; 32], RunError> {
    Ok(secret.public_key_share()?.digest(setting.session()))
}

/// Makes the secret of party `index` in this session, from the system's randomness, and writes it to a new file that its owner alone can read.
///
/// # Errors
/// A name that is taken: a party has one secret a session; the system's.
pub fn create(setting: &Setting, index: u32, path: &Path) -> Result<PartySecret, RunError> {
    let party = setting.party(index)?;
    secret_key::make_private_directory(files::parent(path))?;
    let secret = PartySecret::generate(setting.session(), party)?;
    let file = SecretKeyFile {
        binding: binding(setting, party),
        public: digest(setting, &secret)?,
        seed: Zeroizing::new(*secret.expose_seed()),
    };
    let text = file.to_text();
    let ((), unnamed) = Unnamed::write(path, true, |sink| {
        let failed = |source| WireError::Io {
            file: path.display().to_string(),
            op: "write",
            source,
        };
        sink.write_all(text.as_bytes()).map_err(failed)
    })?;
    unnamed.name(Existing::Keep)?;
    Ok(secret)
}

/// Reads the secret of party `index` in this session.
///
/// # Errors
/// A file that others can read, of another session or party, or damaged.
pub fn read(setting: &Setting, index: u32, path: &Path) -> Result<PartySecret, RunError> {
    secret_key::refuse_readable_by_others(path)?;
    let name = path.display().to_string();
    let party = setting.party(index)?;
    let bytes = Zeroizing::new(files::read_limited(path, LARGEST)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        RunError::input("expected the secret of a party, found a file that is no text")
            .at(name.clone())
    })?;
    let bound = binding(setting, party);
    let file = SecretKeyFile::from_text(text, &name, Some(&bound))?;
    let secret = PartySecret::from_seed(setting.session(), party, file.seed)?;
    if digest(setting, &secret)? == file.public {
        return Ok(secret);
    }
    Err(
        RunError::input("expected the seed of the key share that the file names, found another")
            .at(name)
            .hint("the file is damaged, or was made by another version of velum"),
    )
}
