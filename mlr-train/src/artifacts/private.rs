//! The client's private directory, mode 0700: what belongs to a run and must never reach the server.
//!
//! | entry | content |
//! |---|---|
//! | `private.json` | kind, schema, the plan's hash, class names, hash and path of the features |
//! | `whitening.safetensors` | mean, axes, lambda (whitened method only) |
//! | `twin/`, `client-only/` | models over raw features |
//! | `twin-as-trained/` | the twin in the trained coordinates, to compare decrypted weights with |

use std::path::Path;

use crate::client::PrivateFile;
use crate::client::prepare::Coordinates;
use crate::data::Description;
use crate::files::{self, Access};
use crate::model::Model;
use serde::{Deserialize, Serialize};

use super::RunError;
use super::manifest::short;
use super::plan::PlanFile;
use crate::files::NewDirectory;

/// The file that makes a directory a private one.
pub const FILE: &str = "private.json";
const KIND: &str = "velum client private directory";
const SCHEMA: u32 = 1;
const LARGEST: u64 = 64 << 20;
const WHITENING: &str = "whitening.safetensors";
const TWIN: &str = "twin";
const CLIENT_ONLY: &str = "client-only";
const AS_TRAINED: &str = "twin-as-trained";

/// `private.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    kind: String,
    schema: u32,
    /// Hash of the plan that the run follows, hex.
    pub plan: String,
    /// Whether the run is trained in whitened coordinates.
    whitened: bool,
    /// Features of a raw row.
    features: usize,
    /// Names of the classes, if known.
    pub class_names: Option<Vec<String>>,
    /// What the training rows were computed by.
    #[serde(default, skip_serializing_if = "Description::is_unknown")]
    pub description: Description,
    /// Hash of the training rows, hex.
    pub features_blake3: String,
    /// Where they came from.
    source: String,
    /// Fingerprint of the public key that the run is encrypted under, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Hash of the encrypted dataset, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// Temperature that makes probabilities of scores, fitted on held-out training rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
}

/// Models that stay with the client.
#[derive(Clone, Debug)]
pub struct Models {
    /// The twin over raw features.
    pub twin: Model,
    /// The model that the client could make alone.
    pub client_only: Model,
    /// The twin in the trained coordinates.
    pub twin_as_trained: Model,
}

/// Everything private of a run.
#[derive(Clone, Debug)]
pub struct PrivateDirectory {
    /// What it belongs to.
    pub head: Head,
    /// What the rows were trained in.
    pub coordinates: Coordinates,
    /// The twin over raw features.
    pub twin: Model,
    /// The model that the client could make alone.
    pub client_only: Model,
    /// The twin in the trained coordinates.
    pub twin_as_trained: Model,
}

impl PrivateDirectory {
    /// Puts a run's parts together.
    pub fn new(
        plan: String,
        set: &crate::data::FeatureSet,
        coordinates: Coordinates,
        models: Models,
    ) -> Self {
        Self {
            head: Head {
                kind: KIND.to_owned(),
                schema: SCHEMA,
                plan,
                whitened: matches!(coordinates, Coordinates::Whitened(_)),
                features: set.width(),
                class_names: set.class_names().map(<[String]>::to_vec),
                description: set.description().clone(),
                features_blake3: set.hash().to_hex().to_string(),
                source: set.source().display().to_string(),
                key: None,
                dataset: None,
                temperature: None,
            },
            coordinates,
            twin: models.twin,
            client_only: models.client_only,
            twin_as_trained: models.twin_as_trained,
        }
    }

    /// Names the key and the dataset that the run is encrypted as.
    pub fn set_encryption(&mut self, key: String, dataset: String) {
        self.head.key = Some(key);
        self.head.dataset = Some(dataset);
    }

    /// Takes the temperature that was fitted on held-out rows.
    pub fn set_temperature(&mut self, temperature: Option<f64>) {
        self.head.temperature = temperature;
    }

