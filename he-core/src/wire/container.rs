//! The envelope of every file: prefix, header, payload, hash.

use std::io::{ErrorKind, Read, Write};

use super::WireError;
use super::error::hex;

/// How every file begins.
pub const MAGIC: [u8; 8] = [0x89, b'V', b'L', b'M', 0x0d, 0x0a, 0x1a, 0x0a];
/// Magic, kind, version, lengths, binding.
const PREFIX: usize = 56;
/// Longest header.
const MAX_HEADER: u64 = 1 << 16;
/// Bytes of the hash at the end.
const TRAILER: u64 = 32;

/// Most bytes of a file beside its payload.
pub const MAX_ENVELOPE: u64 = PREFIX as u64 + MAX_HEADER + TRAILER;

/// A BLAKE3 hash.
pub type Hash = [u8; 32];

/// A kind of file. Numbers below 256 are this crate's; others belong to the crates above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Number in the file.
    pub code: u16,
    /// Format version that is written, and the only one that is read.
    pub version: u16,
    /// Name for messages.
    pub name: &'static str,
}

/// What a file says of itself: its kind, and the hash of what its contents belong to (parameters, say, or a plan).
#[derive(Clone, Copy, Debug)]
pub struct Label<'a> {
    /// The kind.
    pub kind: &'a Kind,
    /// The hash.
    pub binding: &'a Hash,
}

impl Kind {
    /// A label of this kind.
    pub fn bound_to<'a>(&'a self, binding: &'a Hash) -> Label<'a> {
        let kind = self;
        Label { kind, binding }
    }

    /// Whether a file that begins with `bytes` says that it is of this kind, of whatever version.
    pub fn begins(&self, bytes: &[u8]) -> bool {
        let rest = bytes.strip_prefix(&MAGIC);
        rest.is_some_and(|rest| rest.starts_with(&self.code.to_le_bytes()))
    }
}

/// What a file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Number of its kind.
    pub kind: u16,
    /// Format version.
    pub version: u16,
    /// Parameters' fingerprint or plan hash.
    pub binding: Hash,
    /// Length of the payload in bytes.
    pub payload: u64,
    /// Header.
    pub header: Vec<u8>,
}

impl Envelope {
    /// Refuses another kind, version or binding than expected.
    fn check(&self, file: &str, expected: Label<'_>) -> Result<(), WireError> {
        let (file, kind) = (file.to_owned(), expected.kind);
        if self.kind != kind.code {
            return Err(WireError::Kind {
                file,
                expected: kind.name,
                found: self.kind,
            });
        }
        if self.version != kind.version {
            return Err(WireError::Version {
                file,
                kind: kind.name,
                expected: kind.version,
                found: self.version,
            });
        }
        if self.binding != *expected.binding {
            return Err(WireError::Binding {
                file,
                expected: hex(expected.binding),
                found: hex(&self.binding),
            });
        }
        Ok(())
    }
}

impl Envelope {
    /// Bytes of the whole file.
    #[cfg(test)]
    pub(crate) fn file_bytes(&self) -> u64 {
        file_bytes(self.header.len() as u64, self.payload)
    }
}

fn file_bytes(header: u64, payload: u64) -> u64 {
    // Only for lengths that a limit has already bounded.
    PREFIX as u64 + header + payload + TRAILER
}

fn bounded(file: &str, found: u64, limit: u64) -> Result<(), WireError> {
    if found > limit {
        let file = file.to_owned();
        return Err(WireError::TooLarge { file, limit, found });
    }
    Ok(())
}

/// Writes one file, in order, hashing as it goes.
#[derive(Debug)]
pub struct Writer<W> {
    sink: W,
    file: String,
    hash: blake3::Hasher,
    remaining: u64,
}

impl<W: Write> Writer<W> {
    /// Writes prefix and header. `file` names the file in errors; exactly `payload` bytes must follow.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] for a header above 64 KiB; [`WireError::Io`].
    pub fn new(
        sink: W,
        file: &str,
        kind: &Kind,
        binding: &Hash,
        header: &[u8],
        payload: u64,
    ) -> Result<Self, WireError> {
        if header.len() as u64 > MAX_HEADER {
            return Err(WireError::TooLarge {
                file: file.to_owned(),
                limit: MAX_HEADER,
                found: header.len() as u64,
            });
        }
        let mut writer = Self {
            sink,
            file: file.to_owned(),
            hash: blake3::Hasher::new(),
            remaining: PREFIX as u64 + header.len() as u64,
        };
        writer.write(&MAGIC)?;
        writer.write(&kind.code.to_le_bytes())?;
        writer.write(&kind.version.to_le_bytes())?;
        writer.write(&(header.len() as u32).to_le_bytes())?;
        writer.write(&payload.to_le_bytes())?;
        writer.write(binding)?;
        writer.write(header)?;
        writer.remaining = payload;
        Ok(writer)
    }

