//! Which row, feature and class lies in which slot.
//!
//! The s slots of a ciphertext are g = s/B *blocks* of B slots. A block holds one feature of 2B rows, two rows a slot: x_a + i x_b. So a
//! *chunk* of 2B rows is ceil(d/g) ciphertexts, its *parts*, and B is the one choice: many rows a chunk (B = s: a column a
//! ciphertext, no rotation, no key) or few (B = 1: a row in as few ciphertexts as its features fill).
//!
//! Weights lie along generalised diagonals (Halevi and Shoup, CRYPTO 2014, section 4.3) over l = min(g, classes) lanes, rounded
//! up to a power of two. Block b of diagonal i, part j holds the weight of feature j g + b for class (b - i) mod l. The sum over parts of
//! data times diagonal i, rotated by i blocks and summed over i, has in block b a part of the score of class b mod l; folding the blocks
//! that are l apart makes it whole, the same in each of them.

use he_core::error::Explain;
use ndarray::{Array2, ArrayView1, ArrayView2};
use num_complex::Complex64;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Largest sizes that a plan may name: far above any use, small enough that no product of sizes overflows.
const MOST_ROWS: usize = 1 << 28;
const MOST_FEATURES: usize = 1 << 16;
const MOST_CLASSES: usize = 1 << 12;

/// The public sizes of a batch of predictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Rows of the largest batch.
    pub rows: usize,
    /// Features of a row, without a constant.
    pub features: usize,
    /// Classes.
    pub classes: usize,
}

/// Where a plaintext of weights stands: it makes one output, from one diagonal and one part of the features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WeightsAt {
    /// Output, of [`Layout::outputs`].
    pub output: usize,
    /// Diagonal, of [`Layout::lanes`].
    pub diagonal: usize,
    /// Part, of [`Layout::parts`].
    pub part: usize,
}

/// Which scores a ciphertext holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScoresAt {
    /// Chunk of the rows.
    pub chunk: usize,
    /// Output, of [`Layout::outputs`].
    pub output: usize,
}

/// Why a shape cannot be laid out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// A size outside the supported range.
    #[error("{what}: expected {low} to {high}, found {found}")]
    Size {
        /// Which size.
        what: &'static str,
        /// Smallest supported.
        low: usize,
        /// Largest supported.
        high: usize,
        /// Size given.
        found: usize,
    },
    /// A block that is no power of two, or longer than a ciphertext.
    #[error(
        "blocks of {block} in {slots} slots: expected powers of two, the block no longer than the slots"
    )]
    Block {
        /// Slots of a block.
        block: usize,
        /// Slots of a ciphertext.
        slots: usize,
    },
}

impl Explain for LayoutError {}

/// A shape laid out in blocks of B slots: checked, so that every derived size is at least one and none overflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    shape: Shape,
    slots: usize,
    block: usize,
}

impl Layout {
    /// Lays `shape` out in ciphertexts of `slots` slots.
    ///
    /// # Errors
    /// [`LayoutError`].
    pub fn new(shape: Shape, slots: usize, block: usize) -> Result<Self, LayoutError> {
        for (what, low, high, found) in [
            ("rows", 1, MOST_ROWS, shape.rows),
            ("features", 1, MOST_FEATURES, shape.features),
            ("classes", 2, MOST_CLASSES, shape.classes),
        ] {
            if !(low..=high).contains(&found) {
                return Err(LayoutError::Size {
                    what,
                    low,
                    high,
                    found,
                });
            }
        }
        if !slots.is_power_of_two() || !block.is_power_of_two() || block > slots {
            return Err(LayoutError::Block { block, slots });
        }
        Ok(Self {
            shape,
            slots,
            block,
        })
    }

    /// The shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Slots B of a block.
    pub fn block(&self) -> usize {
        self.block
    }

    /// Blocks g = s/B of a ciphertext: features that it holds.
    pub fn blocks(&self) -> usize {
        self.slots / self.block
    }

    /// Rows of a full chunk: 2B.
    pub fn chunk_rows(&self) -> usize {
        2 * self.block
    }

