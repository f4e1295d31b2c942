//! How large a single row may be beside the usual ones, which expected errors reckon with.

use ndarray::ArrayView2;

/// The root mean square of one row may be this many usual ones. The noise of a score grows with it at most in proportion: six standard errors of such a row are
/// twelve expected ones, half of the unit that scores are rounded to ([`crate::rounding::MARGIN`]).
pub(super) const ROW_OVER_USUAL: f64 = 2.0;

/// The largest root mean square of a row.
pub(super) fn largest_row_rms(rows: ArrayView2<'_, f64>) -> f64 {
    let rms = |row: ndarray::ArrayView1<'_, f64>| (row.dot(&row) / row.len() as f64).sqrt();
    rows.rows().into_iter().map(rms).fold(0.0, f64::max)
}
