//! The public key of several parties, as one of them keeps it.

use std::io::{Read, Write};
use std::sync::Arc;

use super::WireError;
use super::container::{Hash, Kind};
use super::shares::{
    HEADER, Parts, Source, bytes_of, kind, open, read_parts, refused, write_parts,
};
use crate::multiparty::{JointPublicKey, Session};

/// A joint public key.
pub const JOINT_PUBLIC_KEY: Kind = kind(23, "joint public key");

/// Writes a joint public key: what a party made of the shares that it checked, for itself.
///
/// # Errors
/// [`WireError::Io`].
pub fn write_joint_public_key<W: Write>(
    sink: W,
    file: &str,
    key: &JointPublicKey,
) -> Result<(Hash, W), WireError> {
    let parts = Parts {
        question: None,
        polys: vec![key.b()],
    };
    write_parts(
        sink,
        file,
        &JOINT_PUBLIC_KEY,
        key.session(),
        [0; HEADER],
        parts,
    )
}

/// Reads a joint public key of this session, hash included.
///
/// # Errors
/// Those of [`super::Reader`]; [`WireError::Residue`].
pub fn read_joint_public_key<R: Read>(
    source: Source<'_, R>,
    session: &Arc<Session>,
) -> Result<JointPublicKey, WireError> {
    let file = source.file.to_owned();
    let bases = [session.context().key_basis()];
    let payload = bytes_of(session, &bases);
    let mut reader = open(source, &JOINT_PUBLIC_KEY, session, [0; HEADER], payload)?;
    let mut parts = read_parts(&mut reader, "a joint public key", session, &bases)?;
    reader.finish()?;
    JointPublicKey::from_sum(session, parts.remove(0)).map_err(refused(&file))
}
