//! The cost model: operations weighed in number-theoretic transforms of one limb at N = 2^15.
//!
//! Weights are ratios measured on the cost kernel (pointwise product 17, transform 118 microseconds); they rank layouts and parameters,
//! and a calibration on the machine at hand turns them into seconds.

use he_core::evaluator::{COUNTED_OPS, CountedOp, Level, Tally};
use he_core::params::{KeyLevels, Params};
use serde::{Deserialize, Serialize};

/// A pointwise modular product of one limb, memory traffic included.
const POINTWISE: f64 = 0.15;
/// One multiply-add of a base conversion, one limb to one limb.
const CONVERSION: f64 = 0.1;
/// A sum of one limb.
const SUM: f64 = 0.05;

/// What one operation of `op` at `level` costs.
pub fn operation(params: &Params, op: CountedOp, level: Level) -> f64 {
    let limbs = (level.0 + 1) as f64;
    let special = params.p().len() as f64;
    let digits = params.digits(level.0).count() as f64;
    let alpha = (params.alpha() as f64).min(limbs);
    let transform = params.n() as f64 / 32_768.0 * f64::from(params.log_n()) / 15.0;
    let pointwise = POINTWISE * params.n() as f64 / 32_768.0;
    let (transforms, products) = match op {
        // One inverse transform of all limbs; every digit is extended to the other limbs and transformed there.
        CountedOp::Decompose => (
            limbs + digits * (limbs + special - alpha),
            digits * alpha * (limbs + special) * CONVERSION / POINTWISE,
        ),
        CountedOp::KeyProduct => (0.0, 2.0 * digits * (limbs + special)),
        CountedOp::ModDown => (
            2.0 * (special + limbs),
            2.0 * (special * limbs * CONVERSION / POINTWISE + limbs),
        ),
        CountedOp::Tensor => (0.0, 4.0 * limbs),
        CountedOp::PlainProduct => (0.0, 2.0 * limbs),
        CountedOp::ScalarProduct => (0.0, 2.0 * limbs),
        CountedOp::Rescale => (2.0 * limbs, 2.0 * limbs),
        CountedOp::Add => (0.0, 2.0 * limbs * SUM / POINTWISE),
    };
    transforms * transform + products * pointwise
}

/// Seconds of this module's unit on one core of the machine that the weights were measured on (AVX-512, 2 cores shared).
const UNIT_SECONDS: f64 = 6.0e-5;
/// Units of reading a seeded residue polynomial: hash, unpack, expand the seed.
const LOAD: f64 = 4.0;

/// What no operation counts, as a factor: copies, buffers, memory that other cores keep busy, waiting at the end of a block. Measured on 8,192 to 60,000
/// rows, whose trainings took 1.05 to 1.35 times what was counted, the system's work for new pages apart.
pub(super) const UNCOUNTED: f64 = 1.2;

/// Units of reading that the system takes for a byte of memory that a process asks for the first time: 0.6 s for 10^9 bytes where a unit is 6e-5 s. Measured as
/// the system's time of trainings of 1.2 to 5.9 GB (0.56 to 0.77 s, and less where they also bootstrap).
const PAGES: f64 = 1e-5;

/// What operations take on a machine: a factor for each, at each ring degree it was measured at, on this module's unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// Threads that the measurement kept busy.
    pub threads: usize,
    /// Rows by ascending ring degree.
    pub rings: Vec<RingRates>,
}

/// Measured factors at one ring degree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RingRates {
    /// log2 of the ring degree.
    pub log_n: u32,
    /// Seconds of a unit, by operation in the order of [`he_core::evaluator::COUNTED_OPS`]. Older
    /// measurements end with one more, of encodings, that nothing uses.
    pub unit_seconds: Vec<f64>,
    /// Seconds of a unit of reading.
    pub load_unit_seconds: f64,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            threads: 2,
            rings: vec![RingRates {
                log_n: 15,
                unit_seconds: vec![UNIT_SECONDS; COUNTED_OPS.len()],
                load_unit_seconds: UNIT_SECONDS,
            }],
        }
    }
}

impl Rates {
    /// Whether every number is there and usable.
    pub fn is_sound(&self) -> bool {
        let good = |x: f64| x.is_finite() && x > 0.0;
        self.threads > 0
            && !self.rings.is_empty()
            && self.rings.iter().all(|ring| {
                (COUNTED_OPS.len()..=COUNTED_OPS.len() + 1).contains(&ring.unit_seconds.len())
                    && good(ring.load_unit_seconds)
                    && ring.unit_seconds.iter().all(|&x| good(x))
            })
    }

    /// Those of a machine that takes `factor` times as long for everything, with so many threads.
    #[must_use]
    pub fn slower(&self, factor: f64, threads: usize) -> Self {
        let ring = |ring: &RingRates| RingRates {
            log_n: ring.log_n,
            unit_seconds: ring.unit_seconds.iter().map(|one| factor * one).collect(),
            load_unit_seconds: factor * ring.load_unit_seconds,
        };
        Self {
            threads,
            rings: self.rings.iter().map(ring).collect(),
        }
    }

    fn ring(&self, log_n: u32) -> Option<&RingRates> {
        self.rings
            .iter()
            .min_by_key(|ring| ring.log_n.abs_diff(log_n))
    }

    /// Seconds of one operation of `op` at `level`, on one core.
    pub fn seconds(&self, params: &Params, op: CountedOp, level: Level) -> f64 {
        let unit = self
            .ring(params.log_n())
            .and_then(|ring| ring.unit_seconds.get(op as usize));
        unit.copied().unwrap_or(UNIT_SECONDS) * operation(params, op, level)
    }

