//! Files: versioned, hashed, streamed, bit-packed.
//!
//! # Layout
//! All numbers are little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic: `89 56 4c 4d 0d 0a 1a 0a` (text mode transfers break it) |
//! | 2 + 2 | kind, format version of that kind |
//! | 4 | length h of the header, at most 64 KiB |
//! | 8 | length p of the payload |
//! | 32 | binding: the parameters' fingerprint, or the hash of the plan, as the kind says |
//! | h | header: what is in the payload |
//! | p | payload |
//! | 32 | BLAKE3 of everything above |
//!
//! Writing and reading stream: nothing needs more memory than one polynomial at a time beside the result. A reader checks, in this order: the
//! size against a limit, magic, kind, version, binding, then the header, and every length against the parameters. Only then is anything allocated. The hash is known at the
//! end alone: **what a reader yields is not to be used before its `finish` has succeeded.**
//!
//! # Polynomials
//! Limb after limb, each residue as the canonical integer in [0, p) with as many bits as p - 1 has, lowest bit first, without gaps. N is a multiple of 8,
//! so a limb is a whole number of bytes. (A prime just above 2^36 costs 37 bits.) Value i of a limb is the value at psi^(2 brv(i) + 1), with the root psi
//! of [`crate::arith::NttTable`]: order and root are part of the format. Uniform halves are written as their 32-byte seed.
//!
//! # What a hash does not do
//! It finds accidents. Whoever forges a file can repair the hash, so nothing that a reader accepts may harm more than the result: lengths, levels and residues are checked
//! against the parameters, never trusted; numbers must be finite. A ciphertext's metadata (scale, bound, noise) are its maker's
//! *claims*: a false scale multiplies the values, a false bound hides an overflow, and understated noise would have the client publish more bits
//! than are clean. So the client takes placement and certified bits of a result from its own [`crate::evaluator::Trace`] of the plan, and compares the file's with them ([`CiphertextReader::next`] has a parameter for it). The noise of
//! a seeded ciphertext is not the file's to choose: it is that of a fresh one, and not written.

mod bits;
mod ciphertext;
mod container;
mod error;
mod file;
mod keys;
mod poly;
mod secret;
#[cfg(test)]
mod tests;

pub use ciphertext::{CIPHERTEXTS, CiphertextReader, CiphertextWriter, Form, Shape};
pub use container::{Envelope, Hash, Kind, Reader, Writer};
pub use error::WireError;
pub use file::{Existing, open_file, write_file};
pub use keys::{
    PUBLIC_KEY, SWITCHING_KEY, read_public_key, read_switching_key, read_switching_key_hashed,
    write_public_key, write_switching_key,
};
pub use poly::packed_bytes;
pub use secret::SecretKeyFile;
