//! Wall time, and the processor time of one thread.

use std::time::Instant;

/// Milliseconds of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) wall_ms: f64,
    /// Time that this thread had a processor for; the wall time where the system does not say.
    pub(crate) cpu_ms: f64,
}

impl Span {
    /// A share of it.
    pub(crate) fn over(self, count: usize) -> Self {
        Self {
            wall_ms: self.wall_ms / count as f64,
            cpu_ms: self.cpu_ms / count as f64,
        }
    }
}

/// Nanoseconds that this thread has run for, by Linux's scheduler.
fn thread_ns() -> Option<u64> {
    // The scheduler adds up when it is entered.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// Times `f`, which must do its work in this thread.
pub(crate) fn time<T, E>(f: impl FnOnce() -> Result<T, E>) -> Result<(T, Span), E> {
    let (cpu, wall) = (thread_ns(), Instant::now());
    let value = f()?;
    let wall_ms = wall.elapsed().as_secs_f64() * 1e3;
    let cpu_ms = match (cpu, thread_ns()) {
        (Some(a), Some(b)) => (b - a) as f64 / 1e6,
        _ => wall_ms,
    };
    Ok((value, Span { wall_ms, cpu_ms }))
}

/// The middle one. `values` is not empty.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