    /// Name of the file in errors.
    pub fn file(&self) -> &str {
        &self.file
    }

    fn io(&self, source: std::io::Error) -> WireError {
        WireError::Io {
            file: self.file.clone(),
            op: "write",
            source,
        }
    }

    /// The next bytes of the payload.
    ///
    /// # Errors
    /// [`WireError::Length`] beyond the declared payload; [`WireError::Io`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let found = bytes.len() as u64;
        self.remaining = self
            .remaining
            .checked_sub(found)
            .ok_or_else(|| WireError::Length {
                file: self.file.clone(),
                what: "bytes left of the declared payload",
                expected: self.remaining,
                found,
            })?;
        self.hash.update(bytes);
        self.sink.write_all(bytes).map_err(|e| self.io(e))
    }

    /// Writes the hash. Returns it, and what was written to.
    ///
    /// # Errors
    /// [`WireError::Length`] if bytes of the payload are missing; [`WireError::Io`].
    pub fn finish(self) -> Result<(Hash, W), WireError> {
        self.finish_hashed().map(|(hash, _, sink)| (hash, sink))
    }

    /// [`finish`](Self::finish), and the BLAKE3 hash of the whole file between the two, as [`Reader::finish_hashed`].
    ///
    /// # Errors
    /// As [`Writer::finish`].
    pub fn finish_hashed(mut self) -> Result<(Hash, Hash, W), WireError> {
        if self.remaining > 0 {
            return Err(WireError::Length {
                file: self.file,
                what: "missing bytes of the declared payload",
                expected: 0,
                found: self.remaining,
            });
        }
        let hash = *self.hash.finalize().as_bytes();
        self.sink
            .write_all(&hash)
            .and_then(|()| self.sink.flush())
            .map_err(|e| self.io(e))?;
        self.hash.update(&hash);
        let whole = *self.hash.finalize().as_bytes();
        Ok((hash, whole, self.sink))
    }
}

/// Reads one file, in order, hashing as it goes.
#[derive(Debug)]
#[must_use = "a file is whole only if finish says so"]
pub struct Reader<R> {
    source: R,
    file: String,
    hash: blake3::Hasher,
    remaining: u64,
    envelope: Envelope,
}

impl<R: Read> Reader<R> {
    /// Reads prefix and header of a file of this kind and binding. `length`: the file's size, if known; `limit`: the largest size that makes sense.
    ///
    /// # Errors
    /// In the order of the checks: [`WireError::TooLarge`], [`WireError::Truncated`], [`WireError::Magic`], [`WireError::Kind`], [`WireError::Version`],
    /// [`WireError::Binding`], [`WireError::TooLarge`] of the declared lengths, [`WireError::Length`] if they are not the file's.
    pub fn open(
        source: R,
        file: &str,
        length: Option<u64>,
        limit: u64,
        kind: &Kind,
        binding: &Hash,
    ) -> Result<Self, WireError> {
        Self::start(source, file, length, limit, Some(kind.bound_to(binding)))
    }

    /// The same for whatever kind and binding: to say what a file is. The payload need not be read.
    ///
    /// # Errors
    /// As [`Reader::open`], without kind, version and binding.
    pub fn inspect(source: R, file: &str, length: Option<u64>) -> Result<Self, WireError> {
        Self::start(source, file, length, u64::MAX >> 1, None)
    }

