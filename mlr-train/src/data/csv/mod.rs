//! Tables of text: label first, then the features, as programs and spreadsheets write them. `docs/feature-set.md` says what is read.

mod dialect;
mod header;

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use ndarray::Array2;

use self::dialect::{Dialect, LONGEST_LINE, Mark, head};
use self::header::{Columns, Index};
use super::gzip::Unpacked;
use super::set::FeatureSet;
use super::{LARGEST_FILE, MOST_FEATURES, npy::checked_label};
use crate::files::{At, FileError, Location, Problem, size};

/// Most numbers of a table: 2 GiB in memory. Larger ones are better kept as `.npy`.
const MOST_NUMBERS: usize = 1 << 28;

/// Whether the first column is the label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Labels {
    First,
    /// First, unless a row has exactly so many columns: features alone.
    UnlessWidth(usize),
}

/// A table that was read.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) features: Array2<f64>,
    pub(super) labels: Option<Vec<u32>>,
    /// What the header calls the features.
    pub(super) names: Option<Vec<String>>,
}

/// Reads one file with labels, to its end or for `most` rows.
///
/// # Errors
/// As [`read_table`], and those of [`FeatureSet::new`].
pub(super) fn read(path: &Path, most: Option<usize>) -> Result<FeatureSet, FileError> {
    let table = read_table(path, Labels::First, most)?;
    let labels = table.labels.unwrap_or_default();
    let set = FeatureSet::new(table.features, labels, None, path)?;
    Ok(set.with_column_names(table.names))
}

/// Reads one file; its first bytes tell whether it is compressed, and what parts its columns. Nothing is read behind row `most`.
///
/// # Errors
/// [`Problem::Kind`] for another kind of file, [`Problem::Length`] for one that is too large, [`Problem::RaggedRow`], [`Problem::Label`],
/// [`Problem::NotFinite`] with row and column.
pub(super) fn read_table(
    path: &Path,
    labels: Labels,
    most: Option<usize>,
) -> Result<Table, FileError> {
    let at = At(path);
    size(path)?;
    let file = BufReader::new(File::open(path).map_err(FileError::io("open", path))?);
    let broken = |error: io::Error| broken(at, Location::Whole, &error.to_string());
    let mut text = Unpacked::new(file).map_err(broken)?;
    let head = head(&mut text).map_err(broken)?;
    let dialect = Dialect::of(&head)
        .map_err(|[found, hint]| at.fault(Problem::Kind, Location::Whole, EXPECTED, found, hint))?;
    let budget = Rc::new(Cell::new(0));
    let bounded = Bounded {
        inner: head[dialect.skip..].chain(text).take(LARGEST_FILE),
        budget: Rc::clone(&budget),
    };
    let records = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(dialect.separator)
        .trim(csv::Trim::All)
        .from_reader(bounded);
    let mut reader = Reader {
        at,
        records,
        budget,
        separator: dialect.separator,
        mark: Mark::Unknown,
        values: Vec::new(),
        labels: Vec::new(),
        rows: 0,
    };
    reader.all(labels, most)
}

const EXPECTED: &str = "a table of numbers as UTF-8 text, gzip-compressed or not";

fn broken(at: At<'_>, location: Location, found: &str) -> FileError {
    at.fault(
        Problem::Kind,
        location,
        EXPECTED,
        found,
        "the file is cut off, damaged or of another kind",
    )
}

/// Fails before more than a budget has been read: a line without an end must not fill the memory.
struct Bounded<R> {
    inner: R,
    budget: Rc<Cell<usize>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = self.budget.get();
        if left == 0 {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("a row of more than {LONGEST_LINE} bytes"),
            ));
        }
        let end = out.len().min(left);
        let read = self.inner.read(&mut out[..end])?;
        self.budget.set(left - read);
        Ok(read)
    }
}

struct Reader<'a, R> {
    at: At<'a>,
    records: csv::Reader<Bounded<R>>,
    budget: Rc<Cell<usize>>,
    separator: u8,
    mark: Mark,
    values: Vec<f64>,
    labels: Vec<u32>,
    rows: usize,
}

