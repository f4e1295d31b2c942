//! Parameter sets: a literal becomes [`Params`] only through a check that includes the security table.

mod keyset;
mod rows;
pub mod security;
pub mod sparse;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::arith::{MAX_PRIME_BITS, ntt_primes};
pub use keyset::{KeyLevels, KeySet};
pub(crate) use rows::{log_halves, low_bits, row_digits};
pub use security::Security;
use sparse::{KeyModulus, Weight, check_keys};

/// Unchecked parameters as a plan writes them: sizes in bits, no primes. [`Params::new`] turns them into a checked set.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParamsLiteral {
    /// log2 of the ring degree N; a ciphertext has N/2 complex slots.
    pub log_n: u32,
    /// Bits of the ciphertext primes q_0 .. q_L; each but q_0 is one level.
    pub q_bits: Vec<u32>,
    /// Bits of the special (key-switching) primes.
    pub p_bits: Vec<u32>,
    /// Number of digits that the full chain is cut into by a key switch.
    pub dnum: u32,
}

/// Why a literal is no parameter set.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ParamsError {
    /// Ring degree out of range.
    #[error("ring degree 2^{found} is not supported: expected 2^10 to 2^16")]
    RingDegree {
        /// log2 of the degree asked for.
        found: u32,
    },
    /// A prime too small for the ring or too large for exact f64 arithmetic.
    #[error(
        "a prime of {found} bits is not supported at ring degree 2^{log_n}: expected {min} to {MAX_PRIME_BITS} bits"
    )]
    PrimeBits {
        /// log2 of the ring degree.
        log_n: u32,
        /// Bits asked for.
        found: u32,
        /// Smallest supported size.
        min: u32,
    },
    /// The ring has fewer primes of this size than the chain wants.
    #[error("there are not {wanted} primes of {bits} bits for ring degree 2^{log_n}")]
    NotEnoughPrimes {
        /// log2 of the ring degree.
        log_n: u32,
        /// Size of the primes.
        bits: u32,
        /// How many the chain wants.
        wanted: usize,
    },
    /// No ciphertext prime, no special prime, or a digit count outside 1 ..= number of primes.
    #[error("a chain of {q} ciphertext primes, {p} special primes and {dnum} digits is not usable")]
    Shape {
        /// Ciphertext primes.
        q: usize,
        /// Special primes.
        p: usize,
        /// Digits.
        dnum: u32,
    },
    /// The product of the special primes does not exceed the largest digit by 4 bits.
    #[error(
        "special primes of {p_bits:.1} bits do not exceed the largest digit of {digit_bits:.1} bits by 4: key switching would drown in noise"
    )]
    SpecialTooSmall {
        /// log2 of the special modulus.
        p_bits: f64,
        /// log2 of the largest digit.
        digit_bits: f64,
    },
    /// No joint secret of so many parties.
    #[error("a joint key of {found} parties is not supported: expected 1 to {MOST_PARTIES}")]
    Parties {
        /// Parties asked for.
        found: u32,
    },
    /// Not secure.
    #[error(
        "log2(QP) = {log_qp:.1} exceeds the {cap} bits that 128-bit security allows at ring degree 2^{log_n} ({source_table})"
    )]
    Insecure {
        /// log2 of the ring degree.
        log_n: u32,
        /// Size of the whole modulus.
        log_qp: f64,
        /// Largest size allowed.
        cap: u32,
        /// Where the cap is from.
        source_table: &'static str,
    },
    /// One key of a set is not secure.
    #[error(
        "{key}: log2(QP) = {log_qp:.1} exceeds the {cap} bits that 128-bit security allows under a {weight} at ring degree 2^{log_n} ({source_table})"
    )]
    InsecureKey {
        /// Which key.
        key: String,
        /// What the key hides under.
        weight: sparse::Weight,
        /// log2 of the ring degree that this lives in.
        log_n: u32,
        /// Size of the whole modulus.
        log_qp: f64,
        /// Largest size allowed; 0 where the table has no row.
        cap: u32,
        /// Where the cap is from.
        source_table: &'static str,
    },
}

impl crate::error::Explain for ParamsError {}

/// Most parties that a joint secret may be the sum of.
pub const MOST_PARTIES: u32 = 256;

/// A checked parameter set: primes, digits, security. Private fields: a value of this type has passed every check.
///
/// ```
/// use he_core::params::{Params, ParamsError, ParamsLiteral};
///
/// let literal = ParamsLiteral { log_n: 12, q_bits: vec![34, 28], p_bits: vec![40], dnum: 2 };
/// let params = Params::new(literal.clone())?;
/// assert_eq!((params.slots(), params.max_level()), (2048, 1));
///
/// // The same chain in a smaller ring is not secure, and so no parameter set.
/// let small = ParamsLiteral { log_n: 11, ..literal };
/// assert!(matches!(Params::new(small.clone()), Err(ParamsError::Insecure { .. })));
/// assert!(Params::insecure_test(small).is_ok());
/// # Ok::<(), ParamsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Params {
    literal: ParamsLiteral,
    q: Vec<u64>,
    p: Vec<u64>,
    log_qp: f64,
    weight: Weight,
    security: Security,
    parties: Option<u32>,
    /// log2 of q_0 ... q_l by level l: every operation of a traced run asks for it.
    log_q: Vec<f64>,
    /// Sum of (digit / P)^2 / 12 over the digits at level l.
    digit_ratios: Vec<f64>,
}

