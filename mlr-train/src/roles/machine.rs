//! What the system says of this process's memory.

use std::fs;

/// Largest resident memory of this process in MB, where the system tells (`VmHWM`, which Linux keeps).
pub fn peak_rss_mb() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

/// Bytes that the limits of this process leave: of its address space, of its control group. None where the system does not tell, or sets none.
pub fn memory_left() -> Option<u64> {
    [address_space_left(), control_group_left()]
        .into_iter()
        .flatten()
        .min()
}

/// Address space that is reserved and never used: arenas of the allocator and stacks, for every thread.
const RESERVED_A_THREAD: u64 = 72 << 20;

fn address_space_left() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max address space"))?;
    let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let used = status
        .lines()
        .find_map(|line| line.strip_prefix("VmSize:"))?;
    let used: u64 = used.trim().strip_suffix("kB")?.trim().parse().ok()?;
    let threads = rayon::current_num_threads() as u64;
    Some(
        limit
            .saturating_sub(used * 1024)
            .saturating_sub(threads * RESERVED_A_THREAD),
    )
}

/// Version 2 alone; the process's own group, whose ancestors may set less.
fn control_group_left() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let number = |name: &str| -> Option<u64> {
        let path = format!("/sys/fs/cgroup/{group}/{name}");
        fs::read_to_string(path).ok()?.trim().parse().ok()
    };
    Some(number("memory.max")?.saturating_sub(number("memory.current")?))
}
