//! Diagonal: ciphertext j of a block holds, in row r, column group (r + j) mod g. A vector over the columns is one ciphertext, which has
//! all groups in g successive rows; its rotations by whole rows meet every ciphertext of a block.

use ndarray::ArrayView2;
use num_complex::Complex64;

use super::grid::{Grid, Packing};

pub(super) struct Diagonal;

impl Packing for Diagonal {
    fn name(&self) -> &'static str {
        "diagonal"
    }

    /// A power of two, so that a vector repeats a whole number of times.
    fn column_groups(&self, grid: &Grid) -> usize {
        grid.least_groups().next_power_of_two()
    }

    fn group_at(&self, grid: &Grid, row: usize, group: usize) -> usize {
        (row + group) % self.column_groups(grid)
    }

    fn ciphertexts_per_vector(&self, _: &Grid) -> usize {
        1
    }

    fn period(&self, grid: &Grid) -> usize {
        grid.row_length * self.column_groups(grid)
    }

    fn packs_first_gradient(&self) -> bool {
        false
    }

    fn rotates_vectors(&self) -> bool {
        true
    }

    /// Class `part` as a vector over the columns.
    fn gradient_slots(&self, grid: &Grid, m: ArrayView2<'_, f64>, part: usize) -> Vec<Complex64> {
        match m.outer_iter().nth(part) {
            Some(class) => grid.replicated(class, 0, self.period(grid)),
            None => vec![Complex64::ZERO; grid.slots],
        }
    }
}
