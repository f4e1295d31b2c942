//! Tensors as files hold them: names, shapes and types at once, values when they are asked for.
//!
//! torch's formats (zip archives since 1.6, pickles from 0.1.10 to 1.5, the tar archives before) are
//! read by burn's reader, a crate of its own, which interprets no Python: it knows the calls that
//! rebuild tensors, keeps everything else opaque, and bounds nesting (1,000 levels), copies out of the
//! memo (10^6 nodes, 64 MiB), the pickle's and every tensor's size.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use pytorch_reader::{DType, PytorchReader};
use safetensors::tensor::{Dtype, Metadata, TensorInfo};

/// The longest header of a safetensors file, in bytes: what the format's own library takes.
const MAX_HEADER: u64 = 100_000_000;

/// Tensors by name.
pub(super) type Tensors = BTreeMap<String, Stored>;

/// A tensor whose values are still in its file.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    shape: Vec<usize>,
    dtype: String,
    float: Option<Float>,
    place: Place,
}

/// The types of values that a network is made of.
#[derive(Debug, Clone, Copy)]
enum Float {
    F16,
    BF16,
    F32,
    F64,
}

/// Where the values are.
#[derive(Debug, Clone)]
enum Place {
    Torch(Box<pytorch_reader::Tensor>),
    /// From here to there in a file.
    File(Arc<File>, [u64; 2]),
    Memory(Vec<u8>),
}

impl Stored {
    /// Lengths of its sides.
    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// What its file calls its type.
    pub(super) fn dtype(&self) -> &str {
        &self.dtype
    }

    /// Whether its values are floating-point numbers.
    pub(super) fn is_float(&self) -> bool {
        self.float.is_some()
    }

    /// Its values, rounded to f32 where they are wider.
    ///
    /// # Errors
    /// When they cannot be read, or are not of a floating-point type.
    pub(super) fn values(&self) -> Result<Vec<f32>, String> {
        let Some(float) = self.float else {
            return Err(format!("values of {}", self.dtype));
        };
        let bytes = match &self.place {
            Place::Torch(tensor) => tensor.read(),
            Place::File(file, [start, end]) => read(file, *start, *end),
            Place::Memory(bytes) => Ok(bytes.clone()),
        };
        Ok(float.widened(&bytes.map_err(|error| error.to_string())?))
    }
}

impl Float {
    fn widened(self, bytes: &[u8]) -> Vec<f32> {
        fn each<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
            bytes.as_chunks().0.iter().map(|&b| value(b)).collect()
        }
        match self {
            Self::F16 => each(bytes, |b| from_f16(u16::from_le_bytes(b))),
            Self::BF16 => each(bytes, |b| {
                f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)
            }),
            Self::F32 => each(bytes, f32::from_le_bytes),
            Self::F64 => each(bytes, |b| f64::from_le_bytes(b) as f32),
        }
    }
}

/// The value of a number in IEEE 754's binary16, exactly.
fn from_f16(bits: u16) -> f32 {
    let (sign, bits) = (u32::from(bits >> 15) << 31, u32::from(bits & 0x7fff));
    let magnitude = match bits >> 10 {
        // Zero, and multiples of 2^-24 below the smallest normal number.
        0 => (bits as f32 * 2f32.powi(-24)).to_bits(),
        31 => 0x7f80_0000 | (bits & 0x3ff) << 13,
        // The fraction's ten bits become the first of 23, the exponent's bias 127 instead of 15.
        _ => (bits << 13) + ((127 - 15) << 23),
    };
    f32::from_bits(sign | magnitude)
}

fn read(mut file: &File, start: u64, end: u64) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start))?;
    let length = end - start;
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(length).read_to_end(&mut bytes)?;
    match bytes.len() as u64 == length {
        true => Ok(bytes),
        false => Err(std::io::ErrorKind::UnexpectedEof.into()),
    }
}

/// The tensors of a file that torch wrote, in any of its formats.
pub(super) fn torch(path: &Path) -> Result<Tensors, String> {
    let reader = PytorchReader::new(path).map_err(|error| error.to_string())?;
    let stored = |(name, tensor): (String, pytorch_reader::Tensor)| {
        let float = match tensor.dtype() {
            DType::F16 => Some(Float::F16),
            DType::BF16 => Some(Float::BF16),
            DType::F32 => Some(Float::F32),
            DType::F64 => Some(Float::F64),
            _ => None,
        };
        let stored = Stored {
            shape: tensor.shape().to_vec(),
            dtype: format!("{:?}", tensor.dtype()),
            float,
            place: Place::Torch(Box::new(tensor)),
        };
        (name, stored)
    };
    Ok(reader.into_tensors().into_iter().map(stored).collect())
}

