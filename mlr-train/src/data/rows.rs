//! Choosing rows: ranges and regular splits.

use he_core::error::Explain;
use std::fmt;
use std::str::FromStr;

use super::split::Split;

/// Which rows of a feature set to take. Written as `all`, `A..B`, `A..`, `..B`,
/// `every K offset O`, `not every K offset O`, `training` or `held-out`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowSelection {
    /// Every row.
    All,
    /// Rows `start..end`; without an end, to the last row.
    Range {
        /// First row.
        start: usize,
        /// One past the last row.
        end: Option<usize>,
    },
    /// Rows i with `i mod every == offset`, or all others with `complement`.
    Split {
        /// Period, at least 1.
        every: usize,
        /// Remainder, below the period.
        offset: usize,
        /// Take the other rows instead.
        complement: bool,
    },
    /// Four fifths of the rows of each class, whatever their order ([`Split`]), or with `held` the others.
    Stratified {
        /// Take the rows that judge.
        held: bool,
    },
}

/// A row selection that cannot be read, or that does not fit the rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowSelectionError {
    /// Not one of the known forms.
    #[error(
        "rows: expected all, A..B, every K offset O, not every K offset O, training or held-out, found {found:?}"
    )]
    Syntax {
        /// What was written.
        found: String,
    },
    /// No row is left, or rows are named that do not exist.
    #[error("rows {selection}: expected at least one of the {rows} rows there are")]
    OutOfRange {
        /// The selection.
        selection: RowSelection,
        /// Rows there are.
        rows: usize,
    },
    /// Rows without labels, of which no class can be split.
    #[error("rows {selection}: expected rows with labels, found some without")]
    Unlabelled {
        /// The selection.
        selection: RowSelection,
    },
}

impl Explain for RowSelectionError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Syntax { .. } => "such as 0..128",
            Self::OutOfRange { .. } => "rows count from 0 and the end is not included",
            Self::Unlabelled { .. } => "choose them by number, such as 0..128",
        };
        Some(hint.to_owned())
    }
}

impl RowSelection {
    /// One past the last row that can be chosen, where the selection itself says so.
    #[must_use]
    pub fn end(&self) -> Option<usize> {
        match *self {
            Self::Range { end, .. } => end,
            _ => None,
        }
    }

    /// The rows that this one leaves out, where they can be named.
    #[must_use]
    pub fn complement(&self) -> Option<Self> {
        match *self {
            Self::Split {
                every,
                offset,
                complement,
            } => Some(Self::Split {
                every,
                offset,
                complement: !complement,
            }),
            Self::Stratified { held } => Some(Self::Stratified { held: !held }),
            Self::All | Self::Range { .. } => None,
        }
    }

    /// The rows chosen out of those with these labels, ascending.
    ///
    /// # Errors
    /// As [`indices`](Self::indices).
    pub fn of_labels(&self, labels: &[u32]) -> Result<Vec<usize>, RowSelectionError> {
        let Self::Stratified { held } = *self else {
            return self.indices(labels.len());
        };
        let split = Split::of_labels(labels);
        let chosen = if held { split.held } else { split.kept };
        self.require_some(chosen, labels.len())
    }

    fn require_some(
        &self,
        chosen: Vec<usize>,
        rows: usize,
    ) -> Result<Vec<usize>, RowSelectionError> {
        if chosen.is_empty() {
            let selection = self.clone();
            return Err(RowSelectionError::OutOfRange { selection, rows });
        }
        Ok(chosen)
    }

    /// The rows chosen out of `rows`, ascending.
    ///
    /// # Errors
    /// [`RowSelectionError::OutOfRange`] if none is left or a range goes beyond the last row; [`RowSelectionError::Unlabelled`] where
    /// labels are needed.
    pub fn indices(&self, rows: usize) -> Result<Vec<usize>, RowSelectionError> {
        let chosen: Vec<usize> = match *self {
            Self::All => (0..rows).collect(),
            Self::Range { start, end } => {
                let end = end.unwrap_or(rows);
                if end > rows {
                    Vec::new()
                } else {
                    (start..end).collect()
                }
            }
            Self::Split {
                every,
                offset,
                complement,
            } => (0..rows)
                .filter(|row| (row.checked_rem(every) == Some(offset)) != complement)
                .collect(),
            Self::Stratified { .. } => {
                let selection = self.clone();
                return Err(RowSelectionError::Unlabelled { selection });
            }
        };
        self.require_some(chosen, rows)
    }
}

