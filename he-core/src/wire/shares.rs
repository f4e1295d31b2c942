//! Messages of the protocols between parties: key shares, commitments, shares of secrets, of openings.
//!
//! Every message is bound to its session ([`Session::binding`]) and names its party in the header's first four bytes, and a key share its level in the next four; a reader knows whose message it expects, and of
//! which level. All lengths follow from the session and from what is asked, so a message has one size.

use std::io::{Read, Write};
use std::sync::Arc;

use super::WireError;
use super::container::{Hash, Kind, MAX_ENVELOPE, Reader, Writer};
use super::poly::{poly_bytes, read_poly, write_poly};
use crate::multiparty::{
    Commitment, DealtShare, KeyItem, KeyShare, MultipartyError, Opening, OpeningShare, PartyId,
    Session,
};
use crate::ring::{Basis, Ntt, Poly};
use crate::rlwe::KeyId;

/// A share of a joint key.
pub const KEY_SHARE: Kind = Kind {
    version: 2,
    ..kind(16, "key share")
};
/// A commitment to key shares.
pub const COMMITMENT: Kind = kind(17, "commitment");
/// A share of a party's secret for another party: **secret**. To be sealed before it goes anywhere.
pub const DEALT_SHARE: Kind = kind(19, "share of a secret");
/// A party's part of an opening.
pub const OPENING_SHARE: Kind = kind(20, "share of an opening");

pub(super) const fn kind(code: u16, name: &'static str) -> Kind {
    Kind {
        code,
        version: 1,
        name,
    }
}

/// A file's bytes, where they come from, and their number if that is known.
#[derive(Debug)]
pub struct Source<'a, R> {
    /// The bytes.
    pub bytes: R,
    /// Name for errors.
    pub file: &'a str,
    /// The file's size.
    pub length: Option<u64>,
}

impl<'a> Source<'a, &'a [u8]> {
    /// Bytes in memory.
    pub fn of(file: &'a str, bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            file,
            length: Some(bytes.len() as u64),
        }
    }
}

/// Party and one more number.
pub(super) const HEADER: usize = 16;

pub(super) fn header(party: PartyId, number: u64) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&party.index().to_le_bytes());
    header[8..].copy_from_slice(&number.to_le_bytes());
    header
}

/// The header of a key share.
fn share_header(party: PartyId, item: KeyItem, level: usize) -> [u8; HEADER] {
    let mut header = header(party, item.code());
    header[4..8].copy_from_slice(&(level as u32).to_le_bytes());
    header
}

/// The level in a header: that of a key share, 0 in other messages.
fn level_in(header: &[u8]) -> u32 {
    let bytes = header.get(4..8).and_then(|level| level.try_into().ok());
    bytes.map_or(0, u32::from_le_bytes)
}

pub(super) fn refused(file: &str) -> impl FnOnce(MultipartyError) -> WireError {
    let file = file.to_owned();
    move |source| WireError::Multiparty { file, source }
}

/// Opens a message of this party and with this number, whose payload has this many bytes.
pub(super) fn open<R: Read>(
    source: Source<'_, R>,
    kind: &Kind,
    session: &Session,
    expected: [u8; HEADER],
    payload: u64,
) -> Result<Reader<R>, WireError> {
    open_within(source, kind, session, expected, payload, payload)
}

/// [`open`], for a message of which others of the same kind may have up to `most` bytes: one of them is refused by its header.
fn open_within<R: Read>(
    source: Source<'_, R>,
    kind: &Kind,
    session: &Session,
    expected: [u8; HEADER],
    payload: u64,
    most: u64,
) -> Result<Reader<R>, WireError> {
    let file = source.file;
    let limit = most.saturating_add(MAX_ENVELOPE);
    let reader = Reader::open(
        source.bytes,
        file,
        source.length,
        limit,
        kind,
        &session.binding(),
    )?;
    let envelope = reader.envelope();
    let (level, found) = (level_in(&expected), level_in(&envelope.header));
    if kind.code == KEY_SHARE.code && level != found {
        return Err(WireError::Field {
            file: file.to_owned(),
            what: "level of a key share",
            expected: level.to_string(),
            found: found.to_string(),
        });
    }
    if envelope.header != expected {
        return Err(WireError::Field {
            file: file.to_owned(),
            what: "party and number of a message",
            expected: super::error::hex(&expected),
            found: super::error::hex(&envelope.header),
        });
    }
    if envelope.payload != payload {
        return Err(WireError::Length {
            file: file.to_owned(),
            what: "bytes of the payload, by the protocol",
            expected: payload,
            found: envelope.payload,
        });
    }
    Ok(reader)
}

