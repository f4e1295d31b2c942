//! The largest of 3x3 values, at every second position of either side.
//!
//! burn's own pool also looks for where the largest values stand, which training needs, and took two fifths of
//! SqueezeNet's time.

/// How the windows lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    /// Lines and columns around the picture that do not count.
    pub(super) padding: usize,
    /// Whether a last window may reach beyond the padding (torch's `ceil_mode`).
    pub(super) ceil: bool,
}

impl Windows {
    /// Windows along a side of `size` values.
    pub(super) fn along(&self, size: usize) -> usize {
        let room = (size + 2 * self.padding).saturating_sub(3);
        let whole = room / 2 + 1;
        // One that would start behind the picture is left out.
        let reaches = self.ceil && room % 2 == 1 && 2 * whole < size + self.padding;
        whole + usize::from(reaches)
    }

    /// First and last value of window `index` along a side, without padding.
    fn of(&self, index: usize, size: usize) -> (usize, usize) {
        let start = (2 * index).saturating_sub(self.padding);
        (start, (2 * index + 3 - self.padding).min(size))
    }
}

/// The pooled planes of `height x width` values, one after the other. Both sizes are positive.
pub(super) fn max_pool(windows: Windows, x: &[f32], size: [usize; 2]) -> Vec<f32> {
    let [height, width] = size;
    let (down, across) = (windows.along(height), windows.along(width));
    let planes = x.chunks_exact(height * width);
    let mut out = Vec::with_capacity(planes.len() * down * across);
    let mut line = vec![0.0; width];
    for plane in planes {
        for index in 0..down {
            let (start, end) = windows.of(index, height);
            line.copy_from_slice(&plane[start * width..(start + 1) * width]);
            for other in plane[(start + 1) * width..end * width].chunks_exact(width) {
                line.iter_mut()
                    .zip(other)
                    .for_each(|(a, &b)| *a = larger(*a, b));
            }
            let of = |index| {
                let (start, end) = windows.of(index, width);
                line[start..end].iter().copied().fold(line[start], larger)
            };
            // Whole windows need no look at where they end; with padding the first one is cut off, too.
            let cut = windows.padding.min(1);
            let whole = line[(2 * cut).saturating_sub(windows.padding)..]
                .windows(3)
                .step_by(2);
            let whole = whole.take(across.saturating_sub(cut));
            let last = cut + whole.len();
            out.extend((0..cut).map(of));
            out.extend(whole.map(|three| larger(larger(three[0], three[1]), three[2])));
            out.extend((last..across).map(of));
        }
    }
    out
}

/// One instruction, where `f32::max` is several for the sake of NaN.
fn larger(a: f32, b: f32) -> f32 {
    if a < b { b } else { a }
}

#[cfg(test)]
mod tests {
    use burn::tensor::module::max_pool2d;
    use burn::tensor::ops::MaxPoolOptions;
    use burn::tensor::{Device, Tensor, TensorData};

    use super::*;

    #[test]
    fn equals_burn_at_every_size() {
        for (height, width) in (3..12).flat_map(|h| (3..12).map(move |w| (h, w))) {
            let x: Vec<f32> = (0..2 * height * width)
                .map(|i| ((i * 37 + 11) % 101) as f32 - 70.0)
                .collect();
            for (padding, ceil) in [(0, false), (0, true), (1, false), (1, true)] {
                let windows = Windows { padding, ceil };
                let found = max_pool(windows, &x, [height, width]);
                let data = TensorData::new(x.clone(), [1, 2, height, width]);
                let options = MaxPoolOptions {
                    stride: [2; 2],
                    padding: [(padding, padding); 2],
                    ceil_mode: ceil,
                    ..MaxPoolOptions::new([3; 2])
                };
                let wanted = max_pool2d(Tensor::<4>::from_data(data, &Device::flex()), options);
                let shape = [1, 2, windows.along(height), windows.along(width)];
                assert_eq!(wanted.dims(), shape, "{windows:?} on {height} x {width}");
                let wanted = wanted.into_data().try_into_vec::<f32>().unwrap();
                assert_eq!(found, wanted, "{windows:?} on {height} x {width}");
            }
        }
    }
}
