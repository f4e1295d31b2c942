//! 3x3 convolutions of stride 1 by Winograd's minimal filtering, F(4x4, 3x3): 36 products for 16 outputs, where the definition takes 144 (Lavin and Gray, arXiv 1509.09308, section 4).
//!
//! The picture is cut into tiles of 6x6 values that overlap by two. With d a tile and g a kernel, the 4x4 outputs are
//! `A^T [(G g G^T) * (B^T d B)] A`, where * multiplies place by place: for each of the 36 places, the sums over
//! channels are one matrix product of `[output, input]` and `[input, tiles]`.
//!
//! Values are `[channels, pictures, height, width]`, as in [`super::product`]. Transforms work on places of all tiles of
//! a piece, one after the other, so that a vector holds the same place of neighbouring tiles.
//!
//! Errors: B^T grows values by up to 10, A^T by up to 19, on each side; in practice results differ from those of the definition by
//! a few times 2^-24 of the largest.

#[cfg(test)]
mod tests;
mod tiles;

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, ShapeError};
use pulp::{Arch, NullaryFnOnce};

use self::tiles::Tiles;
use super::product::{Shape, Values, too_few};

/// Values along a side of a tile, and outputs.
const IN: usize = 6;
const OUT: usize = 4;
const PLACES: usize = IN * IN;

/// Tiles that are transformed at once: a row of vectors, whatever their width.
const LANES: usize = 16;

/// Most values of a piece under transform: 2 MiB of them.
const PIECE: usize = 1 << 19;

/// Fewest and most tiles of a piece: below, matrices are too narrow for a product to be worth its preparation.
const TILES: [usize; 2] = [48, 512];

/// Kernels G g G^T of a convolution, `[place, input, output]`: four times as many numbers as the kernels.
#[derive(Debug, Clone)]
pub(super) struct Kernels {
    values: Vec<f32>,
    output: usize,
    input: usize,
}

impl Kernels {
    /// Whether a convolution is done in this way.
    ///
    /// Without padding the picture may be as small as the kernel, and a tile hold one output. Of few channels the transforms take longer than what they save; of many, 36 matrices take more memory traffic than four or sixteen tiles pay for.
    pub(super) fn are_for(shape: &Shape) -> bool {
        shape.kernel == 3
            && shape.stride == 1
            && shape.groups == 1
            && shape.padding == 1
            && (32..=256).contains(&shape.input)
            && (32..=256).contains(&shape.output)
    }

    /// Of weights `[output, input, 3, 3]`.
    pub(super) fn new(shape: &Shape, weight: &[f32]) -> Self {
        let (output, input) = (shape.output, shape.input);
        let mut values = vec![0.0; PLACES * output * input];
        for (pair, kernel) in weight.chunks_exact(9).enumerate() {
            let pair = pair % input * output + pair / input;
            let kernel = |row: usize| [0, 1, 2].map(|column| f64::from(kernel[3 * row + column]));
            let rows = [0, 1, 2].map(|row| expanded(kernel(row)));
            for column in 0..IN {
                let whole = expanded([0, 1, 2].map(|row: usize| rows[row][column]));
                for (row, value) in whole.into_iter().enumerate() {
                    values[(row * IN + column) * output * input + pair] = value as f32;
                }
            }
        }
        Self {
            values,
            output,
            input,
        }
    }

