//! A trained model over raw features, and the directory it is kept in.
//!
//! | file | content |
//! |---|---|
//! | `model.safetensors` | `weights` (c x p) and `intercept` (c), F64 |
//! | `config.json` | schema, shapes, class names, method, iterations, hash of the tensors |
//! | `README.md` | model card for people |

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use ndarray::{Array1, Array2, ArrayView2};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use crate::files::{
    Access, At, FileError, Location, Problem, describe_json, read_limited, write_atomic,
};
use crate::linalg::affine;
use crate::metrics::predicted;

/// Version of `config.json` that is written and read.
const SCHEMA: u32 = 1;
/// Models are small; more than this is another file.
const LARGEST: u64 = 1 << 30;

/// How the weights were made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Method, such as `whitened`, `paper` or `softmax`.
    pub method: String,
    /// Whether any iteration ran on ciphertexts.
    pub encrypted: bool,
    /// Iterations done.
    pub iterations: usize,
    /// Training rows.
    pub training_rows: usize,
    /// blake3 of the plan in hex, for an encrypted run.
    pub plan_blake3: Option<String>,
    /// Bits of a weight that are known to be right, relative to the largest one.
    pub certified_bits: Option<f64>,
}

/// Weights over raw features: `scores = weights x + intercept`; the largest wins.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    weights: Array2<f64>,
    intercept: Array1<f64>,
    class_names: Option<Vec<String>>,
    provenance: Provenance,
}

/// Parts that do not make a model, or rows that do not fit it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("model: expected {expected}, found {found}\n  hint: {hint}")]
pub struct ModelError {
    /// What fits.
    pub expected: String,
    /// What was given.
    pub found: String,
    /// What the user can do.
    pub hint: &'static str,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    schema: u32,
    kind: String,
    classes: usize,
    features: usize,
    class_names: Option<Vec<String>>,
    tensors_blake3: String,
    provenance: Provenance,
}

const KIND: &str = "velum model";

impl Model {
    /// Checks and takes weights (c x p), intercepts (c) and names (c).
    ///
    /// # Errors
    /// [`ModelError`] for fewer than two classes, no feature, counts that differ, or values that are not finite.
    pub fn new(
        weights: Array2<f64>,
        intercept: Array1<f64>,
        class_names: Option<Vec<String>>,
        provenance: Provenance,
    ) -> Result<Self, ModelError> {
        let (classes, features) = weights.dim();
        let names = class_names.as_ref().map_or(classes, Vec::len);
        if classes < 2 || features == 0 || intercept.len() != classes || names != classes {
            return Err(ModelError {
                expected: "weights of two or more classes, with an intercept and a name each"
                    .into(),
                found: format!(
                    "{classes} x {features} weights, {} intercepts, {names} names",
                    intercept.len()
                ),
                hint: "model, plan and private file must belong to the same run",
            });
        }
        if !weights
            .iter()
            .chain(&intercept)
            .all(|value| value.is_finite())
        {
            return Err(ModelError {
                expected: "finite weights".into(),
                found: "an infinite or undefined one".into(),
                hint: "the training diverged, or the ciphertexts were damaged",
            });
        }
        Ok(Self {
            weights,
            intercept,
            class_names,
            provenance,
        })
    }

    /// Weights over raw features, c x p.
    #[must_use]
    pub fn weights(&self) -> &Array2<f64> {
        &self.weights
    }

    /// Intercepts, c.
    #[must_use]
    pub fn intercept(&self) -> &Array1<f64> {
        &self.intercept
    }

    /// Names of the classes, if known.
    #[must_use]
    pub fn class_names(&self) -> Option<&[String]> {
        self.class_names.as_deref()
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.weights.nrows()
    }

    /// Features of a row.
    #[must_use]
    pub fn features(&self) -> usize {
        self.weights.ncols()
    }

    /// How it was made.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Scores of raw rows, n x p: n x c.
    ///
    /// # Errors
    /// [`ModelError`] for rows of another width.
    pub fn scores(&self, features: ArrayView2<'_, f64>) -> Result<Array2<f64>, ModelError> {
        if features.ncols() != self.features() {
            return Err(ModelError {
                expected: format!("rows of {} features", self.features()),
                found: format!("{} features", features.ncols()),
                hint: "extract the features with the architecture the model was trained on",
            });
        }
        Ok(affine(features, self.weights.view(), Some(&self.intercept)))
    }

    /// Labels of raw rows, n x p; a tie goes to the smallest class.
    ///
    /// # Errors
    /// As [`scores`](Self::scores).
    pub fn predict(&self, features: ArrayView2<'_, f64>) -> Result<Vec<u32>, ModelError> {
        Ok(predicted(self.scores(features)?.view()))
    }

