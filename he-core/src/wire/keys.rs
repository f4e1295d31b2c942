//! Evaluation keys and public keys. Neither contains a secret.

use std::io::{Read, Write};
use std::sync::Arc;

use super::WireError;
use super::container::{Hash, Kind, MAX_ENVELOPE, Reader, Writer};
use super::poly::{poly_bytes, read_poly, write_poly};
use crate::ring::GaloisElement;
use crate::rlwe::{Context, KeyId, PublicKey, PublicSeed, RlweError, SwitchingKey};

/// One evaluation key: relinearisation, or a Galois element.
pub const SWITCHING_KEY: Kind = Kind {
    code: 2,
    version: 3,
    name: "evaluation key",
};
/// A public key.
pub const PUBLIC_KEY: Kind = Kind {
    code: 3,
    version: 2,
    name: "public key",
};

/// Tag, Galois element and level.
const HEADER: usize = 24;
/// Tag of a Galois key.
const GALOIS: u64 = 1;
/// Tag of a relinearisation key whose `a` halves are written too, each behind its `b`: that of several parties, which has no seed.
const EXPLICIT: u64 = 2;
/// Tag of a key between rings.
const WAY: u64 = 3;

fn digits(context: &Context, level: usize) -> u64 {
    context.params().digits(level).count() as u64
}

fn foreign(file: &str, what: &'static str) -> WireError {
    WireError::Rlwe {
        file: file.to_owned(),
        source: RlweError::Foreign { what },
    }
}

/// Writes a switching key, bound to the parameters' fingerprint: seed and a polynomial for every digit of its level, over the level's primes and the special
/// ones; without a seed, twice as many.
///
/// # Errors
/// [`WireError::Rlwe`] for a key of another context; [`WireError::Io`].
pub fn write_switching_key<W: Write>(
    sink: W,
    file: &str,
    context: &Context,
    key: &SwitchingKey,
) -> Result<(Hash, W), WireError> {
    let no_such = key.seed().is_none() && key.id() != KeyId::Relinearisation;
    if no_such {
        return Err(WireError::Field {
            file: file.to_owned(),
            what: "which evaluation key",
            expected: "a Galois key with a seed".to_owned(),
            found: "one without".to_owned(),
        });
    }
    if key
        .b()
        .iter()
        .any(|b| !Arc::ptr_eq(b.ring(), context.ring()))
    {
        return Err(foreign(file, "switching key"));
    }
    let mut header = [0; HEADER];
    let (tag, element) = tag(key.id());
    header[..8].copy_from_slice(&tag.to_le_bytes());
    header[8..16].copy_from_slice(&element.to_le_bytes());
    header[16..].copy_from_slice(&(key.level() as u64).to_le_bytes());
    let explicit = key.seed().is_none();
    if explicit {
        header[0] = EXPLICIT as u8;
    }
    let payload = switching_bytes(context, key.level(), explicit);
    let mut writer = Writer::new(
        sink,
        file,
        &SWITCHING_KEY,
        context.fingerprint(),
        &header,
        payload,
    )?;
    if let Some(seed) = key.seed() {
        writer.write(&seed.0)?;
    }
    for (d, b) in key.b().iter().enumerate() {
        write_poly(&mut writer, b)?;
        if explicit {
            write_poly(&mut writer, key.a(d))?;
        }
    }
    writer.finish()
}

/// Bytes of a switching key's payload.
fn switching_bytes(context: &Context, level: usize, explicit: bool) -> u64 {
    let basis = context.key_basis_at(level);
    let half = digits(context, level) * poly_bytes(context.ring(), basis);
    if explicit { 2 * half } else { 32 + half }
}

