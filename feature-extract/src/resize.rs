//! Bilinear resize, equal to torch's `interpolate(mode="bilinear", align_corners=False)`.
//!
//! Pixel centres lie at half-integers: the centre of output pixel i falls on the input
//! coordinate `(i + 1/2) * in / out - 1/2`, clamped to the picture. There is no smoothing before
//! a reduction (torch's `antialias=False`). Image libraries that resize 8-bit pictures round to
//! 8 bits afterwards and differ by up to about 1/255.

/// Left neighbour, right neighbour and the right one's share, for every output coordinate.
struct Taps(Vec<(usize, usize, f32)>);

impl Taps {
    fn new(input: usize, output: usize) -> Self {
        let scale = input as f32 / output as f32;
        let tap = |i: usize| {
            let at = ((i as f32 + 0.5) * scale - 0.5).max(0.0);
            let left = (at as usize).min(input - 1);
            let right = (left + 1).min(input - 1);
            (left, right, at - left as f32)
        };
        Self((0..output).map(tap).collect())
    }
}

/// Resizes one plane of `from[0] x from[1]` values to `to[0] x to[1]` values, appended to `out`.
///
/// `value` gives the value of a pixel, counted row by row: whatever type the samples have, only
/// those that are needed are converted. Cost: 4 values and 6 multiplications an output value. The
/// caller guarantees that no size is 0.
pub(crate) fn bilinear(
    value: impl Fn(usize) -> f32,
    from: [usize; 2],
    to: [usize; 2],
    out: &mut Vec<f32>,
) {
    let rows = Taps::new(from[0], to[0]);
    let columns = Taps::new(from[1], to[1]);
    out.reserve(to[0] * to[1]);
    for &(upper, lower, down) in &rows.0 {
        let (upper, lower) = (upper * from[1], lower * from[1]);
        for &(left, right, along) in &columns.0 {
            let above = (1.0 - along) * value(upper + left) + along * value(upper + right);
            let below = (1.0 - along) * value(lower + left) + along * value(lower + right);
            out.push((1.0 - down) * above + down * below);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resized(values: &[f32], from: [usize; 2], to: [usize; 2]) -> Vec<f32> {
        let mut out = Vec::new();
        bilinear(|at| values[at], from, to, &mut out);
        out
    }

    /// Two values to five: the centres fall on -0.3, 0.1, 0.5, 0.9 and 1.3, clamped to [0, 1].
    #[test]
    fn coordinates_are_those_of_half_pixel_centres() {
        let found = resized(&[10.0, 20.0], [1, 2], [1, 5]);
        for (found, wanted) in found.iter().zip([10.0, 11.0, 15.0, 19.0, 20.0]) {
            // One rounding of the coordinate (2^-24), times the step of 10, and three of the sum.
            assert!((found - wanted).abs() < 1e-5, "{found} for {wanted}");
        }
    }

    /// The values 0 to 5 as 2 x 3, resized to 3 x 2.
    #[test]
    fn small_case_worked_by_hand() {
        // Rows fall on -1/6 -> 0, 1/2 and 7/6 -> 1 (last row); columns on 1/4 and 7/4.
        let wanted = [0.25, 1.75, 1.75, 3.25, 3.25, 4.75];
        let found = resized(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [2, 3], [3, 2]);
        for (found, wanted) in found.iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-5, "{found} for {wanted}");
        }
    }

    #[test]
    fn same_size_changes_nothing() {
        let values: Vec<f32> = (0..35).map(|i| (i as f32).sin()).collect();
        assert_eq!(resized(&values, [5, 7], [5, 7]), values);
    }
}
