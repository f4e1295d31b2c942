//! On how many threads a plan is searched.

/// Runs `f` on one thread: a traced run is thousands of tasks of a microsecond, which threads would only hand to each other.
pub(super) fn on_one_thread<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    if rayon::current_num_threads() == 1 {
        return f();
    }
    match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
        Ok(pool) => pool.install(f),
        Err(_) => f(),
    }
}
