//! Polynomials: bit-packed canonical residues.

use std::io::{Read, Write};
use std::sync::Arc;

use super::bits::{SPARE, pack, packed_len, unpack, width};
use super::{Reader, WireError, Writer};
use crate::ring::{Basis, Ntt, Poly, Ring, RingError};

/// Bytes of a polynomial over `primes` in a ring of degree `n`.
pub fn packed_bytes(n: usize, primes: impl IntoIterator<Item = u64>) -> u64 {
    primes
        .into_iter()
        .map(|p| packed_len(n, width(p)) as u64)
        .sum()
}

/// Bytes of a polynomial over `basis`.
pub(super) fn poly_bytes(ring: &Ring, basis: Basis) -> u64 {
    let primes = (0..basis.limbs()).map(|i| ring.modulus(basis.prime(i)).value());
    packed_bytes(ring.degree(), primes)
}

/// Writes all limbs. Residues are made canonical without branches.
pub(super) fn write_poly<W: Write>(
    writer: &mut Writer<W>,
    poly: &Poly<Ntt>,
) -> Result<(), WireError> {
    let mut residues = vec![0; poly.ring().degree()];
    let bytes = poly_bytes(poly.ring(), poly.basis()) as usize;
    // All at once: hashes take many bytes faster than a few.
    let mut bytes = Vec::with_capacity(bytes + SPARE);
    for i in 0..poly.basis().limbs() {
        poly.write_limb_canonical(i, &mut residues);
        pack(&residues, width(poly.modulus(i).value()), &mut bytes);
    }
    writer.write(&bytes)
}

/// Reads a polynomial over `basis`, after checking that the payload still has that many bytes.
pub(super) fn read_poly<R: Read>(
    reader: &mut Reader<R>,
    what: &'static str,
    ring: &Arc<Ring>,
    basis: Basis,
) -> Result<Poly<Ntt>, WireError> {
    read_lower_poly(reader, what, ring, basis, basis)
}

/// The same of which only the limbs of `kept`, the first ones, are unpacked and checked.
pub(super) fn read_lower_poly<R: Read>(
    reader: &mut Reader<R>,
    what: &'static str,
    ring: &Arc<Ring>,
    basis: Basis,
    kept: Basis,
) -> Result<Poly<Ntt>, WireError> {
    let expected = poly_bytes(ring, basis);
    if reader.remaining() < expected {
        return Err(WireError::Length {
            file: reader.file().to_owned(),
            what,
            expected,
            found: reader.remaining(),
        });
    }
    let n = ring.degree();
    let mut poly = Poly::scratch(ring, kept);
    let (mut bytes, mut residues) = (vec![0; expected as usize + SPARE], vec![0; n]);
    reader.read(what, &mut bytes[..expected as usize])?;
    let mut at = 0;
    for i in 0..kept.limbs() {
        let width = width(poly.modulus(i).value());
        unpack(&bytes[at..], width, &mut residues);
        at += packed_len(n, width);
        poly.set_limb_canonical(i, &residues).map_err(|e| match e {
            RingError::NotCanonical { prime, found, .. } => WireError::Residue {
                file: reader.file().to_owned(),
                what,
                prime,
                found,
            },
            other => WireError::Rlwe {
                file: reader.file().to_owned(),
                source: other.into(),
            },
        })?;
    }
    Ok(poly)
}
