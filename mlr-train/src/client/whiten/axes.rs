//! Principal axes of rows: eigenvectors of their covariance, or of the products of the rows where these are fewer.

use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::WhitenError;
use crate::linalg::covariance;

/// Largest matrix that is decomposed. The cost grows with the third power of its order and passes some minutes here.
pub(super) const MOST_ORDER: usize = 4096;
/// Up to so many features the covariance serves however few rows there are: it is decomposed in seconds.
const DIRECT: usize = 1024;
/// Below this share of the largest size a projected row is rounding: n 2^-52 for the decomposition, times some room.
const NOTHING: f64 = 1e-11;

/// Orthonormal columns (p x d), each with its entry of largest magnitude positive (the first of equals), and the variances along them, descending.
#[derive(Debug)]
pub(super) struct Axes {
    pub(super) vectors: Array2<f64>,
    pub(super) variances: Array1<f64>,
}

/// The `d` axes of largest variance of `x` (n x p) about `mean`; `d <= min(p, n - 1)`.
pub(super) fn of_rows(
    x: ArrayView2<'_, f64>,
    mean: &Array1<f64>,
    d: usize,
) -> Result<Axes, WhitenError> {
    let (rows, features) = x.dim();
    if rows < features && features > DIRECT {
        return of_products(&(&x - mean), d);
    }
    require_order(rows, features, features)?;
    of_covariance(covariance(x, mean), rows, d)
}

/// The same of a covariance (p x p) of `rows` rows.
pub(super) fn of_covariance(c: Array2<f64>, rows: usize, d: usize) -> Result<Axes, WhitenError> {
    let features = c.nrows();
    require_order(rows, features, features)?;
    let (values, vectors) = decompose(c)?;
    let mut axes = Axes {
        vectors: Array2::zeros((features, d)),
        variances: values.slice(ndarray::s![..d]).to_owned(),
    };
    axes.vectors.assign(&vectors.slice(ndarray::s![.., ..d]));
    axes.turn();
    Ok(axes)
}

/// With `X X^T / n = V diag(w) V^T` of centred rows X, the axes are the columns of `X^T V` at unit length, of the same variances w: n x n instead of p x p.
/// Where w is nothing but rounding, any directions across the others are axes.
fn of_products(centred: &Array2<f64>, d: usize) -> Result<Axes, WhitenError> {
    let (rows, features) = centred.dim();
    require_order(rows, features, rows)?;
    let mut products = centred.dot(&centred.t());
    products /= rows as f64;
    let (values, vectors) = decompose(products)?;
    let mut axes = centred.t().dot(&vectors.slice(ndarray::s![.., ..d]));
    let least = NOTHING * (rows as f64 * values[0].max(0.0)).sqrt();
    for j in 0..d {
        let (before, mut rest) = axes.view_mut().split_at(Axis(1), j);
        let mut axis = rest.column_mut(0);
        let length = across(before.view(), &mut axis);
        if length <= least {
            // The direction of a coordinate that the axes so far cover least.
            let covered = before.map(|value| value * value).sum_axis(Axis(1));
            let free = covered.iter().enumerate();
            let free = free.min_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(i, _)| i);
            axis.fill(0.0);
            axis[free] = 1.0;
            across(before.view(), &mut axis);
        }
        let length = axis.dot(&axis).sqrt();
        axis /= length;
    }
    let mut axes = Axes {
        vectors: axes,
        variances: values.slice(ndarray::s![..d]).to_owned(),
    };
    axes.turn();
    Ok(axes)
}

/// Takes what `axis` has along `others` out of it, twice for the rounding of the first time; the length that is left.
fn across(others: ArrayView2<'_, f64>, axis: &mut ndarray::ArrayViewMut1<'_, f64>) -> f64 {
    for _ in 0..2 {
        let along = others.t().dot(axis);
        let out = others.dot(&along);
        *axis -= &out;
    }
    axis.dot(axis).sqrt()
}

