//! Image sources, read as a stream: one picture in memory at a time.
//!
//! | source | pictures | labels |
//! |---|---|---|
//! | IDX, plain or gzipped | u8 `[n, h, w]` | the IDX file beside it by MNIST's naming, or one given |
//! | folder | PNG and JPEG, one subfolder a class, classes and files in byte order of their names | the subfolders' positions |
//! | flat folder, or one picture | PNG and JPEG, in byte order of their names | none |
//! | `.npy` | u8 or f32, `[n, h, w]`, `[n, h, w, 3]` or `[n, 3, h, w]` | a file given or beside: IDX, or `.npy` of u8, i32 or i64 `[n]` |
//!
//! 8-bit and 16-bit values are scaled to [0, 1]; f32 values must lie there.

mod bytes;
mod decode;
mod folder;
mod idx;
mod labels;
mod npy_images;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

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
    /// Whether there are more pictures than are read.
    limited: bool,
    /// Of an array, which pictures are read, in order; all without.
    chosen: Option<Vec<usize>>,
    /// Pictures of an array that lie behind.
    behind: usize,
}

enum Kind {
    Idx(idx::IdxImages),
    Npy(npy_images::NpyImages),
    Folder(folder::Folder),
}

impl Source {
    /// Opens a folder, a picture, a `.npy` file, or an IDX file (gzipped or not), and its labels.
    ///
    /// Headers and lengths are checked here; no picture is read yet. Memory: a fixed buffer, and
    /// for a folder the list of its file names.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Input`] when the file is of another kind, its header is broken or
    /// asks for pictures over the limits of [`Picture::new`], a plain file's length does not
    /// match its header, a folder has no picture or a class none, or the labels are not as many
    /// as the pictures.
    pub fn open(images: &Path, labels: Option<&Path>) -> Result<Self, Error> {
        Self::open_classes(images, labels, None)
    }

