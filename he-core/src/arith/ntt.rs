//! The negacyclic number-theoretic transform of one prime.

use super::simd::{Forward, Inverse, dispatch};
use super::{ArithError, Constant, Modulus};

/// Tables of the transform of degree `N = 2^log_n` modulo a prime `p = 1 mod 2N`.
///
/// With `psi` a primitive root of unity of order `2N` (derived from the least non-residue, so the
/// same on every machine), output `i` of the forward transform is the value of the polynomial at
/// `psi^e(i)`, where `e(i) = 2 brv(i) + 1` and `brv` reverses the `log_n` bits of `i`
/// ([`evaluation_exponent`](Self::evaluation_exponent)). Slotwise products of outputs are products modulo
/// `X^N + 1`.
///
/// # Bounds
/// A butterfly of the forward transform maps `(u, v)` to `(u + w v, u - w v)`, `u` unreduced. With
/// [`super::slices::mul_constant`]'s bound, magnitudes in units of `p` grow by `B -> B (1 + p 2^-55) + 1/2` a layer,
/// and the proof needs `B p <= 2^52` before each. [`input_limit`](Self::input_limit) solves this for the
/// input of the first layer.
#[derive(Debug, Clone)]
pub struct NttTable {
    modulus: Modulus,
    log_n: u32,
    input_limit: f64,
    forward: Vec<Constant>,
    inverse: Vec<Constant>,
    inverse_n: u64,
}

pub(super) fn check_degree(log_n: u32) -> Result<(), ArithError> {
    if (NttTable::MIN_LOG_N..=NttTable::MAX_LOG_N).contains(&log_n) {
        Ok(())
    } else {
        Err(ArithError::Degree { found: log_n })
    }
}

impl NttTable {
    /// Smallest supported log2 of the degree.
    pub const MIN_LOG_N: u32 = 4;
    /// Largest supported log2 of the degree.
    pub const MAX_LOG_N: u32 = 17;

    /// Computes the tables: `4 N` numbers.
    ///
    /// # Errors
    /// [`ArithError::Degree`], and [`ArithError::NoRoot`] unless `p = 1 mod 2N`.
    pub fn new(log_n: u32, modulus: Modulus) -> Result<Self, ArithError> {
        check_degree(log_n)?;
        let p = modulus.value();
        let n = 1u64 << log_n;
        if p % (2 * n) != 1 {
            return Err(ArithError::NoRoot { found: p, log_n });
        }
        // For the least non-residue g, g^((p-1)/2N) has order 2N exactly: its N-th power is -1.
        let psi = (2..p)
            .map(|g| modulus.pow(g, (p - 1) / (2 * n)))
            .find(|c| modulus.pow(*c, n) == p - 1)
            .ok_or(ArithError::NoRoot { found: p, log_n })?;
        let table = |root: u64| {
            let mut powers = vec![modulus.constant(1); n as usize];
            let mut a = 1;
            for i in 0..n as usize {
                powers[bit_reverse(i, log_n)] = modulus.constant(a);
                a = modulus.mul(a, root);
            }
            powers
        };
        // (2^52 / p - B_k) worked backwards from the input of the last layer to that of the first.
        let growth = 1.0 + modulus.p() / 36_028_797_018_963_968.0;
        let mut limit = 4_503_599_627_370_496.0 / modulus.p();
        for _ in 1..log_n {
            limit = (limit - 0.5) / growth;
        }
        Ok(Self {
            modulus,
            log_n,
            input_limit: limit.floor() * modulus.p(),
            forward: table(psi),
            inverse: table(modulus.inv(psi)),
            inverse_n: modulus.inv(n),
        })
    }

    /// The prime.
    #[must_use]
    pub fn modulus(&self) -> &Modulus {
        &self.modulus
    }

    /// log2 of the degree.
    #[must_use]
    pub fn log_n(&self) -> u32 {
        self.log_n
    }

    /// The degree.
    #[must_use]
    pub fn n(&self) -> usize {
        1 << self.log_n
    }

    /// The exponent `e(i)`, odd and below `2N`, of the root at which output `i` is the value.
    #[must_use]
    pub fn evaluation_exponent(&self, i: usize) -> usize {
        2 * bit_reverse(i, self.log_n) + 1
    }

    /// The root of unity `psi` of order `2N`, canonical.
    #[must_use]
    pub fn root(&self) -> u64 {
        self.modulus.to_canonical(self.forward[self.n() / 2].w)
    }

    /// Largest magnitude that [`forward`](Self::forward) accepts: a multiple of `p`, at least 6 `p` for
    /// every prime (for `p` near `2^48`; 22 `p` near `2^47`, 65,000 `p` near `2^36`).
    #[must_use]
    pub fn input_limit(&self) -> f64 {
        self.input_limit
    }

    /// Forward transform in place. Coefficients may be unreduced, up to
    /// [`input_limit`](Self::input_limit); the output is balanced.
    ///
    /// # Panics
    /// If `data` does not have length `N`.
    pub fn forward(&self, data: &mut [f64]) {
        debug_assert!(data.iter().all(|x| x.abs() <= self.input_limit));
        dispatch(Forward { table: self, data });
    }

    /// Inverse transform in place, `1/N` included. Input and output are reduced.
    ///
    /// # Panics
    /// If `data` does not have length `N`.
    pub fn inverse(&self, data: &mut [f64]) {
        self.inverse_scaled(data, 1);
    }

    /// [`inverse`](Self::inverse) followed by a product with the canonical residue `c`, at the cost of the inverse
    /// alone.
    ///
    /// # Panics
    /// If `data` does not have length `N`.
    pub fn inverse_scaled(&self, data: &mut [f64], c: u64) {
        let (sum, difference) = self.last_layer(c);
        dispatch(Inverse {
            table: self,
            data,
            sum,
            difference,
        });
    }

    /// The factors of sums and differences in the inverse's last layer, when `c` is folded in.
    pub(super) fn last_layer(&self, c: u64) -> (Constant, Constant) {
        let m = &self.modulus;
        let sum = m.mul(self.inverse_n, c);
        let difference = m.mul(sum, m.to_canonical(self.inverse[1].w));
        (m.constant(sum), m.constant(difference))
    }

    pub(super) fn forward_twiddle(&self, i: usize) -> Constant {
        self.forward[i]
    }

    pub(super) fn inverse_twiddle(&self, i: usize) -> Constant {
        self.inverse[i]
    }
}

fn bit_reverse(i: usize, bits: u32) -> usize {
    i.reverse_bits() >> (usize::BITS - bits)
}
