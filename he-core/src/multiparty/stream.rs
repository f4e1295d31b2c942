//! Where a party's secret randomness comes from. As in `rlwe::derive`, nothing is drawn twice for two uses.
//!
//! Every stream is a ChaCha20 stream under a key that BLAKE3 derives from the party's seed, the session, the party's number and a [`Use`]. So a share that is made
//! again, after a kill say, is the same share: a second one with other errors would give the difference of two errors away. Where a share answers a question that others
//! put (the sum of the first round of relinearisation, a ciphertext to open), the question's hash is part of the use: two questions never share an error, which
//! would cancel out.

use zeroize::{Zeroize, Zeroizing};

use super::{PartyId, Session};
use crate::rlwe::SecretStream;

const STREAM_CONTEXT: &str = "velum he-core 2026 v1 stream of a party";

/// What kind of number a stream gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Secret = 1,
    PublicKey = 2,
    Galois = 3,
    /// The errors of h_0 and of h_1.
    RelinearisationOne = 4,
    RelinearisationTwo = 5,
    /// The ephemeral secret u.
    Ephemeral = 6,
    Dealing = 7,
    Opening = 8,
    Refresh = 9,
    RefreshMask = 10,
}

/// The one use of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) kind: Kind,
    /// Exponent of a Galois key, or power of a sharing polynomial.
    pub(super) element: u64,
    /// Digit of a key, or number of a ciphertext.
    pub(super) digit: u32,
    /// Which of several polynomials.
    pub(super) part: u32,
    /// Hash of the question that is answered, if one is.
    pub(super) question: [u8; 32],
}

impl Use {
    pub(super) fn of(kind: Kind) -> Self {
        Self {
            kind,
            element: 0,
            digit: 0,
            part: 0,
            question: [0; 32],
        }
    }

    /// The stream of this use, wiped when it is dropped: all fields have fixed lengths, so no two uses give the same bytes.
    pub(super) fn stream(
        &self,
        seed: &Zeroizing<[u8; 32]>,
        session: &Session,
        party: PartyId,
    ) -> SecretStream {
        let mut hash = session.hasher(STREAM_CONTEXT);
        hash.update(seed.as_slice());
        hash.update(&party.index().to_le_bytes());
        hash.update(&[self.kind as u8]);
        hash.update(&self.element.to_le_bytes());
        hash.update(&self.digit.to_le_bytes());
        hash.update(&self.part.to_le_bytes());
        hash.update(&self.question);
        let mut out = hash.finalize();
        let key = Zeroizing::new(*out.as_bytes());
        out.zeroize();
        hash.zeroize();
        SecretStream::new(&key)
    }
}