    /// Writes `finish(W * x + bias)` to `out`, `[output, pictures, height, width]` of the positions of the kernel.
    ///
    /// One thread; cost: a quarter of the definition's multiplications, where sides are multiples of 4.
    ///
    /// # Errors
    /// When there are fewer values than a shape asks for.
    pub(super) fn convolve(
        &self,
        shape: &Shape,
        bias: &[f32],
        values: Values<'_>,
        finish: impl Fn(f32) -> f32 + Copy,
        out: &mut [f32],
    ) -> Result<(), ShapeError> {
        let tiles = Tiles::new(shape, values.size);
        let plane = tiles.pictures * tiles.positions[0] * tiles.positions[1];
        let [pictures, height, width] = values.size;
        if values.x.len() < self.input * pictures * height * width
            || bias.len() < self.output
            || out.len() < self.output * plane
        {
            return Err(too_few());
        }
        if plane == 0 {
            return Ok(());
        }
        let widest = PIECE / (PLACES * (self.input + self.output));
        let widest = widest.clamp(TILES[0], TILES[1]);
        let step = widest.div_ceil(tiles.across.max(1)).max(1);
        let room = (step.min(tiles.lines()) * tiles.across).next_multiple_of(LANES);
        let mut one = vec![0.0; PLACES * room];
        let mut piece = Piece {
            before: vec![0.0; PLACES * self.input * room],
            after: vec![0.0; PLACES * self.output * room],
        };
        let arch = Arch::new();
        for first in (0..tiles.lines()).step_by(step) {
            let lines = first..(first + step).min(tiles.lines());
            let room = (lines.len() * tiles.across).next_multiple_of(LANES);
            let one = &mut one[..PLACES * room];
            let planes = values.x.chunks_exact(pictures * height * width);
            for (channel, x) in planes.take(self.input).enumerate() {
                arch.dispatch(Enter {
                    tiles: &tiles,
                    lines: lines.clone(),
                    x,
                    one: &mut *one,
                    to: &mut piece.before[channel * room..],
                    apart: self.input * room,
                });
            }
            self.multiply(&mut piece, room)?;
            for channel in 0..self.output {
                arch.dispatch(Leave {
                    tiles: &tiles,
                    lines: lines.clone(),
                    from: &piece.after[channel * room..],
                    apart: self.output * room,
                    one: &mut *one,
                    finish: |value: f32| finish(value + bias[channel]),
                    out: &mut out[channel * plane..(channel + 1) * plane],
                });
            }
        }
        Ok(())
    }

    /// For each place, kernels times transformed values: `[output, input]` by `[input, tiles]`.
    fn multiply(&self, piece: &mut Piece, room: usize) -> Result<(), ShapeError> {
        let kernels = self.values.chunks_exact(self.output * self.input);
        let before = piece.before.chunks_exact(self.input * room);
        let after = piece.after.chunks_exact_mut(self.output * room);
        for ((kernel, before), after) in kernels.zip(before).zip(after) {
            let kernel = ArrayView2::from_shape((self.input, self.output), kernel)?;
            let kernel = kernel.reversed_axes();
            let before = ArrayView2::from_shape((self.input, room), before)?;
            let mut after = ArrayViewMut2::from_shape((self.output, room), after)?;
            general_mat_mul(1.0, &kernel, &before, 0.0, &mut after);
        }
        Ok(())
    }
}

/// G times a column of three.
fn expanded(column: [f64; 3]) -> [f64; IN] {
    let [a, b, c] = column;
    [
        a / 4.0,
        -(a + b + c) / 6.0,
        -(a - b + c) / 6.0,
        a / 24.0 + b / 12.0 + c / 6.0,
        a / 24.0 - b / 12.0 + c / 6.0,
        c,
    ]
}

/// A piece of the picture, before and after the products.
struct Piece {
    /// `[place, input, tile]`.
    before: Vec<f32>,
    /// `[place, output, tile]`.
    after: Vec<f32>,
}

type Lane = [f32; LANES];

#[inline(always)]
fn lane(values: &[f32], at: usize) -> &Lane {
    const NONE: Lane = [0.0; LANES];
    values[at..].first_chunk().unwrap_or(&NONE)
}

#[inline(always)]
fn lane_mut(values: &mut [f32], at: usize) -> Option<&mut Lane> {
    values[at..].first_chunk_mut()
}

/// B^T times a column of six, for every lane.
#[inline(always)]
fn entered(from: [&Lane; IN], mut to: impl FnMut(usize, usize, f32)) {
    for i in 0..LANES {
        let [a, b, c, d, e, f] = from.map(|lane| lane[i]);
        let (inner, outer) = (b + c, d + e);
        to(0, i, 4.0 * a - 5.0 * c + e);
        to(1, i, outer - 4.0 * inner);
        to(2, i, (e - d) + 4.0 * (b - c));
        to(3, i, (e - c) + 2.0 * (d - b));
        to(4, i, (e - c) - 2.0 * (d - b));
        to(5, i, 4.0 * b - 5.0 * d + f);
    }
}

