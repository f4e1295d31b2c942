//! The automorphisms `X -> X^g`.

/// An odd exponent `g` modulo `2N`: the automorphism `X -> X^g`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GaloisElement(u64);

impl GaloisElement {
    /// `X -> X^(5^steps)`: rotation of the slots by `steps` to the left.
    #[must_use]
    pub fn rotation(steps: i64, log_n: u32) -> Self {
        // 5 has order N/2 modulo 2N.
        let mut e = steps.rem_euclid(1 << (log_n - 1)) as u64;
        let mask = (2 << log_n) - 1;
        let (mut g, mut base) = (1u64, 5u64);
        while e > 0 {
            if e & 1 == 1 {
                g = (g * base) & mask;
            }
            base = (base * base) & mask;
            e >>= 1;
        }
        Self(g)
    }

    /// `X -> X^(2N - 1)`: complex conjugation of the slots.
    #[must_use]
    pub fn conjugation(log_n: u32) -> Self {
        Self((2 << log_n) - 1)
    }

    /// The element of an exponent, if it is odd and below `2N`.
    #[must_use]
    pub fn from_exponent(g: u64, log_n: u32) -> Option<Self> {
        (g & 1 == 1 && g < 2 << log_n).then_some(Self(g))
    }

    /// The exponent `g`.
    #[must_use]
    pub fn exponent(self) -> u64 {
        self.0
    }

    /// The inverse automorphism.
    #[must_use]
    pub fn inverse(self, log_n: u32) -> Self {
        // Newton's iteration modulo 2^64: each step doubles the number of right bits, from three.
        let mut x = self.0;
        for _ in 0..5 {
            x = x.wrapping_mul(2u64.wrapping_sub(self.0.wrapping_mul(x)));
        }
        Self(x & ((2 << log_n) - 1))
    }
}

/// `dst = src(X^g)` on coefficients.
pub(super) fn map_coefficients(dst: &mut [f64], src: &[f64], g: GaloisElement) {
    let n = src.len();
    let mut e = 0;
    for x in src {
        dst[e & (n - 1)] = if e < n { *x } else { -x };
        e = (e + g.0 as usize) & (2 * n - 1);
    }
}
