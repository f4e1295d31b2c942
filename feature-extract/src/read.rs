//! Image sources, read as a stream: one picture in memory at a time.
//!
//! | source | pictures | labels |
//! |---|---|---|
//! | IDX, plain or gzipped | u8 `[n, h, w]` | the IDX file beside it by MNIST's naming, or one given |
//! | folder | PNG and JPEG, one subfolder a class, classes and files in byte order of their names | the subfolders' positions |
//! | `.npy` | u8 or f32, `[n, h, w]` or `[n, h, w, 3]` | a file given: IDX, or `.npy` of u8, i32 or i64 `[n]` |
//!
//! 8-bit and 16-bit values are scaled to [0, 1]; f32 values are taken as they stand.

mod bytes;
mod folder;
mod idx;
mod labels;
mod npy_images;

use std::path::Path;

use crate::npy::Header;
use crate::{Error, Picture};
use bytes::ByteStream;
use labels::LabelStream;

/// A picture with its label.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The picture.
    pub picture: Picture,
    /// Its class, where the source has labels; at least 0.
    pub label: Option<i64>,
}

/// A stream of pictures. After an error for which [`Error::is_skippable`] holds the next picture
/// can be read; after any other the stream ends.
pub struct Source {
    kind: Kind,
    labels: Option<LabelStream>,
    length: usize,
    position: usize,
    ended: bool,
}

enum Kind {
    Idx(idx::IdxImages),
    Npy(npy_images::NpyImages),
    Folder(folder::Folder),
}

impl Source {
    /// Opens a folder, a `.npy` file, or an IDX file (gzipped or not), and its labels.
    ///
    /// Headers and lengths are checked here; no picture is read yet. Memory: a fixed buffer, and
    /// for a folder the list of its file names.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Input`] when the file is of another kind, its header is broken or
    /// asks for pictures over the limits of [`Picture::new`], a plain file's length does not
    /// match its header, a folder has no class or a class no picture, or the labels are not as
    /// many as the pictures.
    pub fn open(images: &Path, labels: Option<&Path>) -> Result<Self, Error> {
        let is_folder = std::fs::metadata(images)
            .map_err(Error::io(images, "open"))?
            .is_dir();
        let kind = if is_folder {
            if let Some(given) = labels {
                let hint = "leave the labels away: the subfolders' names are the classes";
                return Err(Error::input(
                    given,
                    "no labels for a folder",
                    "a label file",
                    hint,
                ));
            }
            Kind::Folder(folder::Folder::open(images)?)
        } else if images.extension().is_some_and(|e| e == "npy") {
            Kind::Npy(npy_images::NpyImages::open(images)?)
        } else {
            Kind::Idx(idx::IdxImages::open(images)?)
        };
        let length = match &kind {
            Kind::Idx(images) => images.count(),
            Kind::Npy(images) => images.count(),
            Kind::Folder(folder) => folder.count(),
        };
        let beside = match &kind {
            Kind::Idx(_) => idx::labels_beside(images),
            _ => None,
        };
        let labels = match labels.map(Path::to_owned).or(beside) {
            Some(path) => Some(LabelStream::open(&path, length)?),
            None => None,
        };
        Ok(Self {
            kind,
            labels,
            length,
            position: 0,
            ended: false,
        })
    }

    /// Number of pictures, bad ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is no picture.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether every picture has a label.
    #[must_use]
    pub fn has_labels(&self) -> bool {
        self.labels.is_some() || matches!(self.kind, Kind::Folder(_))
    }

    /// The classes' names, in label order; folders only.
    #[must_use]
    pub fn class_names(&self) -> Option<&[String]> {
        match &self.kind {
            Kind::Folder(folder) => Some(folder.class_names()),
            _ => None,
        }
    }

    /// Passes over the next `count` pictures without decoding them; a gzipped file is still
    /// unpacked up to there.
    ///
    /// # Errors
    /// As for reading, except [`Error::BadPicture`].
    pub fn pass_over(&mut self, count: usize) -> Result<(), Error> {
        let count = count.min(self.length - self.position);
        match &mut self.kind {
            Kind::Idx(images) => images.pass_over(count)?,
            Kind::Npy(images) => images.pass_over(count)?,
            Kind::Folder(_) => {}
        }
        if let Some(labels) = &mut self.labels {
            labels.pass_over(count)?;
        }
        self.position += count;
        Ok(())
    }

    fn read(&mut self) -> Result<Sample, Error> {
        // The label is taken first, so that the two streams stay in step after a bad picture.
        let label = match &mut self.labels {
            Some(labels) => Some(labels.next()?),
            None => None,
        };
        match &mut self.kind {
            Kind::Idx(images) => Ok(Sample {
                picture: images.next(self.position)?,
                label,
            }),
            Kind::Npy(images) => Ok(Sample {
                picture: images.next(self.position)?,
                label,
            }),
            Kind::Folder(folder) => folder.read(self.position),
        }
    }

    /// After the last picture: nothing may follow it.
    fn finish(&mut self) -> Result<(), Error> {
        match &mut self.kind {
            Kind::Idx(images) => images.finish()?,
            Kind::Npy(images) => images.finish()?,
            Kind::Folder(_) => {}
        }
        self.labels.as_mut().map_or(Ok(()), LabelStream::finish)
    }
}

impl Iterator for Source {
    type Item = Result<Sample, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        if self.position == self.length {
            self.ended = true;
            return self.finish().err().map(Err);
        }
        let sample = self.read();
        self.position += 1;
        self.ended = sample.as_ref().is_err_and(|e| !e.is_skippable());
        Some(sample)
    }
}

/// Opens a `.npy` file: a stream that stands at the first element, its length checked.
fn open_npy(path: &Path) -> Result<(ByteStream, Header), Error> {
    let mut stream = ByteStream::open(path)?;
    let header = Header::read(path, &mut stream)?;
    let data: usize = header.shape.iter().product::<usize>() * header.element.bytes();
    stream.expect_length(header.data_offset as u64 + data as u64)?;
    Ok((stream, header))
}

#[cfg(test)]
mod tests;
