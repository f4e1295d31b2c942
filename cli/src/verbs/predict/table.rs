//! Predictions as CSV and JSON.

use std::fmt::Write as _;
use std::path::Path;

use mlr_train::files::{self, Access};
use mlr_train::predict::rank;
use ndarray::ArrayView2;
use serde::Serialize;

use crate::artifacts::directory;
use crate::failure::Failure;
use crate::prediction::TableArgs;

/// The best classes of every row.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Table {
    /// Names of the classes, if known.
    class_names: Option<Vec<String>>,
    predictions: Vec<Prediction>,
}

/// One row.
#[derive(Clone, Debug, Serialize)]
struct Prediction {
    row: usize,
    label: u32,
    /// Best first.
    top: Vec<Candidate>,
}

/// One class of a row.
#[derive(Clone, Debug, Serialize)]
struct Candidate {
    label: u32,
    score: f64,
}

impl Table {
    /// The `top` best classes by `scores` (n x c).
    pub(crate) fn new(scores: ArrayView2<'_, f64>, names: Option<&[String]>, top: usize) -> Self {
        let rows = rank::best(scores, top).into_iter().enumerate();
        let predictions = rows.map(|(row, best)| {
            let top: Vec<_> = best
                .into_iter()
                .map(|(label, score)| Candidate { label, score })
                .collect();
            Prediction {
                row,
                label: top.first().map_or(0, |first| first.label),
                top,
            }
        });
        Self {
            predictions: predictions.collect(),
            class_names: names.map(<[String]>::to_vec),
        }
    }

    /// CSV with a head: the row, then label, score and (where there are names) name of each of the best classes.
    pub(crate) fn csv(&self) -> String {
        let most = self.predictions.first().map_or(0, |p| p.top.len());
        let mut text = String::from("row");
        let names = self.class_names.as_deref();
        // Writing to a String does not fail.
        for rank in 1..=most {
            let end = if rank == 1 {
                String::new()
            } else {
                format!("_{rank}")
            };
            let _ = write!(text, ",label{end},score{end}");
            if names.is_some() {
                let _ = write!(text, ",name{end}");
            }
        }
        text.push('\n');
        for prediction in &self.predictions {
            let _ = write!(text, "{}", prediction.row);
            for class in &prediction.top {
                let _ = write!(text, ",{},{}", class.label, class.score);
                if let Some(names) = names {
                    let name = names.get(class.label as usize).map_or("", String::as_str);
                    let _ = write!(text, ",{}", quoted(name));
                }
            }
            text.push('\n');
        }
        text
    }

    /// Writes the table where the arguments say; gives back what is to be said on stdout in its place.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn deliver(self, args: &TableArgs) -> Result<Option<Self>, Failure> {
        let Some(path) = &args.out else {
            return Ok(Some(self));
        };
        let text = if path.extension().is_some_and(|end| end == "json") {
            let encoded = serde_json::to_string_pretty(&self);
            encoded.map_err(|error| Failure::io("encode", path, &error.into()))? + "\n"
        } else {
            self.csv()
        };
        files::write_atomic(path, text.as_bytes(), Access::Shared)?;
        Ok(None)
    }
}

/// A field of CSV (RFC 4180).
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

/// Refuses an output that could not be written, before any work.
///
/// # Errors
/// Its directory does not exist.
pub(crate) fn require_place(out: Option<&Path>) -> Result<(), Failure> {
    out.map_or(Ok(()), directory::require_parent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn csv_names_the_best_classes() {
        let scores = array![[0.5, 2.0], [1.0, -1.25]];
        let plain = Table::new(scores.view(), None, 1);
        assert_eq!(plain.csv(), "row,label,score\n0,1,2\n1,0,1\n");
        let names = ["cat".to_owned(), "dog, \"big\"".to_owned()];
        let named = Table::new(scores.view(), Some(&names), 2);
        assert_eq!(
            named.csv(),
            "row,label,score,name,label_2,score_2,name_2\n\
             0,1,2,\"dog, \"\"big\"\"\",0,0.5,cat\n\
             1,0,1,cat,1,-1.25,\"dog, \"\"big\"\"\"\n"
        );
    }
}