impl<R: Read> Reader<'_, R> {
    fn all(&mut self, labels: Labels, most: Option<usize>) -> Result<Table, FileError> {
        let mut record = csv::ByteRecord::new();
        let mut columns: Option<Columns> = None;
        let mut names = None;
        // An empty row that is not among the last ones.
        let mut gap = false;
        while most.is_none_or(|most| self.rows < most) && self.next(&mut record)? {
            if record.iter().all(<[u8]>::is_empty) {
                gap = self.rows > 0;
                continue;
            }
            if gap {
                return Err(self.ragged(
                    record.len(),
                    "an empty row before it",
                    "remove empty rows",
                ));
            }
            let known = match &mut columns {
                Some(known) => known,
                None => {
                    let (found, is_header) = self.columns(&record, labels)?;
                    if is_header {
                        names = Some(found.names(&record));
                        columns = Some(found);
                        continue;
                    }
                    columns.insert(found)
                }
            };
            self.row(&record, known)?;
        }
        let labelled = columns.as_ref().is_none_or(|columns| columns.labelled);
        let width = columns.map_or(0, |columns| columns.features());
        let values = std::mem::take(&mut self.values);
        let features = Array2::from_shape_vec((self.rows, width), values).map_err(|error| {
            let expected = format!("{} rows of {width} features", self.rows);
            let hint = "every row needs the same number of columns";
            let (problem, found) = (Problem::Shape, error.to_string());
            self.at
                .fault(problem, Location::Whole, expected, found, hint)
        })?;
        Ok(Table {
            features,
            labels: labelled.then(|| std::mem::take(&mut self.labels)),
            names,
        })
    }

    fn next(&mut self, record: &mut csv::ByteRecord) -> Result<bool, FileError> {
        // Read ahead of the row that is asked for: the reader's own buffer.
        self.budget.set(LONGEST_LINE);
        let row = self.rows;
        self.records
            .read_byte_record(record)
            .map_err(|error| broken(self.at, Location::Row(row), &error.to_string()))
    }

    /// What the first line says of the columns, and whether it is a header.
    fn columns(
        &self,
        first: &csv::ByteRecord,
        labels: Labels,
    ) -> Result<(Columns, bool), FileError> {
        let cells: Vec<_> = first.iter().map(String::from_utf8_lossy).collect();
        let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
        if header::counts(&cells, self.separator) {
            return Err(self.at.fault(
                Problem::Kind,
                Location::Row(0),
                "a row of numbers, or a header of names",
                "0, 1, 2, 3 ..: a header that counts the columns?",
                "remove the first line, such as pandas' to_csv with header=False, index=False",
            ));
        }
        let header = header::is_header(&cells, self.separator);
        let found = Columns::of(&cells, header, labels).map_err(|wrong| {
            self.at.fault(
                Problem::Kind,
                Location::Whole,
                wrong.expected,
                wrong.found,
                wrong.hint,
            )
        })?;
        if found.features() > MOST_FEATURES {
            return Err(super::too_wide(self.at, found.features()));
        }
        if found.features() == 0 {
            let hint = "label first, then the features, parted by commas";
            return Err(self.ragged(first.len(), "no features", hint));
        }
        Ok((found, header))
    }

    fn ragged(&self, columns: usize, what: &str, hint: &str) -> FileError {
        self.at.fault(
            Problem::RaggedRow,
            Location::Row(self.rows),
            "a label and one or more features, as many in every row",
            format!("{columns} columns, {what}"),
            hint,
        )
    }

    fn row(&mut self, record: &csv::ByteRecord, columns: &mut Columns) -> Result<(), FileError> {
        let row = self.rows;
        if record.len() != columns.all {
            let what = format!("where the first row has {}", columns.all);
            let hint = "every row needs the same number of columns";
            return Err(self.ragged(record.len(), &what, hint));
        }
        if self.values.len() + columns.features() > MOST_NUMBERS {
            return Err(self.at.fault(
                Problem::Length,
                Location::Row(row),
                format!("at most {MOST_NUMBERS} numbers in a table of text"),
                "more",
                "choose fewer rows with --rows A..B, or convert the table with numpy.save",
            ));
        }
        let reserved = self.values.try_reserve(columns.features());
        reserved.map_err(|error| FileError::io("hold", self.at.0)(io::Error::other(error)))?;
        let line = record.position().map_or(0, csv::Position::line);
        for (column, cell) in record.iter().enumerate() {
            let text = String::from_utf8_lossy(cell);
            let value = self.mark.number(&text, self.separator).map_err(|hint| {
                let shown: String = text.chars().take(40).collect();
                self.at.fault(
                    Problem::NotFinite,
                    Location::Cell { row, column },
                    "a finite number",
                    format!("{shown:?} (line {line})"),
                    hint,
                )
            })?;
            match column.checked_sub(usize::from(columns.index.is_some())) {
                None => self.index(value, columns)?,
                Some(0) if columns.labelled => self.labels.push(label(self.at, row, value)?),
                Some(_) => self.values.push(value),
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// A column that only counts the rows is left out; one that does not is no index.
    fn index(&self, value: f64, columns: &mut Columns) -> Result<(), FileError> {
        let Some(Index { name, next }) = &mut columns.index else {
            return Ok(());
        };
        if next.is_none_or(|expected| expected == value) && value.fract() == 0.0 {
            *next = Some(value + 1.0);
            return Ok(());
        }
        Err(self.at.fault(
            Problem::Label,
            Location::Cell {
                row: self.rows,
                column: 0,
            },
            format!("rows counted in the column named {name:?}, or the label in the first column"),
            value.to_string(),
            "remove columns that are neither label nor feature: the label comes first, then the features",
        ))
    }
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
mod tests;
