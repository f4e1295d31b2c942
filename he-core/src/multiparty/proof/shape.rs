//! Sizes of a proof: repetitions, masks, bytes.

use crate::multiparty::MultipartyError;

/// Soundness: log2 of how unlikely a false statement's proof is, for each try at the hash.
const SOUNDNESS: f64 = 128.0;
/// log2 of how many times larger than shift times number of coefficients the masks are: all coefficients are accepted with probability exp(-1/8).
const ACCEPTANCE: u32 = 3;
/// Widest mask: responses and their shifts are exact as `i128`.
const WIDEST: u32 = 120;

/// The shape of a proof: it follows from what is proved.
///
/// ```
/// use he_core::multiparty::Shape;
///
/// // Ten digits of a switching key at N = 2^14: u and e'.
/// let shape = Shape::new(14, 10, &[1, 21])?;
/// assert_eq!(shape.repetitions(), 9);
/// assert!(shape.bytes() < 1_100_000);
/// # Ok::<(), he_core::multiparty::MultipartyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    log_n: u32,
    count: usize,
    repetitions: usize,
    bounds: Vec<u64>,
    /// m of every column: masks lie in [-2^m, 2^m).
    log_masks: Vec<u32>,
}

impl Shape {
    /// For `count` statements over a ring of degree `2^log_n`, with columns of these bounds.
    ///
    /// # Errors
    /// [`MultipartyError::Room`] for masks of more than 120 bits, or sums of witnesses of more than 62.
    pub fn new(log_n: u32, count: usize, bounds: &[u64]) -> Result<Self, MultipartyError> {
        let repetitions = (SOUNDNESS / ((2u64 << log_n) as f64 + 1.0).log2()).ceil() as usize;
        let coefficients = (bounds.len() as f64) * repetitions as f64 * f64::from(log_n).exp2();
        let room = |what, needed: f64, available: u32| match needed > f64::from(available) {
            true => Err(MultipartyError::Room {
                what,
                needed,
                available: f64::from(available),
            }),
            false => Ok(()),
        };
        let mut log_masks = Vec::with_capacity(bounds.len());
        for &bound in bounds {
            let shift = (bound.max(1) as f64).log2() + (count.max(1) as f64).log2();
            room("a sum of witnesses", shift, 62)?;
            let log_mask = shift + coefficients.log2() + f64::from(ACCEPTANCE);
            room("masks of a proof", log_mask.ceil(), WIDEST)?;
            log_masks.push(log_mask.ceil() as u32);
        }
        Ok(Self {
            log_n,
            count,
            repetitions,
            bounds: bounds.to_vec(),
            log_masks,
        })
    }

    /// Statements.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Parallel repetitions.
    pub fn repetitions(&self) -> usize {
        self.repetitions
    }

    /// Columns of the witness.
    pub fn columns(&self) -> usize {
        self.bounds.len()
    }

    /// Bounds of the columns.
    pub(crate) fn bounds(&self) -> &[u64] {
        &self.bounds
    }

    /// Coefficients of a column.
    pub fn n(&self) -> usize {
        1 << self.log_n
    }

    /// log2 of the range of column `c`'s masks.
    pub fn log_mask(&self, c: usize) -> u32 {
        self.log_masks[c]
    }

    /// Responses of column `c` lie in `[-limit, limit)`.
    pub(super) fn limit(&self, c: usize) -> i128 {
        (1i128 << self.log_masks[c]) - i128::from(self.bounds[c]) * self.count as i128
    }

    /// log2 of the bound 2 N M_c on what an extractor finds in column `c`, of twice the statement.
    pub fn log_extracted(&self, c: usize) -> f64 {
        f64::from(1 + self.log_n + self.log_masks[c])
    }

    /// Bytes of the proof in a file, without its envelope: 32, and every response with `m + 1` bits.
    pub fn bytes(&self) -> u64 {
        let bits: u64 = self.log_masks.iter().map(|m| u64::from(m + 1)).sum();
        32 + self.repetitions as u64 * bits * (1 << self.log_n) / 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_and_repetitions_are_those_of_the_derivation() {
        let shape = Shape::new(14, 1900, &[1, 21, 21, 1 << 33]).unwrap();
        // Nine repetitions of 2^15 + 1 challenges: 2^-135.
        assert!(9.0 * (f64::from(1u32 << 15) + 1.0).log2() >= 128.0);
        assert!(8.0 * (f64::from(1u32 << 15) + 1.0).log2() < 128.0);
        let coefficients = 9.0 * 4.0 * 16384.0;
        let mut accepted = 1.0;
        for (c, bound) in [1u64, 21, 21, 1 << 33].into_iter().enumerate() {
            let shift = 1900.0 * bound as f64;
            let mask = f64::from(shape.log_mask(c)).exp2();
            assert!(mask >= 8.0 * coefficients * shift && mask < 16.0 * coefficients * shift);
            accepted *= (1.0 - shift / mask).powf(coefficients / 4.0);
        }
        assert!(accepted > (-0.125f64).exp());
        assert!(Shape::new(14, 1 << 20, &[1 << 60]).is_err());
    }
}
