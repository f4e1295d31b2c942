//! What exact predictions keep in files: the keys of the library `sunscreen`, encrypted rows, encrypted scores.

use std::path::Path;

use crate::exact::ExactPlan;
use crate::exact::plan::SLOTS;
use crate::files::{self, Access};
use he_core::wire::{self, Existing, WireError};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::RunError;
use super::manifest::short;

/// The public key; bound, as the others, to the plan's hash.
pub const PUBLIC: wire::Kind = wire::Kind {
    code: 0x120,
    version: 1,
    name: "public key for exact predictions",
};
/// Encrypted rows.
pub const ROWS: wire::Kind = wire::Kind {
    code: 0x121,
    version: 1,
    name: "encrypted rows for exact predictions",
};
/// Encrypted scores.
pub const SCORES: wire::Kind = wire::Kind {
    code: 0x122,
    version: 1,
    name: "encrypted exact scores",
};

/// First line of a secret key file; it begins as every secret key file does, so that a server refuses it.
const SECRET: &str = "velum secret key for exact predictions, format 1: keep this file to yourself";
/// Larger files are no secret keys: hexadecimal digits of 8192 residues modulo four primes are 512 KiB.
const LARGEST_SECRET: u64 = 4 << 20;
/// Largest file of one ciphertext or key, with room for the library's own headers.
const LARGEST_PIECE: u64 = 2 * 4 * 8 * SLOTS as u64 + wire::MAX_ENVELOPE;

/// What the header of a file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// Rows; none for a key.
    pub rows: Option<usize>,
    /// blake3 of the public key, hex.
    pub key: Option<String>,
    /// Hash of the rows that scores answer, hex.
    pub query: Option<String>,
}

/// Writes a file of `plan`. Returns its hash in hex.
///
/// # Errors
/// The system's.
pub fn write<T: Serialize>(
    path: &Path,
    kind: &wire::Kind,
    existing: Existing,
    plan: &ExactPlan,
    note: &Note,
    content: &T,
) -> Result<u64, RunError> {
    let encoded = crate::exact::bfv::to_bytes(content)?;
    let name = path.display().to_string();
    // A plain struct serialises.
    let header = serde_json::to_vec(note).unwrap_or_default();
    wire::write_file(path, existing, false, |sink| {
        let mut writer = wire::Writer::new(
            sink,
            &name,
            kind,
            &plan.hash(),
            &header,
            encoded.len() as u64,
        )?;
        writer.write(&encoded)?;
        writer.finish().map(|_| ())
    })?;
    let length = std::fs::metadata(path).map_err(|error| RunError::io("read", path, &error))?;
    Ok(length.len())
}

/// A file that has been read and whose hash is right.
pub struct Read {
    /// What the file says of itself.
    pub note: Note,
    /// Hash of the file, hex.
    pub hash: String,
    /// The ciphertexts, as the library writes them.
    pub content: Vec<u8>,
}

/// Reads a file of `plan` of at most `pieces` ciphertexts or keys.
///
/// # Errors
/// Another kind of file, another plan, a damaged file.
pub fn read(
    path: &Path,
    kind: &wire::Kind,
    plan: &ExactPlan,
    pieces: usize,
) -> Result<Read, RunError> {
    let (name, source, length) = wire::open_file(path)?;
    let limit = LARGEST_PIECE * (pieces as u64 + 1);
    let opened = wire::Reader::open(source, &name, Some(length), limit, kind, &plan.hash());
    let mut reader = opened.map_err(|error| {
        let other = matches!(error, WireError::Binding { .. });
        let error = RunError::from(error);
        if other {
            error.hint_instead("it belongs to another plan for exact predictions")
        } else {
            error
        }
    })?;
    let header = reader.envelope().header.clone();
    let note: Note = serde_json::from_slice(&header).map_err(|error| {
        RunError::input(format!(
            "expected a header of velum, found {}",
            files::describe_json(&header, &error)
        ))
        .at(name.clone())
    })?;
    let length =
        usize::try_from(reader.remaining()).map_err(|error| RunError::input(error.to_string()))?;
    let mut content = vec![0; length];
    reader.read("content", &mut content)?;
    let hash = blake3::Hash::from_bytes(reader.finish()?)
        .to_hex()
        .to_string();
    Ok(Read {
        note,
        hash,
        content,
    })
}