impl Params {
    /// Checks `literal` and finds its primes: those nearest to each power of two, always the same.
    ///
    /// # Errors
    /// [`ParamsError`] names what is out of range; below 128 bits of security it is [`ParamsError::Insecure`].
    pub fn new(literal: ParamsLiteral) -> Result<Self, ParamsError> {
        Self::of_weight(literal, Weight::Uniform)
    }

    /// The same for a secret of any weight, held to the cap of that weight. A lighter one makes less noise of every rounding.
    ///
    /// # Errors
    /// As [`Params::new`]; for a weight that is not enough [`ParamsError::InsecureKey`].
    pub fn of_weight(literal: ParamsLiteral, weight: Weight) -> Result<Self, ParamsError> {
        let params = Self::insecure_test_of_weight(literal, weight)?;
        if weight != Weight::Uniform {
            check_keys([&params.key_modulus("the secret key")])?;
        }
        if params.security == Security::InsecureTestOnly {
            return Err(ParamsError::Insecure {
                log_n: params.log_n(),
                log_qp: params.log_qp,
                cap: security::cap_128(params.log_n()).unwrap_or(0),
                source_table: security::SOURCE,
            });
        }
        Ok(params)
    }

    /// The same without the security check: small rings for fast tests. Every command refuses such a set.
    ///
    /// # Errors
    /// As [`Params::new`], without [`ParamsError::Insecure`].
    pub fn insecure_test(literal: ParamsLiteral) -> Result<Self, ParamsError> {
        Self::unchecked_security(literal)
    }

    /// [`Params::of_weight`] without the security check.
    ///
    /// # Errors
    /// As [`Params::insecure_test`].
    pub fn insecure_test_of_weight(
        literal: ParamsLiteral,
        weight: Weight,
    ) -> Result<Self, ParamsError> {
        let mut params = Self::unchecked_security(literal)?;
        if weight != Weight::Uniform {
            params.weight = weight;
            let secure = check_keys([&params.key_modulus("")]).is_ok();
            params.security = match secure {
                true => Security::Bits128,
                false => Security::InsecureTestOnly,
            };
        }
        Ok(params)
    }

    fn unchecked_security(literal: ParamsLiteral) -> Result<Self, ParamsError> {
        let log_n = literal.log_n;
        if !(10..=16).contains(&log_n) {
            return Err(ParamsError::RingDegree { found: log_n });
        }
        let (nq, np) = (literal.q_bits.len(), literal.p_bits.len());
        if nq == 0
            || np == 0
            || nq > 64
            || np > 16
            || literal.dnum == 0
            || literal.dnum as usize > nq
        {
            return Err(ParamsError::Shape {
                q: nq,
                p: np,
                dnum: literal.dnum,
            });
        }
        // Balanced digits and lazy sums want primes well above the ring degree.
        let min = log_n + 6;
        let mut taken: Vec<u64> = Vec::with_capacity(nq + np);
        // Special primes first: they are the largest, and every chain of a ring then shares them.
        for bits in literal.p_bits.iter().chain(&literal.q_bits) {
            if !(min..=MAX_PRIME_BITS).contains(bits) {
                return Err(ParamsError::PrimeBits {
                    log_n,
                    found: *bits,
                    min,
                });
            }
            let found = ntt_primes(*bits, log_n, 1, &taken);
            let Some(prime) = found.ok().and_then(|f| f.first().copied()) else {
                return Err(ParamsError::NotEnoughPrimes {
                    log_n,
                    bits: *bits,
                    wanted: nq + np,
                });
            };
            taken.push(prime);
        }
        let q = taken.split_off(np);
        let log_qp = log2(&q) + log2(&taken);
        let mut params = Self {
            literal,
            q,
            p: taken,
            log_qp,
            weight: Weight::Uniform,
            security: Security::of(log_n, log_qp),
            parties: None,
            log_q: Vec::new(),
            digit_ratios: Vec::new(),
        };
        let levels = 0..=params.max_level();
        params.log_q = levels.clone().map(|l| log2(&params.q[..=l])).collect();
        params.digit_ratios = levels.map(|l| params.ratios_of(l)).collect();
        let digit_bits = params
            .digits(params.max_level())
            .map(|r| log2(&params.q[r]))
            .fold(0.0, f64::max);
        let p_bits = log2(&params.p);
        if p_bits < digit_bits + 4.0 {
            return Err(ParamsError::SpecialTooSmall { p_bits, digit_bits });
        }
        Ok(params)
    }

