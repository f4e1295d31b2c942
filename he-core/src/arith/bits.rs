//! How large primes may be.

/// log2 of what every prime is above.
pub const MIN_PRIME_BITS: u32 = 16;

/// log2 of what every prime is below: the kernels are proved for residues of so many bits.
pub const MAX_PRIME_BITS: u32 = 48;
