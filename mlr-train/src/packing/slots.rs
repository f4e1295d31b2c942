//! Slot vectors of everything that is uploaded, of the masks, and the way back.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use num_complex::Complex64;

use super::layout::Layout;

/// Slots of block `block`, column group `group` of the n x D matrix `x`; zero where a sample or a column is missing.
pub fn data_slots(
    layout: &Layout,
    x: ArrayView2<'_, f64>,
    block: usize,
    group: usize,
) -> Vec<Complex64> {
    let p = layout.row_length();
    let value = |sample: Option<usize>, column: usize| {
        sample
            .and_then(|i| x.get((i, column)))
            .copied()
            .unwrap_or(0.0)
    };
    (0..layout.slots())
        .map(|slot| {
            let (a, b) = layout.samples_at(block, slot / p);
            let column = layout.group_at(slot / p, group) * p + slot % p;
            Complex64::new(value(a, column), value(b, column))
        })
        .collect()
}

/// Slots of label part `part` of block `block`: column k of row i holds the conjugate of `(y_a - 1/2) + i (y_b - 1/2)` for class
/// `part p + k` of the two samples of the row; zero where a sample or a class is missing.
pub fn label_slots(layout: &Layout, labels: &[u32], block: usize, part: usize) -> Vec<Complex64> {
    let p = layout.row_length();
    let value = |sample: Option<usize>, class: usize| {
        let label = sample.and_then(|i| labels.get(i));
        label.map_or(0.0, |&l| if l as usize == class { 0.5 } else { -0.5 })
    };
    (0..layout.slots())
        .map(|slot| {
            let class = part * p + slot % p;
            if class >= layout.shape().classes {
                return Complex64::ZERO;
            }
            let (a, b) = layout.samples_at(block, slot / p);
            Complex64::new(value(a, class), -value(b, class))
        })
        .collect()
}

/// Slots of part `part` of the packed c x D matrix `m`. Row-major: row vector k g + j (class k, column group j) in one row, repeated
/// periodically. Diagonal: class `part` as a vector over the columns.
pub fn gradient_slots(layout: &Layout, m: ArrayView2<'_, f64>, part: usize) -> Vec<Complex64> {
    layout.packing().gradient_slots(layout.grid(), m, part)
}

/// Part and row of the packed first gradient that hold class `class`, column group `group`.
pub(crate) fn first_gradient_row(layout: &Layout, class: usize, group: usize) -> (usize, usize) {
    let vector = class * layout.column_groups() + group;
    (vector / layout.rows(), vector % layout.rows())
}

/// Slots of part `part` of the vector `v` over D columns, repeated with the layout's period.
pub fn replicated_slots(layout: &Layout, v: ArrayView1<'_, f64>, part: usize) -> Vec<Complex64> {
    layout.grid().replicated(v, part, layout.period())
}

/// The way back from [`replicated_slots`]: the mean over the replicas of every column, and the largest distance of a slot from it.
/// Honest replicas differ by noise alone, so a large distance means lost precision or a foreign ciphertext.
pub fn read_replicated(layout: &Layout, slots: &[Complex64]) -> (Array1<f64>, f64) {
    let period = layout.period();
    let mut mean = Array1::zeros(period);
    for (slot, value) in slots.iter().enumerate() {
        mean[slot % period] += value.re;
    }
    mean /= (layout.slots() / period) as f64;
    let spread = slots
        .iter()
        .enumerate()
        .map(|(slot, value)| (value.re - mean[slot % period]).abs().max(value.im.abs()));
    let spread = spread.fold(0.0, f64::max);
    (mean, spread)
}

/// Whether a slot is in column 0 of its row.
pub(crate) fn column_zero(layout: &Layout) -> Vec<bool> {
    let p = layout.row_length();
    (0..layout.slots()).map(|slot| slot % p == 0).collect()
}

/// 1 in every row that is `row` modulo `period`, zero elsewhere.
pub(crate) fn row_indicator(layout: &Layout, row: usize, period: usize) -> Vec<Complex64> {
    let p = layout.row_length();
    (0..layout.slots())
        .map(|slot| Complex64::new(f64::from(u8::from((slot / p) % period == row)), 0.0))
        .collect()
}

