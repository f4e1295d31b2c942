//! Defaults that more than one verb shares.

/// Whitening: share of the largest variance that is added to every variance. Between 0.003 and 0.03 the results on a hundred
/// or so rows hardly differ; with thousands of rows less is better.
pub(crate) const LAMBDA: f64 = 0.01;

/// Range of the polynomial for the sigmoid: scores of the first iterations stay below 6 on whitened features.
pub(crate) const RANGE: f64 = 6.0;

/// Step of every iteration in units of 1/rows: the Newton step of the sigmoid's largest curvature.
pub(crate) const STEP: f64 = 4.0;

/// Largest whitened value that is planned for where no row is known: real features of some ten thousand images stay below it.
pub(crate) const DATA_BOUND: f64 = 64.0;

/// Most principal axes that are kept without being asked: with the constant a row of 128 columns.
pub(crate) const KEEP: usize = 127;
