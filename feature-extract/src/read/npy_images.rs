//! Pictures in a `.npy` array.

use std::path::Path;

use super::bytes::ByteStream;
use super::open_npy;
use crate::npy::Element;
use crate::picture::{allowed_sizes, size_is_allowed};
use crate::{Channels, Error, Picture};

/// A stream of pictures: u8 or f32, `[n, h, w]` or `[n, h, w, 3]`.
pub(super) struct NpyImages {
    stream: ByteStream,
    element: Element,
    count: usize,
    size: [usize; 2],
    channels: Channels,
    buffer: Vec<u8>,
}

impl NpyImages {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let (stream, header) = open_npy(path)?;
        let (count, size, channels) = match header.shape[..] {
            [n, h, w] => (n, [h, w], Channels::One),
            [n, h, w, 3] => (n, [h, w], Channels::Three),
            _ => {
                let found = format!("shape {:?}", header.shape);
                let hint =
                    "reshape to [n, height, width] for grey or [n, height, width, 3] for RGB";
                return Err(Error::input(
                    path,
                    "shape [n, h, w] or [n, h, w, 3]",
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
        let buffer = vec![0; size[0] * size[1] * channels.count() * header.element.bytes()];
        Ok(Self {
            stream,
            element: header.element,
            count,
            size,
            channels,
            buffer,
        })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn next(&mut self, index: usize) -> Result<Picture, Error> {
        let count = self.count;
        self.stream
            .fill(&mut self.buffer, || format!("picture {index} of {count}"))?;
        let values = if self.element == Element::U8 {
            self.buffer.iter().map(|&b| f32::from(b) / 255.0).collect()
        } else {
            let (words, _) = self.buffer.as_chunks::<4>();
            words.iter().map(|&word| f32::from_le_bytes(word)).collect()
        };
        let name = format!("{} [{index}]", self.stream.path().display());
        Picture::new(&name, self.size, self.channels, values)
    }

    pub(super) fn pass_over(&mut self, count: usize) -> Result<(), Error> {
        self.stream
            .pass_over(count as u64 * self.buffer.len() as u64)
    }

    pub(super) fn finish(&mut self) -> Result<(), Error> {
        self.stream.finish()
    }
}
