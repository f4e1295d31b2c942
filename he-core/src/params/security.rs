//! The security table: the largest modulus that a ring degree allows.

use serde::{Deserialize, Serialize};

/// Largest log2(QP) at 128, 192 and 256 bits of classical security for a uniform ternary secret and an error of width 3.19
/// (Security Guidelines for Implementing Homomorphic Encryption, ePrint 2024/463, table 5.2).
const TABLE: [(u32, [u32; 3]); 7] = [
    (11, [53, 36, 27]),
    (12, [106, 73, 56]),
    (13, [214, 147, 114]),
    (14, [430, 297, 230]),
    (15, [868, 597, 462]),
    (16, [1747, 1199, 929]),
    (17, [3523, 2411, 1866]),
];

/// Where the table is from, for messages and documents.
pub const SOURCE: &str = "ePrint 2024/463, table 5.2 (classical, uniform ternary secret)";

/// What the security table says of a parameter set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// Below 128 bits: for fast tests only.
    InsecureTestOnly,
    /// At least 128 bits.
    Bits128,
    /// At least 192 bits.
    Bits192,
    /// At least 256 bits.
    Bits256,
}

impl Security {
    /// Bits of classical security that the table certifies; 0 for insecure test sets.
    pub fn bits(self) -> u32 {
        match self {
            Self::InsecureTestOnly => 0,
            Self::Bits128 => 128,
            Self::Bits192 => 192,
            Self::Bits256 => 256,
        }
    }

    /// The best level that a ring degree 2^`log_n` with a modulus of `log_qp` bits (key-switching primes included) reaches.
    pub fn of(log_n: u32, log_qp: f64) -> Self {
        let Some((_, row)) = TABLE.iter().find(|(n, _)| *n == log_n) else {
            return Self::InsecureTestOnly;
        };
        let fits = |cap: u32| log_qp <= f64::from(cap);
        match row {
            [_, _, c] if fits(*c) => Self::Bits256,
            [_, b, _] if fits(*b) => Self::Bits192,
            [a, _, _] if fits(*a) => Self::Bits128,
            _ => Self::InsecureTestOnly,
        }
    }
}

/// Largest log2(QP) for 128 bits at ring degree 2^`log_n`, if the table has that degree.
pub fn cap_128(log_n: u32) -> Option<u32> {
    cap(log_n, 128)
}

/// Largest log2(QP) for at least `bits` bits of security at ring degree 2^`log_n`, if the table has both.
pub fn cap(log_n: u32, bits: u32) -> Option<u32> {
    let (_, row) = TABLE.iter().find(|(n, _)| *n == log_n)?;
    match bits {
        0..=128 => Some(row[0]),
        129..=192 => Some(row[1]),
        193..=256 => Some(row[2]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_at_its_edges() {
        assert_eq!(Security::of(14, 430.0), Security::Bits128);
        assert_eq!(Security::of(14, 430.01), Security::InsecureTestOnly);
        assert_eq!(Security::of(14, 297.0), Security::Bits192);
        assert_eq!(Security::of(14, 230.0), Security::Bits256);
        assert_eq!(Security::of(10, 20.0), Security::InsecureTestOnly);
        assert_eq!(cap_128(15), Some(868));
        assert_eq!(cap_128(10), None);
        assert_eq!(
            (cap(15, 128), cap(15, 150), cap(15, 256)),
            (Some(868), Some(597), Some(462))
        );
        assert_eq!(cap(15, 257), None);
    }
}
