//! Pictures in a `.npy` array.

use std::path::Path;

use super::bytes::ByteStream;
use super::open_npy;
use crate::npy::Element;
use crate::picture::{Samples, allowed_sizes, size_is_allowed};
use crate::{Channels, Error, Picture};

/// A stream of pictures: u8 or f32, `[n, h, w]`, `[n, h, w, 3]` or, as torch has them,
/// `[n, 3, h, w]` or `[n, 1, h, w]`.
pub(super) struct NpyImages {
    stream: ByteStream,
    element: Element,
    count: usize,
    size: [usize; 2],
    channels: Channels,
    /// Channels before lines.
    planar: bool,
}

impl NpyImages {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let (stream, header) = open_npy(path)?;
        let (count, size, channels, planar) = match header.shape[..] {
            [n, h, w] | [n, h, w, 1] => (n, [h, w], Channels::One, false),
            [n, h, w, 3] => (n, [h, w], Channels::Three, false),
            [n, 3, h, w] => (n, [h, w], Channels::Three, true),
            [n, 1, h, w] => (n, [h, w], Channels::One, true),
            _ => {
                let found = format!("shape {:?}", header.shape);
                let hint = "transpose to [n, height, width] for grey or [n, height, width, 3] for RGB; \
                     a reshape would mix the pixels";
                return Err(Error::input(
                    path,
                    "shape [n, h, w], [n, h, w, 3] or [n, 3, h, w]",
                    found,
                    hint,
                ));
            }
        };
        if !matches!(header.element, Element::U8 | Element::F32) {
            let hint = "save pictures as u8 (0 to 255) or f32";
            return Err(Error::input(
                path,
                "elements of u8 or f32",
                "whole numbers",
                hint,
            ));
        }
        if !size_is_allowed(size[0], size[1]) {
            let found = format!("{} x {}", size[0], size[1]);
            return Err(Error::input(
                path,
                allowed_sizes(),
                found,
                "save smaller pictures",
            ));
        }
        Ok(Self {
            stream,
            element: header.element,
            count,
            size,
            channels,
            planar,
        })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Of one picture.
    fn bytes(&self) -> usize {
        self.size[0] * self.size[1] * self.channels.count() * self.element.bytes()
    }

    pub(super) fn next(&mut self, index: usize) -> Result<Picture, Error> {
        let count = self.count;
        let what = || format!("picture {index} of {count}");
        let bytes = self.stream.take(self.bytes(), what)?;
        let samples = if self.element == Element::U8 {
            Samples::U8(self.in_order(bytes))
        } else {
            let (words, _) = bytes.as_chunks::<4>();
            let values: Vec<f32> = words.iter().map(|&word| f32::from_le_bytes(word)).collect();
            if let Some(at) = values.iter().position(|v| !v.is_finite()) {
                let found = format!("{} at value {at}", values[at]);
                return Err(Error::bad_picture(self.name(index), "finite values", found));
            }
            // An error of the whole array, not of one picture.
            if let Some(at) = values.iter().position(|v| !(0.0..=1.0).contains(v)) {
                let found = format!("{} in picture {index}", values[at]);
                let hint = "divide by 255, or save the array as u8; normalise by --normalisation";
                let path = self.stream.path();
                return Err(Error::input(path, "f32 values from 0 to 1", found, hint));
            }
            Samples::F32(self.in_order(values))
        };
        Picture::of(self.size, self.channels, samples)
            .map_err(|found| Error::bad_picture(self.name(index), "whole rows", found))
    }

    fn name(&self, index: usize) -> String {
        format!("{} [{index}]", self.stream.path().display())
    }

    /// Values with the channels of a pixel side by side.
    fn in_order<T: Copy>(&self, values: Vec<T>) -> Vec<T> {
        if !self.planar {
            return values;
        }
        let (plane, channels) = (self.size[0] * self.size[1], self.channels.count());
        let pixels = 0..plane;
        let values = &values;
        let of_pixel = |pixel| (0..channels).map(move |channel| values[channel * plane + pixel]);
        pixels.flat_map(of_pixel).collect()
    }

    pub(super) fn pass_over(&mut self, count: usize) -> Result<(), Error> {
        self.stream.pass_over(count as u64 * self.bytes() as u64)
    }

    pub(super) fn finish(&mut self) -> Result<(), Error> {
        self.stream.finish()
    }
}
