//! A file as a stream of bytes, unpacked on the way when it is gzipped.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;

use crate::Error;

const BUFFER: usize = 1 << 16;

/// A file, opened; gzip is recognised by its first two bytes, whatever the name.
pub(super) struct ByteStream {
    path: PathBuf,
    inner: Inner,
    /// Of a plain file; an unpacked length is not known before the end.
    length: Option<u64>,
}

enum Inner {
    Plain(BufReader<File>),
    /// None behind the last member.
    Gzip(Option<Box<GzDecoder<BufReader<File>>>>),
}

impl ByteStream {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::io(path, "open"))?;
        let metadata = file.metadata().map_err(Error::io(path, "read"))?;
        let mut reader = BufReader::with_capacity(BUFFER, file);
        let gzipped = reader
            .fill_buf()
            .map_err(Error::io(path, "read"))?
            .starts_with(&[0x1f, 0x8b]);
        let length = (!gzipped && metadata.is_file()).then_some(metadata.len());
        let inner = if gzipped {
            Inner::Gzip(Some(Box::new(GzDecoder::new(reader))))
        } else {
            Inner::Plain(reader)
        };
        Ok(Self {
            path: path.to_owned(),
            inner,
            length,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Checks a plain file's length before anything is read from it.
    pub(super) fn expect_length(&self, expected: u64) -> Result<(), Error> {
        match self.length {
            Some(found) if found != expected => Err(Error::input(
                &self.path,
                format!("{expected} bytes, by its header"),
                format!("{found} bytes"),
                "the file is damaged or cut off: copy it again",
            )),
            _ => Ok(()),
        }
    }

    /// Fills `into`; `what` names what is being read.
    pub(super) fn fill(&mut self, into: &mut [u8], what: impl Fn() -> String) -> Result<(), Error> {
        self.read_exact(into)
            .map_err(|source| self.damaged(source, what()))
    }

    /// The next `length` bytes. What a header only claims is not allocated: an unpacked length is known when the bytes are there.
    pub(super) fn take(
        &mut self,
        length: usize,
        what: impl Fn() -> String,
    ) -> Result<Vec<u8>, Error> {
        let known = self.length.map_or(BUFFER, |_| length);
        let mut bytes = Vec::with_capacity(length.min(known));
        Read::take(&mut *self, length as u64)
            .read_to_end(&mut bytes)
            .map_err(|source| self.damaged(source, what()))?;
        if bytes.len() < length {
            let end = io::ErrorKind::UnexpectedEof.into();
            return Err(self.damaged(end, what()));
        }
        Ok(bytes)
    }

    /// What unpacking finds wrong is the file's fault, not the system's.
    fn damaged(&self, source: io::Error, expected: String) -> Error {
        let found = match source.kind() {
            io::ErrorKind::UnexpectedEof => "the end of the file".to_owned(),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => source.to_string(),
            _ => return Error::io(&self.path, "read")(source),
        };
        let hint = "the file is damaged or cut off: copy it again";
        Error::input(&self.path, expected, found, hint)
    }

    /// Passes over `count` bytes.
    pub(super) fn pass_over(&mut self, count: u64) -> Result<(), Error> {
        if let Inner::Plain(reader) = &mut self.inner {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            return reader
                .seek_relative(count)
                .map_err(Error::io(&self.path, "read"));
        }
        let mut limited = Read::take(&mut *self, count);
        let passed = io::copy(&mut limited, &mut io::sink());
        match passed {
            Ok(passed) if passed == count => Ok(()),
            Ok(_) => self.fill(&mut [0], || "more pictures".into()),
            Err(source) => Err(self.damaged(source, "more pictures".into())),
        }
    }

    /// Checks that nothing is left.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        let left = self.read(&mut [0]);
        let left = left.map_err(|e| self.damaged(e, "the end of the file".into()))?;
        if left == 0 {
            return Ok(());
        }
        let hint = "the header does not belong to the data: make the file again";
        Err(Error::input(
            &self.path,
            "the end of the file, by its header",
            "more bytes",
            hint,
        ))
    }
}

impl Read for ByteStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.inner {
            Inner::Plain(reader) => reader.read(into),
            Inner::Gzip(reader) => read_members(reader, into),
        }
    }
}

/// Reads gzip members one after the other; zeros behind the last are padding, as `gzip` has it.
fn read_members(
    slot: &mut Option<Box<GzDecoder<BufReader<File>>>>,
    into: &mut [u8],
) -> io::Result<usize> {
    while let Some(member) = slot {
        let count = member.read(into)?;
        if count > 0 || into.is_empty() {
            return Ok(count);
        }
        let Some(member) = slot.take() else { break };
        let mut reader = member.into_inner();
        loop {
            let ahead = reader.fill_buf()?;
            let zeros = ahead.iter().take_while(|&&byte| byte == 0).count();
            match ahead.get(zeros) {
                None if ahead.is_empty() => return Ok(0),
                None => reader.consume(zeros),
                Some(0x1f) if zeros == 0 => break,
                Some(_) => {
                    let text = "bytes behind the end of the gzip data";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                }
            }
        }
        *slot = Some(Box::new(GzDecoder::new(reader)));
    }
    Ok(0)
}
