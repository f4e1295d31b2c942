//! Images in, features out: readers, resizing and normalisation. No model is in this crate yet:
//! what it gives today are the pictures a network will look at.
//!
//! | module | holds |
//! |---|---|
//! | [`mod@read`] | image sources: IDX (also gzipped), folders with one subfolder a class, `.npy` |
//! | [`npy`] | the header of `.npy` files, read and written as a stream |
//! | [`mod@resize`] | bilinear resize, equal to torch's `interpolate(align_corners=False)` |
//! | [`preprocess`] | from a picture of any size to the planes a network expects |
//!
//! Sources stream: one picture is in memory at a time, however many there are. The crate knows
//! no ciphertext, prints nothing and reads no environment.

pub mod npy;
pub mod preprocess;
pub mod read;
pub mod resize;

mod error;
mod picture;

pub use error::Error;
pub use picture::{Channels, MAX_PIXELS, MAX_SIDE, Picture};
