//! NumPy's `.npy`: features as f16, f32 or f64, labels as any integer type.

use std::path::Path;

use ndarray::{Array2, ShapeBuilder as _};

use super::LARGEST_FILE;
use crate::files::{Access, At, FileError, Location, Problem, read_limited, write_atomic};

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// A header names a type, an order and a shape: 118 bytes when NumPy writes it.
const LARGEST_HEADER: usize = 1024;

/// Little-endian element types that are read; a `match` on the descriptor without its byte order mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    F16,
    F32,
    F64,
    Signed(usize),
    Unsigned(usize),
}

impl Element {
    fn from_descriptor(text: &str) -> Option<Self> {
        let order = text.chars().next()?;
        let element = match text.get(1..)? {
            "f2" => Self::F16,
            "f4" => Self::F32,
            "f8" => Self::F64,
            "i1" => Self::Signed(1),
            "i2" => Self::Signed(2),
            "i4" => Self::Signed(4),
            "i8" => Self::Signed(8),
            "u1" => Self::Unsigned(1),
            "u2" => Self::Unsigned(2),
            "u4" => Self::Unsigned(4),
            "u8" => Self::Unsigned(8),
            _ => return None,
        };
        (order == '<' || (order == '|' && element.width() == 1)).then_some(element)
    }

    /// Bytes of one element.
    pub(super) const fn width(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
            Self::Signed(width) | Self::Unsigned(width) => width,
        }
    }

    /// One real value from exactly [`width`](Self::width) bytes; `None` for integer types.
    pub(super) fn real(self, bytes: &[u8]) -> Option<f64> {
        match self {
            Self::F16 => Some(f64_from_half(u16::from_le_bytes(bytes.try_into().ok()?))),
            Self::F32 => Some(f64::from(f32::from_le_bytes(bytes.try_into().ok()?))),
            Self::F64 => Some(f64::from_le_bytes(bytes.try_into().ok()?)),
            Self::Signed(_) | Self::Unsigned(_) => None,
        }
    }

    /// One integer; `None` for real types.
    pub(super) fn integer(self, bytes: &[u8]) -> Option<i128> {
        let fill = match self {
            Self::Signed(_) if bytes.last().is_some_and(|byte| byte & 0x80 != 0) => 0xff,
            Self::Signed(_) | Self::Unsigned(_) => 0,
            _ => return None,
        };
        let mut wide = [fill; 16];
        wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(i128::from_le_bytes(wide))
    }
}

/// Exact value of an IEEE 754 binary16 number.
fn f64_from_half(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let fraction = f64::from(bits & 0x03ff);
    let magnitude = match (bits >> 10) & 0x1f {
        0 => fraction * f64::powi(2.0, -24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1024.0 + fraction) * f64::powi(2.0, i32::from(exponent) - 25),
    };
    sign * magnitude
}

/// The three entries of a header, which is the text of a Python dictionary (NEP 1).
struct Header<'a> {
    descriptor: &'a str,
    fortran: bool,
    shape: Vec<usize>,
}

impl<'a> Header<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let value = |key: &str| {
            let (_, rest) = text.split_once(key)?;
            rest.trim_start().strip_prefix(':').map(str::trim_start)
        };
        let (descriptor, _) = value("'descr'")?.strip_prefix('\'')?.split_once('\'')?;
        let fortran = value("'fortran_order'")?;
        let (shape, _) = value("'shape'")?.strip_prefix('(')?.split_once(')')?;
        Some(Self {
            descriptor,
            fortran: fortran.starts_with("True")
                || fortran.starts_with("False").then_some(false)?,
            shape: shape
                .split(',')
                .map(str::trim)
                .filter(|side| !side.is_empty())
                .map(|side| side.parse().ok())
                .collect::<Option<_>>()?,
        })
    }
}

struct Raw {
    element: Element,
    fortran: bool,
    shape: Vec<usize>,
    bytes: Vec<u8>,
    start: usize,
}

