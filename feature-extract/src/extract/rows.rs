//! Files that grow row by row, and files that appear whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::Error;
use crate::npy::{Element, Header, WRITTEN_HEADER};

/// What a file holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content {
    /// A `.npy` array with so many values a row; none for a flat one.
    Array(Element, Option<usize>),
    /// Text.
    Text,
}

/// A file that grows.
pub(super) struct Rows {
    path: PathBuf,
    file: BufWriter<File>,
    content: Content,
    /// Bytes so far.
    end: u64,
}

impl Rows {
    /// A new file; one of that name goes, a link without a look at where it leads.
    pub(super) fn create(path: &Path, content: Content) -> Result<Self, Error> {
        remove(path).map_err(Error::io(path, "replace"))?;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(Error::io(path, "create"))?;
        let end = match content {
            Content::Array(..) => WRITTEN_HEADER as u64,
            Content::Text => 0,
        };
        file.set_len(end).map_err(Error::io(path, "write"))?;
        Self::at(path, file, content, end)
    }

    /// Opens the file behind its first `end` bytes; what lies after them is cut off.
    pub(super) fn open(path: &Path, content: Content, end: u64) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.custom_flags(libc::O_NOFOLLOW);
        }
        let file = options.open(path).map_err(Error::io(path, "open"))?;
        let found = file.metadata().map_err(Error::io(path, "read"))?.len();
        if found < end {
            let hint = "remove the folder of the unfinished set to start anew";
            let expected = format!("at least {end} bytes");
            return Err(Error::input(path, expected, found.to_string(), hint));
        }
        file.set_len(end).map_err(Error::io(path, "write"))?;
        Self::at(path, file, content, end)
    }

    fn at(path: &Path, file: File, content: Content, end: u64) -> Result<Self, Error> {
        let mut file = BufWriter::new(file);
        file.seek(SeekFrom::Start(end))
            .map_err(Error::io(path, "write"))?;
        let path = path.to_owned();
        Ok(Self {
            path,
            file,
            content,
            end,
        })
    }

    /// Bytes so far.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.end += bytes.len() as u64;
        self.file
            .write_all(bytes)
            .map_err(Error::io(&self.path, "write"))
    }

    pub(super) fn sync(&mut self) -> Result<(), Error> {
        self.file.flush().map_err(Error::io(&self.path, "write"))?;
        self.file
            .get_ref()
            .sync_data()
            .map_err(Error::io(&self.path, "write"))
    }

    /// Writes the header of an array over the zeros at its start.
    pub(super) fn set_header(&mut self, rows: usize) -> Result<(), Error> {
        if let Content::Array(element, width) = self.content {
            let shape: Vec<usize> = [rows].into_iter().chain(width).collect();
            let mut write = || -> io::Result<()> {
                self.file.seek(SeekFrom::Start(0))?;
                Header::write(element, &shape, &mut self.file)
            };
            write().map_err(Error::io(&self.path, "write"))?;
        }
        self.sync()
    }
}

/// Removes a file or link; that there is none is right as well.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Writes JSON under another name, and renames: a reader sees all of it or nothing.
pub(super) fn write_whole(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let temporary = path.with_added_extension("new");
    let write = || -> io::Result<()> {
        remove(&temporary)?;
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).open(&temporary)?;
        serde_json::to_writer(&mut file, value)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|error| {
        // The error that led here is the one to report.
        let _ = remove(&temporary);
        Error::io(path, "write")(error)
    })
}

/// Makes new names last. Some file systems (CIFS, shared folders of virtual machines) sync no
/// directory; the files themselves are synced there, too.
pub(super) fn sync_directory(path: &Path) -> Result<(), Error> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    match File::open(path).and_then(|directory| directory.sync_all()) {
        Err(error) if !matches!(error.kind(), InvalidInput | PermissionDenied | Unsupported) => {
            Err(Error::io(path, "sync")(error))
        }
        _ => Ok(()),
    }
}
