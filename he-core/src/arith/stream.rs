//! Numbers that everybody draws alike from a seed that everybody knows.

use std::convert::Infallible;

use rand_core::TryRng;

use super::kernels::{ChaCha20, NUMBERS};
use super::simd::dispatch;

/// Bytes that are drawn at once.
const DRAWN: usize = NUMBERS * size_of::<u64>();

/// The stream of ChaCha20 under a public key, with nonce 0 from block 0 on: that of `rand_chacha::ChaCha20Rng`, as long as whole words of 32 bits are drawn, in a
/// third of the time. Not for secrets: nothing of it is wiped.
#[derive(Clone, Debug)]
pub(crate) struct PublicStream {
    key: [u32; 8],
    /// The next block.
    block: u64,
    drawn: Box<[u8; DRAWN]>,
    /// Bytes of `drawn` that are used up.
    used: usize,
}

impl PublicStream {
    /// The stream of a key.
    #[must_use]
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let mut words = [0; 8];
        for (word, bytes) in words.iter_mut().zip(key.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        Self {
            key: words,
            block: 0,
            drawn: Box::new([0; DRAWN]),
            used: DRAWN,
        }
    }

    fn refill(&mut self) {
        let mut numbers = [0; NUMBERS];
        dispatch(ChaCha20 {
            key: &self.key,
            block: self.block,
            to: &mut numbers,
        });
        for (to, number) in self.drawn.as_chunks_mut().0.iter_mut().zip(numbers) {
            *to = number.to_le_bytes();
        }
        self.block = self.block.wrapping_add((DRAWN / 64) as u64);
        self.used = 0;
    }

    fn fill(&mut self, mut to: &mut [u8]) {
        while !to.is_empty() {
            if self.used == DRAWN {
                self.refill();
            }
            let left = &self.drawn[self.used..];
            let (now, later) = to.split_at_mut(to.len().min(left.len()));
            now.copy_from_slice(&left[..now.len()]);
            self.used += now.len();
            to = later;
        }
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

impl TryRng for PublicStream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.bytes()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.bytes()))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        self.fill(to);
        Ok(())
    }
}
