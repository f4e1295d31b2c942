//! How samples, features and classes lie in slots.
//!
//! Row-major layout (Volley Revolver of arXiv 2304.03807, with two samples a slot): the s slots of a ciphertext are r = s/p rows of p
//! columns. A sample occupies one row of each of g = ceil(D/p) ciphertexts, its *column groups*. Data are real, so a slot carries
//! feature f of two samples, `x_a[f] + i x_b[f]`: a *block* of g ciphertexts holds 2r samples, the first r as real parts.
//!
//! Diagonal layout, for many columns: ciphertext j of a block holds column group (row + j) mod g, so that a vector over the columns is one
//! ciphertext of period g p. Scores take its rotations by j rows; sums of products are rotated back by j rows and added.
//!
//! Row-major, a vector over the columns (weights, gradients) lies in g ciphertexts that repeat it in every row. Sums over rows wrap around the
//! whole ciphertext, so gradients come out in exactly this form. Sums over columns are window sums, right in column 0 only; masks
//! clear the other columns.

mod arrangement;
mod count;
mod diagonal;
mod grid;
mod layout;
mod row_major;
mod slots;
mod upload;

pub use arrangement::Arrangement;
pub use count::Ciphertexts;
pub(crate) use count::chunks;
pub use grid::Shape;
pub use layout::{Layout, LayoutError};
pub(crate) use slots::{column_zero, first_gradient_row, packed_rows, row_indicator};
pub use slots::{data_slots, gradient_slots, label_slots, read_replicated, replicated_slots};
pub use upload::Upload;