/// A message of polynomials behind 32 bytes, or behind nothing.
pub(super) struct Parts<'a> {
    pub(super) question: Option<&'a [u8; 32]>,
    pub(super) polys: Vec<&'a Poly<Ntt>>,
}

/// Writes a message of polynomials.
pub(super) fn write_parts<W: Write>(
    sink: W,
    file: &str,
    kind: &Kind,
    session: &Session,
    header: [u8; HEADER],
    parts: Parts<'_>,
) -> Result<(Hash, W), WireError> {
    let ring = session.context().ring();
    if parts.polys.iter().any(|p| !Arc::ptr_eq(p.ring(), ring)) {
        let source = crate::rlwe::RlweError::Foreign { what: "a message" };
        return Err(refused(file)(source.into()));
    }
    let polys = parts.polys.iter().map(|p| poly_bytes(ring, p.basis()));
    let payload = polys.sum::<u64>() + if parts.question.is_some() { 32 } else { 0 };
    let mut writer = Writer::new(sink, file, kind, &session.binding(), &header, payload)?;
    if let Some(question) = parts.question {
        writer.write(question)?;
    }
    for poly in parts.polys {
        write_poly(&mut writer, poly)?;
    }
    writer.finish()
}

pub(super) fn read_parts<R: Read>(
    reader: &mut Reader<R>,
    what: &'static str,
    session: &Session,
    bases: &[Basis],
) -> Result<Vec<Poly<Ntt>>, WireError> {
    let ring = session.context().ring();
    let bases = bases.iter();
    bases
        .map(|basis| read_poly(reader, what, ring, *basis))
        .collect()
}

pub(super) fn bytes_of(session: &Session, bases: &[Basis]) -> u64 {
    let ring = session.context().ring();
    bases.iter().map(|basis| poly_bytes(ring, *basis)).sum()
}

pub(super) fn chain_bases(session: &Session, levels: &[usize]) -> Vec<Basis> {
    let ring = session.context().ring();
    levels.iter().map(|level| ring.basis(*level)).collect()
}

/// Writes a key share.
///
/// # Errors
/// [`WireError::Multiparty`] for another ring; [`WireError::Io`].
pub fn write_key_share<W: Write>(
    sink: W,
    file: &str,
    session: &Session,
    share: &KeyShare,
) -> Result<(Hash, W), WireError> {
    let parts = Parts {
        question: None,
        polys: share.parts().iter().collect(),
    };
    let header = share_header(share.party(), share.item(), share.level());
    write_parts(sink, file, &KEY_SHARE, session, header, parts)
}

/// Reads the share of `party` of the key `item` at `level`, hash included.
///
/// # Errors
/// Those of [`Reader`]; [`WireError::Field`] for another party, key or level; [`WireError::Residue`]; [`WireError::Multiparty`] for a level above the chain.
pub fn read_key_share<R: Read>(
    source: Source<'_, R>,
    session: &Session,
    party: PartyId,
    item: KeyItem,
    level: usize,
) -> Result<KeyShare, WireError> {
    let file = source.file.to_owned();
    let context = session.context();
    let known = context.check_key_level(KeyId::Relinearisation, level);
    known.map_err(|error| refused(&file)(error.into()))?;
    let bases_at = |level| vec![context.key_basis_at(level); item.parts(context.params(), level)];
    let (bases, header) = (bases_at(level), share_header(party, item, level));
    let payload = bytes_of(session, &bases);
    // One of a higher level is to be told from one that is merely too long.
    let most = bytes_of(session, &bases_at(context.params().max_level()));
    let mut reader = open_within(source, &KEY_SHARE, session, header, payload, most)?;
    let parts = read_parts(&mut reader, "a key share", session, &bases)?;
    reader.finish()?;
    KeyShare::new(session, party, item, parts).map_err(refused(&file))
}

