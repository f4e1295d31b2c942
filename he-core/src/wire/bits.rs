//! Integers of a fixed number of bits without gaps, lowest bit first.

/// Widest integer: eight bytes at any bit offset below 8 hold it.
pub(super) const MAX_WIDTH: u32 = 57;

/// Bytes beyond the last integer that [`pack`] writes for a moment, and [`unpack`] reads.
pub(super) const SPARE: usize = size_of::<u64>();

/// Bytes that `count` integers of `width` bits take; `count` is a multiple of 8.
pub(super) fn packed_len(count: usize, width: u32) -> usize {
    count / 8 * width as usize
}

/// Bits of the residues modulo p: those of p - 1.
pub(super) fn width(p: u64) -> u32 {
    u64::BITS - (p - 1).leading_zeros()
}

/// Packs integers below 2^`width`; their number is a multiple of 8.
pub(super) fn pack(values: &[u64], width: u32, out: &mut Vec<u8>) {
    let (begin, len) = (out.len(), packed_len(values.len(), width));
    // Each is written with the eight bytes around it.
    out.resize(begin + len + SPARE, 0);
    let to = &mut out[begin..];
    let (mut word, mut bit) = (0u64, 0);
    for x in values {
        // Below bit 8, what is left of those before it.
        word |= x << (bit % 8);
        to[bit / 8..bit / 8 + 8].copy_from_slice(&word.to_le_bytes());
        let whole = (bit % 8 + width as usize) / 8;
        // All eight bytes are whole for 57 bits and seven before them alone.
        word = word.checked_shr(8 * whole as u32).unwrap_or(0);
        bit += width as usize;
    }
    out.truncate(begin + len);
}

/// Unpacks what [`pack`] made; `bytes` is followed by eight more bytes of any value.
pub(super) fn unpack(padded: &[u8], width: u32, out: &mut [u64]) {
    debug_assert!(width <= MAX_WIDTH && padded.len() >= packed_len(out.len(), width) + 8);
    let mask = (1u64 << width) - 1;
    for (i, x) in out.iter_mut().enumerate() {
        let bit = i * width as usize;
        let mut word = [0; 8];
        word.copy_from_slice(&padded[bit / 8..bit / 8 + 8]);
        *x = (u64::from_le_bytes(word) >> (bit % 8)) & mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packing_is_inverted_and_leaves_no_gaps(width in 1u32..=MAX_WIDTH, words in prop::collection::vec(any::<u64>(), 1..20)) {
            let values: Vec<u64> = words.iter().cycle().take(words.len() * 8).enumerate()
                .map(|(i, x)| x.rotate_left(i as u32) >> (64 - width)).collect();
            let mut bytes = vec![];
            pack(&values, width, &mut bytes);
            prop_assert_eq!(bytes.len(), packed_len(values.len(), width));
            for (i, x) in values.iter().enumerate() {
                for b in 0..width as usize {
                    let at = i * width as usize + b;
                    prop_assert_eq!(u64::from(bytes[at / 8] >> (at % 8) & 1), x >> b & 1);
                }
            }
            bytes.extend([0xff; 8]);
            let mut back = vec![0; values.len()];
            unpack(&bytes, width, &mut back);
            prop_assert_eq!(back, values);
        }
    }

    #[test]
    fn widths_are_those_of_the_largest_residue() {
        assert_eq!(width((1 << 36) - 5), 36);
        assert_eq!(width(1 << 36), 36);
        assert_eq!(width((1 << 36) + 1), 37);
    }
}