    /// Chunks of a batch of `rows` rows.
    pub fn chunks(&self, rows: usize) -> usize {
        rows.div_ceil(self.chunk_rows())
    }

    /// Ciphertexts of a chunk: ceil(d/g).
    pub fn parts(&self) -> usize {
        self.shape.features.div_ceil(self.blocks())
    }

    /// Classes that one result holds, rounded up to a power of two: also the number of diagonals.
    pub fn lanes(&self) -> usize {
        self.shape.classes.next_power_of_two().min(self.blocks())
    }

    /// Results of a chunk: ceil(c/l).
    pub fn outputs(&self) -> usize {
        self.shape.classes.div_ceil(self.lanes())
    }

    /// Slots of part `part` of chunk `chunk` of the rows `x` (n x d); zero where a row or a feature is missing.
    pub fn query_slots(&self, x: ArrayView2<'_, f64>, chunk: usize, part: usize) -> Vec<Complex64> {
        let value = |row: usize, feature: usize| x.get((row, feature)).copied().unwrap_or(0.0);
        (0..self.slots)
            .map(|slot| {
                let feature = part * self.blocks() + slot / self.block;
                let row = chunk * self.chunk_rows() + slot % self.block;
                Complex64::new(value(row, feature), value(row + self.block, feature))
            })
            .collect()
    }

    /// Slots of the `weights` (c x d) that stand at `at`.
    pub fn weight_slots(&self, weights: ArrayView2<'_, f64>, at: WeightsAt) -> Vec<Complex64> {
        self.by_block(|block| {
            let lane = (block + self.lanes() - at.diagonal) % self.lanes();
            let class = at.output * self.lanes() + lane;
            let weight = weights.get((class, at.part * self.blocks() + block));
            weight.copied().unwrap_or(0.0)
        })
    }

    /// Slots of the `intercept` (c) that output `output` gets: a number for both rows of a slot, 1 + i times it.
    pub fn intercept_slots(&self, intercept: ArrayView1<'_, f64>, output: usize) -> Vec<Complex64> {
        let both = Complex64::new(1.0, 1.0);
        let slots = self.by_block(|block| {
            let class = output * self.lanes() + block % self.lanes();
            intercept.get(class).copied().unwrap_or(0.0)
        });
        slots.into_iter().map(|value| value * both).collect()
    }

    /// The largest part of a score, by the size of the weights alone, that a block of one diagonal sums: over classes and blocks, the sum over the
    /// parts of the absolute `weights` (c x d).
    pub fn diagonal_norm(&self, weights: ArrayView2<'_, f64>) -> f64 {
        let mut most = 0.0f64;
        for row in weights.rows() {
            for block in 0..self.blocks() {
                let sum: f64 = row
                    .iter()
                    .skip(block)
                    .step_by(self.blocks())
                    .map(|w| w.abs())
                    .sum();
                most = most.max(sum);
            }
        }
        most
    }

    fn by_block(&self, value: impl Fn(usize) -> f64) -> Vec<Complex64> {
        (0..self.blocks())
            .flat_map(|block| std::iter::repeat_n(Complex64::new(value(block), 0.0), self.block))
            .collect()
    }

