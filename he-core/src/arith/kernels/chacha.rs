//! Blocks of ChaCha20, a lane each.

use crate::arith::simd::{Kernel, Machine};

/// Blocks at once: words of 16 lanes are whole vectors everywhere, and loops over them vector instructions.
const LANES: usize = 16;
/// Words of a block, two to a number.
const WORDS: usize = 16;
/// Numbers that are made at once.
pub(in crate::arith) const NUMBERS: usize = LANES * WORDS / 2;

/// "expand 32-byte k".
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];
/// The words that the quarter rounds of a double round work on: columns, then diagonals.
const ROUNDS: [[usize; 4]; 8] = [
    [0, 4, 8, 12],
    [1, 5, 9, 13],
    [2, 6, 10, 14],
    [3, 7, 11, 15],
    [0, 5, 10, 15],
    [1, 6, 11, 12],
    [2, 7, 8, 13],
    [3, 4, 9, 14],
];

/// The same word of all blocks.
type Word = [u32; LANES];

/// Sixteen blocks in turn, from number `block` on, of the nonce 0 (Bernstein, *ChaCha, a variant of Salsa20*, 2008: a counter of 64 bits).
pub(in crate::arith) struct ChaCha20<'a> {
    pub(in crate::arith) key: &'a [u32; 8],
    pub(in crate::arith) block: u64,
    pub(in crate::arith) to: &'a mut [u64; NUMBERS],
}

impl Kernel for ChaCha20<'_> {
    type Output = ();

    #[inline(always)]
    fn run<M: Machine>(self, _: M) {
        let mut start = [[0; LANES]; WORDS];
        let known = CONSTANTS.iter().chain(self.key);
        for (word, x) in start.iter_mut().zip(known) {
            *word = [*x; LANES];
        }
        let blocks: [u64; LANES] = std::array::from_fn(|lane| self.block.wrapping_add(lane as u64));
        start[12] = blocks.map(|block| block as u32);
        start[13] = blocks.map(|block| (block >> 32) as u32);
        let mut x = start;
        for _ in 0..10 {
            for [a, b, c, d] in ROUNDS {
                let [na, nb, nc, nd] = quarter_round(x[a], x[b], x[c], x[d]);
                (x[a], x[b], x[c], x[d]) = (na, nb, nc, nd);
            }
        }
        for (x, start) in x.iter_mut().zip(&start) {
            add(x, start);
        }
        for (lane, block) in self.to.chunks_exact_mut(WORDS / 2).enumerate() {
            for (i, to) in block.iter_mut().enumerate() {
                *to = u64::from(x[2 * i][lane]) | u64::from(x[2 * i + 1][lane]) << 32;
            }
        }
    }
}

#[inline(always)]
fn add(a: &mut Word, b: &Word) {
    for (a, b) in a.iter_mut().zip(b) {
        *a = a.wrapping_add(*b);
    }
}

#[inline(always)]
fn xor_rotate<const BITS: u32>(a: &mut Word, b: &Word) {
    for (a, b) in a.iter_mut().zip(b) {
        *a = (*a ^ b).rotate_left(BITS);
    }
}

#[inline(always)]
fn quarter_round(mut a: Word, mut b: Word, mut c: Word, mut d: Word) -> [Word; 4] {
    add(&mut a, &b);
    xor_rotate::<16>(&mut d, &a);
    add(&mut c, &d);
    xor_rotate::<12>(&mut b, &c);
    add(&mut a, &b);
    xor_rotate::<8>(&mut d, &a);
    add(&mut c, &d);
    xor_rotate::<7>(&mut b, &c);
    [a, b, c, d]
}
