//! Predictions as CSV and JSON, by row and, where it is known, by the picture's file name.

use std::fmt::Write as _;
use std::path::Path;

use ndarray::ArrayView2;
use serde::Serialize;

use super::{RunError, kinds};
use crate::data::RowNames;
use crate::files::{self, Access, Outputs};
use crate::metrics::probabilities;
use crate::predict::rank;

/// The best classes of every row.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// Names of the classes, if known.
    class_names: Option<Vec<String>>,
    predictions: Vec<Prediction>,
}

/// One row.
#[derive(Clone, Debug, Serialize)]
struct Prediction {
    row: usize,
    /// The picture that the row was computed from, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    label: u32,
    /// The class that the row is of, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<u32>,
    /// Best first.
    top: Vec<Candidate>,
}

/// One class of a row.
#[derive(Clone, Debug, Serialize)]
struct Candidate {
    label: u32,
    score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
}

impl Table {
    /// The `top` best classes by `scores` (n x c).
    pub fn new(scores: ArrayView2<'_, f64>, names: Option<&[String]>, top: usize) -> Self {
        let rows = rank::best(scores, top).into_iter().enumerate();
        let predictions = rows.map(|(row, best)| {
            let top: Vec<_> = best
                .into_iter()
                .map(|(label, score)| Candidate {
                    label,
                    score,
                    probability: None,
                })
                .collect();
            Prediction {
                row,
                file: None,
                actual: None,
                label: top.first().map_or(0, |first| first.label),
                top,
            }
        });
        Self {
            predictions: predictions.collect(),
            class_names: names.map(<[String]>::to_vec),
        }
    }

    /// The same table with the pictures that the rows were computed from.
    #[must_use]
    pub fn of_files(mut self, files: Option<&RowNames>) -> Self {
        if let Some(files) = files {
            for (prediction, file) in self.predictions.iter_mut().zip(files.as_slice()) {
                prediction.file = Some(file.clone());
            }
        }
        self
    }

    /// The same table with the classes that the rows are of.
    #[must_use]
    pub fn with_actual(mut self, labels: &[u32]) -> Self {
        for (prediction, label) in self.predictions.iter_mut().zip(labels) {
            prediction.actual = Some(*label);
        }
        self
    }

    /// The same table with probabilities: softmax of `scores` (n x c) by the model's temperature.
    #[must_use]
    pub fn with_probabilities(mut self, scores: ArrayView2<'_, f64>, temperature: f64) -> Self {
        for (prediction, row) in self.predictions.iter_mut().zip(scores.rows()) {
            let all = probabilities(&row.to_vec(), temperature);
            for candidate in &mut prediction.top {
                candidate.probability = all.get(candidate.label as usize).copied();
            }
        }
        self
    }

    /// CSV with a head: the row, its file and its own class where they are known, then label, score, (where there are names) name and (where
    /// the model has a temperature) probability of each of the best classes.
    pub fn csv(&self) -> String {
        let most = self.predictions.first().map_or(0, |p| p.top.len());
        let mut text = String::from("row");
        let files = self.predictions.iter().any(|p| p.file.is_some());
        if files {
            text.push_str(",file");
        }
        let names = self.class_names.as_deref();
        let name = |label: u32| {
            names
                .and_then(|names| names.get(label as usize))
                .map_or("", String::as_str)
        };
        let actual = self.predictions.iter().any(|p| p.actual.is_some());
        if actual {
            text.push_str(",actual");
            if names.is_some() {
                text.push_str(",actual_name");
            }
        }
        let sure = self
            .predictions
            .iter()
            .flat_map(|p| &p.top)
            .any(|class| class.probability.is_some());
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
            if sure {
                let _ = write!(text, ",probability{end}");
            }
        }
        text.push('\n');
        for prediction in &self.predictions {
            let _ = write!(text, "{}", prediction.row);
            if files {
                let file = prediction.file.as_deref().unwrap_or_default();
                let _ = write!(text, ",{}", quoted(file));
            }
            if let (Some(label), true) = (prediction.actual, actual) {
                let _ = write!(text, ",{label}");
                if names.is_some() {
                    let _ = write!(text, ",{}", quoted(name(label)));
                }
            }
            for class in &prediction.top {
                let _ = write!(text, ",{},{}", class.label, class.score);
                if names.is_some() {
                    let _ = write!(text, ",{}", quoted(name(class.label)));
                }
                if let (Some(probability), true) = (class.probability, sure) {
                    let _ = write!(text, ",{probability:.6}");
                }
            }
            text.push('\n');
        }
        text
    }

    /// Writes the table to `out`, JSON if its name ends in `.json`, else CSV; gives back what is to be said in its place.
    ///
    /// # Errors
    /// The system's.
    pub fn deliver(self, out: Option<&Path>, access: Access) -> Result<Option<Self>, RunError> {
        let Some(path) = out else {
            return Ok(Some(self));
        };
        let text = if path.extension().is_some_and(|end| end == "json") {
            let encoded = serde_json::to_string_pretty(&self);
            encoded.map_err(|error| RunError::io("encode", path, &error.into()))? + "\n"
        } else {
            self.csv()
        };
        files::write_atomic(path, text.as_bytes(), access)?;
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
/// What can be no table's place, or is another file's.
pub fn require_place<'a>(
    out: Option<&Path>,
    read: impl IntoIterator<Item = &'a Path>,
) -> Result<(), RunError> {
    if let Some(out) = out {
        Outputs::new(read).file(out, kinds::TABLE)?;
    }
    Ok(())
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
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("names.json"), r#"["a/1.png","b,2.png"]"#).unwrap();
        let files = RowNames::beside(place.path(), 2).unwrap();
        let by_file = Table::new(scores.view(), None, 1).of_files(files.as_ref());
        assert_eq!(
            by_file.csv(),
            "row,file,label,score\n0,a/1.png,1,2\n1,\"b,2.png\",0,1\n"
        );
        let sure = Table::new(scores.view(), None, 1).with_actual(&[1, 1]);
        let sure = sure.with_probabilities(scores.view(), 1.5);
        // 1 / (1 + exp(-1)) and 1 / (1 + exp(-1.5)).
        assert_eq!(
            sure.csv(),
            "row,actual,label,score,probability\n0,1,1,2,0.731059\n1,1,0,1,0.817574\n"
        );
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