    /// Seconds of reading one fresh ciphertext at `level`, on one core.
    pub fn load_seconds(&self, params: &Params, level: Level) -> f64 {
        let unit = self.ring(params.log_n()).map(|ring| ring.load_unit_seconds);
        unit.unwrap_or(UNIT_SECONDS) * load(params, level)
    }

    /// Seconds of expanding the uniform half of an evaluation key of this level, on one core.
    pub(super) fn key_seconds(&self, params: &Params, level: usize) -> f64 {
        let digits = params.digits(level).count();
        let limbs = level + 1 + params.p().len();
        digits as f64 * self.load_seconds(params, Level(limbs - 1))
    }

    /// Seconds that the system takes to give a process so many bytes, on one core.
    pub(super) fn page_seconds(&self, params: &Params, bytes: u64) -> f64 {
        let unit = self.ring(params.log_n()).map(|ring| ring.load_unit_seconds);
        unit.unwrap_or(UNIT_SECONDS) * PAGES * bytes as f64
    }

    /// Seconds of all operations in `rows`, as a [`Tally`] tells them, on one core.
    pub fn total(&self, params: &Params, rows: &[(CountedOp, Level, u64)]) -> f64 {
        let one = |(op, level, count): &(CountedOp, Level, u64)| {
            self.seconds(params, *op, *level) * *count as f64
        };
        rows.iter().map(one).sum()
    }
}

/// What reading one fresh ciphertext at `level` costs.
pub fn load(params: &Params, level: Level) -> f64 {
    LOAD * (level.0 + 1) as f64 * params.n() as f64 / 32_768.0
}

/// What everything counted in `tally` costs.
pub fn total(params: &Params, tally: &Tally) -> f64 {
    let rows = tally.rows();
    let cost = |(op, level, count): &(CountedOp, Level, u64)| {
        operation(params, *op, *level) * *count as f64
    };
    rows.iter().map(cost).sum()
}

/// Bytes of one polynomial at `level`, bit-packed.
pub(super) fn polynomial_bytes(params: &Params, level: Level) -> u64 {
    let bits: u64 = params.literal().q_bits[..=level.0]
        .iter()
        .map(|&b| u64::from(b) + 1)
        .sum();
    bits * params.n() as u64 / 8
}

/// Bytes of a ciphertext fresh from the client: one polynomial; the other is a seed of 32 bytes.
pub fn fresh_bytes(params: &Params, level: Level) -> u64 {
    polynomial_bytes(params, level) + 32
}

/// Bytes of a computed ciphertext: two polynomials.
pub fn ciphertext_bytes(params: &Params, level: Level) -> u64 {
    2 * polynomial_bytes(params, level)
}

/// Bytes of a polynomial over the special primes, bit-packed.
pub(super) fn special_bytes(params: &Params) -> u64 {
    let bits = params.literal().p_bits.iter().map(|&b| u64::from(b) + 1);
    bits.sum::<u64>() * params.n() as u64 / 8
}

/// Bytes of one half of an evaluation key of this level, bit-packed: a polynomial a digit.
pub(super) fn half_key_bytes(params: &Params, level: usize) -> u64 {
    let digits = params.digits(level).count() as u64;
    digits * (polynomial_bytes(params, Level(level)) + special_bytes(params))
}

/// Bytes of the evaluation keys as they are stored and sent, each at its level: one half is a seed, but for the relinearisation key of several parties.
pub fn key_bytes(params: &Params, keys: &KeyLevels) -> u64 {
    let half = |level| half_key_bytes(params, level);
    let explicit = keys.relinearise.filter(|_| params.parties().is_some());
    let seeded = keys.levels().map(|level| half(level) + 32).sum::<u64>();
    seeded + explicit.map_or(0, half)
}

/// Bytes that the evaluation keys take in memory, each at its level: 8 a residue, both halves.
pub fn key_memory(params: &Params, keys: &KeyLevels) -> u64 {
    let one = |level| 2 * 8 * params.half_key_residues(level);
    keys.levels().map(one).sum()
}

#[cfg(test)]
mod tests {
    use he_core::params::ParamsLiteral;

    use super::*;

    #[test]
    fn a_key_switch_costs_what_the_design_counts() {
        // L = 12 limbs, k = 4, dnum = 3 at N = 2^15: "80 transforms and about as much again".
        let mut q_bits = vec![47];
        q_bits.extend([36; 11]);
        let literal = ParamsLiteral {
            log_n: 15,
            q_bits,
            p_bits: vec![48; 4],
            dnum: 3,
        };
        let params = Params::new(literal).unwrap();
        let whole: f64 = [
            CountedOp::Decompose,
            CountedOp::KeyProduct,
            CountedOp::ModDown,
        ]
        .iter()
        .map(|&op| operation(&params, op, Level(11)))
        .sum();
        assert!((80.0..170.0).contains(&whole), "{whole}");
        let keys = |level| KeyLevels {
            relinearise: Some(level),
            ..KeyLevels::default()
        };
        let (full, low) = (keys(11), keys(3));
        // he-core.md: about 10 MB a key on disk, 35 MB or less in memory.
        assert!((7_000_000..11_000_000).contains(&key_bytes(&params, &full)));
        assert!(key_memory(&params, &full) <= 36_000_000);
        // At level 3: one digit of three, over eight primes of sixteen.
        assert_eq!(6 * key_memory(&params, &low), key_memory(&params, &full));
        let [low, full] = [low, full].map(|keys| key_bytes(&params, &keys));
        assert!((5 * low..7 * low).contains(&full), "{low} {full}");
    }
}