    fn start(
        source: R,
        file: &str,
        length: Option<u64>,
        limit: u64,
        expected: Option<Label<'_>>,
    ) -> Result<Self, WireError> {
        bounded(file, length.unwrap_or(0), limit)?;
        let mut reader = Self {
            source,
            file: file.to_owned(),
            hash: blake3::Hasher::new(),
            remaining: PREFIX as u64,
            envelope: Envelope {
                kind: 0,
                version: 0,
                binding: [0; 32],
                payload: 0,
                header: vec![],
            },
        };
        let (envelope, header) = reader.prefix()?;
        if let Some(expected) = expected {
            envelope.check(file, expected)?;
        }
        let payload = envelope.payload;
        bounded(file, header, MAX_HEADER)?;
        bounded(file, payload, limit)?;
        bounded(file, file_bytes(header, payload), limit)?;
        if let Some(found) = length.filter(|&l| l != file_bytes(header, payload)) {
            return Err(WireError::Length {
                file: file.to_owned(),
                what: "bytes of the file",
                expected: file_bytes(header, payload),
                found,
            });
        }
        let mut bytes = vec![0; header as usize];
        reader.remaining = header;
        reader.read("the header", &mut bytes)?;
        reader.remaining = payload;
        reader.envelope = Envelope {
            header: bytes,
            ..envelope
        };
        Ok(reader)
    }

    /// The envelope without its header, and the header's length.
    fn prefix(&mut self) -> Result<(Envelope, u64), WireError> {
        let magic: [u8; 8] = self.array("the magic number")?;
        if magic != MAGIC {
            return Err(WireError::Magic {
                file: self.file.clone(),
                found: hex(&magic),
            });
        }
        let kind = u16::from_le_bytes(self.array("the kind")?);
        let version = u16::from_le_bytes(self.array("the format version")?);
        let header = u64::from(u32::from_le_bytes(self.array("the header's length")?));
        let payload = u64::from_le_bytes(self.array("the payload's length")?);
        let envelope = Envelope {
            kind,
            version,
            binding: self.array("the binding")?,
            payload,
            header: vec![],
        };
        Ok((envelope, header))
    }

    /// What the file says of itself.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Name of the file in errors.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Bytes of the payload that were not read yet.
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    /// The next bytes of the payload; `what` names them in errors.
    ///
    /// # Errors
    /// [`WireError::Length`] beyond the payload, [`WireError::Truncated`], [`WireError::Io`].
    pub fn read(&mut self, what: &'static str, bytes: &mut [u8]) -> Result<(), WireError> {
        let found = bytes.len() as u64;
        self.remaining = self
            .remaining
            .checked_sub(found)
            .ok_or_else(|| WireError::Length {
                file: self.file.clone(),
                what,
                expected: self.remaining,
                found,
            })?;
        self.fill(what, bytes)?;
        self.hash.update(bytes);
        Ok(())
    }

    fn fill(&mut self, what: &'static str, bytes: &mut [u8]) -> Result<(), WireError> {
        self.source
            .read_exact(bytes)
            .map_err(|source| match source.kind() {
                ErrorKind::UnexpectedEof => WireError::Truncated {
                    file: self.file.clone(),
                    what,
                },
                _ => WireError::Io {
                    file: self.file.clone(),
                    op: "read",
                    source,
                },
            })
    }

    /// The next bytes of the payload as an array.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], WireError> {
        let mut bytes = [0; N];
        self.read(what, &mut bytes)?;
        Ok(bytes)
    }

    /// Checks that the payload was read to its end, the hash, and that nothing follows. Returns the hash.
    ///
    /// # Errors
    /// [`WireError::Length`], [`WireError::Truncated`], [`WireError::Hash`], [`WireError::Trailing`], [`WireError::Io`].
    pub fn finish(self) -> Result<Hash, WireError> {
        self.finish_hashed().map(|(hash, _)| hash)
    }

    /// [`finish`](Self::finish), and the BLAKE3 hash of the whole file, trailer included: for a list of files that names it. Costs nothing more.
    ///
    /// # Errors
    /// As [`Reader::finish`].
    pub fn finish_hashed(mut self) -> Result<(Hash, Hash), WireError> {
        if self.remaining > 0 {
            return Err(WireError::Length {
                file: self.file,
                what: "unread bytes of the payload",
                expected: 0,
                found: self.remaining,
            });
        }
        let found = *self.hash.finalize().as_bytes();
        let mut expected = [0; 32];
        self.fill("the hash", &mut expected)?;
        if expected != found {
            return Err(WireError::Hash {
                file: self.file,
                expected: hex(&expected),
                found: hex(&found),
            });
        }
        self.hash.update(&expected);
        let whole = *self.hash.finalize().as_bytes();
        match self.fill("the end", &mut [0]) {
            Ok(()) => Err(WireError::Trailing { file: self.file }),
            Err(WireError::Truncated { .. }) => Ok((found, whole)),
            Err(e) => Err(e),
        }
    }
}