    /// Writes everything into a directory that has been begun, `private.json` last.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, directory: &NewDirectory) -> Result<(), RunError> {
        let path = directory.path();
        if let Coordinates::Whitened(map) = &self.coordinates {
            let hash = blake3::Hash::from_hex(&self.head.features_blake3)
                .map_err(|error| RunError::input(error.to_string()))?;
            let file = PrivateFile {
                whitening: (**map).clone(),
                class_names: self.head.class_names.clone(),
                description: self.head.description.clone(),
                features_hash: hash,
                source: self.head.source.clone().into(),
            };
            file.write(&path.join(WHITENING))?;
        }
        self.twin.write_private(&path.join(TWIN))?;
        self.client_only.write_private(&path.join(CLIENT_ONLY))?;
        self.twin_as_trained.write_private(&path.join(AS_TRAINED))?;
        let head = path.join(FILE);
        let mut text = serde_json::to_vec_pretty(&self.head)
            .map_err(|error| RunError::io("encode", &head, &error.into()))?;
        text.push(b'\n');
        Ok(files::write_atomic(&head, &text, Access::Private)?)
    }

    /// Reads `private.json` alone.
    ///
    /// # Errors
    /// None there, or of another kind.
    pub fn read_head(directory: &Path) -> Result<Head, RunError> {
        const NAME: &str = "name the directory that encrypt wrote with --private";
        let path = directory.join(FILE);
        if directory.is_dir() && path.symlink_metadata().is_err() {
            let found = format!("expected a private directory, found one without {FILE}");
            let place = directory.display().to_string();
            return Err(RunError::input(found).at(place).hint(NAME));
        }
        let text = files::read_limited(&path, LARGEST)?;
        let wrong = |found: String| {
            RunError::input(format!("expected {KIND:?}, schema {SCHEMA}, found {found}"))
                .at(path.display().to_string())
                .hint(NAME)
        };
        let head: Head = serde_json::from_slice(&text)
            .map_err(|error| wrong(files::describe_json(&text, &error)))?;
        if head.kind != KIND || head.schema != SCHEMA {
            let kind = short(&head.kind);
            return Err(wrong(format!("{kind:?}, schema {}", head.schema)));
        }
        Ok(head)
    }

    /// Reads a private directory.
    ///
    /// # Errors
    /// Parts that are missing, damaged or do not belong together.
    pub fn read(directory: &Path) -> Result<Self, RunError> {
        let head = Self::read_head(directory)?;
        let coordinates = if head.whitened {
            let file = PrivateFile::read(&directory.join(WHITENING))?;
            if file.features_hash.to_hex().as_str() != head.features_blake3 {
                return Err(RunError::input(format!(
                    "expected the whitening of features {}, found that of {}",
                    short(&head.features_blake3),
                    short(&file.features_hash.to_hex()),
                ))
                .at(directory.join(WHITENING).display().to_string())
                .hint("the files of this directory do not belong together"));
            }
            Coordinates::Whitened(Box::new(file.whitening))
        } else {
            Coordinates::Raw {
                features: head.features,
            }
        };
        Ok(Self {
            head,
            coordinates,
            twin: Model::read(&directory.join(TWIN))?,
            client_only: Model::read(&directory.join(CLIENT_ONLY))?,
            twin_as_trained: Model::read(&directory.join(AS_TRAINED))?,
        })
    }

    /// Refuses the private directory of a run with another plan.
    ///
    /// # Errors
    /// Names both plans.
    pub fn require_plan(&self, directory: &Path, plan: &str) -> Result<(), RunError> {
        if self.head.plan == plan {
            return Ok(());
        }
        Err(RunError::input(format!(
            "expected the private directory of plan {}, found that of plan {}",
            short(plan),
            short(&self.head.plan)
        ))
        .at(directory.display().to_string())
        .hint("plan, private directory and encrypted model must belong to the same run"))
    }
}

/// Reads the map that several owners share, and refuses another than the plan's.
///
/// # Errors
/// No such file, or one with another map.
pub fn shared_whitening(path: &Path, plan: &PlanFile) -> Result<PrivateFile, RunError> {
    let file = PrivateFile::read(path)?;
    let found = file.whitening_hash().to_hex();
    let expected = plan.plan.job().program().owners.whitening.as_deref();
    if expected == Some(found.as_str()) {
        return Ok(file);
    }
    Err(RunError::input(format!(
        "expected the whitening map {} that the plan names, found {}",
        short(expected.unwrap_or("none")),
        short(&found)
    ))
    .at(path.display().to_string())
    .hint("all owners and the key holder use the map that was written with the plan"))
}
