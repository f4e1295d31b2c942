//! Convolutions as matrix products.
//!
//! Values are laid out `[channels, pictures, height, width]`: what one channel holds of all pictures stands
//! together, so that a 1x1 convolution of a batch is one product of weights and values as they lie, with as
//! many columns as the batch has positions. Any other convolution first writes the values under every
//! position of its kernel into a matrix of `channels * kernel^2` rows (the known "im2col"), a piece of it at
//! a time, so that the piece is still in the cache when it is multiplied.
//!
//! Turning the values around (channels last) before each layer and back behind it, as libraries do, took longer
//! for these networks than the products. The tests hold this one against the definition.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, ErrorKind, ShapeError, s};

/// Values of a piece of the matrix of a convolution, where that leaves it wide enough: 512 KiB, half of which most processors hold close to a core.
const PIECE: usize = 1 << 17;

/// Fewest and most columns of a piece. The weights are laid out anew for every piece: of deep layers, whose pieces would be 28 columns by their values alone, that took a fifth of resnet18's time.
const COLUMNS: [usize; 2] = [192, 1024];

/// Shape of a square convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) input: usize,
    pub(super) output: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) groups: usize,
}

impl Shape {
    /// Stride 1, one group, padding that keeps the size.
    pub(super) fn new(input: usize, output: usize, kernel: usize) -> Self {
        Self {
            input,
            output,
            kernel,
            stride: 1,
            padding: kernel / 2,
            groups: 1,
        }
    }

    pub(super) fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    pub(super) fn padding(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    pub(super) fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// `[output, input of a group, height, width]` of the weights.
    pub(super) fn weight(&self) -> [usize; 4] {
        [
            self.output,
            self.input / self.groups,
            self.kernel,
            self.kernel,
        ]
    }

    /// Whether every channel stands for itself.
    pub(super) fn is_depthwise(&self) -> bool {
        self.groups == self.input && self.groups == self.output
    }

    /// Whether the values are multiplied as they lie.
    fn is_plain(&self) -> bool {
        self.kernel == 1 && self.stride == 1 && self.padding == 0
    }

    /// Positions of the kernel along a side of `size` values; 0 when it is larger than the padded side.
    pub(super) fn positions(&self, size: usize) -> usize {
        (size + 2 * self.padding)
            .checked_sub(self.kernel)
            .map_or(0, |room| room / self.stride + 1)
    }
}

/// Sizes of what goes through a convolution: pictures, height, width.
pub(super) type Size = [usize; 3];

/// What a convolution multiplies with, and what it adds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameters<'a> {
    /// Of a matrix product as [`transposed`] lays them out, else as [`Shape::weight`] says.
    pub(super) weight: &'a [f32],
    /// One value an output.
    pub(super) bias: &'a [f32],
}

/// What goes through a convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a> {
    /// `[input, pictures, height, width]`.
    pub(super) x: &'a [f32],
    pub(super) size: Size,
}

/// There are fewer values than a shape asks for.
pub(super) fn too_few() -> ShapeError {
    ShapeError::from_kind(ErrorKind::OutOfBounds)
}

/// Weights `[output, depth]` as `[depth, output]`: a product takes them in stripes of some outputs, which then lie one after the other. The
/// other way round, laying them out took twice as long as a product of small matrices.
pub(super) fn transposed(weight: &[f32], output: usize) -> Vec<f32> {
    let depth = weight.len() / output.max(1);
    let column = |at: usize| weight.iter().skip(at).step_by(depth.max(1)).copied();
    (0..depth).flat_map(column).collect()
}

