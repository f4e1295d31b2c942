//! Compressed or not, by content: as `zcat` and Python's `gzip` read it.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// How every gzip member begins (RFC 1952, 2.3.1).
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The text of a file that may be compressed: one or several gzip members one after the other, with zeros behind the last (the padding of
/// tapes and of some object stores).
pub(crate) struct Unpacked<R>(State<R>);

enum State<R> {
    Plain(R),
    Member(Box<GzDecoder<R>>),
    Done,
}

impl<R: BufRead> Unpacked<R> {
    /// Looks at the first bytes.
    ///
    /// # Errors
    /// The reader's.
    pub(crate) fn new(mut inner: R) -> io::Result<Self> {
        Ok(Self(if inner.fill_buf()?.starts_with(&MAGIC) {
            State::Member(Box::new(GzDecoder::new(inner)))
        } else {
            State::Plain(inner)
        }))
    }
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match &mut self.0 {
                State::Plain(inner) => return inner.read(out),
                State::Done => return Ok(0),
                State::Member(member) => member.read(out)?,
            };
            if read > 0 || out.is_empty() {
                return Ok(read);
            }
            if let State::Member(member) = std::mem::replace(&mut self.0, State::Done) {
                self.0 = next(member.into_inner())?;
            }
        }
    }
}

/// What follows a member.
fn next<R: BufRead>(mut inner: R) -> io::Result<State<R>> {
    loop {
        let behind = inner.fill_buf()?;
        if behind.is_empty() {
            return Ok(State::Done);
        }
        let zeros = behind.iter().take_while(|byte| **byte == 0).count();
        if zeros == behind.len() {
            inner.consume(zeros);
            continue;
        }
        if behind[zeros] != MAGIC[0] {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "other bytes behind the compressed data",
            ));
        }
        inner.consume(zeros);
        return Ok(State::Member(Box::new(GzDecoder::new(inner))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufReader, Write as _};

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(bytes: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        // Two bytes at a time: every boundary is met.
        Unpacked::new(BufReader::with_capacity(2, bytes))?
            .read_to_string(&mut text)
            .map(|_| text)
    }

    #[test]
    fn members_and_padding_are_read_and_the_rest_is_refused() {
        let (one, two) = (packed(b"0,1\n"), packed(b"1,2\n"));
        assert_eq!(unpacked(b"0,1\n").unwrap(), "0,1\n");
        assert_eq!(unpacked(&one).unwrap(), "0,1\n");
        assert_eq!(unpacked(&[&one[..], &two].concat()).unwrap(), "0,1\n1,2\n");
        assert_eq!(
            unpacked(&[&one[..], &[0; 513], &two, &[0; 7]].concat()).unwrap(),
            "0,1\n1,2\n"
        );
        assert!(unpacked(&[&one[..], b"rubbish"].concat()).is_err());
        assert!(unpacked(&one[..one.len() - 1]).is_err());
        assert_eq!(unpacked(b"").unwrap(), "");
    }
}
