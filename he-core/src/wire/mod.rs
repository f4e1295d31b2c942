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
//! so a limb is a whole number of bytes. (A prime just above 2^36 costs 37 bits.)
//! Value i of a limb is the polynomial's value at psi^(2 brv(i) + 1). Here brv reverses the log2 N
//! bits of i, and psi is g^((p-1)/2N) for the least g > 1 that is no square modulo p. Order and root
//! are part of the format; the order in memory is another and is not.
//!
//! Uniform polynomials are written as a 32-byte seed. Polynomial number d of a seed (c_1 of a
//! ciphertext and a of a public key: 0; a_d of an evaluation key: its digit) is drawn from ChaCha20
//! (20 rounds, nonce 0) under the key that BLAKE3's `derive_key` gives for the context
//! `velum he-core 2026 v1 uniform polynomial` and the seed followed by d in four bytes. Limb by limb,
//! value by value in the order above, eight bytes of the stream are a candidate: of these the lowest
//! bits, as many as p has, and again from the next eight bytes where that is not below p. In an
//! evaluation key of a level below the chain's, what the primes above the level would get is drawn and
//! dropped before the special primes' values: the residues are those of the key of the highest level.
//!
//! # Messages of several parties
//! Kinds 16 to 23: key share, commitment, proof, share of a secret, share of an opening, share of a refresh, upload with a proof, joint public key (which a party makes and keeps). Their binding is the session's ([`crate::multiparty::Session::binding`]); their header
//! is 16 bytes, the party's number in four, the level of a key share (else zeros) in four, and a number in eight: which key, proof, receiver or upload it is. The payload is polynomials; answers begin with the 32-byte hash of their question, in a refresh of several ciphertexts each of its parts does ([`write_refresh_shares`]); a
//! proof is a hash and packed integers ([`write_proof`]).
//!
//! # What a hash does not do
//! It finds accidents. Whoever forges a file can repair the hash, so nothing that a reader accepts may harm more than the result: lengths, levels and residues are checked
//! against the parameters, never trusted; numbers must be finite. A ciphertext's metadata (scale, bound, noise) are its maker's
//! *claims*: a false scale multiplies the values, a false bound hides an overflow, and understated noise would have the client publish more bits
//! than are clean. So the client takes placement and certified bits of a result from its own [`crate::evaluator::Simulator`] of the plan, and compares the file's with them ([`CiphertextReader::next`] has a parameter for it). The noise of
//! a seeded ciphertext is not the file's to choose: it is that of a fresh one, and not written.

mod bits;
mod ciphertext;
mod container;
mod error;
mod file;
mod joint;
mod keys;
mod lock;
mod pending;
mod poly;
mod refresh;
mod secret;
mod shares;
#[cfg(test)]
mod tests;
mod uploads;

pub use ciphertext::{
    CIPHERTEXT_VERSION, CIPHERTEXTS, CiphertextReader, CiphertextWriter, Form, Shape,
};
pub use container::{Envelope, Hash, Kind, Label, MAGIC, MAX_ENVELOPE, Reader, Writer};
pub use error::WireError;
pub use file::{Existing, Unnamed, open_file, sync_names, write_file};
pub use joint::{JOINT_PUBLIC_KEY, read_joint_public_key, write_joint_public_key};
pub use keys::{
    PUBLIC_KEY, SWITCHING_KEY, read_public_key, read_switching_key, read_switching_key_hashed,
    write_public_key, write_switching_key,
};
pub use lock::Lock;
pub use pending::{Pending, hidden};
pub use poly::packed_bytes;
pub use refresh::{REFRESH_SHARES, read_refresh_shares, write_refresh_shares};
pub use secret::SecretKeyFile;
pub use shares::{
    COMMITMENT, DEALT_SHARE, KEY_SHARE, OPENING_SHARE, Source, read_commitment, read_dealt_share,
    read_key_share, read_opening_share, write_commitment, write_dealt_share, write_key_share,
    write_opening_share,
};
pub use uploads::{PROOF, UPLOAD_KEY, read_proof, read_upload_key, write_proof, write_upload_key};
