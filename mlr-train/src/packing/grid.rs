//! The rows and columns of a ciphertext, and what every arrangement answers about them.

use ndarray::{ArrayView1, ArrayView2};
use num_complex::Complex64;
use serde::{Deserialize, Serialize};

/// The public shape of a training job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Training samples n.
    pub samples: usize,
    /// Columns D, the constant included.
    pub columns: usize,
    /// Classes c.
    pub classes: usize,
}

/// A shape over ciphertexts of rows: what does not depend on the arrangement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) shape: Shape,
    pub(super) slots: usize,
    pub(super) row_length: usize,
}

impl Grid {
    /// Rows r = s/p of a ciphertext.
    pub(super) fn rows(&self) -> usize {
        self.slots / self.row_length
    }

    /// ceil(D/p): the least number of column groups.
    pub(super) fn least_groups(&self) -> usize {
        self.shape.columns.div_ceil(self.row_length)
    }

    /// Slots of part `part` of the vector `v`, repeated every `period` slots.
    pub(super) fn replicated(
        &self,
        v: ArrayView1<'_, f64>,
        part: usize,
        period: usize,
    ) -> Vec<Complex64> {
        let value = |column: usize| v.get(column).copied().unwrap_or(0.0);
        (0..self.slots)
            .map(|slot| Complex64::new(value(part * period + slot % period), 0.0))
            .collect()
    }
}

/// Every question in which arrangements differ. Each is answered in the file of its arrangement.
pub(super) trait Packing {
    /// Its name for people.
    fn name(&self) -> &'static str;

    /// Column groups g, one ciphertext of a block each.
    fn column_groups(&self, grid: &Grid) -> usize;

    /// The column group that row `row` of ciphertext `group` of a block holds.
    fn group_at(&self, grid: &Grid, row: usize, group: usize) -> usize;

    /// Ciphertexts of a vector over the columns.
    fn ciphertexts_per_vector(&self, grid: &Grid) -> usize;

    /// Slots after which a vector over the columns repeats.
    fn period(&self, grid: &Grid) -> usize;

    /// Whether several vectors of the first gradient share a ciphertext, so that they must be unpacked, for a level.
    fn packs_first_gradient(&self) -> bool;

    /// Whether weights are rotated to meet the ciphertexts of a block, and sums are rotated back.
    fn rotates_vectors(&self) -> bool;

    /// Slots of part `part` of the c x D matrix `m` in the form of the first gradient.
    fn gradient_slots(&self, grid: &Grid, m: ArrayView2<'_, f64>, part: usize) -> Vec<Complex64>;

    /// Ciphertexts of a matrix over classes and columns.
    fn ciphertexts_per_matrix(&self, grid: &Grid) -> usize {
        grid.shape.classes * self.ciphertexts_per_vector(grid)
    }

    /// Ciphertexts of the first gradient: its row vectors, r to a ciphertext where they are packed.
    fn first_gradient_ciphertexts(&self, grid: &Grid) -> usize {
        let matrix = self.ciphertexts_per_matrix(grid);
        if self.packs_first_gradient() {
            matrix.div_ceil(grid.rows())
        } else {
            matrix
        }
    }

    /// Rows after which a packed first gradient repeats: the next power of two of the vectors, at most r.
    fn gradient_period(&self, grid: &Grid) -> usize {
        let vectors = self.ciphertexts_per_matrix(grid);
        vectors.next_power_of_two().min(grid.rows())
    }
}
