//! The unit in which ciphertexts are counted.

use std::fmt;
use std::ops::Range;

/// A number of ciphertexts. Column groups, classes and rows are plain numbers; this type is what a list of ciphertexts is cut by, so that
/// no other size is taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ciphertexts(usize);

impl Ciphertexts {
    pub(super) fn new(count: usize) -> Self {
        Self(count)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> usize {
        self.0
    }

    /// 0 to the last one.
    #[must_use]
    pub fn indices(self) -> Range<usize> {
        0..self.0
    }

    /// As many for each of `times` things.
    #[must_use]
    pub fn times(self, times: usize) -> Self {
        Self(self.0 * times)
    }

    /// A flat list cut into vectors of so many ciphertexts each; the last one is shorter if the list does not come out even.
    #[must_use]
    pub fn cut<T>(self, flat: Vec<T>) -> Vec<Vec<T>> {
        chunks(flat, self.0)
    }
}

impl fmt::Display for Ciphertexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A flat list cut into lists of `length`; the last one is shorter if the list does not come out even.
pub(crate) fn chunks<T>(flat: Vec<T>, length: usize) -> Vec<Vec<T>> {
    let mut rest = flat.into_iter();
    let mut all = Vec::new();
    loop {
        let chunk: Vec<T> = rest.by_ref().take(length).collect();
        if chunk.is_empty() {
            return all;
        }
        all.push(chunk);
    }
}
