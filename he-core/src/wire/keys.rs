//! Evaluation keys and public keys. Neither contains a secret.

use std::io::{Read, Write};
use std::sync::Arc;

use super::WireError;
use super::container::{Hash, Kind, Reader, Writer};
use super::poly::{poly_bytes, read_poly, write_poly};
use crate::ring::{Basis, GaloisElement};
use crate::rlwe::{Context, KeyId, PublicKey, PublicSeed, RlweError, SwitchingKey};

/// One evaluation key: relinearisation, or a Galois element.
pub const SWITCHING_KEY: Kind = Kind {
    code: 2,
    version: 1,
    name: "evaluation key",
};
/// A public key.
pub const PUBLIC_KEY: Kind = Kind {
    code: 3,
    version: 1,
    name: "public key",
};

/// Tag and Galois element.
const HEADER: usize = 16;

fn key_basis(context: &Context) -> Basis {
    context.ring().extended_basis(context.params().max_level())
}

fn digits(context: &Context) -> u64 {
    context
        .params()
        .digits(context.params().max_level())
        .count() as u64
}

fn foreign(file: &str, what: &'static str) -> WireError {
    WireError::Rlwe {
        file: file.to_owned(),
        source: RlweError::Foreign { what },
    }
}

/// Writes a switching key, bound to the parameters' fingerprint: seed and `dnum` polynomials over all primes.
///
/// # Errors
/// [`WireError::Rlwe`] for a key of another context; [`WireError::Io`].
pub fn write_switching_key<W: Write>(
    sink: W,
    file: &str,
    context: &Context,
    key: &SwitchingKey,
) -> Result<(Hash, W), WireError> {
    if key
        .b()
        .iter()
        .any(|b| !Arc::ptr_eq(b.ring(), context.ring()))
    {
        return Err(foreign(file, "switching key"));
    }
    let mut header = [0; HEADER];
    if let KeyId::Galois(g) = key.id() {
        header[0] = 1;
        header[8..].copy_from_slice(&g.exponent().to_le_bytes());
    }
    let payload = 32 + digits(context) * poly_bytes(context.ring(), key_basis(context));
    let mut writer = Writer::new(
        sink,
        file,
        &SWITCHING_KEY,
        context.fingerprint(),
        &header,
        payload,
    )?;
    writer.write(&key.seed().0)?;
    for b in key.b() {
        write_poly(&mut writer, b)?;
    }
    writer.finish()
}

/// Reads a switching key, hash included; `expected`: which key it must be, if that is known. `length` is the file's size, if known.
///
/// # Errors
/// Those of [`Reader`]; [`WireError::Field`] for another key than expected or an impossible Galois element; [`WireError::Residue`].
pub fn read_switching_key<R: Read>(
    source: R,
    file: &str,
    length: Option<u64>,
    context: &Context,
    expected: Option<KeyId>,
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
    expected: Option<KeyId>,
) -> Result<(SwitchingKey, Hash), WireError> {
    let (ring, basis) = (context.ring(), key_basis(context));
    let payload = 32 + digits(context) * poly_bytes(ring, basis);
    let mut reader = open(
        source,
        file,
        length,
        &SWITCHING_KEY,
        context,
        HEADER,
        payload,
    )?;
    let id = parse_id(file, &reader.envelope().header, context)?;
    if let Some(expected) = expected.filter(|e| *e != id) {
        return Err(WireError::Field {
            file: file.to_owned(),
            what: "which evaluation key",
            expected: expected.to_string(),
            found: id.to_string(),
        });
    }
    let seed = PublicSeed(reader.array("seed of an evaluation key")?);
    let b = (0..digits(context))
        .map(|_| read_poly(&mut reader, "a digit of an evaluation key", ring, basis))
        .collect::<Result<Vec<_>, _>>()?;
    let (_, whole) = reader.finish_hashed()?;
    let key =
        SwitchingKey::from_seeded(context, id, b, seed).map_err(|source| WireError::Rlwe {
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
    let mut reader = open(source, file, length, &PUBLIC_KEY, context, 0, payload)?;
    let seed = PublicSeed(reader.array("seed of a public key")?);
    let b = read_poly(&mut reader, "b of a public key", context.ring(), basis)?;
    reader.finish()?;
    PublicKey::from_seeded(context, b, seed).map_err(|source| WireError::Rlwe {
        file: file.to_owned(),
        source,
    })
}

/// A reader of a file whose lengths follow from the parameters.
fn open<R: Read>(
    source: R,
    file: &str,
    length: Option<u64>,
    kind: &Kind,
    context: &Context,
    header: usize,
    payload: u64,
) -> Result<Reader<R>, WireError> {
    // Far more than the envelope adds.
    let limit = payload + (1 << 17);
    let reader = Reader::open(source, file, length, limit, kind, context.fingerprint())?;
    let envelope = reader.envelope();
    for (what, expected, found) in [
        (
            "bytes of the header",
            header as u64,
            envelope.header.len() as u64,
        ),
        (
            "bytes of the payload, by the parameters",
            payload,
            envelope.payload,
        ),
    ] {
        if expected != found {
            return Err(WireError::Length {
                file: file.to_owned(),
                what,
                expected,
                found,
            });
        }
    }
    Ok(reader)
}

fn parse_id(file: &str, header: &[u8], context: &Context) -> Result<KeyId, WireError> {
    let fail = |expected: &str, found: String| WireError::Field {
        file: file.to_owned(),
        what: "which evaluation key",
        expected: expected.to_owned(),
        found,
    };
    let (tag, element) = header
        .split_first_chunk::<8>()
        .ok_or_else(|| fail("16 bytes", header.len().to_string()))?;
    let element = element.try_into().map(u64::from_le_bytes).unwrap_or(0);
    match (u64::from_le_bytes(*tag), element) {
        (0, 0) => Ok(KeyId::Relinearisation),
        (1, g) => GaloisElement::from_exponent(g, context.params().log_n())
            .map(KeyId::Galois)
            .ok_or_else(|| fail("an odd Galois element below 2 N", g.to_string())),
        (tag, g) => Err(fail(
            "relinearisation (0, 0) or a Galois element (1, g)",
            format!("({tag}, {g})"),
        )),
    }
}