    /// Writes the directory, creating it if needed; each file atomically, `config.json` last, so that a directory with one is whole.
    ///
    /// # Errors
    /// The system's error.
    pub fn write(&self, directory: &Path) -> Result<(), FileError> {
        fs::create_dir_all(directory).map_err(FileError::io("create", directory))?;
        let path = directory.join("model.safetensors");
        let failed =
            |message: String| FileError::io("encode", &path)(std::io::Error::other(message));
        let bytes = |values: Vec<f64>| -> Vec<u8> {
            values.into_iter().flat_map(f64::to_le_bytes).collect()
        };
        let (weights, intercept) = (
            bytes(self.weights.iter().copied().collect()),
            bytes(self.intercept.to_vec()),
        );
        let view = |shape: Vec<usize>, data| {
            TensorView::new(Dtype::F64, shape, data).map_err(|error| failed(error.to_string()))
        };
        let tensors = [
            (
                "weights",
                view(vec![self.classes(), self.features()], &weights)?,
            ),
            ("intercept", view(vec![self.classes()], &intercept)?),
        ];
        let tensors =
            safetensors::serialize(tensors, None).map_err(|error| failed(error.to_string()))?;
        let config = Config {
            schema: SCHEMA,
            kind: KIND.to_owned(),
            classes: self.classes(),
            features: self.features(),
            class_names: self.class_names.clone(),
            tensors_blake3: blake3::hash(&tensors).to_hex().to_string(),
            provenance: self.provenance.clone(),
        };
        let mut text =
            serde_json::to_vec_pretty(&config).map_err(|error| failed(error.to_string()))?;
        text.push(b'\n');
        write_atomic(&path, &tensors, Access::Shared)?;
        let card = self.card();
        write_atomic(
            &directory.join("README.md"),
            card.as_bytes(),
            Access::Shared,
        )?;
        write_atomic(&directory.join("config.json"), &text, Access::Shared)
    }

    /// Reads and checks a directory written by [`write`](Self::write).
    ///
    /// # Errors
    /// [`Problem::Missing`], [`Problem::Kind`], [`Problem::Hash`] when the files do not belong together, [`Problem::Shape`].
    pub fn read(directory: &Path) -> Result<Self, FileError> {
        let config_path = directory.join("config.json");
        let at = At(&config_path);
        let text = read_limited(&config_path, 16 << 20)?;
        let kind = |found: String| {
            at.fault(
                Problem::Kind,
                Location::Whole,
                format!("the configuration of a model, schema {SCHEMA}"),
                found,
                "name the directory that decrypt wrote",
            )
        };
        let config: Config =
            serde_json::from_slice(&text).map_err(|error| kind(describe_json(&text, &error)))?;
        if config.kind != KIND || config.schema != SCHEMA {
            return Err(kind(format!("{:?}, schema {}", config.kind, config.schema)));
        }
        let path = directory.join("model.safetensors");
        let tensors = read_limited(&path, LARGEST)?;
        let found = blake3::hash(&tensors).to_hex().to_string();
        if found != config.tensors_blake3 {
            return Err(At(&path).fault(
                Problem::Hash,
                Location::Whole,
                format!(
                    "the tensors config.json names, blake3 {}",
                    config.tensors_blake3
                ),
                found,
                "the files of this directory do not belong together, or one is damaged",
            ));
        }
        let shape = |found: String| {
            At(&path).fault(
                Problem::Shape,
                Location::Whole,
                format!(
                    "F64 tensors `weights` of {} x {} and `intercept` of {}, as config.json says",
                    config.classes, config.features, config.classes
                ),
                found,
                "the directory was not written by this program",
            )
        };
        let file = SafeTensors::deserialize(&tensors).map_err(|error| shape(error.to_string()))?;
        let values = |name: &str, expected: &[usize]| -> Result<Vec<f64>, FileError> {
            let view = file
                .tensor(name)
                .map_err(|error| shape(error.to_string()))?;
            if view.dtype() != Dtype::F64 || view.shape() != expected {
                return Err(shape(format!(
                    "{name}: {:?} {:?}",
                    view.dtype(),
                    view.shape()
                )));
            }
            let (chunks, _) = view.data().as_chunks::<8>();
            Ok(chunks
                .iter()
                .map(|chunk| f64::from_le_bytes(*chunk))
                .collect())
        };
        let weights = values("weights", &[config.classes, config.features])?;
        let weights = Array2::from_shape_vec((config.classes, config.features), weights)
            .map_err(|error| shape(error.to_string()))?;
        let intercept = Array1::from(values("intercept", &[config.classes])?);
        Self::new(weights, intercept, config.class_names, config.provenance)
            .map_err(|error| shape(error.found))
    }