/// Reads header and bytes; every length is checked against the file before it is used.
fn read_raw(path: &Path) -> Result<Raw, FileError> {
    let at = At(path);
    let bytes = read_limited(path, LARGEST_FILE)?;
    let kind = |found: String| {
        at.fault(
            Problem::Kind,
            Location::Whole,
            "a NumPy .npy file of version 1 to 3",
            found,
            "write it with numpy.save",
        )
    };
    let short = |expected: usize| {
        at.fault(
            Problem::Length,
            Location::Whole,
            format!("{expected} bytes, as the header says"),
            format!("{} bytes", bytes.len()),
            "the file is cut off or was written over: copy it again",
        )
    };
    if !bytes.starts_with(MAGIC) {
        return Err(kind("another kind of file".to_owned()));
    }
    let header_bytes = match bytes.get(6) {
        Some(1) => bytes
            .get(8..10)
            .map(|two| 10 + two[0] as usize + 256 * two[1] as usize),
        Some(2 | 3) => bytes
            .get(8..12)
            .map(|four| 12 + u32::from_le_bytes([four[0], four[1], four[2], four[3]]) as usize),
        Some(&version) => return Err(kind(format!("version {version}"))),
        None => None,
    };
    let start = match header_bytes {
        Some(length) if length <= LARGEST_HEADER => length,
        Some(length) => return Err(kind(format!("a header of {length} bytes"))),
        None => return Err(short(10)),
    };
    if bytes.len() < start {
        return Err(short(start));
    }
    // Past the magic and the length: text in all three versions.
    let text = String::from_utf8_lossy(bytes.get(10..start).unwrap_or_default());
    let header = Header::parse(&text)
        .ok_or_else(|| kind("a header without descr, fortran_order and shape".to_owned()))?;
    let element = Element::from_descriptor(header.descriptor).ok_or_else(|| {
        at.fault(
            Problem::Kind,
            Location::Field("descr".to_owned()),
            "little-endian f2, f4, f8 or an integer type",
            header.descriptor,
            "convert it with numpy's astype",
        )
    })?;
    let expected = header
        .shape
        .iter()
        .try_fold(element.width(), |size, &side| size.checked_mul(side))
        .and_then(|size| size.checked_add(start));
    match expected {
        Some(expected) if expected == bytes.len() => {}
        Some(expected) => return Err(short(expected)),
        None => return Err(short(usize::MAX)),
    }
    Ok(Raw {
        element,
        fortran: header.fortran,
        shape: header.shape,
        bytes,
        start,
    })
}

/// Reads features: two dimensions, rows x features, f16, f32 or f64, either memory order.
///
/// # Errors
/// [`Problem::Kind`], [`Problem::Length`] or [`Problem::Shape`]. Finiteness is checked by [`FeatureSet::new`](super::FeatureSet::new).
pub fn read_features(path: &Path) -> Result<Array2<f64>, FileError> {
    let raw = read_raw(path)?;
    let wrong_shape = || {
        At(path).fault(
            Problem::Shape,
            Location::Whole,
            "two dimensions, rows x features",
            format!("shape {:?}", raw.shape),
            "reshape it with numpy",
        )
    };
    let [rows, columns] = raw.shape[..] else {
        return Err(wrong_shape());
    };
    let values: Option<Vec<f64>> = raw.bytes[raw.start..]
        .chunks_exact(raw.element.width())
        .map(|bytes| raw.element.real(bytes))
        .collect();
    let values = values.ok_or_else(|| {
        At(path).fault(
            Problem::Kind,
            Location::Field("descr".to_owned()),
            "real numbers f2, f4 or f8",
            "integers",
            "is this the labels' file? else convert it with numpy's astype",
        )
    })?;
    Array2::from_shape_vec((rows, columns).set_f(raw.fortran), values)
        .map(|array| array.as_standard_layout().into_owned())
        .map_err(|_| wrong_shape())
}

