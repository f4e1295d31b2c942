//! Memory aligned to cache lines.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// A cache line of values, which is also the widest vector.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f64; Line::VALUES]);

impl Line {
    const VALUES: usize = 8;
}

/// Most lines that wait for reuse: 256 MiB.
const MAX_WAITING: usize = 1 << 22;

/// Memory of dropped buffers, by length. Polynomials are large enough for the allocator to fetch them from the system and to give
/// them back each time: without this, a key switch spends half its time on page faults.
struct Pool {
    /// Most lines that may wait.
    limit: usize,
    waiting: HashMap<usize, Vec<Vec<Line>>>,
    /// Lines of all of them.
    lines: usize,
}

static POOL: LazyLock<Mutex<Pool>> = LazyLock::new(|| Mutex::new(Pool::new(MAX_WAITING)));

fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            waiting: HashMap::new(),
            lines: 0,
        }
    }

    fn take(&mut self, lines: usize) -> Option<Vec<Line>> {
        let found = self.waiting.get_mut(&lines)?.pop()?;
        self.lines -= lines;
        Some(found)
    }

    /// Keeps `memory`, if there is room. Returns what is to be freed, outside the lock.
    fn give(&mut self, mut memory: Vec<Line>) -> impl Sized + use<> {
        // Buffers shrink: what was cut off is there again.
        let lines = memory.capacity();
        memory.resize(lines, Line([0.0; Line::VALUES]));
        if lines > self.limit {
            return (Some(memory), None);
        }
        let mut evicted = None;
        if self.lines + lines > self.limit {
            // Lengths that nobody asks for any more would stay for ever.
            evicted = Some(std::mem::take(&mut self.waiting));
            self.lines = 0;
        }
        self.lines += lines;
        self.waiting.entry(lines).or_default().push(memory);
        (None, evicted)
    }
}

/// A `[f64]` that starts at a cache line, so that no vector load crosses two. Memory is reused.
pub struct Buffer {
    lines: Vec<Line>,
    len: usize,
}

impl Buffer {
    /// `len` zeros.
    #[must_use]
    pub fn zero(len: usize) -> Self {
        let mut buffer = Self::scratch(len);
        buffer.fill(0.0);
        buffer
    }

    /// `len` values that the caller overwrites: zeros, or left over from other work.
    #[must_use]
    pub fn scratch(len: usize) -> Self {
        let count = len.div_ceil(Line::VALUES);
        let recycled = pool().take(count);
        let lines = recycled.unwrap_or_else(|| vec![Line([0.0; Line::VALUES]); count]);
        Self { lines, len }
    }

    /// A copy of a slice.
    #[must_use]
    pub fn copy_of(values: &[f64]) -> Self {
        let mut buffer = Self::scratch(values.len());
        buffer.copy_from_slice(values);
        buffer
    }

    /// Keeps the first `len` values.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        self.lines.truncate(self.len.div_ceil(Line::VALUES));
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        Self::copy_of(self)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        if lines.capacity() > 0 {
            let surplus = pool().give(lines);
            drop(surplus);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_reused_whole_and_zero_means_zero() {
        // A length that no other test uses.
        let len = 8 * 1237;
        let mut first = Buffer::zero(len);
        first.fill(7.0);
        let start = first.as_ptr();
        assert!(start.addr().is_multiple_of(64));
        first.truncate(100);
        drop(first);
        let second = Buffer::zero(len);
        assert_eq!((second.as_ptr(), second.len()), (start, len));
        assert!(second.iter().all(|x| *x == 0.0));
        assert_ne!(second.clone().as_ptr(), start);
    }

    #[test]
    fn the_pool_never_keeps_more_than_its_limit() {
        let memory = |lines: usize| vec![Line([0.0; Line::VALUES]); lines];
        let mut pool = Pool::new(100);
        drop(pool.give(memory(101)));
        drop(pool.give(memory(50)));
        drop(pool.give(memory(50)));
        assert_eq!(pool.lines, 100);
        drop(pool.give(memory(8)));
        assert_eq!(pool.lines, 8);
        assert!(pool.take(9).is_none() && pool.take(8).is_some());
        assert_eq!(pool.lines, 0);
    }
}
