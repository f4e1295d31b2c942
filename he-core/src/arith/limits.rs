//! What the machine can do at most, to compare kernels with. Nothing else uses this.

use super::kernels::{MultiplyAdds, Total};
use super::simd::dispatch;

/// `8 steps` multiply-adds of the widest vectors, all in registers, in eight independent chains. Gives their sum and the number of multiply-adds,
/// each lane counted.
#[must_use]
pub fn multiply_adds(steps: usize) -> (f64, u64) {
    dispatch(MultiplyAdds { steps })
}

/// The sum of `values`, read once. The order of additions depends on the machine, so the last bits do.
#[must_use]
pub fn read(values: &[f64]) -> f64 {
    dispatch(Total { values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_read_and_every_step_is_done() {
        for n in [0, 7, 64, 1003] {
            let values: Vec<f64> = (0..n).map(f64::from).collect();
            assert_eq!(read(&values), f64::from(n * (n - 1) / 2));
        }
        // x -> x/2 + 1 has the fixed point 2: eight chains, each in every lane.
        let (sum, count) = multiply_adds(100);
        let lanes = count / 800;
        assert!([1, 2, 4, 8].contains(&lanes) && count == 800 * lanes);
        assert_eq!(sum, 16.0 * lanes as f64);
    }
}
