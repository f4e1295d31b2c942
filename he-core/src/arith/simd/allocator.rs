//! What the system's allocator (glibc's) is told about memory that is not in use. Elsewhere nothing is told.

/// Lets the process's threads share `count` heaps, from now on. For the start of a program that computes: otherwise there are up to eight a core, and each keeps holes of its own beside what is in use. Trainings of two threads
/// took up to a fifth more memory so, and no less time.
pub fn share_heaps(count: usize) {
    imp::share_heaps(count);
}

/// Gives free pages of all heaps back to the system.
pub(super) fn trim() {
    imp::trim();
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod imp {
    use std::ffi::c_int;

    pub(super) fn share_heaps(count: usize) {
        let most = c_int::try_from(count.max(1)).unwrap_or(c_int::MAX);
        // SAFETY: it takes no pointer and sets a limit of heaps that are made later.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, most);
        }
    }

    pub(super) fn trim() {
        // SAFETY: it takes no pointer, locks the allocator itself, and gives back pages of free blocks alone.
        unsafe {
            libc::malloc_trim(0);
        }
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod imp {
    pub(super) fn share_heaps(_: usize) {}

    pub(super) fn trim() {}
}
