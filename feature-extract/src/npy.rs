//! The header of `.npy` files, so that arrays larger than memory can be read and written row by
//! row; `ndarray-npy` reads and writes whole arrays only.
//!
//! Format: NumPy enhancement proposal 1 (`numpy.lib.format`), versions 1 to 3, C order,
//! little-endian.

use std::io::{self, Read, Write};
use std::path::Path;

use crate::Error;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// A header names three short fields; NumPy itself refuses more than 10,000 bytes.
const MAX_HEADER: usize = 10_000;
/// Every header this crate writes takes this many bytes, so that the row count can be set last.
pub const WRITTEN_HEADER: usize = 128;

/// Element types that this crate reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// `|u1`
    U8,
    /// `<f4`
    F32,
    /// `<i4`
    I32,
    /// `<i8`
    I64,
}

impl Element {
    /// Bytes of one element.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::F32 | Self::I32 => 4,
            Self::I64 => 8,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::U8 => "|u1",
            Self::F32 => "<f4",
            Self::I32 => "<i4",
            Self::I64 => "<i8",
        }
    }

    fn of(code: &str) -> Option<Self> {
        [Self::U8, Self::F32, Self::I32, Self::I64]
            .into_iter()
            .find(|e| e.code() == code)
    }
}

/// Element type and shape of an array in C order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Element type.
    pub element: Element,
    /// Sizes, outermost first; their product times the element's size fits in 63 bits.
    pub shape: Vec<usize>,
    /// Where the data start, in bytes from the beginning of the file.
    pub data_offset: usize,
}

impl Header {
    /// Reads a header; the reader then stands at the first element.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Input`] when this is no `.npy` file, its header is over
    /// 10,000 bytes, its element type is none of [`Element`], it is in Fortran order or its size
    /// overflows.
    pub fn read(path: &Path, from: &mut impl Read) -> Result<Self, Error> {
        let wrong = |expected: &str, found: String| {
            Error::input(
                path,
                expected,
                found,
                "save the array with numpy.save as u8, f32, i32 or i64 in C order",
            )
        };
        let mut start = [0u8; 8];
        read_exactly(path, from, &mut start)?;
        if &start[..6] != MAGIC {
            return Err(wrong(
                "a .npy file",
                format!("a file that starts with {:02x?}", &start[..6]),
            ));
        }
        let length_bytes = match start[6] {
            1 => 2,
            2 | 3 => 4,
            v => {
                return Err(wrong(
                    "a .npy file of version 1, 2 or 3",
                    format!("version {v}"),
                ));
            }
        };
        let mut length = [0u8; 4];
        read_exactly(path, from, &mut length[..length_bytes])?;
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_HEADER {
            return Err(wrong(
                "a header of at most 10,000 bytes",
                format!("{length} bytes"),
            ));
        }
        let mut text = vec![0u8; length];
        read_exactly(path, from, &mut text)?;
        let text = String::from_utf8_lossy(&text);
        let fields = Fields::parse(&text).ok_or_else(|| {
            wrong(
                "a header with 'descr', 'fortran_order' and 'shape'",
                format!("{:?}", text.trim()),
            )
        })?;
        let element = Element::of(fields.descr)
            .ok_or_else(|| wrong("elements |u1, <f4, <i4 or <i8", fields.descr.to_owned()))?;
        if fields.fortran_order {
            return Err(wrong("an array in C order", "Fortran order".into()));
        }
        let bytes = fields
            .shape
            .iter()
            .try_fold(element.bytes(), |a, &b| a.checked_mul(b));
        if bytes.is_none_or(|b| b > i64::MAX as usize) {
            return Err(wrong(
                "an array of less than 2^63 bytes",
                format!("shape {:?}", fields.shape),
            ));
        }
        Ok(Self {
            element,
            shape: fields.shape,
            data_offset: 8 + length_bytes + length,
        })
    }

    /// Writes the header in exactly [`WRITTEN_HEADER`] bytes.
    ///
    /// # Errors
    /// Those of the writer; `InvalidInput` when the shape is too long to be written.
    pub fn write(element: Element, shape: &[usize], to: &mut impl Write) -> io::Result<()> {
        let comma = if shape.len() == 1 { "," } else { "" };
        let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
        let text = format!(
            "{{'descr': '{}', 'fortran_order': False, 'shape': ({}{comma}), }}",
            element.code(),
            sizes.join(", "),
        );
        const TEXT: usize = WRITTEN_HEADER - 10;
        if text.len() >= TEXT {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "shape too long for the header",
            ));
        }
        to.write_all(MAGIC)?;
        to.write_all(&[1, 0])?;
        to.write_all(&(TEXT as u16).to_le_bytes())?;
        writeln!(to, "{text:<width$}", width = TEXT - 1)
    }
}