/// Writes a commitment.
///
/// # Errors
/// [`WireError::Io`].
pub fn write_commitment<W: Write>(
    sink: W,
    file: &str,
    session: &Session,
    party: PartyId,
    commitment: &Commitment,
) -> Result<(Hash, W), WireError> {
    let parts = Parts {
        question: Some(&commitment.0),
        polys: vec![],
    };
    write_parts(sink, file, &COMMITMENT, session, header(party, 0), parts)
}

/// Reads the commitment of `party`.
///
/// # Errors
/// Those of [`Reader`]; [`WireError::Field`] for another party.
pub fn read_commitment<R: Read>(
    source: Source<'_, R>,
    session: &Session,
    party: PartyId,
) -> Result<Commitment, WireError> {
    let mut reader = open(source, &COMMITMENT, session, header(party, 0), 32)?;
    let hash = reader.array("a commitment")?;
    reader.finish()?;
    Ok(Commitment(hash))
}

/// Writes a share of a secret: **secret** bytes, to be sealed for their receiver.
///
/// # Errors
/// As [`write_key_share`].
pub fn write_dealt_share<W: Write>(
    sink: W,
    file: &str,
    session: &Session,
    share: &DealtShare,
) -> Result<(Hash, W), WireError> {
    let parts = Parts {
        question: None,
        polys: vec![share.value()],
    };
    let header = header(share.from(), u64::from(share.to().index()));
    write_parts(sink, file, &DEALT_SHARE, session, header, parts)
}

/// Reads what `from` dealt to `to`.
///
/// # Errors
/// As [`read_key_share`].
pub fn read_dealt_share<R: Read>(
    source: Source<'_, R>,
    session: &Session,
    from: PartyId,
    to: PartyId,
) -> Result<DealtShare, WireError> {
    let file = source.file.to_owned();
    let bases = chain_bases(session, &[session.context().params().max_level()]);
    let header = header(from, u64::from(to.index()));
    let payload = bytes_of(session, &bases);
    let mut reader = open(source, &DEALT_SHARE, session, header, payload)?;
    let mut parts = read_parts(&mut reader, "a share of a secret", session, &bases)?;
    reader.finish()?;
    let value = parts.remove(0);
    DealtShare::new(session, from, to, value).map_err(refused(&file))
}

/// Writes a share of an opening.
///
/// # Errors
/// As [`write_key_share`].
pub fn write_opening_share<W: Write>(
    sink: W,
    file: &str,
    session: &Session,
    share: &OpeningShare,
) -> Result<(Hash, W), WireError> {
    let parts = Parts {
        question: Some(share.question()),
        polys: share.parts().iter().collect(),
    };
    let header = header(share.party(), 0);
    write_parts(sink, file, &OPENING_SHARE, session, header, parts)
}

/// Reads `party`'s share of this opening.
///
/// # Errors
/// As [`read_key_share`]; [`WireError::Multiparty`] for a share of another opening.
pub fn read_opening_share<R: Read>(
    source: Source<'_, R>,
    session: &Session,
    opening: &Opening,
    party: PartyId,
) -> Result<OpeningShare, WireError> {
    let file = source.file.to_owned();
    let bases = chain_bases(session, &opening.levels());
    let payload = 32 + bytes_of(session, &bases);
    let mut reader = open(source, &OPENING_SHARE, session, header(party, 0), payload)?;
    let question = reader.array("the question of a share")?;
    let parts = read_parts(&mut reader, "a share of an opening", session, &bases)?;
    reader.finish()?;
    OpeningShare::new(session, opening, party, question, parts).map_err(refused(&file))
}
