//! The few arrays that `bench extract` reads and writes.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Height and width of a picture, as in MNIST.
const SIDE: usize = 28;

/// Writes made-up grey pictures as an IDX file: what they show has no influence on speed or memory.
pub(super) fn write_pictures(path: &Path, count: usize) -> Result<()> {
    let file = std::fs::File::create(path).context("cannot write the pictures")?;
    let mut file = std::io::BufWriter::new(file);
    for number in [0x803, u32::try_from(count)?, SIDE as u32, SIDE as u32] {
        file.write_all(&number.to_be_bytes())?;
    }
    let mut picture = [0_u8; SIDE * SIDE];
    for index in 0..count {
        for (at, pixel) in picture.iter_mut().enumerate() {
            *pixel = ((index * 31 + at * at) % 256) as u8;
        }
        file.write_all(&picture)?;
    }
    file.flush().context("cannot write the pictures")
}

/// The values of an f32 `.npy` file, version 1.
pub(super) fn read_npy(path: &Path) -> Result<Vec<f64>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    match bytes.get(..10) {
        Some([0x93, b'N', b'U', b'M', b'P', b'Y', 1, _, low, high]) => {
            let start = 10 + usize::from(u16::from_le_bytes([*low, *high]));
            Ok(floats(bytes.get(start..).unwrap_or_default()))
        }
        _ => bail!("{} is no .npy file of version 1", path.display()),
    }
}

/// Little-endian f32 values.
pub(super) fn read_raw(path: &Path) -> Result<Vec<f64>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(floats(&bytes))
}

fn floats(bytes: &[u8]) -> Vec<f64> {
    let values = bytes.as_chunks::<4>().0.iter();
    values
        .map(|&four| f32::from_le_bytes(four).into())
        .collect()
}

/// The values of a CSV file without its first column, the label. A `.gz` file is unpacked by gzip.
pub(super) fn read_csv(path: &Path) -> Result<Vec<f64>> {
    let text = if path.extension().is_some_and(|end| end == "gz") {
        crate::cargo::output_of(Command::new("gzip").arg("-dc").arg(path))?
    } else {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?
    };
    let mut values = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        for cell in line.split(',').skip(1) {
            let value = cell.trim().parse::<f64>();
            values.push(value.with_context(|| format!("{cell:?} in {}", path.display()))?);
        }
    }
    Ok(values)
}

/// Length of the difference over length of the reference.
pub(super) fn relative_error(found: &[f64], wanted: &[f64]) -> Result<f64> {
    if found.len() != wanted.len() || wanted.is_empty() {
        bail!("{} features against {}", found.len(), wanted.len());
    }
    let difference = found.iter().zip(wanted).map(|(f, w)| (f - w) * (f - w));
    let length: f64 = wanted.iter().map(|w| w * w).sum();
    Ok((difference.sum::<f64>() / length).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a.csv"), "7,1.5,2\n8,-3,0.25\n").unwrap();
        let wanted = vec![1.5, 2.0, -3.0, 0.25];
        assert_eq!(read_csv(&at("a.csv")).unwrap(), wanted);
        let raw: Vec<u8> = wanted
            .iter()
            .flat_map(|&v| (v as f32).to_le_bytes())
            .collect();
        let npy = [b"\x93NUMPY\x01\x00\x04\x00{ }\n".as_slice(), &raw].concat();
        std::fs::write(at("a.npy"), npy).unwrap();
        assert_eq!(read_npy(&at("a.npy")).unwrap(), wanted);
        assert!(read_npy(&at("a.csv")).is_err());
        assert_eq!(
            relative_error(&[3.0, 4.0], &[3.0, 5.0]).unwrap(),
            (1.0_f64 / 34.0).sqrt()
        );
        assert!(relative_error(&[3.0], &[]).is_err());
    }

    #[test]
    fn made_up_pictures_have_an_idx_header() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p");
        write_pictures(&path, 3).unwrap();
        let bytes = std::fs::read(path).unwrap();
        assert_eq!(bytes.len(), 16 + 3 * SIDE * SIDE);
        assert_eq!(bytes[..8], [0, 0, 8, 3, 0, 0, 0, 3]);
    }
}