    /// The same set for a joint secret: the sum of the uniform ternary secrets of so many parties, with keys that they make by the protocols of
    /// [`crate::multiparty`]. Noise formulas reckon with it, and the fingerprint names it: such keys and ciphertexts are no others'.
    ///
    /// Whoever knows all secrets but one faces the same problem as with one: the security is that of the set.
    ///
    /// # Errors
    /// [`ParamsError::Parties`].
    pub fn for_parties(self, parties: u32) -> Result<Self, ParamsError> {
        if !(1..=MOST_PARTIES).contains(&parties) {
            return Err(ParamsError::Parties { found: parties });
        }
        Ok(Self {
            parties: Some(parties),
            ..self
        })
    }

    /// How many parties share the secret; none where one key holder has it.
    pub fn parties(&self) -> Option<u32> {
        self.parties
    }

    /// The literal that this set was made from.
    pub fn literal(&self) -> &ParamsLiteral {
        &self.literal
    }

    /// log2 of the ring degree.
    pub fn log_n(&self) -> u32 {
        self.literal.log_n
    }

    /// Ring degree N.
    pub fn n(&self) -> usize {
        1 << self.literal.log_n
    }

    /// Complex slots of a ciphertext: N/2.
    pub fn slots(&self) -> usize {
        self.n() / 2
    }

    /// Ciphertext primes q_0 .. q_L.
    pub fn q(&self) -> &[u64] {
        &self.q
    }

    /// Special primes.
    pub fn p(&self) -> &[u64] {
        &self.p
    }

    /// Level of a fresh ciphertext: the number of rescalings that it can undergo.
    pub fn max_level(&self) -> usize {
        self.q.len() - 1
    }

    /// Limbs of a full digit: ceil((L + 1) / dnum).
    pub fn alpha(&self) -> usize {
        self.q.len().div_ceil(self.literal.dnum as usize)
    }

    /// The limb ranges of the digits that a ciphertext at `level` is cut into.
    pub fn digits(&self, level: usize) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let alpha = self.alpha();
        let limbs = level + 1;
        (0..limbs.div_ceil(alpha)).map(move |d| d * alpha..((d + 1) * alpha).min(limbs))
    }

    /// log2 of q_0 · … · q_level.
    pub fn log_q(&self, level: usize) -> f64 {
        self.log_q[level]
    }

    /// Residues of one half of an evaluation key of a level: a polynomial a digit, over the level's primes and the special ones.
    ///
    /// # Panics
    /// If there is no such level.
    pub fn half_key_residues(&self, level: usize) -> u64 {
        let limbs = level + 1 + self.p.len();
        (self.digits(level).count() * limbs * self.n()) as u64
    }

    /// log2 of P, the product of the special primes.
    pub fn log_p(&self) -> f64 {
        log2(&self.p)
    }

    /// Sum of (digit / P)^2 / 12 over the digits that a ciphertext at `level` is cut into: the mean squares of their coefficients, in units of P^2.
    pub(crate) fn digit_ratios(&self, level: usize) -> f64 {
        self.digit_ratios[level]
    }

    fn ratios_of(&self, level: usize) -> f64 {
        let ratio = |digit| (2.0 * (log2(&self.q[digit]) - self.log_p())).exp2() / 12.0;
        self.digits(level).map(ratio).sum()
    }

    /// log2 of the whole modulus QP, which the security rests on. An evaluation key of a lower level hides the same secret under the same errors
    /// modulo fewer primes: never less secure than what is checked here.
    pub fn log_qp(&self) -> f64 {
        self.log_qp
    }

    /// Which secret it is for.
    pub fn weight(&self) -> Weight {
        self.weight
    }

    /// The expected sum of the squares of its secret's coefficients: 2 N / 3 for a uniform one.
    pub fn square(&self) -> f64 {
        match self.weight {
            Weight::Uniform => self.n() as f64 * (2.0 / 3.0),
            Weight::Sparse(weight) => f64::from(weight),
        }
    }

    /// What the security of a key of this set rests on.
    pub fn key_modulus(&self, key: &str) -> KeyModulus {
        KeyModulus {
            key: key.to_owned(),
            weight: self.weight,
            log_n: self.log_n(),
            log_qp: self.log_qp,
        }
    }

    /// What the security table certifies.
    pub fn security(&self) -> Security {
        self.security
    }

    /// A 32-byte identity of the set: ring degree, primes, digit count, and the weight of a sparse secret. Keys and ciphertexts name it.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hash = blake3::Hasher::new_derive_key("velum he-core parameter set v1");
        hash.update(&self.literal.log_n.to_le_bytes());
        hash.update(&self.literal.dnum.to_le_bytes());
        for set in [&self.q, &self.p] {
            hash.update(&(set.len() as u64).to_le_bytes());
            for prime in set {
                hash.update(&prime.to_le_bytes());
            }
        }
        if let Some(parties) = self.parties {
            hash.update(&parties.to_le_bytes());
        }
        if let Weight::Sparse(weight) = self.weight {
            hash.update(b"weight");
            hash.update(&weight.to_le_bytes());
        }
        *hash.finalize().as_bytes()
    }
}

/// log2 of the product of these primes.
fn log2(primes: &[u64]) -> f64 {
    primes.iter().map(|&x| (x as f64).log2()).sum()
}