    /// The model card.
    fn card(&self) -> String {
        let p = &self.provenance;
        let mut text = String::from("# Multiclass logistic regression\n\n");
        // Writing to a String does not fail.
        let mut line = |row: std::fmt::Arguments<'_>| {
            let _ = text.write_fmt(row);
            text.push('\n');
        };
        line(format_args!("| | |\n|---|---|"));
        line(format_args!("| method | {} |", p.method));
        let how = if p.encrypted {
            "on ciphertexts"
        } else {
            "in clear"
        };
        line(format_args!(
            "| trained | {how}, {} iterations |",
            p.iterations
        ));
        line(format_args!("| training rows | {} |", p.training_rows));
        line(format_args!("| features | {} |", self.features()));
        line(format_args!("| classes | {} |", self.classes()));
        if let Some(bits) = p.certified_bits {
            line(format_args!("| certified bits of a weight | {bits:.1} |"));
        }
        if let Some(plan) = &p.plan_blake3 {
            line(format_args!("| plan | {plan} |"));
        }
        line(format_args!(
            "\nA row `x` of features has the scores `weights x + intercept`; the class of the largest score is the prediction."
        ));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn provenance() -> Provenance {
        Provenance {
            method: "whitened".to_owned(),
            encrypted: true,
            iterations: 2,
            training_rows: 128,
            plan_blake3: None,
            certified_bits: Some(13.25),
        }
    }

    fn sample() -> Model {
        let names = Some(vec!["cat".to_owned(), "dog".to_owned()]);
        let weights = array![[1.0, -0.1, 0.25], [0.5, 0.3, -1e-9]];
        Model::new(weights, array![0.5, -0.5], names, provenance()).unwrap()
    }

    #[test]
    fn what_is_written_is_read_to_the_last_bit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model");
        sample().write(&path).unwrap();
        assert_eq!(Model::read(&path).unwrap(), sample());
        assert_eq!(fs::read_dir(&path).unwrap().count(), 3);
        let card = fs::read_to_string(path.join("README.md")).unwrap();
        assert!(card.contains("| trained | on ciphertexts, 2 iterations |"));
    }

    #[test]
    fn predictions_by_hand() {
        let model = sample();
        let rows = array![[1.0, 0.0, 0.0], [-4.0, 0.0, 0.0], [-2.0, 0.0, 0.0]];
        assert_eq!(model.scores(rows.view()).unwrap().row(0), array![1.5, 0.0]);
        // The last row ties at -1.5 and goes to class 0.
        assert_eq!(model.predict(rows.view()).unwrap(), [0, 1, 0]);
        assert!(model.predict(Array2::zeros((1, 2)).view()).is_err());
    }

    #[test]
    fn wrong_parts_are_refused() {
        let new = |w, b, names| Model::new(w, b, names, provenance());
        assert!(new(array![[1.0]], array![0.0], None).is_err());
        assert!(new(array![[1.0], [2.0]], array![0.0], None).is_err());
        assert!(new(array![[1.0], [f64::NAN]], array![0.0, 0.0], None).is_err());
        let one = Some(vec!["a".to_owned()]);
        assert!(new(array![[1.0], [2.0]], array![0.0, 0.0], one).is_err());
    }

    #[test]
    fn damaged_directories_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        sample().write(dir.path()).unwrap();
        let problem = || {
            Model::read(dir.path())
                .unwrap_err()
                .fault()
                .unwrap()
                .problem
        };
        let tensors = dir.path().join("model.safetensors");
        let config = dir.path().join("config.json");
        let (good, text) = (
            fs::read(&tensors).unwrap(),
            fs::read_to_string(&config).unwrap(),
        );
        fs::write(&tensors, &good[..good.len() - 1]).unwrap();
        assert_eq!(problem(), Problem::Hash);
        fs::write(&tensors, &good).unwrap();
        fs::write(&config, text.replace("\"features\": 3", "\"features\": 4")).unwrap();
        assert_eq!(problem(), Problem::Shape);
        fs::write(&config, text.replace("velum model", "another")).unwrap();
        assert_eq!(problem(), Problem::Kind);
        fs::write(&config, &text[..20]).unwrap();
        assert_eq!(problem(), Problem::Kind);
        fs::write(&config, &text).unwrap();
        fs::remove_file(&tensors).unwrap();
        assert_eq!(problem(), Problem::Missing);
    }
}
