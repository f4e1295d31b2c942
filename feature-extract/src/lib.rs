//! Images in, features out: readers, resizing and pretrained convolutional networks.
//!
//! | module | holds |
//! |---|---|
//! | `cnn` | the networks, on the CPU; behind the feature `cnn`, which is on by default |
//! | `extract` | from image files to a feature set on disk, behind the same feature |
//! | [`mod@read`] | image sources: IDX (also gzipped), folders with one subfolder a class, `.npy` |
//! | [`npy`] | the header of `.npy` files, read and written as a stream |
//! | [`mod@resize`] | bilinear resize, equal to torch's `interpolate(align_corners=False)` |
//! | [`preprocess`] | from a picture of any size to the planes a network expects |
//!
//! Sources stream: one picture is in memory at a time, however many there are. The crate knows
//! no ciphertext, prints nothing and reads no environment.

#[cfg(feature = "cnn")]
pub mod cnn;
#[cfg(feature = "cnn")]
pub mod extract;
pub mod npy;
pub mod preprocess;
#[cfg(feature = "pretrain")]
pub mod pretrain;
pub mod read;
pub mod resize;

mod error;
mod picture;

pub use error::Error;
#[cfg(feature = "cnn")]
pub use error::Mismatch;
pub use picture::{Channels, MAX_PIXELS, MAX_SIDE, Picture};