/// Reads labels: one dimension, or two of which the second is 1, of any integer type.
///
/// # Errors
/// [`Problem::Kind`] for real numbers, [`Problem::Length`], [`Problem::Shape`], [`Problem::Label`] for a negative one.
pub fn read_labels(path: &Path) -> Result<Vec<u32>, FileError> {
    let raw = read_raw(path)?;
    if !matches!(raw.shape[..], [_] | [_, 1]) {
        return Err(At(path).fault(
            Problem::Shape,
            Location::Whole,
            "one dimension, one label a row",
            format!("shape {:?}", raw.shape),
            "labels are class numbers, not one-hot rows",
        ));
    }
    raw.bytes[raw.start..]
        .chunks_exact(raw.element.width())
        .enumerate()
        .map(|(row, bytes)| {
            let value = raw.element.integer(bytes).ok_or_else(|| {
                At(path).fault(
                    Problem::Kind,
                    Location::Field("descr".to_owned()),
                    "integers",
                    "real numbers",
                    "convert them with numpy's astype('int64')",
                )
            })?;
            checked_label(At(path), row, value)
        })
        .collect()
}

/// A label from any integer.
pub(super) fn checked_label(at: At<'_>, row: usize, value: i128) -> Result<u32, FileError> {
    u32::try_from(value).map_err(|_| {
        at.fault(
            Problem::Label,
            Location::Row(row),
            "a label of 0 or more",
            value.to_string(),
            "labels are class numbers from 0",
        )
    })
}

/// A file of version 1, as NumPy lays it out: what comes after the header starts at a multiple of 64 bytes.
fn encode<const WIDTH: usize>(
    descriptor: &str,
    shape: &str,
    values: impl ExactSizeIterator<Item = [u8; WIDTH]>,
) -> Vec<u8> {
    let header = format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': {shape}}}");
    // Magic, version and length before it; a blank at least and the line's end after it.
    let width = (10 + header.len() + 2).next_multiple_of(64) - 11;
    let mut out = MAGIC.to_vec();
    out.extend([1, 0]);
    out.extend((width as u16 + 1).to_le_bytes());
    out.extend(format!("{header:<width$}\n").into_bytes());
    out.reserve(values.len() * WIDTH);
    values.for_each(|value| out.extend_from_slice(&value));
    out
}

/// Writes features as little-endian f32, atomically.
///
/// # Errors
/// The system's error.
pub fn write_features(path: &Path, features: &Array2<f64>) -> Result<(), FileError> {
    let (rows, columns) = features.dim();
    let values = features.iter().map(|value| (*value as f32).to_le_bytes());
    let bytes = encode("<f4", &format!("({rows}, {columns})"), values);
    write_atomic(path, &bytes, Access::Shared)
}