fn read_exactly(path: &Path, from: &mut impl Read, into: &mut [u8]) -> Result<(), Error> {
    from.read_exact(into).map_err(|source| match source.kind() {
        io::ErrorKind::UnexpectedEof => Error::input(
            path,
            "a .npy header",
            "the end of the file",
            "the file is cut off: copy it again",
        ),
        _ => Error::io(path, "read")(source),
    })
}

/// The three fields of the header: a Python dictionary of literals.
struct Fields<'a> {
    descr: &'a str,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl<'a> Fields<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        while !rest.is_empty() {
            let (key, after) = quoted(rest)?;
            rest = after.trim_start().strip_prefix(':')?.trim_start();
            match key {
                "descr" => {
                    let (value, after) = quoted(rest)?;
                    rest = after;
                    descr = Some(value);
                }
                "fortran_order" => {
                    let value = rest.starts_with("True");
                    rest = rest.strip_prefix(if value { "True" } else { "False" })?;
                    fortran_order = Some(value);
                }
                "shape" => {
                    let (inside, after) = rest.strip_prefix('(')?.split_once(')')?;
                    rest = after;
                    let sizes = inside.split(',').map(str::trim).filter(|s| !s.is_empty());
                    shape = Some(
                        sizes
                            .map(|s| s.parse().ok())
                            .collect::<Option<Vec<usize>>>()?,
                    );
                }
                _ => return None,
            }
            rest = rest.trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        Some(Self {
            descr: descr?,
            fortran_order: fortran_order?,
            shape: shape?,
        })
    }
}

/// The text between the quotes at the start, and what follows.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use ndarray_npy::{ReadNpyExt, WriteNpyExt};

    fn read(bytes: &[u8]) -> Result<Header, Error> {
        Header::read(Path::new("a.npy"), &mut &bytes[..])
    }

    #[test]
    fn reads_what_ndarray_npy_writes() {
        let mut bytes = Vec::new();
        Array2::<f32>::zeros((3, 7)).write_npy(&mut bytes).unwrap();
        let header = read(&bytes).unwrap();
        assert_eq!(
            (header.element, header.shape.as_slice()),
            (Element::F32, &[3, 7][..])
        );
        assert_eq!(bytes.len(), header.data_offset + 3 * 7 * 4);
    }

    #[test]
    fn ndarray_npy_reads_what_is_written() {
        let mut bytes = Vec::new();
        Header::write(Element::F32, &[2, 1], &mut bytes).unwrap();
        assert_eq!(bytes.len(), WRITTEN_HEADER);
        for value in [1.5f32, -2.0] {
            bytes.extend(value.to_le_bytes());
        }
        let array = Array2::<f32>::read_npy(&bytes[..]).unwrap();
        assert_eq!(array, ndarray::array![[1.5f32], [-2.0]]);
        let mut one = Vec::new();
        Header::write(Element::I64, &[9], &mut one).unwrap();
        assert_eq!(read(&one).unwrap().shape, [9]);
    }

    #[test]
    fn hostile_headers_are_refused() {
        let with = |text: &str| {
            let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
            bytes.extend((text.len() as u16).to_le_bytes());
            bytes.extend(text.as_bytes());
            bytes
        };
        let good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
        assert_eq!(read(&with(good)).unwrap().shape, [2, 3]);
        let bad = [
            good.replace("<f4", "<c8"),
            good.replace("False", "True"),
            good.replace("False", "Maybe"),
            good.replace("(2, 3)", "(-2, 3)"),
            good.replace("(2, 3)", "(4294967296, 4294967296)"),
            good.replace("shape", "form"),
            good.replace("'shape': (2, 3), ", ""),
            good.replace('}', ""),
            "é".into(),
            "{é".into(),
            String::new(),
        ];
        for text in bad {
            assert!(read(&with(&text)).is_err(), "{text}");
        }
        for cut in 0..12 {
            assert!(read(&with(good)[..cut]).is_err());
        }
        let mut long = b"\x93NUMPY\x02\x00".to_vec();
        long.extend(u32::MAX.to_le_bytes());
        assert!(read(&long).unwrap_err().to_string().contains("10,000"));
        assert!(
            read(b"PK\x03\x04....")
                .unwrap_err()
                .to_string()
                .contains("a .npy file")
        );
    }
}