/// The c x D matrix whose row vectors the replicated vectors `read` of [`read_replicated`] are, class by class, part by part.
pub(crate) fn packed_rows(layout: &Layout, vectors: &[Array1<f64>]) -> Array2<f64> {
    let (period, parts) = (layout.period(), layout.ciphertexts_per_vector().get());
    Array2::from_shape_fn(
        (layout.shape().classes, layout.shape().columns),
        |(class, column)| vectors[class * parts + column / period][column % period],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packing::{Arrangement, Shape};

    fn layout() -> Layout {
        let shape = Shape {
            samples: 37,
            columns: 10,
            classes: 5,
        };
        Layout::new(shape, 32, 4, Arrangement::RowMajor).unwrap()
    }

    fn matrix(rows: usize, columns: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, columns), |(i, j)| (100 * i + j) as f64 + 1.0)
    }

    #[test]
    fn every_value_lies_once_in_the_data_slots() {
        let (layout, x) = (layout(), matrix(37, 10));
        let mut sum = 0.0;
        for block in 0..layout.blocks() {
            for group in 0..layout.column_groups() {
                let slots = data_slots(&layout, x.view(), block, group);
                sum += slots.iter().map(|z| z.re + z.im).sum::<f64>();
            }
        }
        assert_eq!(sum, x.sum());
        // Block 1 holds samples 16..32: row 2 pairs 18 and 26; group 1 starts at column 4.
        let slots = data_slots(&layout, x.view(), 1, 1);
        assert_eq!(slots[2 * 4 + 3], Complex64::new(x[[18, 7]], x[[26, 7]]));
    }

    #[test]
    fn diagonals_hold_every_value_once_too() {
        let x = matrix(37, 10);
        let layout = Layout::new(layout().shape(), 32, 4, Arrangement::Diagonal).unwrap();
        let mut sum = 0.0;
        for block in 0..layout.blocks() {
            for group in 0..layout.column_groups() {
                let slots = data_slots(&layout, x.view(), block, group);
                sum += slots.iter().map(|z| z.re + z.im).sum::<f64>();
            }
        }
        assert_eq!(sum, x.sum());
        // Row 2 of ciphertext 3 holds column group (2 + 3) mod 4.
        let slots = data_slots(&layout, x.view(), 1, 3);
        assert_eq!(slots[2 * 4 + 3], Complex64::new(x[[18, 7]], x[[26, 7]]));
        // A vector over the columns stands in g successive rows, and comes back.
        let v = Array1::from_shape_fn(10, |i| i as f64);
        let slots = replicated_slots(&layout, v.view(), 0);
        assert_eq!(
            (slots[9].re, slots[16 + 9].re, slots[10].re),
            (9.0, 9.0, 0.0)
        );
        let (mean, spread) = read_replicated(&layout, &slots);
        assert_eq!((mean.slice(ndarray::s![..10]), spread), (v.view(), 0.0));
    }

    #[test]
    fn labels_stand_one_class_a_column() {
        let layout = layout();
        let labels: Vec<u32> = (0..37).map(|i| i % 5).collect();
        let first = label_slots(&layout, &labels, 0, 0);
        // Row 1 pairs samples 1 (class 1) and 9 (class 4).
        assert_eq!(first[4 + 1], Complex64::new(0.5, 0.5));
        assert_eq!(first[4 + 2], Complex64::new(-0.5, 0.5));
        let second = label_slots(&layout, &labels, 0, 1);
        assert_eq!(second[4], Complex64::new(-0.5, -0.5));
        assert_eq!(second[5], Complex64::ZERO);
    }

    #[test]
    fn the_packed_gradient_is_found_where_the_server_looks() {
        let (layout, m) = (layout(), matrix(5, 10));
        assert_eq!(
            (
                layout.first_gradient_ciphertexts().get(),
                layout.gradient_period()
            ),
            (2, 8)
        );
        for class in 0..5 {
            for group in 0..3 {
                let (part, row) = first_gradient_row(&layout, class, group);
                let slots = gradient_slots(&layout, m.view(), part);
                for column in 0..4 {
                    let expected = m.get((class, group * 4 + column)).copied().unwrap_or(0.0);
                    assert_eq!(slots[row * 4 + column].re, expected);
                }
            }
        }
    }

    #[test]
    fn replicas_are_averaged_and_their_distance_reported() {
        let layout = layout();
        let v = Array1::from_shape_fn(10, |i| i as f64);
        let mut slots = replicated_slots(&layout, v.view(), 1);
        assert_eq!(
            read_replicated(&layout, &slots),
            (v.slice(ndarray::s![4..8]).to_owned(), 0.0)
        );
        slots[5].re += 0.8;
        let (mean, spread) = read_replicated(&layout, &slots);
        // One of eight rows is off by 0.8: the mean moves by 0.1.
        assert!((mean[1] - 5.1).abs() < 1e-12 && (spread - 0.7).abs() < 1e-12);
    }
}