/// Writes labels as little-endian i64, atomically.
///
/// # Errors
/// The system's error.
pub fn write_labels(path: &Path, labels: &[u32]) -> Result<(), FileError> {
    let values = labels.iter().map(|label| i64::from(*label).to_le_bytes());
    let bytes = encode("<i8", &format!("({},)", labels.len()), values);
    write_atomic(path, &bytes, Access::Shared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use std::fs;

    /// A version 1 file by hand.
    fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let mut header =
            format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
        while (10 + header.len() + 1) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let mut out = b"\x93NUMPY\x01\x00".to_vec();
        out.extend_from_slice(&(header.len() as u16).to_le_bytes());
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(data);
        out
    }

    fn with_file<T>(bytes: &[u8], read: impl FnOnce(&Path) -> T) -> T {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npy");
        fs::write(&path, bytes).unwrap();
        read(&path)
    }

    fn problem(bytes: &[u8]) -> Problem {
        with_file(bytes, read_features)
            .unwrap_err()
            .fault()
            .unwrap()
            .problem
    }

    #[test]
    fn halves_are_exact() {
        // IEEE 754-2019, table of binary16: one, smallest and largest of each kind.
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x0001, 5.960_464_477_539_063e-8),
            (0x03ff, 6.097_555_160_522_461e-5),
            (0x0400, 6.103_515_625e-5),
            (0x7bff, 65504.0),
            (0x3555, 0.333_251_953_125),
            (0x7c00, f64::INFINITY),
            (0xfc00, f64::NEG_INFINITY),
        ] {
            assert_eq!(f64_from_half(bits), value);
        }
        assert!(f64_from_half(0x7e00).is_nan());
        // Positive finite halves ascend strictly: no two bit patterns are confused.
        assert!((0..0x7c00_u16 - 1).all(|bits| f64_from_half(bits) < f64_from_half(bits + 1)));
    }

    #[test]
    fn types_and_orders() {
        let half: Vec<u8> = [0x3c00_u16, 0x4000, 0x4200, 0x4400]
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        let rows = with_file(&npy("<f2", "False", "(2, 2)", &half), read_features).unwrap();
        assert_eq!(rows, array![[1.0, 2.0], [3.0, 4.0]]);
        let columns = with_file(&npy("<f2", "True", "(2, 2)", &half), read_features).unwrap();
        assert_eq!(columns, array![[1.0, 3.0], [2.0, 4.0]]);
        let labels = with_file(&npy("|u1", "False", "(3,)", &[0, 2, 255]), read_labels).unwrap();
        assert_eq!(labels, [0, 2, 255]);
        let negative = with_file(&npy("|i1", "False", "(2,)", &[0, 255]), read_labels);
        assert_eq!(
            negative.unwrap_err().fault().unwrap().location,
            Location::Row(1)
        );
        let real = with_file(&npy("<f4", "False", "(1,)", &[0; 4]), read_labels);
        assert_eq!(real.unwrap_err().fault().unwrap().problem, Problem::Kind);
    }

    #[test]
    fn wrong_files() {
        assert_eq!(problem(b""), Problem::Kind);
        assert_eq!(problem(b"\x93NUMPY"), Problem::Length);
        assert_eq!(problem(b"\x93NUMPY\x09\x00aaaa"), Problem::Kind);
        assert_eq!(problem(b"\x93NUMPY\x02\x00\xff\xff\xff\xff"), Problem::Kind);
        assert_eq!(
            problem(&npy("<f4", "False", "(2, 2)", &[0; 15])),
            Problem::Length
        );
        assert_eq!(
            problem(&npy("<f4", "False", "(2, 2)", &[0; 17])),
            Problem::Length
        );
        assert_eq!(
            problem(&npy("<f4", "False", "(4,)", &[0; 16])),
            Problem::Shape
        );
        assert_eq!(
            problem(&npy(">f4", "False", "(2, 2)", &[0; 16])),
            Problem::Kind
        );
        assert_eq!(
            problem(&npy("<i4", "False", "(2, 2)", &[0; 16])),
            Problem::Kind
        );
        let huge = "(4294967296, 4294967296)";
        assert_eq!(problem(&npy("<f4", "False", huge, &[])), Problem::Length);
    }

    #[test]
    fn every_cut_is_an_error() {
        let whole = npy("<f4", "False", "(2, 2)", &[0; 16]);
        for length in 0..whole.len() {
            assert!(with_file(&whole[..length], read_features).is_err());
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let (x, y) = (array![[1.5, -2.25], [0.0, 4.0], [3.0, 1.0]], [2, 0, 1]);
        write_features(&dir.path().join("x.npy"), &x).unwrap();
        write_labels(&dir.path().join("y.npy"), &y).unwrap();
        assert_eq!(read_features(&dir.path().join("x.npy")).unwrap(), x);
        assert_eq!(read_labels(&dir.path().join("y.npy")).unwrap(), y);
    }

    #[test]
    fn a_library_writes_the_same_bytes() {
        use ndarray_npy::WriteNpyExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npy");
        for rows in [0, 1, 9, 1_000, 123_456] {
            let x =
                Array2::from_shape_fn((rows, 3), |(row, column)| row as f64 / 7.0 - column as f64);
            let mut expected = Vec::new();
            x.mapv(|value| value as f32)
                .write_npy(&mut expected)
                .unwrap();
            write_features(&path, &x).unwrap();
            assert!(
                fs::read(&path).unwrap() == expected,
                "{rows} rows of features"
            );
            let y: Vec<u32> = (0..rows as u32).collect();
            let mut expected = Vec::new();
            let wide: ndarray::Array1<i64> = y.iter().map(|label| i64::from(*label)).collect();
            wide.write_npy(&mut expected).unwrap();
            write_labels(&path, &y).unwrap();
            assert!(fs::read(&path).unwrap() == expected, "{rows} labels");
        }
    }
}
