//! One picture in memory.

use crate::Error;

/// Number of colour channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channels {
    /// Grey.
    One,
    /// Red, green, blue.
    Three,
}

impl Channels {
    /// The number itself.
    #[must_use]
    pub fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Three => 3,
        }
    }
}

/// Largest height and width accepted, in pixels.
pub const MAX_SIDE: usize = 16_384;
/// Most pixels of one picture, about 67 million: an RGB picture then takes 805 MB as f32.
pub const MAX_PIXELS: usize = 1 << 26;

/// A picture: finite f32 values, row by row, channels interleaved (`[height, width, channels]`).
///
/// Pictures stored with 8 (16) bits are divided by 255 (65,535) and lie in [0, 1].
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    height: usize,
    width: usize,
    channels: Channels,
    values: Vec<f32>,
}

impl Picture {
    /// A picture from its values; `name` appears in the error.
    ///
    /// # Errors
    /// [`Error::BadPicture`] when a side is 0 or over [`MAX_SIDE`], when the number of values is
    /// not `height * width * channels`, or when a value is not finite.
    pub fn new(
        name: &str,
        [height, width]: [usize; 2],
        channels: Channels,
        values: Vec<f32>,
    ) -> Result<Self, Error> {
        let bad = |expected: String, found: String| Error::BadPicture {
            picture: name.to_owned(),
            expected,
            found,
        };
        if !size_is_allowed(height, width) {
            return Err(bad(allowed_sizes(), format!("{height} x {width}")));
        }
        let wanted = height * width * channels.count();
        if values.len() != wanted {
            return Err(bad(format!("{wanted} values"), values.len().to_string()));
        }
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            return Err(bad(
                "finite values".into(),
                format!("{} at value {at}", values[at]),
            ));
        }
        Ok(Self {
            height,
            width,
            channels,
            values,
        })
    }

    /// Height in pixels.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Width in pixels.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Grey or colour.
    #[must_use]
    pub fn channels(&self) -> Channels {
        self.channels
    }

    /// The values, `[height, width, channels]`.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

pub(crate) fn size_is_allowed(height: usize, width: usize) -> bool {
    (1..=MAX_SIDE).contains(&height)
        && (1..=MAX_SIDE).contains(&width)
        && height * width <= MAX_PIXELS
}

pub(crate) fn allowed_sizes() -> String {
    format!("sides of 1 to {MAX_SIDE} pixels and at most {MAX_PIXELS} pixels")
}
