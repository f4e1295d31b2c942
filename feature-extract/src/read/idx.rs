//! IDX files, the form in which MNIST is published (yann.lecun.com/exdb/mnist): a magic number
//! `00 00 08 d` (unsigned bytes, d dimensions), d sizes as big-endian u32, then the data.

use std::path::Path;

use super::bytes::ByteStream;
use crate::picture::{Samples, allowed_sizes, size_is_allowed};
use crate::{Channels, Error, Picture};

const HINT: &str = "give an IDX file of unsigned bytes, gzipped or not, a .npy file, or a folder";

/// A stream of grey pictures.
pub(super) struct IdxImages {
    stream: ByteStream,
    count: usize,
    size: [usize; 2],
}

impl IdxImages {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let mut stream = ByteStream::open(path)?;
        let [count, height, width] = read_header(&mut stream, "IDX images")?;
        if !size_is_allowed(height, width) {
            return Err(Error::input(
                path,
                allowed_sizes(),
                format!("{height} x {width}"),
                HINT,
            ));
        }
        // At most 2^32 pictures of 2^26 bytes: no overflow in u64.
        stream.expect_length(16 + count as u64 * (height * width) as u64)?;
        Ok(Self {
            stream,
            count,
            size: [height, width],
        })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Of one picture.
    fn bytes(&self) -> usize {
        self.size[0] * self.size[1]
    }

    pub(super) fn next(&mut self, index: usize) -> Result<Picture, Error> {
        let count = self.count;
        let what = || format!("picture {index} of {count}");
        let bytes = self.stream.take(self.bytes(), what)?;
        let samples = Samples::U8(bytes);
        Picture::of(self.size, Channels::One, samples).map_err(|found| {
            let name = format!("{} [{index}]", self.stream.path().display());
            Error::bad_picture(name, "whole rows", found)
        })
    }

    pub(super) fn pass_over(&mut self, count: usize) -> Result<(), Error> {
        self.stream.pass_over(count as u64 * self.bytes() as u64)
    }

    pub(super) fn finish(&mut self) -> Result<(), Error> {
        self.stream.finish()
    }
}

/// Reads magic number and sizes of an array of unsigned bytes with `D` dimensions.
pub(super) fn read_header<const D: usize>(
    stream: &mut ByteStream,
    what: &str,
) -> Result<[usize; D], Error> {
    let wrong = |stream: &ByteStream, found: [u8; 4]| {
        let found = format!("a file that starts with {found:02x?}");
        Error::input(
            stream.path(),
            format!("{what} (00 00 08 {D:02x})"),
            found,
            HINT,
        )
    };
    let mut word = [0u8; 4];
    stream.fill(&mut word, || format!("the header of {what}"))?;
    if word != [0, 0, 8, D as u8] {
        return Err(wrong(stream, word));
    }
    let mut sizes = [0; D];
    for size in &mut sizes {
        stream.fill(&mut word, || format!("the header of {what}"))?;
        *size = u32::from_be_bytes(word) as usize;
    }
    Ok(sizes)
}