    /// Reads the scores that stand at `at` into `scores` (n x c): the mean over the blocks that repeat a class. Returns the largest distance
    /// of a block from that mean, or from zero in lanes without a class: noise alone, unless something is wrong.
    pub fn read_scores(&self, slots: &[Complex64], at: ScoresAt, scores: &mut Array2<f64>) -> f64 {
        let ScoresAt { chunk, output } = at;
        let (lanes, copies) = (self.lanes(), self.blocks() / self.lanes());
        let mut spread = 0.0f64;
        for lane in 0..lanes {
            let class = output * lanes + lane;
            for offset in 0..self.block {
                let values = (0..copies)
                    .filter_map(|copy| slots.get((copy * lanes + lane) * self.block + offset));
                let mean = if class < self.shape.classes {
                    values.clone().sum::<Complex64>() / copies as f64
                } else {
                    Complex64::ZERO
                };
                for value in values {
                    let distance = (value - mean).norm();
                    // A value that is not a number is as far as can be.
                    spread = if distance.is_nan() {
                        f64::INFINITY
                    } else {
                        spread.max(distance)
                    };
                }
                let row = chunk * self.chunk_rows() + offset;
                for (row, score) in [(row, mean.re), (row + self.block, mean.im)] {
                    if let Some(place) = scores.get_mut((row, class)) {
                        *place = score;
                    }
                }
            }
        }
        spread
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(block: usize) -> Layout {
        let shape = Shape {
            rows: 21,
            features: 11,
            classes: 3,
        };
        Layout::new(shape, 32, block).unwrap()
    }

    #[test]
    fn sizes_follow_from_the_block() {
        // Block, chunks, parts, lanes, outputs.
        for (block, expected) in [
            (1, [11, 1, 4, 1]),
            (4, [3, 2, 4, 1]),
            (8, [2, 3, 4, 1]),
            (16, [1, 6, 2, 2]),
            (32, [1, 11, 1, 3]),
        ] {
            let l = layout(block);
            let found = [l.chunks(21), l.parts(), l.lanes(), l.outputs()];
            assert_eq!(found, expected, "{block}");
        }
    }

    #[test]
    fn unusable_sizes_are_refused() {
        let shape = layout(1).shape();
        assert!(matches!(
            Layout::new(shape, 32, 64),
            Err(LayoutError::Block { .. })
        ));
        assert!(matches!(
            Layout::new(shape, 32, 3),
            Err(LayoutError::Block { .. })
        ));
        let one = Shape {
            classes: 1,
            ..shape
        };
        assert!(matches!(
            Layout::new(one, 32, 4),
            Err(LayoutError::Size {
                what: "classes",
                ..
            })
        ));
    }

    #[test]
    fn every_value_and_every_weight_lies_in_the_slots_once() {
        let x = Array2::from_shape_fn((21, 11), |(i, j)| (20 * i + j) as f64 + 1.0);
        let w = Array2::from_shape_fn((3, 11), |(k, j)| (20 * k + j) as f64 + 1.0);
        for block in [1, 4, 16, 32] {
            let l = layout(block);
            let mut sum = 0.0;
            for chunk in 0..l.chunks(21) {
                for part in 0..l.parts() {
                    let slots = l.query_slots(x.view(), chunk, part);
                    sum += slots.iter().map(|z| z.re + z.im).sum::<f64>();
                }
            }
            assert_eq!(sum, x.sum(), "{block}");
            let mut sum = 0.0;
            for output in 0..l.outputs() {
                for diagonal in 0..l.lanes() {
                    for part in 0..l.parts() {
                        let slots = l.weight_slots(
                            w.view(),
                            WeightsAt {
                                output,
                                diagonal,
                                part,
                            },
                        );
                        sum += slots.iter().map(|z| z.re).sum::<f64>();
                    }
                }
            }
            assert_eq!(sum, w.sum() * block as f64, "{block}");
        }
    }

    #[test]
    fn scores_are_averaged_over_their_copies_and_the_distance_reported() {
        let l = layout(4);
        let at = ScoresAt {
            chunk: 0,
            output: 0,
        };
        let mut slots = l.intercept_slots(ndarray::array![1.0, 2.0, 3.0].view(), 0);
        let mut scores = Array2::zeros((21, 3));
        assert_eq!(l.read_scores(&slots, at, &mut scores), 0.0);
        assert_eq!(scores.row(7), ndarray::array![1.0, 2.0, 3.0]);
        assert_eq!(scores.row(8), ndarray::array![0.0, 0.0, 0.0]);
        // Block 5 is the second copy of class 1; block 3 is a lane without a class.
        slots[5 * 4].re += 0.5;
        assert_eq!(l.read_scores(&slots, at, &mut scores), 0.25);
        assert_eq!(scores[[0, 1]], 2.25);
        slots[3 * 4 + 1].im = -1.0;
        assert_eq!(l.read_scores(&slots, at, &mut scores), 1.0);
        slots[3 * 4 + 1].im = f64::NAN;
        assert_eq!(l.read_scores(&slots, at, &mut scores), f64::INFINITY);
    }
}
