//! The transforms: order of passes, loads and stores. `NttTable` has the bounds.
//!
//! A pass does two layers, the first one three if need be. The values of a limb are a matrix of
//! `table.rows()` rows, one after the other. The outer passes join values of one column; the inner
//! ones, and the last three layers inside blocks of 8 values (`tail`), join values of one row. So
//! some columns, or a row, can be transformed apart from the rest, while they are in the cache.
//! Between the two halves the matrix lies in tiles: `table.tile_width()` columns after the other,
//! each tile row by row.

mod forward;
mod inverse;
mod sweep;

pub(in crate::arith) use forward::{Forward, ForwardColumns, ForwardRow};
pub(in crate::arith) use inverse::{Inverse, InverseColumns, InverseRow, InverseWhole};
