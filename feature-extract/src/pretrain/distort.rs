//! From a clean mask to the kind of picture that scanners and cameras give: bent, thick or thin,
//! shrunk to few pixels, noisy.

use super::SIDE;
use super::glyphs::MASK;
use super::random::Random;
use crate::resize::bilinear;

/// Points of the grid, a side, on which the elastic displacement is drawn.
const GRID: usize = 5;

/// A distorted letter, `[SIDE, SIDE]`, values in [0, 1].
///
/// Elastic distortion after Simard et al. (Best practices for convolutional neural networks,
/// ICDAR 2003), with a coarse random grid, interpolated, in place of a smoothed dense field.
pub(super) fn distorted(mask: &[f32], random: &mut Random) -> Vec<f32> {
    let bent = bend(mask, random);
    let drawn = stroke(&bent, random);
    let small = shrink(&drawn, random);
    let mut large = Vec::with_capacity(SIDE * SIDE);
    let side = small.len().isqrt();
    bilinear(|at| small[at], [side; 2], [SIDE; 2], &mut large);
    large
}

/// Affine map and elastic displacement.
fn bend(mask: &[f32], random: &mut Random) -> Vec<f32> {
    let angle = 0.18 * random.normal();
    let shear = 0.22 * random.normal();
    let stretch = (0.16 * random.normal()).exp();
    let (sin, cos) = angle.sin_cos();
    let strength = random.within(0.0, 3.4);
    let field: [Vec<f32>; 2] = [(); 2].map(|()| {
        let grid: Vec<f32> = (0..GRID * GRID)
            .map(|_| strength * random.normal())
            .collect();
        let mut fine = Vec::new();
        bilinear(|at| grid[at], [GRID; 2], [MASK; 2], &mut fine);
        fine
    });
    let middle = (MASK as f32 - 1.0) / 2.0;
    let mut out = Vec::with_capacity(MASK * MASK);
    for y in 0..MASK {
        for x in 0..MASK {
            let at = y * MASK + x;
            let (dx, dy) = (x as f32 - middle, (y as f32 - middle) * stretch);
            let (u, v) = (cos * dx - sin * dy, sin * dx + cos * dy);
            let u = (u + shear * v) / stretch.sqrt() + field[0][at];
            out.push(sample(
                mask,
                u + middle,
                v / stretch.sqrt() + middle + field[1][at],
            ));
        }
    }
    out
}

/// Bilinear value at a point, 0 outside.
fn sample(mask: &[f32], x: f32, y: f32) -> f32 {
    let inside = |v: f32| (0.0..MASK as f32 - 1.0).contains(&v);
    if !inside(x) || !inside(y) {
        return 0.0;
    }
    let (left, top) = (x as usize, y as usize);
    let (right, down) = (x - left as f32, y - top as f32);
    let at = top * MASK + left;
    let above = mask[at] * (1.0 - right) + mask[at + 1] * right;
    let below = mask[at + MASK] * (1.0 - right) + mask[at + MASK + 1] * right;
    above * (1.0 - down) + below * down
}

/// Changes the width of strokes: a blurred letter, cut at a random level.
fn stroke(mask: &[f32], random: &mut Random) -> Vec<f32> {
    let radius = 1 + random.below(3);
    let blurred = blur(&blur(mask, radius), radius);
    // Relative to the darkest point, so that thin strokes stay.
    let darkest = blurred.iter().fold(0f32, |a, &v| a.max(v));
    let level = random.within(0.16, 0.6) * darkest;
    let steep = random.within(4.0, 10.0);
    blurred
        .iter()
        .map(|v| ((v - level) * steep + 0.5).clamp(0.0, 1.0))
        .collect()
}

/// Mean over a square of `2 radius + 1`.
fn blur(values: &[f32], radius: usize) -> Vec<f32> {
    let one_way = |from: &[f32], step: usize, line: usize| {
        let mut out = vec![0.0; MASK * MASK];
        for i in 0..MASK {
            let mut sum: f32 = (0..radius).map(|j| from[i * line + j * step]).sum();
            for j in 0..MASK {
                if j + radius < MASK {
                    sum += from[i * line + (j + radius) * step];
                }
                if j > radius {
                    sum -= from[i * line + (j - radius - 1) * step];
                }
                out[i * line + j * step] = sum.max(0.0) / (2 * radius + 1) as f32;
            }
        }
        out
    };
    one_way(&one_way(values, 1, MASK), MASK, 1)
}

/// Cuts out the letter with a random margin, and shrinks it by averaging: half of the pictures to
/// 8 pixels a side, the others to 9 to 24. Then contrast, noise and steps of grey.
fn shrink(values: &[f32], random: &mut Random) -> Vec<f32> {
    let side = if random.unit() < 0.5 {
        8
    } else {
        9 + random.below(SIDE - 8)
    };
    let ink = |at: &dyn Fn(usize) -> usize| (0..MASK).any(|j| values[at(j)] > 0.3);
    let rows: Vec<usize> = (0..MASK).filter(|i| ink(&|j| i * MASK + j)).collect();
    let columns: Vec<usize> = (0..MASK).filter(|i| ink(&|j| j * MASK + i)).collect();
    let ends = |lines: &[usize]| match (lines.first(), lines.last()) {
        (Some(&first), Some(&last)) => (first as f32, last as f32 + 1.0),
        _ => (0.0, MASK as f32),
    };
    let ((top, bottom), (left, right)) = (ends(&rows), ends(&columns));
    let (height, width) = (bottom - top, right - left);
    let window = height.max(width)
        / if side == 8 {
            random.within(0.85, 1.06)
        } else {
            random.within(0.65, 1.0)
        };
    // A narrow letter is sometimes widened to the window.
    let across = if random.unit() < 0.3 {
        window.min(width * random.within(1.0, 1.8))
    } else {
        window
    };
    let jitter = 0.05 * window;
    let y0 = (top + bottom - window) / 2.0 + jitter * random.normal();
    let x0 = (left + right - across) / 2.0 + jitter * random.normal();
    const FINE: usize = 4;
    let gain = random.within(0.75, 1.15);
    let gamma = random.within(0.7, 1.4);
    let noise = random.within(0.0, 0.09);
    let mut out = Vec::with_capacity(side * side);
    for y in 0..side * FINE {
        for x in 0..side * FINE {
            let part = |i: usize, start: f32, length: f32| {
                start + (i as f32 + 0.5) / (side * FINE) as f32 * length - 0.5
            };
            let value = sample(values, part(x, x0, across), part(y, y0, window));
            if y % FINE == 0 && x % FINE == 0 {
                out.push(0.0);
            }
            out[y / FINE * side + x / FINE] += value / (FINE * FINE) as f32;
        }
    }
    for value in &mut out {
        let v = (*value * gain).powf(gamma) + noise * random.normal();
        *value = (v.clamp(0.0, 1.0) * 16.0).round() / 16.0;
    }
    out
}
