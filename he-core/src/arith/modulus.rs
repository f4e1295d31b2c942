//! One prime modulus: canonical integer arithmetic and conversions to and from `f64` residues.

use super::bits::{MAX_PRIME_BITS, MIN_PRIME_BITS};
use super::error::ArithError;
use super::prime::{is_prime, mul_mod, pow_mod};
use super::simd::ROUND;

/// With an integer below 2^52 in the mantissa of this number, it is their sum.
const SHIFT: f64 = (1u64 << 52) as f64;

/// A prime `p` with `2^16 < p < 2^48`.
///
/// Integer methods take and give canonical residues; they are for constants and tables, not for
/// hot loops (see [`super::slices`] for those).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Modulus {
    value: u64,
    p: f64,
    inverse: f64,
}

/// A constant multiplier: the balanced residue `w` and the nearest `f64` to `w / p`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constant {
    pub(super) w: f64,
    pub(super) quotient: f64,
}

impl Modulus {
    /// Checks the range and that `p` is prime.
    ///
    /// # Errors
    /// [`ArithError::ModulusRange`] and [`ArithError::NotPrime`].
    pub fn new(p: u64) -> Result<Self, ArithError> {
        if p <= 1 << MIN_PRIME_BITS || p >= 1 << MAX_PRIME_BITS {
            return Err(ArithError::ModulusRange { found: p });
        }
        if !is_prime(p) {
            return Err(ArithError::NotPrime { found: p });
        }
        let pf = p as f64;
        Ok(Self {
            value: p,
            p: pf,
            inverse: 1.0 / pf,
        })
    }

    /// The prime.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.value
    }

    /// The prime as an `f64` (exact).
    #[must_use]
    pub fn p(&self) -> f64 {
        self.p
    }

    /// The `f64` nearest to `1 / p`.
    #[must_use]
    pub fn p_inverse(&self) -> f64 {
        self.inverse
    }

    /// log2 of the power of two nearest to `p` (nearest in ratio): the split of a product into
    /// a high and a low part in [`super::slices::dot`].
    #[must_use]
    pub fn split_bits(&self) -> u32 {
        let floor = 63 - self.value.leading_zeros();
        // p >= 2^(floor + 1/2) exactly when p^2 >= 2^(2 floor + 1).
        if u128::from(self.value).pow(2) >= 1 << (2 * floor + 1) {
            floor + 1
        } else {
            floor
        }
    }

    /// How many products of reduced residues a split sum holds before it must be reduced: `2^(51 - split_bits)`; see
    /// [`super::slices::tensor`].
    #[must_use]
    pub fn most_terms(&self) -> usize {
        1 << (51 - self.split_bits()).min(30)
    }

    /// `a + b mod p` of canonical residues.
    #[must_use]
    pub fn add(&self, a: u64, b: u64) -> u64 {
        (a + b) % self.value
    }

    /// `a - b mod p` of canonical residues.
    #[must_use]
    pub fn sub(&self, a: u64, b: u64) -> u64 {
        (a + self.value - b) % self.value
    }

    /// `-a mod p` of a canonical residue.
    #[must_use]
    pub fn neg(&self, a: u64) -> u64 {
        self.sub(0, a)
    }

    /// `a b mod p`.
    #[must_use]
    pub fn mul(&self, a: u64, b: u64) -> u64 {
        mul_mod(a, b, self.value)
    }

    /// `a^e mod p`.
    #[must_use]
    pub fn pow(&self, a: u64, e: u64) -> u64 {
        pow_mod(a, e, self.value)
    }

    /// The inverse of `a`, and 0 for `a = 0 mod p`.
    #[must_use]
    pub fn inv(&self, a: u64) -> u64 {
        self.pow(a, self.value - 2)
    }

    /// The product of `factors` modulo `p`.
    #[must_use]
    pub fn product(&self, factors: impl IntoIterator<Item = u64>) -> u64 {
        factors
            .into_iter()
            .fold(1, |a, b| self.mul(a, b % self.value))
    }

    /// The balanced residue of a canonical one.
    #[must_use]
    pub fn to_balanced(&self, a: u64) -> f64 {
        let a = a as i64;
        let p = self.value as i64;
        // All ones when a > (p - 1) / 2.
        let mask = ((p >> 1) - a) >> 63;
        (a - (p & mask)) as f64
    }

    /// [`Modulus::to_balanced`] in doubles: a loop of these is a vector loop.
    #[inline(always)]
    pub(super) fn balanced(&self, a: u64) -> f64 {
        let a = f64::from_bits(SHIFT.to_bits() | a) - SHIFT;
        a - if a > (self.value >> 1) as f64 {
            self.p
        } else {
            0.0
        }
    }

    /// The canonical residue of any integer `|x| <= 2^52`. No branch: compilers make the choice at its end a mask.
    #[must_use]
    #[inline(always)]
    pub fn to_canonical(&self, x: f64) -> u64 {
        debug_assert!(x.abs() <= SHIFT && x.fract() == 0.0);
        // The quotient is within 1/2 + 2^-3 of x/p: the product is an integer below 2^53, and so exact, and the remainder lies in (-p, p).
        let q = x * self.inverse + ROUND - ROUND;
        let r = x - q * self.p;
        // In doubles to the end: a loop of these is a vector loop.
        let r = r + if r < 0.0 { self.p } else { 0.0 };
        (r + SHIFT).to_bits() ^ SHIFT.to_bits()
    }

    /// The balanced residue of a machine integer.
    #[must_use]
    pub fn from_i64(&self, x: i64) -> f64 {
        self.to_balanced(x.rem_euclid(self.value as i64) as u64)
    }

    /// The balanced residue of a wide integer.
    ///
    /// An `f64` that holds an integer below `2^127` becomes an `i128` exactly by `as i128`: that is
    /// the way for coefficients of a large scale.
    #[must_use]
    pub fn from_i128(&self, x: i128) -> f64 {
        self.to_balanced(x.rem_euclid(i128::from(self.value)) as u64)
    }

    /// Prepares a canonical residue as a multiplier.
    #[must_use]
    pub fn constant(&self, w: u64) -> Constant {
        self.constant_of_balanced(self.to_balanced(w))
    }

    pub(super) fn constant_of_balanced(&self, w: f64) -> Constant {
        Constant {
            w,
            quotient: w / self.p,
        }
    }
}