/// The tensors of a safetensors file of `length` bytes.
pub(super) fn safetensors(mut file: File, length: u64) -> Result<Tensors, String> {
    let text = |error: std::io::Error| error.to_string();
    let mut size = [0; 8];
    file.seek(SeekFrom::Start(0)).map_err(text)?;
    file.read_exact(&mut size).map_err(text)?;
    let header = u64::from_le_bytes(size);
    let data = header.saturating_add(8);
    if header > MAX_HEADER || data > length {
        return Err(format!("a header of {header} bytes"));
    }
    let metadata = metadata(&read(&file, 8, data).map_err(text)?, length - data)?;
    let file = Arc::new(file);
    let place = |info: &TensorInfo| {
        let (start, end) = info.data_offsets;
        Place::File(Arc::clone(&file), [data + start as u64, data + end as u64])
    };
    Ok(tensors(&metadata, place))
}

/// The tensors of safetensors in memory.
pub(super) fn in_memory(bytes: &[u8]) -> Result<Tensors, String> {
    let cut = || "fewer bytes than its header says".to_owned();
    let (size, rest) = bytes.split_first_chunk().ok_or_else(cut)?;
    let header = usize::try_from(u64::from_le_bytes(*size)).map_err(|error| error.to_string())?;
    let (header, data) = rest.split_at_checked(header).ok_or_else(cut)?;
    let metadata = metadata(header, data.len() as u64)?;
    let place = |info: &TensorInfo| {
        let (start, end) = info.data_offsets;
        Place::Memory(data[start..end].to_vec())
    };
    Ok(tensors(&metadata, place))
}

/// A header, whose tensors lie one after the other, without gaps, in exactly `length` bytes.
fn metadata(header: &[u8], length: u64) -> Result<Metadata, String> {
    let metadata: Metadata = serde_json::from_slice(header).map_err(|error| error.to_string())?;
    match metadata.data_len() as u64 {
        said if said == length => Ok(metadata),
        said => Err(format!(
            "{length} bytes of values where its header says {said}"
        )),
    }
}

fn tensors(metadata: &Metadata, place: impl Fn(&TensorInfo) -> Place) -> Tensors {
    let stored = |(name, info): (String, &TensorInfo)| {
        let float = match info.dtype {
            Dtype::F16 => Some(Float::F16),
            Dtype::BF16 => Some(Float::BF16),
            Dtype::F32 => Some(Float::F32),
            Dtype::F64 => Some(Float::F64),
            _ => None,
        };
        let stored = Stored {
            shape: info.shape.clone(),
            dtype: format!("{:?}", info.dtype),
            float,
            place: place(info),
        };
        (name, stored)
    };
    metadata.tensors().into_iter().map(stored).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every number of binary16 by its definition: (-1)^s 2^(e - 15) (1 + f / 1024), and for e = 0 (-1)^s 2^-14 f / 1024.
    #[test]
    fn every_half_has_its_value() {
        for bits in 0..=u16::MAX {
            let (negative, exponent, fraction) = (bits >> 15 == 1, bits >> 10 & 31, bits & 1023);
            let found = from_f16(bits);
            assert_eq!(found.is_sign_negative(), negative, "{bits:04x}");
            let wanted = match exponent {
                31 if fraction > 0 => {
                    assert!(found.is_nan(), "{bits:04x}");
                    continue;
                }
                31 => f64::INFINITY,
                0 => f64::from(fraction) / 1024.0 * 2f64.powi(-14),
                e => (1.0 + f64::from(fraction) / 1024.0) * 2f64.powi(i32::from(e) - 15),
            };
            assert_eq!(f64::from(found.abs()), wanted, "{bits:04x}");
        }
    }

    #[test]
    fn wide_and_narrow_floats_are_rounded_once() {
        let bytes = [0x80, 0x3f, 0x00, 0xc0];
        assert_eq!(Float::BF16.widened(&bytes), [1.0, -2.0]);
        let third = 1.0_f64 / 3.0;
        assert_eq!(Float::F64.widened(&third.to_le_bytes()), [third as f32]);
        let third = 1.0_f32 / 3.0;
        assert_eq!(Float::F32.widened(&third.to_le_bytes()), [third]);
    }
}