/// Reads a switching key, hash included; `expected`: which key it must be and of which level, if that is known. `length` is the file's size, if known.
///
/// # Errors
/// Those of [`Reader`]; [`WireError::Field`] for another key or level than expected, an impossible Galois element, or a level that the chain lacks;
/// [`WireError::Residue`].
pub fn read_switching_key<R: Read>(
    source: R,
    file: &str,
    length: Option<u64>,
    context: &Context,
    expected: Option<(KeyId, usize)>,
) -> Result<SwitchingKey, WireError> {
    read_switching_key_hashed(source, file, length, context, expected).map(|(key, _)| key)
}

/// [`read_switching_key`], and the BLAKE3 hash of the whole file.
///
/// # Errors
/// As [`read_switching_key`].
pub fn read_switching_key_hashed<R: Read>(
    source: R,
    file: &str,
    length: Option<u64>,
    context: &Context,
    expected: Option<(KeyId, usize)>,
) -> Result<(SwitchingKey, Hash), WireError> {
    let ring = context.ring();
    let limit = switching_bytes(context, context.params().max_level(), true) + MAX_ENVELOPE;
    let fingerprint = context.fingerprint();
    let reader = Reader::open(source, file, length, limit, &SWITCHING_KEY, fingerprint)?;
    let reader = with_header(reader, HEADER)?;
    let header = &reader.envelope().header;
    let (id, explicit) = parse_id(file, header, context)?;
    let level = parse_level(file, header, context)?;
    if let Some((expected, wanted)) = expected {
        let field = |what, expected: String, found: String| WireError::Field {
            file: file.to_owned(),
            what,
            expected,
            found,
        };
        let (known, found) = (expected.to_string(), id.to_string());
        if expected != id {
            return Err(field("which evaluation key", known, found));
        }
        if wanted != level {
            let (known, found) = (wanted.to_string(), level.to_string());
            return Err(field("level of an evaluation key", known, found));
        }
    }
    let mut reader = with_payload(reader, switching_bytes(context, level, explicit))?;
    let basis = context.key_basis_at(level);
    let seed = match explicit {
        true => None,
        false => Some(PublicSeed(reader.array("seed of an evaluation key")?)),
    };
    let (mut b, mut a) = (Vec::new(), Vec::new());
    for _ in 0..digits(context, level) {
        let what = "a digit of an evaluation key";
        b.push(read_poly(&mut reader, what, ring, basis)?);
        if explicit {
            a.push(read_poly(&mut reader, what, ring, basis)?);
        }
    }
    let (_, whole) = reader.finish_hashed()?;
    let key = match seed {
        Some(seed) => SwitchingKey::from_seeded(context, id, b, seed),
        None => SwitchingKey::from_halves(context, id, b, a),
    };
    let key = key.map_err(|source| WireError::Rlwe {
        file: file.to_owned(),
        source,
    })?;
    Ok((key, whole))
}

/// Writes a public key, bound to the parameters' fingerprint: seed and one polynomial over the chain.
///
/// # Errors
/// [`WireError::Io`].
pub fn write_public_key<W: Write>(
    sink: W,
    file: &str,
    key: &PublicKey,
) -> Result<(Hash, W), WireError> {
    let context = key.context();
    let payload = 32 + poly_bytes(context.ring(), key.b().basis());
    let mut writer = Writer::new(sink, file, &PUBLIC_KEY, context.fingerprint(), &[], payload)?;
    writer.write(&key.seed().0)?;
    write_poly(&mut writer, key.b())?;
    writer.finish()
}

/// Reads a public key, hash included. `length` is the file's size, if known.
///
/// # Errors
/// Those of [`Reader`]; [`WireError::Residue`].
pub fn read_public_key<R: Read>(
    source: R,
    file: &str,
    length: Option<u64>,
    context: &Arc<Context>,
) -> Result<PublicKey, WireError> {
    let basis = context.ring().basis(context.params().max_level());
    let payload = 32 + poly_bytes(context.ring(), basis);
    let reader = open(source, file, length, &PUBLIC_KEY, context, payload)?;
    let mut reader = with_header(reader, 0)?;
    let seed = PublicSeed(reader.array("seed of a public key")?);
    let b = read_poly(&mut reader, "b of a public key", context.ring(), basis)?;
    reader.finish()?;
    PublicKey::from_seeded(context, b, seed).map_err(|source| WireError::Rlwe {
        file: file.to_owned(),
        source,
    })
}

