//! Labels that stand in a file of their own, read in step with the pictures.

use std::path::{Path, PathBuf};

use super::bytes::ByteStream;
use super::{idx, open_npy};
use crate::Error;
use crate::npy::Element;

/// A stream of labels.
pub(super) struct LabelStream {
    stream: ByteStream,
    element: Element,
    position: usize,
}

impl LabelStream {
    /// Opens IDX labels (`00 00 08 01`) or a `.npy` array `[n]`; there must be `pictures` of them.
    pub(super) fn open(path: &Path, pictures: usize) -> Result<Self, Error> {
        let (stream, element, count) = if path.extension().is_some_and(|e| e == "npy") {
            let (stream, header) = open_npy(path)?;
            let [count] = header.shape[..] else {
                let found = format!("shape {:?}", header.shape);
                return Err(Error::input(
                    path,
                    "labels of shape [n]",
                    found,
                    "save a flat array",
                ));
            };
            if header.element == Element::F32 {
                let hint = "save the labels as whole numbers";
                return Err(Error::input(path, "labels of u8, i32 or i64", "f32", hint));
            }
            (stream, header.element, count)
        } else {
            let mut stream = ByteStream::open(path)?;
            let [count] = idx::read_header(&mut stream, "IDX labels")?;
            stream.expect_length(8 + count as u64)?;
            (stream, Element::U8, count)
        };
        if count != pictures {
            return Err(Error::input(
                path,
                format!("{pictures} labels, one a picture"),
                count.to_string(),
                "images and labels do not belong together",
            ));
        }
        Ok(Self {
            stream,
            element,
            position: 0,
        })
    }

    pub(super) fn path(&self) -> &Path {
        self.stream.path()
    }

    pub(super) fn next(&mut self) -> Result<i64, Error> {
        let at = self.position;
        self.position += 1;
        let mut word = [0u8; 8];
        let bytes = self.element.bytes();
        self.stream
            .fill(&mut word[..bytes], || format!("label {at}"))?;
        let [a, b, c, d, ..] = word;
        let label = match self.element {
            Element::U8 => i64::from(a),
            Element::I32 | Element::F32 => i64::from(i32::from_le_bytes([a, b, c, d])),
            Element::I64 => i64::from_le_bytes(word),
        };
        if label < 0 {
            let hint = "number the classes from 0";
            let found = format!("{label} at {at}");
            return Err(Error::input(
                self.stream.path(),
                "labels of at least 0",
                found,
                hint,
            ));
        }
        Ok(label)
    }

    pub(super) fn pass_over(&mut self, count: usize) -> Result<(), Error> {
        self.position += count;
        self.stream
            .pass_over(count as u64 * self.element.bytes() as u64)
    }

    pub(super) fn finish(&mut self) -> Result<(), Error> {
        self.stream.finish()
    }
}

/// The labels' file by MNIST's naming (`x-images-idx3-ubyte.gz` beside `x-labels-idx1-ubyte.gz`),
/// or that of arrays (`x_images.npy` beside `x_labels.npy`), if it exists; one of the two may be
/// gzipped and the other not.
pub(super) fn beside(images: &Path) -> Option<PathBuf> {
    let name = images.file_name()?.to_str()?;
    let (head, tail) = name.rsplit_once("images")?;
    let labels = format!("{head}labels{}", tail.replace("idx3", "idx1"));
    let other = match labels.strip_suffix(".gz") {
        Some(plain) => plain.to_owned(),
        None => format!("{labels}.gz"),
    };
    let mut paths = [labels, other]
        .map(|name| images.with_file_name(name))
        .into_iter();
    paths.find(|path| path.is_file())
}
