//! A party's shares of the refresh of several ciphertexts: one message.
//!
//! For each ciphertext, in the order in which it is asked about: the hash of its question (32 bytes), and two polynomials, over the primes of the ciphertext and of the level to reach.

use std::io::{Read, Write};
use std::sync::Arc;

use super::WireError;
use super::container::{Hash, Kind, Writer};
use super::poly::{poly_bytes, read_poly, write_poly};
use super::shares::{Source, bytes_of, chain_bases, header, kind, open, refused};
use crate::multiparty::{PartyId, RefreshQuestion, RefreshShare, Session};
use crate::rlwe::RlweError;

/// A party's part of a refresh.
pub const REFRESH_SHARES: Kind = kind(21, "share of a refresh");
const WHAT: &str = "a share of a refresh";
/// A question's hash.
const QUESTION: u64 = 32;

/// Bytes of the message that answers these questions, without its envelope.
fn payload(session: &Session, asked: &[RefreshQuestion]) -> u64 {
    let one = |asked: &RefreshQuestion| bytes_of(session, &chain_bases(session, &asked.levels()));
    asked.iter().map(|asked| QUESTION + one(asked)).sum()
}

/// Writes a party's shares of a refresh, in the order of the questions.
///
/// # Errors
/// [`WireError::Multiparty`] for another ring; [`WireError::Io`].
pub fn write_refresh_shares<W: Write>(
    sink: W,
    file: &str,
    session: &Session,
    party: PartyId,
    shares: &[RefreshShare],
) -> Result<(Hash, W), WireError> {
    let ring = session.context().ring();
    let polys = || shares.iter().flat_map(RefreshShare::parts);
    if polys().any(|poly| !Arc::ptr_eq(poly.ring(), ring)) {
        let source = RlweError::Foreign { what: "a message" };
        return Err(refused(file)(source.into()));
    }
    let bytes = polys().map(|poly| poly_bytes(ring, poly.basis()));
    let payload = bytes.sum::<u64>() + QUESTION * shares.len() as u64;
    let (binding, header) = (session.binding(), header(party, 0));
    let mut writer = Writer::new(sink, file, &REFRESH_SHARES, &binding, &header, payload)?;
    for share in shares {
        writer.write(share.question())?;
        for poly in share.parts() {
            write_poly(&mut writer, poly)?;
        }
    }
    writer.finish()
}

/// Reads `party`'s shares of the refresh of these ciphertexts. As many bytes are read as the questions say, no more.
///
/// # Errors
/// Those of [`super::Reader`]; [`WireError::Field`] for another party; [`WireError::Residue`]; [`WireError::Multiparty`] for a share of another refresh.
pub fn read_refresh_shares<R: Read>(
    source: Source<'_, R>,
    session: &Session,
    asked: &[RefreshQuestion],
    party: PartyId,
) -> Result<Vec<RefreshShare>, WireError> {
    let file = source.file.to_owned();
    let expected = (header(party, 0), payload(session, asked));
    let mut reader = open(source, &REFRESH_SHARES, session, expected.0, expected.1)?;
    let mut shares = Vec::with_capacity(asked.len());
    for asked in asked {
        let question = reader.array("the question of a share")?;
        let ring = session.context().ring();
        let mut part = |level| read_poly(&mut reader, WHAT, ring, ring.basis(level));
        let [low, high] = asked.levels();
        let parts = [part(low)?, part(high)?];
        let share = RefreshShare::new(session, asked, party, question, parts);
        shares.push(share.map_err(refused(&file))?);
    }
    reader.finish()?;
    Ok(shares)
}