/// A reader of a file whose payload's length follows from the parameters.
fn open<R: Read>(
    source: R,
    file: &str,
    length: Option<u64>,
    kind: &Kind,
    context: &Context,
    payload: u64,
) -> Result<Reader<R>, WireError> {
    let limit = payload + MAX_ENVELOPE;
    let reader = Reader::open(source, file, length, limit, kind, context.fingerprint())?;
    with_payload(reader, payload)
}

/// The reader, if its payload has this length.
fn with_payload<R: Read>(reader: Reader<R>, expected: u64) -> Result<Reader<R>, WireError> {
    let found = reader.envelope().payload;
    if found == expected {
        return Ok(reader);
    }
    Err(WireError::Length {
        file: reader.file().to_owned(),
        what: "bytes of the payload, by the parameters",
        expected,
        found,
    })
}

/// The reader, if its header has this length.
fn with_header<R: Read>(reader: Reader<R>, bytes: usize) -> Result<Reader<R>, WireError> {
    let found = reader.envelope().header.len();
    if found == bytes {
        return Ok(reader);
    }
    Err(WireError::Length {
        file: reader.file().to_owned(),
        what: "bytes of the header",
        expected: bytes as u64,
        found: found as u64,
    })
}

/// A key's name in a header.
fn tag(id: KeyId) -> (u64, u64) {
    match id {
        KeyId::Relinearisation => (0, 0),
        KeyId::Galois(g) => (GALOIS, g.exponent()),
        KeyId::Enter => (WAY, 0),
        KeyId::Raise => (WAY, 1),
        KeyId::Leave => (WAY, 2),
    }
}

/// Which key, and whether both its halves are written.
fn parse_id(file: &str, header: &[u8], context: &Context) -> Result<(KeyId, bool), WireError> {
    let fail = |expected: &str, found: String| WireError::Field {
        file: file.to_owned(),
        what: "which evaluation key",
        expected: expected.to_owned(),
        found,
    };
    let (tag, element) = header
        .split_first_chunk::<8>()
        .ok_or_else(|| fail("24 bytes", header.len().to_string()))?;
    let element = element.first_chunk().copied();
    let element = element.map_or(0, u64::from_le_bytes);
    let tag = u64::from_le_bytes(*tag);
    match (tag, element) {
        (0 | EXPLICIT, 0) => Ok((KeyId::Relinearisation, tag == EXPLICIT)),
        (GALOIS, g) => GaloisElement::from_exponent(g, context.params().log_n())
            .map(|g| (KeyId::Galois(g), false))
            .ok_or_else(|| fail("an odd Galois element below 2 N", g.to_string())),
        (WAY, 0) => Ok((KeyId::Enter, false)),
        (WAY, 1) => Ok((KeyId::Raise, false)),
        (WAY, 2) => Ok((KeyId::Leave, false)),
        (tag, g) => Err(fail(
            "relinearisation (0, 0) or (2, 0), a Galois element (1, g), or a way between rings (3, 0 to 2)",
            format!("({tag}, {g})"),
        )),
    }
}

/// The level in a header: one that the chain has.
fn parse_level(file: &str, header: &[u8], context: &Context) -> Result<usize, WireError> {
    let level = header.last_chunk().copied().map_or(0, u64::from_le_bytes);
    let most = context.params().max_level();
    match usize::try_from(level) {
        Ok(level) if level <= most => Ok(level),
        _ => Err(WireError::Field {
            file: file.to_owned(),
            what: "level of an evaluation key",
            expected: format!("0 to {most}"),
            found: level.to_string(),
        }),
    }
}
