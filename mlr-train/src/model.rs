//! A trained model over raw features, and the directory it is kept in.
//!
//! | file | content |
//! |---|---|
//! | `model.safetensors` | `weight` (c x p) and `bias` (c) over raw features, F64; `weights` and `intercept` in schema 1 |
//! | `config.json` | schema, shapes, class names, network and preprocessing of the features, method, iterations, hash of the tensors |
//! | `README.md` | model card for people |

use he_core::error::Explain;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use ndarray::{Array1, Array2, ArrayView2};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use crate::data::{Classes, Description};
use crate::files::{
    Access, At, FileError, Location, Problem, describe_json, read_limited, write_atomic,
};
use crate::linalg::affine;
use crate::metrics::predicted;

/// Version of `config.json` that is written; 1 is read, too.
const SCHEMA: u32 = 2;
/// Names of the tensors, as torch's linear layer has them.
const TENSORS: [&str; 2] = ["weight", "bias"];
/// What schema 1 called them.
const TENSORS_1: [&str; 2] = ["weights", "intercept"];
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
    /// Bits behind the binary point that weights as trained were rounded to: a whole number.
    pub certified_bits: Option<f64>,
}

/// Weights over raw features: `scores = weights x + intercept`; the largest wins.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    weights: Array2<f64>,
    intercept: Array1<f64>,
    class_names: Option<Vec<String>>,
    description: Description,
    temperature: Option<f64>,
    provenance: Provenance,
}

/// Parts that do not make a model, or rows that do not fit it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("model: expected {expected}, found {found}")]
pub struct ModelError {
    /// What fits.
    pub expected: String,
    /// What was given.
    pub found: String,
    /// What the user can do.
    pub hint: &'static str,
}

impl Explain for ModelError {
    fn hint(&self) -> Option<String> {
        Some(self.hint.to_owned())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    schema: u32,
    kind: String,
    classes: usize,
    features: usize,
    class_names: Option<Vec<String>>,
    /// What the features of a row are computed by.
    #[serde(default, skip_serializing_if = "Description::is_unknown")]
    features_by: Description,
    /// Makes probabilities of scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
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
            description: Description::default(),
            temperature: None,
            provenance,
        })
    }

    /// The same model with what its rows' features are computed by.
    #[must_use]
    pub fn with_description(mut self, description: Description) -> Self {
        self.description = description;
        self
    }

    /// The same model with the temperature that makes probabilities of its scores; one that is not positive and finite is none.
    #[must_use]
    pub fn with_temperature(mut self, temperature: Option<f64>) -> Self {
        self.temperature = temperature.filter(|t| t.is_finite() && *t > 0.0);
        self
    }

    /// What scores are divided by before softmax makes probabilities of them; none where no held-out rows have told.
    #[must_use]
    pub fn temperature(&self) -> Option<f64> {
        self.temperature
    }

    /// What the features of a row are computed by, as far as it is known.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Its classes, to hold rows against.
    #[must_use]
    pub fn class_set(&self) -> Classes<'_> {
        Classes {
            count: self.classes(),
            names: self.class_names(),
        }
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
        self.write_for(directory, Access::Shared)
    }

    /// As [`write`](Self::write), with files that their owner alone can read.
    ///
    /// # Errors
    /// The system's error.
    pub fn write_private(&self, directory: &Path) -> Result<(), FileError> {
        self.write_for(directory, Access::Private)
    }

    fn write_for(&self, directory: &Path, access: Access) -> Result<(), FileError> {
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
                TENSORS[0],
                view(vec![self.classes(), self.features()], &weights)?,
            ),
            (TENSORS[1], view(vec![self.classes()], &intercept)?),
        ];
        let tensors =
            safetensors::serialize(tensors, None).map_err(|error| failed(error.to_string()))?;
        let config = Config {
            schema: SCHEMA,
            kind: KIND.to_owned(),
            classes: self.classes(),
            features: self.features(),
            class_names: self.class_names.clone(),
            features_by: self.description.clone(),
            temperature: self.temperature,
            tensors_blake3: blake3::hash(&tensors).to_hex().to_string(),
            provenance: self.provenance.clone(),
        };
        let mut text =
            serde_json::to_vec_pretty(&config).map_err(|error| failed(error.to_string()))?;
        text.push(b'\n');
        write_atomic(&path, &tensors, access)?;
        let card = self.card();
        write_atomic(&directory.join("README.md"), card.as_bytes(), access)?;
        write_atomic(&directory.join("config.json"), &text, access)
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
        let [weight, bias] = match config.schema {
            SCHEMA if config.kind == KIND => TENSORS,
            1 if config.kind == KIND => TENSORS_1,
            _ => return Err(kind(format!("{:?}, schema {}", config.kind, config.schema))),
        };
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
                    "F64 tensors `{weight}` of {} x {} and `{bias}` of {}, as config.json says",
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
        let weights = values(weight, &[config.classes, config.features])?;
        let weights = Array2::from_shape_vec((config.classes, config.features), weights)
            .map_err(|error| shape(error.to_string()))?;
        let intercept = Array1::from(values(bias, &[config.classes])?);
        let model = Self::new(weights, intercept, config.class_names, config.provenance);
        let model = model.map_err(|error| shape(error.found))?;
        let model = model.with_description(config.features_by);
        Ok(model.with_temperature(config.temperature))
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
        if let Some(names) = &self.class_names {
            // A bar in a name would end the cell.
            let names = names.join(", ").replace('|', "\\|");
            line(format_args!("| names of the classes | {names} |"));
        }
        if let Some(network) = &self.description.model {
            line(format_args!("| network | {network} |"));
        }
        if let Some(hash) = &self.description.weights_blake3 {
            line(format_args!("| its weights | {hash} |"));
        }
        if let Some(how) = &self.description.preprocessing {
            let how = serde_json::Value::Object(how.clone());
            line(format_args!("| preprocessing | `{how}` |"));
        }
        if let Some(bits) = p.certified_bits {
            line(format_args!("| certified bits of a weight | {bits:.0} |"));
        }
        if let Some(plan) = &p.plan_blake3 {
            line(format_args!("| plan | {plan} |"));
        }
        line(format_args!(
            "\nA row `x` of features has the scores `weight x + bias`, with the tensors of `model.safetensors`; the class of the largest score is the prediction."
        ));
        text
    }
}

#[cfg(test)]
mod tests;