/// Writes `finish(W * x + bias)` to `out`: `[output, pictures, height, width]` of the positions of the kernel.
///
/// `x` is `[input, pictures, height, width]`, `weight` [`transposed`]. One thread; cost: the product's
/// multiplications, and `kernel^2 / stride^2` copies of `x` unless the kernel is 1x1.
///
/// # Errors
/// When there are fewer values than a shape asks for.
pub(super) fn convolve(
    shape: &Shape,
    parameters: Parameters<'_>,
    values: Values<'_>,
    finish: impl Fn(f32) -> f32 + Copy,
    out: &mut [f32],
) -> Result<(), ShapeError> {
    let Parameters { weight, bias } = parameters;
    let Values { x, size } = values;
    let [pictures, height, width] = size;
    let (lines, line) = (pictures * shape.positions(height), shape.positions(width));
    let columns = lines * line;
    let depth = shape.input / shape.groups * shape.kernel * shape.kernel;
    let weight = ArrayView2::from_shape((depth, shape.output), weight)?;
    let weight = weight.reversed_axes();
    let mut out = ArrayViewMut2::from_shape((shape.output, columns), out)?;
    let x = ArrayView2::from_shape((shape.input, pictures * height * width), x)?;
    let step = (PIECE / depth).clamp(COLUMNS[0], COLUMNS[1]);
    let step = step.div_ceil(line.max(1)).max(1);
    let (group_in, group_out) = (shape.input / shape.groups, shape.output / shape.groups);
    let mut piece = match shape.is_plain() {
        true => Vec::new(),
        false => vec![0.0; depth * step.min(lines) * line],
    };
    for first in (0..lines).step_by(step) {
        let last = (first + step).min(lines);
        let range = first * line..last * line;
        for group in 0..shape.groups {
            let inputs = x.slice(s![group * group_in..(group + 1) * group_in, ..]);
            let outputs = group * group_out..(group + 1) * group_out;
            let values = if shape.is_plain() {
                inputs.slice_move(s![.., range.clone()])
            } else {
                let piece = &mut piece[..depth * range.len()];
                gather(shape, inputs, size, first, piece);
                ArrayView2::from_shape((depth, range.len()), &*piece)?
            };
            let mut out = out.slice_mut(s![outputs.clone(), range.clone()]);
            let weight = weight.slice(s![outputs.clone(), ..]);
            general_mat_mul(1.0, &weight, &values, 0.0, &mut out);
            for (mut row, &bias) in out.rows_mut().into_iter().zip(&bias[outputs]) {
                row.map_inplace(|value| *value = finish(*value + bias));
            }
        }
    }
    Ok(())
}

/// Writes the values under every position of the kernel, one row for each channel and each place in the kernel:
/// the lines of positions from `first` on, as many as `piece` has room for.
fn gather(shape: &Shape, x: ArrayView2<'_, f32>, size: Size, first: usize, piece: &mut [f32]) {
    let (per_picture, line) = (shape.positions(size[1]), shape.positions(size[2]));
    let plane = size[1] * size[2];
    let depth = x.nrows() * shape.kernel * shape.kernel;
    let mut rows = piece.chunks_exact_mut(piece.len() / depth);
    // Rows of a matrix that was made from a slice are slices.
    for channel in x.rows().into_iter().filter_map(|row| row.to_slice()) {
        for place in Place::all(shape, size) {
            let Some(mut row) = rows.next() else { return };
            let (mut picture, mut position) = (first / per_picture, first % per_picture);
            while !row.is_empty() {
                let lines = (per_picture - position).min(row.len() / line);
                let (to, others) = row.split_at_mut(lines * line);
                place.copy(
                    &channel[picture * plane..(picture + 1) * plane],
                    position,
                    to,
                );
                (picture, position, row) = (picture + 1, 0, others);
            }
        }
    }
}

/// A place in the kernel.
struct Place {
    stride: usize,
    padding: usize,
    height: usize,
    width: usize,
    /// Positions along a line.
    line: usize,
    down: usize,
    right: usize,
    /// The positions along a line at which this place lies in the picture, not in the padding.
    inside: Range<usize>,
}

impl Place {
    fn all(shape: &Shape, size: Size) -> impl Iterator<Item = Self> {
        let [_, height, width] = size;
        let &Shape {
            kernel,
            stride,
            padding,
            ..
        } = shape;
        let line = shape.positions(width);
        (0..kernel * kernel).map(move |place| {
            let (down, right) = (place / kernel, place % kernel);
            let start = padding.saturating_sub(right).div_ceil(stride);
            let end = (width + padding).saturating_sub(right).div_ceil(stride);
            let inside = start.min(line)..end.min(line);
            Self {
                stride,
                padding,
                height,
                width,
                line,
                down,
                right,
                inside,
            }
        })
    }

    /// Whether the positions' line `position` has this place inside the picture.
    fn has(&self, position: usize) -> bool {
        let y = position * self.stride + self.down;
        (self.padding..self.padding + self.height).contains(&y) && !self.inside.is_empty()
    }

