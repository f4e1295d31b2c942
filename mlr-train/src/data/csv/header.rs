//! What the first line of a table says of its columns.

use super::Labels;
use super::dialect::Mark;

/// The columns of every row.
#[derive(Debug)]
pub(super) struct Columns {
    /// All of a row, index and label included.
    pub(super) all: usize,
    /// The first column, where it only counts the rows.
    pub(super) index: Option<Index>,
    /// Whether the next column is the label.
    pub(super) labelled: bool,
}

/// A column that counts the rows, as pandas writes one.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) name: String,
    /// The number that the next row must have.
    pub(super) next: Option<f64>,
}

/// A header that cannot be followed.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) expected: String,
    pub(super) found: String,
    pub(super) hint: &'static str,
}

/// Names of a column that counts or names rows.
const INDEX: [&str; 7] = ["", "unnamed: 0", "index", "id", "row", "row_id", "rowid"];
/// Names of a column of labels.
const LABEL: [&str; 6] = ["label", "labels", "class", "target", "y", "class_label"];

/// Whether a line only counts its columns, as a data frame without names does.
pub(super) fn counts(cells: &[&str], separator: u8) -> bool {
    let mut numbers = (0..).zip(cells);
    let is =
        |(k, cell): (i32, &&str)| Mark::Unknown.number(cell, separator).ok() == Some(f64::from(k));
    cells.len() > 3 && numbers.all(is)
}

/// Whether a first line names the columns: its first cell is no number, and it is not a row that lacks a value there.
pub(super) fn is_header(cells: &[&str], separator: u8) -> bool {
    let number = |cell: &str| Mark::Unknown.number(cell, separator).is_ok();
    let Some((first, rest)) = cells.split_first() else {
        return false;
    };
    let missing = ["nan", "na", "null", "none", "?", "inf", "-inf", "#n/a"];
    if number(first) || missing.contains(&first.to_lowercase().as_str()) {
        return false;
    }
    !first.is_empty() || counts(rest, separator) || rest.iter().all(|cell| !number(cell))
}

impl Columns {
    /// Of a first line.
    ///
    /// # Errors
    /// [`Wrong`]: the header names the label elsewhere, or rows have neither of the widths that are asked for.
    pub(super) fn of(cells: &[&str], header: bool, labels: Labels) -> Result<Self, Wrong> {
        let name = |cell: &str| cell.trim_start_matches('#').trim().to_lowercase();
        let first = cells.first().map_or_else(String::new, |cell| name(cell));
        let index = (header && INDEX.contains(&first.as_str())).then_some(Index {
            name: first,
            next: None,
        });
        let start = usize::from(index.is_some());
        let width = cells.len().saturating_sub(start);
        let labelled = match labels {
            Labels::First => true,
            Labels::UnlessWidth(features) if width == features => false,
            Labels::UnlessWidth(features) if width == features + 1 => true,
            Labels::UnlessWidth(features) => {
                return Err(Wrong {
                    expected: format!("rows of {features} features, with or without a label first"),
                    found: format!("{width} columns"),
                    hint: "use features of the same extractor as in training",
                });
            }
        };
        let label = cells
            .iter()
            .position(|cell| LABEL.contains(&name(cell).as_str()));
        if let Some(place) = label.filter(|_| header)
            && (!labelled || place != start)
        {
            return Err(Wrong {
                expected: if labelled {
                    "the label in the first column".to_owned()
                } else {
                    "features alone".to_owned()
                },
                found: format!("a column named {:?} in place {}", cells[place], place + 1),
                hint: "the label comes first, then the features: reorder the columns",
            });
        }
        Ok(Self {
            all: cells.len(),
            index,
            labelled,
        })
    }

    /// What a header calls the features, each name cut to forty characters.
    pub(super) fn names(&self, header: &csv::ByteRecord) -> Vec<String> {
        let others = usize::from(self.index.is_some()) + usize::from(self.labelled);
        let short = |cell: &[u8]| String::from_utf8_lossy(cell).chars().take(40).collect();
        header.iter().skip(others).map(short).collect()
    }

    /// Features of a row.
    pub(super) fn features(&self) -> usize {
        let others = usize::from(self.index.is_some()) + usize::from(self.labelled);
        self.all.saturating_sub(others)
    }
}
