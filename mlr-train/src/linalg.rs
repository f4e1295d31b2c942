//! Matrix products over many rows, in parallel and independent of the number of threads.
//!
//! Rows are cut into chunks whose size depends on the row count alone; partial sums are added in the order of the rows.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

/// Chunks hold at least this many rows, so that a product is worth a task.
const SMALLEST_CHUNK: usize = 512;
/// At most this many partial sums live at once: 16 of 1280 x 1280 are 210 MB.
const MOST_CHUNKS: usize = 16;
/// And at most this many numbers, unless one sum alone has more: 1 GiB.
const MOST_NUMBERS: usize = 1 << 27;

fn chunk_bounds(rows: usize, numbers: usize) -> Vec<(usize, usize)> {
    let most = (MOST_NUMBERS / numbers.max(1)).clamp(1, MOST_CHUNKS);
    let size = rows.div_ceil(most).max(SMALLEST_CHUNK);
    (0..rows)
        .step_by(size)
        .map(|start| (start, rows.min(start + size)))
        .collect()
}

/// Sum over row chunks of `part(start, end)`, added in the order of the chunks; zeros of `shape` without rows.
pub(crate) fn sum_chunks<F>(rows: usize, shape: (usize, usize), part: F) -> Array2<f64>
where
    F: Fn(usize, usize) -> Array2<f64> + Sync,
{
    let parts: Vec<_> = chunk_bounds(rows, shape.0 * shape.1)
        .into_par_iter()
        .map(|(start, end)| part(start, end))
        .collect();
    let mut total = Array2::zeros(shape);
    for one in &parts {
        total += one;
    }
    total
}

/// `x m^T + 1 b^T` for `x` of n x p, `m` of k x p and `b` of k: n x k.
pub(crate) fn affine(
    x: ArrayView2<'_, f64>,
    m: ArrayView2<'_, f64>,
    b: Option<&Array1<f64>>,
) -> Array2<f64> {
    let mut out = Array2::zeros((x.nrows(), m.nrows()));
    let bounds = chunk_bounds(x.nrows(), 0);
    let size = bounds.first().map_or(1, |&(start, end)| end - start);
    let targets: Vec<_> = out.axis_chunks_iter_mut(Axis(0), size).collect();
    targets
        .into_par_iter()
        .zip(bounds)
        .for_each(|(mut target, (start, end))| {
            target.assign(&x.slice(s![start..end, ..]).dot(&m.t()));
            if let Some(b) = b {
                target += b;
            }
        });
    out
}

/// `e^T x` for `e` of n x c and `x` of n x p: c x p.
pub(crate) fn transposed_product(e: ArrayView2<'_, f64>, x: ArrayView2<'_, f64>) -> Array2<f64> {
    sum_chunks(x.nrows(), (e.ncols(), x.ncols()), |start, end| {
        e.slice(s![start..end, ..])
            .t()
            .dot(&x.slice(s![start..end, ..]))
    })
}

/// Column means of `x`.
pub(crate) fn column_means(x: ArrayView2<'_, f64>) -> Array1<f64> {
    let sums = sum_chunks(x.nrows(), (1, x.ncols()), |start, end| {
        x.slice(s![start..end, ..])
            .sum_axis(Axis(0))
            .insert_axis(Axis(0))
    });
    sums.row(0).to_owned() / (x.nrows().max(1) as f64)
}

/// `(x - mean)^T (x - mean) / n`: p x p, symmetric to the last bit.
pub(crate) fn covariance(x: ArrayView2<'_, f64>, mean: &Array1<f64>) -> Array2<f64> {
    let mut c = sum_chunks(x.nrows(), (x.ncols(), x.ncols()), |start, end| {
        let centred = &x.slice(s![start..end, ..]) - mean;
        centred.t().dot(&centred)
    });
    c /= x.nrows().max(1) as f64;
    for i in 0..c.nrows() {
        for j in 0..i {
            c[[i, j]] = c[[j, i]];
        }
    }
    c
}

/// Largest absolute value; NaN if there is one.
pub(crate) fn largest_magnitude(values: &Array2<f64>) -> f64 {
    values.iter().fold(0.0, |most: f64, &value| {
        if most.is_nan() || value.is_nan() {
            f64::NAN
        } else {
            most.max(value.abs())
        }
    })
}

/// One-hot labels: n x c.
pub(crate) fn one_hot(labels: &[u32], classes: usize) -> Array2<f64> {
    let mut y = Array2::zeros((labels.len(), classes));
    for (row, &label) in labels.iter().enumerate() {
        y[[row, label as usize]] = 1.0;
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(rows: usize, columns: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, columns), |(i, j)| {
            ((i * 31 + j * 17) % 101) as f64 / 7.0 - 5.0
        })
    }

    #[test]
    fn products_equal_the_plain_ones() {
        let (x, e) = (pattern(1300, 7), pattern(1300, 3));
        // Sums of 1300 products below 100: rounding below 1300 * 1.3e5 * 2^-53 < 1e-7.
        let close =
            |a: &Array2<f64>, b: &Array2<f64>| a.iter().zip(b).all(|(p, q)| (p - q).abs() < 1e-7);
        assert!(close(
            &transposed_product(e.view(), x.view()),
            &e.t().dot(&x)
        ));
        let m = pattern(4, 7);
        assert!(close(&affine(x.view(), m.view(), None), &x.dot(&m.t())));
        let mean = column_means(x.view());
        let centred = &x - &mean;
        assert!(close(
            &covariance(x.view(), &mean),
            &(centred.t().dot(&centred) / 1300.0)
        ));
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let x = pattern(5000, 9);
        let e = pattern(5000, 4);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| transposed_product(e.view(), x.view()))
        };
        assert_eq!(with(1), with(3));
    }
}