    /// The values of one picture at the lines of positions from `position` on, as many as `to` has.
    fn copy(&self, plane: &[f32], position: usize, to: &mut [f32]) {
        if self.stride == 1 && self.line == self.width {
            return self.copy_shifted(plane, position, to);
        }
        for (position, to) in (position..).zip(to.chunks_exact_mut(self.line)) {
            if !self.has(position) {
                to.fill(0.0);
                continue;
            }
            let y = position * self.stride + self.down - self.padding;
            let x = self.inside.start * self.stride + self.right - self.padding;
            let from = plane[y * self.width..(y + 1) * self.width][x..].iter();
            to[..self.inside.start].fill(0.0);
            to[self.inside.end..].fill(0.0);
            let from = from.step_by(self.stride);
            to[self.inside.clone()]
                .iter_mut()
                .zip(from)
                .for_each(|(to, from)| *to = *from);
        }
    }

    /// The same where the positions are those of the picture: all lines at once, shifted, and then zeros where a
    /// line took values of its neighbour. Lines of the last layers are short; one call for each took longer.
    fn copy_shifted(&self, plane: &[f32], position: usize, to: &mut [f32]) {
        let count = to.len() / self.line;
        let all = position..position + count;
        let outside = |p: &usize| !self.has(*p);
        let above = all.clone().take_while(outside).count();
        let below = all.skip(above).rev().take_while(outside).count();
        let (head, to) = to.split_at_mut(above * self.line);
        let (to, tail) = to.split_at_mut((count - above - below) * self.line);
        head.fill(0.0);
        tail.fill(0.0);
        if to.is_empty() {
            return;
        }
        let from = (position + above + self.down - self.padding) * self.width + self.right;
        // The first values before the picture, and the last ones behind it, lie in the padding.
        let skip = self.padding.saturating_sub(from);
        let from = &plane[(from + skip - self.padding).min(plane.len())..];
        let length = from.len().min(to.len().saturating_sub(skip));
        to[skip..skip + length].copy_from_slice(&from[..length]);
        for column in (0..self.inside.start).chain(self.inside.end..self.line) {
            to.iter_mut()
                .skip(column)
                .step_by(self.line)
                .for_each(|value| *value = 0.0);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::depthwise;
    use super::*;

    /// Values between -1 and 1 that look random.
    pub(in super::super) fn numbers(count: usize, seed: usize) -> Vec<f32> {
        let value = |i: usize| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0;
        (0..count).map(value).collect()
    }

    /// Against the sum that defines a convolution, in f64.
    fn check(shape: Shape, size: Size) {
        let [pictures, height, width] = size;
        let x = numbers(shape.input * pictures * height * width, 1);
        let weight = numbers(shape.weight().iter().product(), 2);
        let bias = numbers(shape.output, 3);
        let sides = [height, width].map(|side| shape.positions(side));
        let mut found = vec![f32::NAN; shape.output * pictures * sides[0] * sides[1]];
        let parameters = Parameters {
            weight: &weight,
            bias: &bias,
        };
        let through = Values { x: &x, size };
        if shape.is_depthwise() {
            depthwise::convolve(&shape, parameters, through, |v| v, &mut found).unwrap();
        } else {
            let parameters = Parameters {
                weight: &transposed(&weight, shape.output),
                bias: &bias,
            };
            convolve(&shape, parameters, through, |v| v, &mut found).unwrap();
        }

        let wanted = defined(&shape, parameters, through);
        assert_eq!(found.len(), wanted.len(), "{shape:?}, {size:?}");
        // Sums of `depth` products of magnitude at most 1 in f32: each of the partial sums, at most `depth`,
        // is rounded by 2^-24 of itself, and so are the products and the sum with the bias.
        let depth = (shape.weight()[1] * shape.kernel * shape.kernel) as f32;
        let allowed = 2.0 * (depth + 1.0) * (depth + 1.0) * f32::EPSILON / 2.0;
        for (at, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
            let apart = (f64::from(*found) - wanted).abs();
            assert!(
                apart <= f64::from(allowed),
                "{found} for {wanted} at {at}: {shape:?}, {size:?}"
            );
        }
    }

    /// `bias + sum of weight * x` under every position, term by term.
    fn defined(shape: &Shape, parameters: Parameters<'_>, through: Values<'_>) -> Vec<f64> {
        let [pictures, height, width] = through.size;
        let [_, depth, kernel, _] = shape.weight();
        let (down, across) = (shape.positions(height), shape.positions(width));
        let group = shape.output / shape.groups;
        let inside = |position: usize, place: usize, side: usize| {
            let at = (position * shape.stride + place).checked_sub(shape.padding);
            at.filter(|&at| at < side)
        };
        let mut sums = Vec::new();
        for output in 0..shape.output {
            for (picture, y, x) in (0..pictures)
                .flat_map(|p| (0..down).flat_map(move |y| (0..across).map(move |x| (p, y, x))))
            {
                let mut sum = f64::from(parameters.bias[output]);
                for (channel, i, j) in (0..depth).flat_map(|c| {
                    (0..kernel).flat_map(move |i| (0..kernel).map(move |j| (c, i, j)))
                }) {
                    let (Some(row), Some(column)) = (inside(y, i, height), inside(x, j, width))
                    else {
                        continue;
                    };
                    let input = output / group * depth + channel;
                    let value =
                        through.x[((input * pictures + picture) * height + row) * width + column];
                    let weight =
                        parameters.weight[((output * depth + channel) * kernel + i) * kernel + j];
                    sum += f64::from(weight) * f64::from(value);
                }
                sums.push(sum);
            }
        }
        sums
    }

    #[test]
    fn equals_the_definition_at_every_kernel_stride_and_padding() {
        for kernel in [1, 3, 7] {
            for (stride, padding) in [
                (1, kernel / 2),
                (2, kernel / 2),
                (1, 0),
                (2, 0),
                (3, 1),
                (1, 2),
            ] {
                // Pictures smaller than the kernel's half, too, where the padding makes room for it.
                for (height, width) in [(1, 1), (2, 5), (7, 4), (9, 8)] {
                    let shape = Shape::new(3, 4, kernel).stride(stride).padding(padding);
                    if shape.positions(height) > 0 && shape.positions(width) > 0 {
                        check(shape, [2, height, width]);
                    }
                }
            }
        }
    }

    #[test]
    fn equals_the_definition_in_groups_and_in_several_pieces() {
        check(Shape::new(12, 6, 3).groups(3), [3, 6, 5]);
        check(Shape::new(8, 8, 1).groups(2), [1, 4, 4]);
        // 40 lines of 60 positions and a depth of 18 values: pieces of 18 lines; 1x1: pieces of 1,024 columns; so deep that pieces are as narrow as they get.
        check(Shape::new(2, 3, 3), [2, 20, 60]);
        check(Shape::new(5, 3, 1), [1, 50, 60]);
        check(Shape::new(90, 2, 3), [2, 15, 15]);
    }

    #[test]
    fn equals_the_definition_where_every_channel_stands_for_itself() {
        for kernel in [1, 2, 3, 5] {
            for (stride, padding) in [(1, kernel / 2), (2, kernel / 2), (1, 0), (3, 1), (2, 3)] {
                for (height, width) in [(1, 1), (2, 5), (7, 4), (9, 8)] {
                    let shape = Shape::new(5, 5, kernel)
                        .stride(stride)
                        .padding(padding)
                        .groups(5);
                    if shape.positions(height) > 0 && shape.positions(width) > 0 {
                        check(shape, [2, height, width]);
                    }
                }
            }
        }
    }

    #[test]
    fn too_few_values_are_refused() {
        let shape = Shape::new(2, 3, 1);
        let mut out = vec![0.0; 3];
        let each = Shape::new(2, 2, 1).groups(2);
        for (weight, x, out) in [(1, 2, 2), (2, 1, 2), (2, 2, 1)] {
            let parameters = Parameters {
                weight: &vec![1.0; weight],
                bias: &[0.0; 2],
            };
            let through = Values {
                x: &vec![1.0; x],
                size: [1, 1, 1],
            };
            let mut out = vec![0.0; out];
            assert!(depthwise::convolve(&each, parameters, through, |v| v, &mut out).is_err());
        }
        let run = |weight: &[f32], x: &[f32], out: &mut [f32]| {
            let bias = &[0.0; 3];
            let (parameters, size) = (Parameters { weight, bias }, [1, 1, 1]);
            convolve(&shape, parameters, Values { x, size }, |v| v, out).is_ok()
        };
        assert!(run(&[1.0; 6], &[1.0; 2], &mut out));
        assert!(!run(&[1.0; 5], &[1.0; 2], &mut out));
        assert!(!run(&[1.0; 6], &[1.0; 1], &mut out));
        assert!(!run(&[1.0; 6], &[1.0; 2], &mut out[..2]));
    }
}