impl fmt::Display for RowSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::All => write!(f, "all"),
            Self::Stratified { held: false } => write!(f, "training"),
            Self::Stratified { held: true } => write!(f, "held-out"),
            Self::Range {
                start,
                end: Some(end),
            } => write!(f, "{start}..{end}"),
            Self::Range { start, end: None } => write!(f, "{start}.."),
            Self::Split {
                every,
                offset,
                complement,
            } => {
                let not = if complement { "not " } else { "" };
                write!(f, "{not}every {every} offset {offset}")
            }
        }
    }
}

impl FromStr for RowSelection {
    type Err = RowSelectionError;

    fn from_str(text: &str) -> Result<Self, RowSelectionError> {
        parse(text.trim()).ok_or_else(|| RowSelectionError::Syntax {
            found: text.to_owned(),
        })
    }
}

fn parse(text: &str) -> Option<RowSelection> {
    match text {
        "all" => return Some(RowSelection::All),
        "training" => return Some(RowSelection::Stratified { held: false }),
        "held-out" => return Some(RowSelection::Stratified { held: true }),
        _ => {}
    }
    if let Some((start, end)) = text.split_once("..") {
        let start = if start.is_empty() {
            0
        } else {
            start.parse().ok()?
        };
        let end = if end.is_empty() {
            None
        } else {
            Some(end.parse().ok()?)
        };
        return Some(RowSelection::Range { start, end });
    }
    let (complement, rest) = match text.strip_prefix("not ") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let words: Vec<&str> = rest.split_whitespace().collect();
    let (every, offset) = match words.as_slice() {
        ["every", every] => (every.parse().ok()?, 0),
        ["every", every, "offset", offset] => (every.parse().ok()?, offset.parse().ok()?),
        _ => return None,
    };
    (offset < every).then_some(RowSelection::Split {
        every,
        offset,
        complement,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(text: &str, of: usize) -> Vec<usize> {
        text.parse::<RowSelection>().unwrap().indices(of).unwrap()
    }

    #[test]
    fn the_forms() {
        assert_eq!(rows("all", 3), [0, 1, 2]);
        assert_eq!(rows("1..3", 5), [1, 2]);
        assert_eq!(rows("3..", 5), [3, 4]);
        assert_eq!(rows("..2", 5), [0, 1]);
        assert_eq!(rows("every 5 offset 4", 12), [4, 9]);
        assert_eq!(rows("not every 3", 7), [1, 2, 4, 5]);
    }

    #[test]
    fn training_and_held_out_rows_are_all_rows_of_every_class() {
        // In turns, so that every fifth row is of one class.
        let labels: Vec<u32> = (0..50).map(|row| row % 5).collect();
        let training: RowSelection = "training".parse().unwrap();
        let held = training.complement().unwrap();
        assert_eq!(
            (held.to_string(), held.complement()),
            ("held-out".to_owned(), Some(training.clone()))
        );
        let of = |rows: &RowSelection| rows.of_labels(&labels).unwrap();
        let (kept, out) = (of(&training), of(&held));
        for class in 0..5 {
            let count = |rows: &[usize]| rows.iter().filter(|&&row| labels[row] == class).count();
            assert_eq!((count(&kept), count(&out)), (8, 2));
        }
        let mut both = [kept, out].concat();
        both.sort_unstable();
        assert_eq!(both, (0..50).collect::<Vec<_>>());
        assert!(matches!(
            training.indices(50),
            Err(RowSelectionError::Unlabelled { .. })
        ));
        assert_eq!(RowSelection::All.of_labels(&labels).unwrap().len(), 50);
    }

    #[test]
    fn wrong_forms_are_refused() {
        for text in [
            "",
            "1",
            "a..b",
            "every",
            "every 0",
            "every 3 offset 3",
            "-1..2",
        ] {
            assert!(text.parse::<RowSelection>().is_err(), "{text:?}");
        }
        for text in ["0..6", "5..", "3..2", "every 9 offset 8"] {
            let selection: RowSelection = text.parse().unwrap();
            assert!(selection.indices(5).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_split_and_its_complement_are_all_rows(every in 2_usize..9, offset in 0_usize..9, of in 20_usize..60) {
            let offset = offset % every;
            let mut both = rows(&format!("every {every} offset {offset}"), of);
            both.extend(rows(&format!("not every {every} offset {offset}"), of));
            both.sort_unstable();
            prop_assert_eq!(both, (0..of).collect::<Vec<_>>());
        }

        #[test]
        fn display_is_read_back(start in 0_usize..50, length in 0_usize..50) {
            let selection = RowSelection::Range { start, end: Some(start + length) };
            prop_assert_eq!(selection.to_string().parse::<RowSelection>().unwrap(), selection);
        }
    }
}