/// A^T times a column of six, for every lane.
#[inline(always)]
fn left(from: [&Lane; IN], mut to: impl FnMut(usize, usize, f32)) {
    for i in 0..LANES {
        let [a, b, c, d, e, f] = from.map(|lane| lane[i]);
        let (sum, difference) = (b + c, b - c);
        let (twice, half) = (d + e, d - e);
        to(0, i, a + sum + twice);
        to(1, i, difference + 2.0 * half);
        to(2, i, sum + 4.0 * twice);
        to(3, i, difference + 8.0 * half + f);
    }
}

/// B^T d B of all tiles: places of `from` lie `room` apart, those of `to` `apart`.
#[inline(always)]
fn forward(from: &[f32], room: usize, to: &mut [f32], apart: usize) {
    let mut half = [[[0.0; LANES]; IN]; IN];
    let mut whole = [[0.0; LANES]; IN];
    for tile in (0..room).step_by(LANES) {
        for (column, half) in half.iter_mut().enumerate() {
            let at = |row: usize| lane(from, (row * IN + column) * room + tile);
            entered(std::array::from_fn(at), |row, i, value| {
                half[row][i] = value
            });
        }
        for row in 0..IN {
            entered(
                half.each_ref().map(|column| &column[row]),
                |column, i, value| whole[column][i] = value,
            );
            for (column, values) in whole.iter().enumerate() {
                if let Some(to) = lane_mut(to, (row * IN + column) * apart + tile) {
                    *to = *values;
                }
            }
        }
    }
}

/// A^T m A of all tiles: places of `from` lie `apart`, the 16 of `to` `room` apart.
#[inline(always)]
fn backward(from: &[f32], apart: usize, to: &mut [f32], room: usize) {
    let mut half = [[[0.0; LANES]; OUT]; IN];
    let mut whole = [[0.0; LANES]; OUT];
    for tile in (0..room).step_by(LANES) {
        for (column, half) in half.iter_mut().enumerate() {
            let at = |row: usize| lane(from, (row * IN + column) * apart + tile);
            left(std::array::from_fn(at), |row, i, value| {
                half[row][i] = value
            });
        }
        for row in 0..OUT {
            left(
                half.each_ref().map(|column| &column[row]),
                |column, i, value| whole[column][i] = value,
            );
            for (column, values) in whole.iter().enumerate() {
                if let Some(to) = lane_mut(to, (row * OUT + column) * room + tile) {
                    *to = *values;
                }
            }
        }
    }
}

/// One channel of a piece into its tiles, transformed. A type, not a closure: its call is compiled into each instruction set.
struct Enter<'a> {
    tiles: &'a Tiles,
    lines: Range<usize>,
    x: &'a [f32],
    one: &'a mut [f32],
    to: &'a mut [f32],
    apart: usize,
}

impl NullaryFnOnce for Enter<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let room = self.one.len() / PLACES;
        self.tiles.gather(self.x, self.lines, self.one, room);
        forward(self.one, room, self.to, self.apart);
    }
}

/// One channel's results out of its tiles, finished.
struct Leave<'a, F> {
    tiles: &'a Tiles,
    lines: Range<usize>,
    from: &'a [f32],
    apart: usize,
    one: &'a mut [f32],
    finish: F,
    out: &'a mut [f32],
}

impl<F: Fn(f32) -> f32> NullaryFnOnce for Leave<'_, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let room = self.one.len() / PLACES;
        backward(self.from, self.apart, self.one, room);
        self.one[..OUT * OUT * room]
            .iter_mut()
            .for_each(|value| *value = (self.finish)(*value));
        self.tiles.scatter(self.one, room, self.lines, self.out);
    }
}
