//! The stream of public seeds against an independent one.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::*;
use crate::arith::PublicStream;
use crate::arith::kernels::{ChaCha20, NUMBERS};
use crate::arith::simd::{Level, run_available};

#[test]
fn draws_of_any_length_are_those_of_chacha20() {
    let key: [u8; 32] = std::array::from_fn(|i| (7 * i + 3) as u8);
    let (mut ours, mut theirs) = (PublicStream::new(&key), ChaCha20Rng::from_seed(key));
    let mut rng = Stream(3);
    for _ in 0..2000 {
        match rng.next() % 3 {
            0 => assert_eq!(ours.next_u32(), theirs.next_u32()),
            1 => assert_eq!(ours.next_u64(), theirs.next_u64()),
            _ => {
                let len = 4 * (rng.next() % 1500) as usize;
                let mut found = [vec![0; len], vec![1; len]];
                ours.fill_bytes(&mut found[0]);
                theirs.fill_bytes(&mut found[1]);
                assert_eq!(found[0], found[1]);
            }
        }
    }
}

/// A counter that goes on beyond 32 bits, in the middle of what is made at once; on every instruction set.
#[test]
fn blocks_are_counted_in_64_bits_on_every_path() {
    let key = [5; 32];
    for block in [0, (1 << 32) - 5, u64::MAX - 3] {
        let mut theirs = ChaCha20Rng::from_seed(key);
        theirs.set_word_pos(u128::from(block) * 16);
        let expected: Vec<u64> = (0..NUMBERS).map(|_| theirs.next_u64()).collect();
        for level in Level::available() {
            let (key, mut found) = ([0x0505_0505; 8], [0; NUMBERS]);
            let to = &mut found;
            let key = &key;
            run_available(level, ChaCha20 { key, block, to });
            assert_eq!(found[..], expected[..], "{level:?}");
        }
    }
}
