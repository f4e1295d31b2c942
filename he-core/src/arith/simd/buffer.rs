//! Memory aligned to cache lines.

use std::ops::{Deref, DerefMut};

/// A cache line of values, which is also the widest vector.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f64; Line::VALUES]);

impl Line {
    const VALUES: usize = 8;
}

/// A `[f64]` that starts at a cache line, so that no vector load crosses two.
#[derive(Clone)]
pub struct Buffer {
    lines: Vec<Line>,
    len: usize,
}

impl Buffer {
    /// `len` zeros.
    #[must_use]
    pub fn zero(len: usize) -> Self {
        Self {
            lines: vec![Line([0.0; Line::VALUES]); len.div_ceil(Line::VALUES)],
            len,
        }
    }

    /// A copy of a slice.
    #[must_use]
    pub fn copy_of(values: &[f64]) -> Self {
        let mut buffer = Self::zero(values.len());
        buffer.copy_from_slice(values);
        buffer
    }

    /// Keeps the first `len` values.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        self.lines.truncate(self.len.div_ceil(Line::VALUES));
    }
}

impl Deref for Buffer {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        // SAFETY: lines are contiguous arrays of initialised `f64` without padding (`repr(C)`, size 64), at least `len`.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f64] {
        // SAFETY: as for `deref`, and borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

/// Prints the length only: the values may be secret.
impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buffer")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
