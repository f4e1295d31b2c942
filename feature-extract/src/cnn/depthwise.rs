//! Convolutions in which every channel stands for itself: as many groups as channels.
//!
//! A matrix product would have one row, so these are sums of shifted lines instead. The lines of a
//! plane are first copied with their padding, and split by stride: the values at positions 0, s,
//! 2s, .. of a line, then those at 1, s + 1, .. Whatever the stride, the values under one place of
//! the kernel then lie one after the other.

use ndarray::ShapeError;

use super::product::{Parameters, Shape, Values, too_few};

/// Writes `finish(w_c * x_c + bias_c)` for every channel c to `out`: `[channels, pictures, height,
/// width]` of the positions of the kernel.
///
/// `values` are `[channels, pictures, height, width]`, the weights as [`Shape::weight`] says. One
/// thread; cost: `kernel^2` multiplications an output value, and one copy of the values.
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
    let [pictures, height, width] = values.size;
    let (down, across) = (shape.positions(height), shape.positions(width));
    let taps = shape.kernel * shape.kernel;
    if values.x.len() < shape.input * pictures * height * width
        || parameters.weight.len() < shape.input * taps
        || parameters.bias.len() < shape.input
        || out.len() < shape.input * pictures * down * across
    {
        return Err(too_few());
    }
    if down * across * pictures == 0 {
        return Ok(());
    }
    let mut lines = Lines::new(shape, height, width);
    let planes = values.x.chunks_exact(height * width);
    let planes = planes.zip(out.chunks_exact_mut(down * across)).enumerate();
    for (index, (plane, out)) in planes.take(shape.input * pictures) {
        let channel = index / pictures;
        let weight = &parameters.weight[channel * taps..(channel + 1) * taps];
        lines.fill(plane);
        for (position, out) in out.chunks_exact_mut(across).enumerate() {
            out.fill(parameters.bias[channel]);
            let rows = weight.chunks_exact(shape.kernel);
            for (line, row) in (position * shape.stride..).zip(rows) {
                lines.add(line, row, out);
            }
            out.iter_mut().for_each(|value| *value = finish(*value));
        }
    }
    Ok(())
}

/// The lines of one plane with zeros around them, each split by stride.
struct Lines {
    stride: usize,
    padding: usize,
    width: usize,
    /// Values of one part of a line.
    part: usize,
    values: Vec<f32>,
}

impl Lines {
    fn new(shape: &Shape, height: usize, width: usize) -> Self {
        let part = (width + 2 * shape.padding).div_ceil(shape.stride);
        Self {
            stride: shape.stride,
            padding: shape.padding,
            width,
            part,
            values: vec![0.0; (height + 2 * shape.padding) * part * shape.stride],
        }
    }

    /// Takes in another plane; the zeros around it stay.
    fn fill(&mut self, plane: &[f32]) {
        let (stride, part, padding) = (self.stride, self.part, self.padding);
        let lines = self.values.chunks_exact_mut(part * stride).skip(padding);
        for (to, from) in lines.zip(plane.chunks_exact(self.width)) {
            if stride == 1 {
                to[padding..padding + from.len()].copy_from_slice(from);
                continue;
            }
            for first in 0..stride.min(from.len()) {
                let at = padding + first;
                let to = &mut to[at % stride * part + at / stride..];
                let from = from[first..].iter().step_by(stride);
                to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
            }
        }
    }

    /// Adds one row of the kernel on one line.
    fn add(&self, line: usize, row: &[f32], out: &mut [f32]) {
        let parts = &self.values[line * self.part * self.stride..];
        let across = out.len();
        let under = |place: usize| {
            let start = place % self.stride * self.part + place / self.stride;
            &parts[start..start + across]
        };
        if let &[left, middle, right] = row {
            let (a, b, c) = (under(0), under(1), under(2));
            for (((sum, a), b), c) in out.iter_mut().zip(a).zip(b).zip(c) {
                *sum += left * a + middle * b + right * c;
            }
            return;
        }
        for (place, weight) in row.iter().enumerate() {
            let under = under(place);
            for (sum, value) in out.iter_mut().zip(under) {
                *sum += weight * value;
            }
        }
    }
}