    /// The same with the names of the whole set's classes, in the order of their labels: the
    /// folder may lack some of them, and may have no other.
    ///
    /// # Errors
    /// As [`Source::open`], and when names are given for anything but a folder of subfolders, or
    /// one twice.
    pub fn open_classes(
        images: &Path,
        labels: Option<&Path>,
        classes: Option<&[String]>,
    ) -> Result<Self, Error> {
        let metadata = std::fs::metadata(images).map_err(Error::io(images, "open"))?;
        let is_picture = images.file_name().is_some_and(folder::is_picture);
        if !metadata.is_dir() && !metadata.is_file() {
            let hint = "write it to a file first";
            return Err(Error::input(
                images,
                "a file or folder",
                "a pipe or a device",
                hint,
            ));
        }
        if let Some(given) = labels.filter(|_| metadata.is_dir() || is_picture) {
            let hint = "leave the labels away: the subfolders' names are the classes";
            return Err(Error::input(
                given,
                "no labels for pictures",
                "a label file",
                hint,
            ));
        }
        if let Some(classes) = classes {
            check_classes(images, classes, metadata.is_dir())?;
        }
        let kind = if metadata.is_dir() {
            Kind::Folder(folder::Folder::open(images, classes)?)
        } else if is_picture {
            Kind::Folder(folder::Folder::single(images))
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
            Kind::Folder(_) => None,
            _ => labels::beside(images),
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
            limited: false,
            chosen: None,
            behind: 0,
        })
    }

    /// Keeps so many pictures only: where there are labels the same number of every class as far as
    /// it goes, in the order of the source, else the first ones. To be called before anything is
    /// read. An array's labels are read once for it.
    ///
    /// # Errors
    /// Those of the labels.
    pub fn limit(&mut self, count: usize) -> Result<(), Error> {
        if count >= self.length {
            return Ok(());
        }
        if let Kind::Folder(folder) = &mut self.kind {
            folder.limit(count);
        } else if let Some(path) = self.labels_file() {
            let mut stream = LabelStream::open(path, self.length)?;
            let labels = (0..self.length).map(|_| stream.next());
            let labels = labels.collect::<Result<Vec<_>, _>>()?;
            self.chosen = Some(of_every_class(&labels, count));
        }
        self.length = count;
        self.limited = true;
        Ok(())
    }

    /// Whether pictures of an array were chosen by their labels.
    #[cfg(feature = "cnn")]
    pub(crate) fn is_chosen(&self) -> bool {
        self.chosen.is_some()
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
        self.labels.is_some() || self.class_names().is_some()
    }

    /// The classes' names, in label order; folders only.
    #[must_use]
    pub fn class_names(&self) -> Option<&[String]> {
        match &self.kind {
            Kind::Folder(folder) => folder.class_names(),
            _ => None,
        }
    }

    /// Whether pictures are files with names of their own.
    #[must_use]
    pub fn has_names(&self) -> bool {
        !self.is_array()
    }

    /// File name of a picture, below the folder; none for arrays.
    #[must_use]
    pub fn name(&self, index: usize) -> Option<String> {
        match &self.kind {
            Kind::Folder(folder) => folder.name(index),
            _ => None,
        }
    }

    /// Files and folders that were passed over, since by their names they are no pictures.
    #[must_use]
    pub fn left_out(&self) -> &[PathBuf] {
        match &self.kind {
            Kind::Folder(folder) => folder.left_out(),
            _ => &[],
        }
    }

    /// The file of labels, given or found.
    #[must_use]
    pub fn labels_file(&self) -> Option<&Path> {
        self.labels.as_ref().map(LabelStream::path)
    }

    /// Path of a picture that is a file of its own.
    #[cfg(feature = "cnn")]
    pub(crate) fn file(&self, index: usize) -> Option<PathBuf> {
        match &self.kind {
            Kind::Folder(folder) => folder.path(index),
            _ => None,
        }
    }

    /// Whether all pictures are in one file.
    pub(crate) fn is_array(&self) -> bool {
        !matches!(self.kind, Kind::Folder(_))
    }

    /// Passes over the next `count` pictures without decoding them; a gzipped file is still
    /// unpacked up to there.
    ///
    /// # Errors
    /// As for reading, except [`Error::BadPicture`].
    pub fn pass_over(&mut self, count: usize) -> Result<(), Error> {
        self.position += count.min(self.length - self.position);
        let at = match &self.chosen {
            Some(chosen) => chosen.get(self.position).copied(),
            None => Some(self.position),
        };
        // Behind the last chosen one nothing is wanted.
        at.map_or(Ok(()), |at| self.advance(at))
    }

    /// Brings the streams of an array to a picture.
    fn advance(&mut self, at: usize) -> Result<(), Error> {
        let count = at - self.behind;
        self.behind = at;
        if count == 0 {
            return Ok(());
        }
        match &mut self.kind {
            Kind::Idx(images) => images.pass_over(count)?,
            Kind::Npy(images) => images.pass_over(count)?,
            Kind::Folder(_) => {}
        }
        self.labels
            .as_mut()
            .map_or(Ok(()), |labels| labels.pass_over(count))
    }

    fn read(&mut self) -> Result<Sample, Error> {
        let at = match &self.chosen {
            Some(chosen) => chosen[self.position],
            None => self.position,
        };
        self.advance(at)?;
        self.behind = at + 1;
        // The label is taken first, so that the two streams stay in step after a bad picture.
        let label = match &mut self.labels {
            Some(labels) => Some(labels.next()?),
            None => None,
        };
        match &mut self.kind {
            Kind::Idx(images) => Ok(Sample {
                picture: images.next(at)?,
                label,
            }),
            Kind::Npy(images) => Ok(Sample {
                picture: images.next(at)?,
                label,
            }),
            Kind::Folder(folder) => folder.read(at),
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
            if self.limited {
                return None;
            }
            return self.finish().err().map(Err);
        }
        let sample = self.read();
        self.position += 1;
        self.ended = sample.as_ref().is_err_and(|e| !e.is_skippable());
        Some(sample)
    }
}

/// The places of `count` of the labelled, of every label the same number as far as it goes, the
/// first ones of each; in order.
fn of_every_class<L: Copy + Eq + std::hash::Hash>(labels: &[L], count: usize) -> Vec<usize> {
    let mut seen: HashMap<L, usize> = HashMap::new();
    let mut turns: Vec<(usize, usize)> = labels
        .iter()
        .enumerate()
        .map(|(at, label)| {
            let turn = seen.entry(*label).or_default();
            *turn += 1;
            (*turn, at)
        })
        .collect();
    turns.sort_unstable();
    let mut kept: Vec<usize> = turns.into_iter().take(count).map(|(_, at)| at).collect();
    kept.sort_unstable();
    kept
}

fn check_classes(images: &Path, classes: &[String], is_folder: bool) -> Result<(), Error> {
    let hint = "name every class of the whole set once, in the order of its labels";
    if !is_folder {
        let found = "a file, whose labels are numbers";
        return Err(Error::input(
            images,
            "a folder for named classes",
            found,
            hint,
        ));
    }
    let twice = (1..classes.len()).find(|&at| classes[..at].contains(&classes[at]));
    match twice {
        Some(at) => Err(Error::input(images, "different names", &classes[at], hint)),
        None => Ok(()),
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
