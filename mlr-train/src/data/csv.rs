//! `.csv` and `.csv.gz`: label first, then the features, no header.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use ndarray::Array2;

use super::set::FeatureSet;
use super::{LARGEST_FILE, npy::checked_label};
use crate::files::{At, FileError, Location, Problem, size};

/// Reads one file; the name tells whether it is compressed.
///
/// # Errors
/// [`Problem::Kind`], [`Problem::RaggedRow`], [`Problem::Label`], [`Problem::NotFinite`] with row and column,
/// and those of [`FeatureSet::new`].
pub(super) fn read(path: &Path) -> Result<FeatureSet, FileError> {
    let at = At(path);
    size(path)?;
    let file = BufReader::new(File::open(path).map_err(FileError::io("open", path))?);
    let text: Box<dyn Read> = if path.extension().is_some_and(|end| end == "gz") {
        Box::new(flate2::read::MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.take(LARGEST_FILE));
    let mut record = csv::ByteRecord::new();
    let (mut values, mut labels, mut width) = (Vec::new(), Vec::new(), None);
    loop {
        let row = labels.len();
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                return Err(at.fault(
                    Problem::Kind,
                    Location::Row(row),
                    "comma-separated numbers, gzip-compressed if the name ends in .gz",
                    error.to_string(),
                    "the file is cut off or of another kind",
                ));
            }
        }
        let expected = *width.get_or_insert(record.len());
        if record.len() != expected || expected < 2 {
            return Err(at.fault(
                Problem::RaggedRow,
                Location::Row(row),
                format!("a label and {} features", expected.max(2) - 1),
                format!("{} columns", record.len()),
                "every row needs the same number of columns",
            ));
        }
        for (column, field) in record.iter().enumerate() {
            let text = String::from_utf8_lossy(field);
            let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
            match value {
                Some(value) if column == 0 => labels.push(label(at, row, value)?),
                Some(value) => values.push(value),
                None => {
                    return Err(at.fault(
                        Problem::NotFinite,
                        Location::Cell { row, column },
                        "a finite number",
                        format!("{:?}", text.chars().take(40).collect::<String>()),
                        "the file has no header line; label first, then the features",
                    ));
                }
            }
        }
    }
    let columns = width.map_or(0, |width| width - 1);
    let features = Array2::from_shape_vec((labels.len(), columns), values).map_err(|error| {
        at.fault(
            Problem::Shape,
            Location::Whole,
            format!("{} rows of {columns} features", labels.len()),
            error.to_string(),
            "every row needs the same number of columns",
        )
    })?;
    FeatureSet::new(features, labels, None, path)
}

fn label(at: At<'_>, row: usize, value: f64) -> Result<u32, FileError> {
    // Beyond 2^53 not every integer is a f64, and no label is that large.
    if value.fract() != 0.0 || value.abs() > 9e15 {
        return Err(at.fault(
            Problem::Label,
            Location::Cell { row, column: 0 },
            "an integer label in the first column",
            value.to_string(),
            "the label comes first, then the features",
        ));
    }
    checked_label(at, row, value as i128)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write as _;

    fn with(name: &str, bytes: &[u8]) -> Result<FeatureSet, FileError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        read(&path)
    }

    fn fault(text: &str) -> (Problem, Location) {
        let error = with("a.csv", text.as_bytes()).unwrap_err();
        let fault = error.fault().unwrap();
        (fault.problem, fault.location.clone())
    }

    #[test]
    fn plain_and_compressed() {
        let text = b"1,0.5,2\n0.0, -1e-3,3\n";
        let plain = with("a.csv", text).unwrap();
        assert_eq!(plain.labels(), [1, 0]);
        assert_eq!(plain.features()[[1, 0]], -1e-3);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        let compressed = encoder.finish().unwrap();
        let packed = with("a.csv.gz", &compressed).unwrap();
        assert_eq!(packed.features(), plain.features());
        let cut = with("a.csv.gz", &compressed[..compressed.len() - 9]);
        assert_eq!(cut.unwrap_err().fault().unwrap().problem, Problem::Kind);
    }

    #[test]
    fn wrong_rows_are_named() {
        assert_eq!(
            fault("0,1,2\n1,2\n"),
            (Problem::RaggedRow, Location::Row(1))
        );
        assert_eq!(fault("0\n1\n"), (Problem::RaggedRow, Location::Row(0)));
        let cell = |row, column| Location::Cell { row, column };
        assert_eq!(fault("label,a\n0,1\n"), (Problem::NotFinite, cell(0, 0)));
        assert_eq!(fault("0,1\n1,nan\n"), (Problem::NotFinite, cell(1, 1)));
        assert_eq!(fault("0,1\n1,1e999\n"), (Problem::NotFinite, cell(1, 1)));
        assert_eq!(fault("0,1\n1.5,1\n"), (Problem::Label, cell(1, 0)));
        assert_eq!(fault("0,1\n-1,1\n"), (Problem::Label, Location::Row(1)));
        assert_eq!(fault("").0, Problem::Shape);
    }
}
