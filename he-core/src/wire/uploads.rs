//! Switching keys of rows, and proofs.

use std::io::{Read, Write};

use super::WireError;
use super::bits::{pack, packed_len, unpack};
use super::container::{Hash, Kind, Writer};
use super::shares::{
    Parts, Source, bytes_of, header, kind, open, read_parts, refused, write_parts,
};
use crate::multiparty::{PartyId, Proof, Session, Shape, UploadKey};

/// A proof of knowledge.
pub const PROOF: Kind = kind(18, "proof of knowledge");
/// The switching key of an owner's rows. Version 1 of the protocol had ciphertexts of number 22 in its place.
pub const UPLOAD_KEY: Kind = kind(24, "switching key of rows");

/// Bits that are packed at a time.
const CHUNK: u32 = 48;

/// Writes a party's switching key for uploads up to `level`.
///
/// # Errors
/// [`WireError::Multiparty`] for another ring; [`WireError::Io`].
pub fn write_upload_key<W: Write>(
    sink: W,
    file: &str,
    session: &Session,
    about: (PartyId, usize),
    key: &UploadKey,
) -> Result<(Hash, W), WireError> {
    let parts = Parts {
        question: None,
        polys: key.halves().collect(),
    };
    let header = header(about.0, about.1 as u64);
    write_parts(sink, file, &UPLOAD_KEY, session, header, parts)
}

/// Reads the switching key of party `about.0` for uploads up to level `about.1`, hash included. It is of no use before its proof holds.
///
/// # Errors
/// Those of [`super::Reader`]; [`WireError::Field`] for another party or level; [`WireError::Residue`].
///
/// # Panics
/// If the parameters have no such level.
pub fn read_upload_key<R: Read>(
    source: Source<'_, R>,
    session: &Session,
    about: (PartyId, usize),
) -> Result<UploadKey, WireError> {
    let file = source.file.to_owned();
    let (party, level) = about;
    let bases = vec![UploadKey::basis(session, level); UploadKey::parts(level)];
    let payload = bytes_of(session, &bases);
    let header = header(party, level as u64);
    let mut reader = open(source, &UPLOAD_KEY, session, header, payload)?;
    let parts = read_parts(&mut reader, "a switching key", session, &bases)?;
    reader.finish()?;
    UploadKey::new(session, party, level, parts).map_err(refused(&file))
}

/// Widths that a response of `bits` bits is cut into, lowest first.
fn chunks(bits: u32) -> impl Iterator<Item = (u32, u32)> {
    (0..bits)
        .step_by(CHUNK as usize)
        .map(move |from| (from, CHUNK.min(bits - from)))
}

/// Writes a proof of this shape; `number` says which of the party's it is. Responses are integers of `m + 1` bits ([`Shape::log_mask`]) with `2^m` added, 48 bits of a column at a time.
///
/// # Errors
/// [`WireError::Length`] for a proof of another shape; [`WireError::Io`].
pub fn write_proof<W: Write>(
    sink: W,
    file: &str,
    session: &Session,
    about: (PartyId, u32),
    shape: &Shape,
    proof: &Proof,
) -> Result<(Hash, W), WireError> {
    let header = header(about.0, u64::from(about.1));
    let (binding, payload) = (session.binding(), shape.bytes());
    let mut writer = Writer::new(sink, file, &PROOF, &binding, &header, payload)?;
    writer.write(&proof.challenge)?;
    let (mut bytes, mut words) = (vec![], vec![]);
    for columns in &proof.responses {
        for (c, z) in columns.iter().enumerate().take(shape.columns()) {
            let m = shape.log_mask(c);
            for (from, width) in chunks(m + 1) {
                bytes.clear();
                words.clear();
                // In [0, 2^(m+1)), by the range that responses are shown in.
                let shifted = z.iter().map(|z| (z + (1i128 << m)) as u128 >> from);
                words.extend(shifted.map(|z| z as u64 & mask(width)));
                pack(&words, width, &mut bytes);
                writer.write(&bytes)?;
            }
        }
    }
    writer.finish()
}

/// Ones in the lowest `width` bits.
fn mask(width: u32) -> u64 {
    u64::MAX >> (u64::BITS - width)
}

/// Reads proof number `about.1` of party `about.0`, of this shape, hash included. Whether it holds is for the verifier to say.
///
/// # Errors
/// Those of [`super::Reader`]; [`WireError::Field`] for another party or number.
pub fn read_proof<R: Read>(
    source: Source<'_, R>,
    session: &Session,
    about: (PartyId, u32),
    shape: &Shape,
) -> Result<Proof, WireError> {
    let header = header(about.0, u64::from(about.1));
    let mut reader = open(source, &PROOF, session, header, shape.bytes())?;
    let challenge = reader.array("a proof's challenge")?;
    let n = shape.n();
    let (mut bytes, mut chunk) = (vec![], vec![0u64; n]);
    let mut responses = Vec::with_capacity(shape.repetitions());
    for _ in 0..shape.repetitions() {
        let mut columns = Vec::with_capacity(shape.columns());
        for c in 0..shape.columns() {
            let m = shape.log_mask(c);
            let mut z = vec![-(1i128 << m); n];
            for (from, width) in chunks(m + 1) {
                let len = packed_len(n, width);
                bytes.resize(len + 8, 0);
                reader.read("a proof's responses", &mut bytes[..len])?;
                unpack(&bytes, width, &mut chunk);
                let pairs = z.iter_mut().zip(&chunk);
                pairs.for_each(|(z, part)| *z += i128::from(*part) << from);
            }
            columns.push(z);
        }
        responses.push(columns);
    }
    reader.finish()?;
    Ok(Proof {
        challenge,
        responses,
    })
}
