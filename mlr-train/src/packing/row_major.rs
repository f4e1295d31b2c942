//! Row-major: ciphertext j of a block holds column group j of every sample (Volley Revolver of arXiv 2304.03807). A vector over the
//! columns takes g ciphertexts.

use ndarray::ArrayView2;
use num_complex::Complex64;

use super::grid::{Grid, Packing};

pub(super) struct RowMajor;

impl Packing for RowMajor {
    fn name(&self) -> &'static str {
        "row-major"
    }

    fn column_groups(&self, grid: &Grid) -> usize {
        grid.least_groups()
    }

    fn group_at(&self, _: &Grid, _: usize, group: usize) -> usize {
        group
    }

    fn ciphertexts_per_vector(&self, grid: &Grid) -> usize {
        self.column_groups(grid)
    }

    fn period(&self, grid: &Grid) -> usize {
        grid.row_length
    }

    fn packs_first_gradient(&self) -> bool {
        true
    }

    fn rotates_vectors(&self) -> bool {
        false
    }

    /// Row vector k g + j (class k, column group j) in one row, repeated periodically.
    fn gradient_slots(&self, grid: &Grid, m: ArrayView2<'_, f64>, part: usize) -> Vec<Complex64> {
        let (p, groups) = (grid.row_length, self.column_groups(grid));
        let period = self.gradient_period(grid);
        (0..grid.slots)
            .map(|slot| {
                let vector = part * grid.rows() + (slot / p) % period;
                let (class, group) = (vector / groups, vector % groups);
                let value = m.get((class, group * p + slot % p)).copied();
                Complex64::new(value.unwrap_or(0.0), 0.0)
            })
            .collect()
    }
}