/// Requires that a file was made under the key `expected`.
///
/// # Errors
/// Another key.
pub fn require_key(path: &Path, found: &Note, expected: &str) -> Result<(), RunError> {
    let key = found.key.as_deref().unwrap_or("(none)");
    if key == expected {
        return Ok(());
    }
    Err(RunError::input(format!(
        "expected ciphertexts under key {}, found key {}",
        short(expected),
        short(key)
    ))
    .at(path.display().to_string())
    .hint("all files of a prediction are made with the keys of one `predict exact keygen`"))
}

/// Rows of a batch, if it is one of the plan.
///
/// # Errors
/// None, or more than the plan allows.
pub fn require_rows(path: &Path, note: &Note, plan: &ExactPlan) -> Result<usize, RunError> {
    match note.rows {
        Some(rows) if (1..=plan.rows()).contains(&rows) => Ok(rows),
        found => Err(RunError::input(format!(
            "expected 1 to {} rows, found {}",
            plan.rows(),
            found.unwrap_or(0)
        ))
        .at(path.display().to_string())),
    }
}

/// Writes a secret key: text, mode 0600, never over another file.
///
/// # Errors
/// A name that is taken; the system's.
pub fn write_secret<T: Serialize>(
    path: &Path,
    plan: &ExactPlan,
    public: &str,
    key: &T,
) -> Result<(), RunError> {
    super::secret_key::make_private_directory(files::parent(path))?;
    let encoded = Zeroizing::new(crate::exact::bfv::to_bytes(key)?);
    let mut text = Zeroizing::new(String::with_capacity(2 * encoded.len() + 512));
    let plan = blake3::Hash::from_bytes(plan.hash());
    text.push_str(&format!(
        "{SECRET}\nplan {}\npublic {public}\nkey ",
        plan.to_hex()
    ));
    for byte in encoded.iter() {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    text.push('\n');
    files::Outputs::default().new_file(path, "secret key")?;
    Ok(files::write_atomic(path, text.as_bytes(), Access::Private)?)
}

/// Reads a secret key: the fingerprint of its public key, and its content.
///
/// # Errors
/// A file that others can read, of another plan, or damaged.
pub fn read_secret(
    path: &Path,
    plan: &ExactPlan,
) -> Result<(String, Zeroizing<Vec<u8>>), RunError> {
    super::secret_key::refuse_readable_by_others(path)?;
    let bytes = Zeroizing::new(files::read_limited(path, LARGEST_SECRET)?);
    let wrong = |expected: &str, found: &str| {
        RunError::input(format!("expected {expected}, found {found}"))
            .at(path.display().to_string())
            .hint("name the file that `predict exact keygen` wrote with --key")
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("a secret key", "no text"))?;
    let mut lines = text.lines();
    if lines.next() != Some(SECRET) {
        return Err(wrong("a secret key for exact predictions", "another file"));
    }
    let mut field = |name: &str| {
        let line = lines.next().and_then(|line| line.strip_prefix(name));
        line.ok_or_else(|| wrong(&format!("a line that begins with {name:?}"), "another"))
    };
    let made_for = field("plan ")?;
    let expected = blake3::Hash::from_bytes(plan.hash()).to_hex();
    if made_for != expected.as_str() {
        return Err(wrong(
            &format!("the secret key of plan {}", short(&expected)),
            &format!("that of plan {}", short(made_for)),
        ));
    }
    let public = field("public ")?.to_owned();
    let digits = field("key ")?.as_bytes();
    let pair = |pair: &[u8]| {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let value = 16 * digit(*pair.first()?)? + digit(*pair.get(1)?)?;
        u8::try_from(value).ok()
    };
    // Reserved at once: a growing vector would leave copies of the key behind.
    let mut content = Zeroizing::new(Vec::with_capacity(digits.len().div_ceil(2)));
    for digits in digits.chunks(2) {
        content.push(pair(digits).ok_or_else(|| wrong("hexadecimal digits", "others"))?);
    }
    Ok((public, content))
}
