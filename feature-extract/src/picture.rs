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
/// Most pixels of one picture, about 67 million: an RGB picture of 16 bits then takes 403 MB.
pub const MAX_PIXELS: usize = 1 << 26;

/// The samples of a picture as they are stored: a large one need not be held as f32.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Samples {
    /// Divided by 255.
    U8(Vec<u8>),
    /// Divided by 65,535.
    U16(Vec<u16>),
    /// As they are.
    F32(Vec<f32>),
}

impl Samples {
    fn len(&self) -> usize {
        match self {
            Self::U8(samples) => samples.len(),
            Self::U16(samples) => samples.len(),
            Self::F32(samples) => samples.len(),
        }
    }
}

pub(crate) fn of_u8(sample: u8) -> f32 {
    f32::from(sample) / 255.0
}

pub(crate) fn of_u16(sample: u16) -> f32 {
    f32::from(sample) / 65_535.0
}

/// A picture: finite values, row by row, channels interleaved (`[height, width, channels]`).
///
/// Pictures stored with 8 (16) bits are divided by 255 (65,535) and lie in [0, 1].
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    height: usize,
    width: usize,
    channels: Channels,
    samples: Samples,
}

impl Picture {
    /// A picture of height and width `size` from its values; `name` appears in the error.
    ///
    /// # Errors
    /// [`Error::BadPicture`] when a side is 0 or over [`MAX_SIDE`], when the number of values is
    /// not `height * width * channels`, or when a value is not finite.
    pub fn new(
        name: &str,
        size: [usize; 2],
        channels: Channels,
        values: Vec<f32>,
    ) -> Result<Self, Error> {
        let [height, width] = size;
        let bad = |expected: String, found| Error::bad_picture(name, expected, found);
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
        let samples = Samples::F32(values);
        Ok(Self {
            height,
            width,
            channels,
            samples,
        })
    }

    /// A picture from samples that a reader has looked at: the size is allowed, all are finite.
    ///
    /// # Errors
    /// What was found, when there are not `height * width * channels` samples.
    pub(crate) fn of(
        size: [usize; 2],
        channels: Channels,
        samples: Samples,
    ) -> Result<Self, String> {
        let [height, width] = size;
        if samples.len() != height * width * channels.count() {
            return Err(format!("{} samples", samples.len()));
        }
        Ok(Self {
            height,
            width,
            channels,
            samples,
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

    /// The values, `[height, width, channels]`: 4 bytes each.
    #[cfg(test)]
    pub(crate) fn to_values(&self) -> Vec<f32> {
        match &self.samples {
            Samples::U8(samples) => samples.iter().map(|&sample| of_u8(sample)).collect(),
            Samples::U16(samples) => samples.iter().map(|&sample| of_u16(sample)).collect(),
            Samples::F32(samples) => samples.clone(),
        }
    }

    pub(crate) fn samples(&self) -> &Samples {
        &self.samples
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
