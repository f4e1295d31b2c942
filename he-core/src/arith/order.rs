//! The order of a transform's outputs, in memory and in files.
//!
//! *Standard* order is bit-reversed: value `i` is the polynomial's value at
//! `psi^(2 brv(i) + 1)`, where `brv` reverses the `log_n` bits. Files, seeds and hashes have it. In
//! memory every group of 64 values, 8 blocks of 8, is transposed: that is how the vector kernels
//! leave them, and it saves them a transposition. The two orders are each other's inverse, so one
//! function leads both ways. Nothing but this file knows of the difference.

/// Values whose last three layers are done together: 8 blocks of 8, transposed.
pub(crate) const GROUP: usize = 64;

/// log2 of the smallest degree that has a transform: one group.
pub(super) const MIN_LOG_N: u32 = 6;

/// log2 of the largest.
pub(super) const MAX_LOG_N: u32 = 17;

/// The position in memory of value `i` of the standard order; also the way back.
pub(crate) const fn transposed(i: usize) -> usize {
    i / GROUP * GROUP + i % 8 * 8 + i % GROUP / 8
}

/// From one order to the other, in place.
///
/// # Panics
/// Unless there are whole groups.
pub(crate) fn transpose<T>(values: &mut [T]) {
    assert!(values.len().is_multiple_of(GROUP), "whole groups");
    for group in values.chunks_exact_mut(GROUP) {
        for i in 0..GROUP {
            if i < transposed(i) {
                group.swap(i, transposed(i));
            }
        }
    }
}

/// The lowest `bits` bits in reverse.
pub(super) fn bit_reverse(i: usize, bits: u32) -> usize {
    // No bits at all: a shift by the whole width would be too far.
    i.reverse_bits()
        .checked_shr(usize::BITS - bits)
        .unwrap_or(0)
}
