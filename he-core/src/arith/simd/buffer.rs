//! Memory aligned to cache lines.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use zeroize::Zeroize;

use super::allocator::trim;

/// Values in a cache line, which is also the widest vector.
const LINE: usize = 8;

/// Most values that wait for reuse: 256 MiB.
const MAX_WAITING: usize = 1 << 25;

/// Memory of dropped buffers, by length. Polynomials are large enough for the allocator to fetch them from the system and to give
/// them back each time: without this, a key switch spends half its time on page faults.
struct Pool {
    /// Most values that may wait.
    limit: usize,
    waiting: HashMap<usize, Vec<Vec<f64>>>,
    /// Values of all of them.
    values: usize,
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
            values: 0,
        }
    }

    fn take(&mut self, values: usize) -> Option<Vec<f64>> {
        let found = self.waiting.get_mut(&values)?.pop()?;
        self.values -= values;
        Some(found)
    }

    /// Keeps `memory`, if there is room. Returns what is to be freed, outside the lock.
    fn give(&mut self, memory: Vec<f64>) -> impl Sized + use<> {
        let values = memory.len();
        if values > self.limit {
            return (Some(memory), None);
        }
        let mut evicted = None;
        if self.values + values > self.limit {
            // Lengths that nobody asks for any more would stay for ever.
            evicted = Some(std::mem::take(&mut self.waiting));
            self.values = 0;
        }
        self.values += values;
        self.waiting.entry(values).or_default().push(memory);
        (None, evicted)
    }
}

/// Gives memory that nobody uses back to the system: buffers that wait for reuse, and free pages of the allocator, where it can be told to (glibc).
///
/// For work that needs far more memory than what came before it. Polynomials of one length leave holes that those of another do not fill: without this a process keeps the holes beside what it needs now. It costs the faults of the pages that are
/// used again, about half a second a gigabyte.
pub fn release_unused() {
    let waiting = {
        let mut pool = pool();
        pool.values = 0;
        std::mem::take(&mut pool.waiting)
    };
    drop(waiting);
    trim();
}

/// A `[f64]` that starts at a cache line, so that no vector load crosses two. Memory is reused.
pub struct Buffer {
    /// Never grows or shrinks, so never moves: a line more than whole lines.
    memory: Vec<f64>,
    /// Where the first whole line starts.
    start: usize,
    len: usize,
    /// Wiped before anybody else gets the memory.
    secret: bool,
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
        let values = len.next_multiple_of(LINE) + LINE;
        let recycled = pool().take(values);
        // The system's pages are zero: nothing is written here.
        let memory = recycled.unwrap_or_else(|| vec![0.0; values]);
        // A line is eight values, and values are aligned: less than a line away.
        let start = memory.as_ptr().align_offset(LINE * size_of::<f64>()) % LINE;
        Self {
            memory,
            start,
            len,
            secret: false,
        }
    }

    /// A copy of a slice.
    #[must_use]
    pub fn copy_of(values: &[f64]) -> Self {
        let mut buffer = Self::scratch(values.len());
        buffer.copy_from_slice(values);
        buffer
    }

    /// From now on the memory, and that of every clone, is wiped when it is dropped.
    pub fn keep_secret(&mut self) {
        self.secret = true;
    }

    /// Whether the memory will be wiped.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// Keeps the first `len` values.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        let mut copy = Self::copy_of(self);
        copy.secret = self.secret;
        copy
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut memory = std::mem::take(&mut self.memory);
        if self.secret {
            // All of it, also what was cut off.
            memory.as_mut_slice().zeroize();
        }
        if !memory.is_empty() {
            let surplus = pool().give(memory);
            drop(surplus);
        }
    }
}

impl Deref for Buffer {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        &self.memory[self.start..self.start + self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f64] {
        &mut self.memory[self.start..self.start + self.len]
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

    /// Tests that look at what waits for reuse: one at a time, since one of them gives it all back.
    static ALONE: Mutex<()> = Mutex::new(());

    fn alone() -> MutexGuard<'static, ()> {
        ALONE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[test]
    fn memory_is_reused_whole_and_zero_means_zero() {
        let _alone = alone();
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
    fn secret_memory_is_wiped_before_it_is_reused() {
        let _alone = alone();
        // A length that no other test uses.
        let len = 8 * 1259;
        for secret in [false, true] {
            let mut first = Buffer::zero(len);
            if secret {
                first.keep_secret();
            }
            first.fill(7.0);
            let mut copy = first.clone();
            copy.truncate(1);
            let starts = [first.as_ptr(), copy.as_ptr()];
            drop((first, copy));
            let next = [(); 2].map(|()| Buffer::scratch(len));
            for buffer in &next {
                assert!(starts.contains(&buffer.as_ptr()));
                let expected = if secret { 0.0 } else { 7.0 };
                assert!(buffer.iter().all(|x| *x == expected), "{secret}");
            }
        }
    }

    /// Resident memory of this process in bytes. Emulators of other processors do not give pages back.
    #[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
    fn resident() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.unwrap().trim().strip_suffix("kB").unwrap();
        kib.trim().parse::<u64>().unwrap() * 1024
    }

    #[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
    #[test]
    fn holes_between_buffers_in_use_go_back_to_the_system() {
        let _alone = alone();
        // 384 MiB, of which three quarters become holes: far more than other tests take meanwhile.
        const BUFFERS: usize = 1536;
        const VALUES: usize = 1 << 15;
        let whole = |i: usize| {
            let mut buffer = Buffer::scratch(VALUES);
            buffer.fill(i as f64);
            buffer
        };
        let mut all: Vec<Option<Buffer>> = (0..BUFFERS).map(|i| Some(whole(i))).collect();
        let full = resident();
        for (i, buffer) in all.iter_mut().enumerate() {
            if i % 4 != 0 {
                *buffer = None;
            }
        }
        release_unused();
        let freed = full.saturating_sub(resident());
        assert!(freed > 192 << 20, "{} MiB", freed >> 20);
        let left = all
            .iter()
            .enumerate()
            .filter_map(|(i, b)| Some((i, b.as_ref()?)));
        for (i, buffer) in left {
            assert!(buffer.iter().all(|x| *x == i as f64));
        }
    }

    #[test]
    fn the_pool_never_keeps_more_than_its_limit() {
        let memory = |values: usize| vec![0.0; values];
        let mut pool = Pool::new(100);
        drop(pool.give(memory(101)));
        drop(pool.give(memory(50)));
        drop(pool.give(memory(50)));
        assert_eq!(pool.values, 100);
        drop(pool.give(memory(8)));
        assert_eq!(pool.values, 8);
        assert!(pool.take(9).is_none() && pool.take(8).is_some());
        assert_eq!(pool.values, 0);
    }
}