/// Eigenvalues in descending order, and the eigenvectors as columns.
fn decompose(matrix: Array2<f64>) -> Result<(Array1<f64>, Array2<f64>), WhitenError> {
    let order = matrix.nrows();
    let steps = 100 * order;
    let matrix = DMatrix::from_fn(order, order, |i, j| matrix[[i, j]]);
    let eigen = SymmetricEigen::try_new(matrix, f64::EPSILON, steps)
        .ok_or(WhitenError::NotConverged { steps })?;
    let mut by_size: Vec<usize> = (0..order).collect();
    by_size.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    // A covariance has no negative eigenvalue; rounding may show one.
    let values = by_size.iter().map(|&j| eigen.eigenvalues[j].max(0.0));
    let values = values.collect();
    let vectors =
        Array2::from_shape_fn((order, order), |(i, j)| eigen.eigenvectors[(i, by_size[j])]);
    Ok((values, vectors))
}

fn require_order(rows: usize, features: usize, order: usize) -> Result<(), WhitenError> {
    if order <= MOST_ORDER {
        return Ok(());
    }
    Err(WhitenError::Order {
        most: MOST_ORDER,
        rows,
        features,
    })
}

impl Axes {
    /// So the axes do not depend on how the eigenvectors were found.
    fn turn(&mut self) {
        for mut axis in self.vectors.columns_mut() {
            let lead = axis.iter().fold(0.0_f64, |lead, &value| {
                if value.abs() > lead.abs() {
                    value
                } else {
                    lead
                }
            });
            axis *= lead.signum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::column_means;

    fn rows(n: usize, p: usize) -> Array2<f64> {
        Array2::from_shape_fn((n, p), |(i, j)| {
            ((i * 7919 + j * j * 104_729 + i * j * 31) % 1009) as f64 / 500.0 - 1.0
        })
    }

    #[test]
    fn both_ways_find_the_same_axes() {
        let x = rows(12, 40);
        let mean = column_means(x.view());
        let direct = of_covariance(covariance(x.view(), &mean), 12, 11).unwrap();
        let products = of_products(&(&x - &mean), 11).unwrap();
        let top = direct.variances[0];
        // Backward errors of both decompositions: some 40 * 2^-52 of the largest, over gaps of more than a thousandth of it.
        for (a, b) in direct.variances.iter().zip(&products.variances) {
            assert!((a - b).abs() < 1e-13 * top, "{a} against {b}");
        }
        for (a, b) in direct.vectors.iter().zip(&products.vectors) {
            assert!((a - b).abs() < 1e-10, "{a} against {b}");
        }
    }

    #[test]
    fn axes_of_few_different_rows_are_orthonormal() {
        // Twelve rows of which four differ: three axes have a variance, eight are any across them.
        let x = Array2::from_shape_fn((12, 40), |(i, j)| rows(4, 40)[[i % 4, j]]);
        let mean = column_means(x.view());
        let axes = of_products(&(&x - &mean), 11).unwrap();
        let gram = axes.vectors.t().dot(&axes.vectors);
        for ((i, j), value) in gram.indexed_iter() {
            let expected = f64::from(u8::from(i == j));
            assert!((value - expected).abs() < 1e-14, "{i}, {j}: {value}");
        }
        let top = axes.variances[0];
        assert!(axes.variances[2] > 0.01 * top && axes.variances[3] < 1e-14 * top);
    }

    #[test]
    fn many_features_of_few_rows_take_no_time_and_too_many_of_both_are_refused() {
        let x = rows(30, 16_384);
        let mean = column_means(x.view());
        assert_eq!(
            of_rows(x.view(), &mean, 5).unwrap().vectors.dim(),
            (16_384, 5)
        );
        let refused = require_order(5000, 5000, 5000).unwrap_err();
        assert!(matches!(refused, WhitenError::Order { most: 4096, .. }));
        assert!(require_order(4096, 16_384, 4096).is_ok());
    }
}
