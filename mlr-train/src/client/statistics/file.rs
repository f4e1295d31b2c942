//! The file of statistics: written, read, checked.

use std::collections::HashMap;
use std::path::Path;

use ndarray::{Array1, Array2};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use super::{Statistics, bytes};
use crate::data::Description;
use crate::files::{
    Access, At, FileError, Location, Problem, describe_json, read_limited, write_atomic,
};

/// Word in the metadata that tells this kind from others.
const KIND: &str = "velum statistics";
/// Version that is written and read.
const VERSION: u32 = 2;
/// 16,384 features are 2 GiB.
const LARGEST: u64 = (2 << 30) + (1 << 20);
/// Rows of all owners, so that no sum overflows.
const MOST_ROWS: u64 = 1 << 40;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    kind: String,
    version: u32,
    owners: Vec<usize>,
    parts: Vec<String>,
    class_counts: Vec<u64>,
    class_names: Option<Vec<String>>,
    /// What the features were computed by.
    #[serde(default, skip_serializing_if = "Description::is_unknown")]
    description: Description,
    content_blake3: String,
}

impl Head {
    fn content_hash(&self, tensors: [&[u8]; 2]) -> Option<String> {
        let mut hasher = blake3::Hasher::new_derive_key("velum mlr-train statistics v1");
        let fields = (
            &self.owners,
            &self.parts,
            &self.class_counts,
            &self.class_names,
        );
        let mut fields = serde_json::to_vec(&fields).ok()?;
        if !self.description.is_unknown() {
            fields.extend(serde_json::to_vec(&self.description).ok()?);
        }
        for part in [&fields[..]].into_iter().chain(tensors) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Some(hasher.finalize().to_hex().to_string())
    }
}

/// The `f64` tensors of a file.
struct Tensors<'a> {
    mean: TensorView<'a>,
    scatter: TensorView<'a>,
}

impl Statistics {
    /// Writes the file, readable by its owner alone, atomically.
    ///
    /// # Errors
    /// The system's error.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        let failed =
            |message: String| FileError::io("encode", path)(std::io::Error::other(message));
        let p = self.features();
        let parts = [
            ("mean", vec![p], bytes(&self.mean)),
            ("scatter", vec![p, p], bytes(&self.scatter)),
        ];
        let mut head = Head {
            kind: KIND.to_owned(),
            version: VERSION,
            owners: self.owners.clone(),
            parts: self.parts.clone(),
            class_counts: self.class_counts.clone(),
            class_names: self.class_names.clone(),
            description: self.description.clone(),
            content_blake3: String::new(),
        };
        head.content_blake3 = head
            .content_hash([&parts[0].2, &parts[1].2])
            .ok_or_else(|| failed("the description cannot be written as JSON".to_owned()))?;
        let text = serde_json::to_string(&head).map_err(|error| failed(error.to_string()))?;
        let views = parts
            .iter()
            .map(|(name, shape, data)| {
                TensorView::new(Dtype::F64, shape.clone(), data).map(|view| (*name, view))
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| failed(error.to_string()))?;
        let metadata = HashMap::from([("velum".to_owned(), text)]);
        let out = safetensors::serialize(views, Some(metadata))
            .map_err(|error| failed(error.to_string()))?;
        write_atomic(path, &out, Access::Private)
    }

    /// Reads and checks a file of statistics.
    ///
    /// # Errors
    /// [`Problem::Kind`] for another kind or version, [`Problem::Hash`] for changed content, [`Problem::Shape`], [`Problem::NotFinite`].
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let at = At(path);
        let content = read_limited(path, LARGEST)?;
        let (head, tensors) = parts(at, &content)?;
        let found = head.content_hash([tensors.mean.data(), tensors.scatter.data()]);
        if found.as_deref() != Some(head.content_blake3.as_str()) {
            return Err(at.fault(
                Problem::Hash,
                Location::Whole,
                format!("content with blake3 {}", head.content_blake3),
                found.unwrap_or_default(),
                "the file was changed or damaged: transfer it again",
            ));
        }
        Self::of_parts(at, head, &tensors)
    }

    /// Of content with the right hash, which says what it likes.
    fn of_parts(at: At<'_>, head: Head, tensors: &Tensors<'_>) -> Result<Self, FileError> {
        let Tensors { mean, scatter } = tensors;
        let (means, scatters) = (values(mean), values(scatter));
        let p = means.len();
        let all = (head.owners.iter()).try_fold(0u64, |sum, &own| sum.checked_add(own as u64));
        let counted = (head.class_counts.iter()).try_fold(0u64, |sum, &n| sum.checked_add(n));
        let named = head.class_names.as_ref().map(Vec::len);
        let fits = mean.shape() == [p]
            && scatter.shape() == [p, p]
            && p > 0
            && head.parts.len() == head.owners.len()
            && all == counted
            && all.is_some_and(|rows| (1..=MOST_ROWS).contains(&rows))
            && named.is_none_or(|names| names >= head.class_counts.len());
        let found = format!(
            "{:?} and {:?} for {:?} rows of {} owners",
            mean.shape(),
            scatter.shape(),
            all,
            head.owners.len()
        );
        let wrong = || {
            at.fault(
                Problem::Shape,
                Location::Field("mean, scatter, owners, class_counts".to_owned()),
                "shapes (p) and (p, p), as many rows of owners as of classes",
                found.clone(),
                "the file was not written by this program",
            )
        };
        if !fits {
            return Err(wrong());
        }
        if !means.iter().chain(&scatters).all(|value| value.is_finite()) {
            return Err(at.fault(
                Problem::NotFinite,
                Location::Whole,
                "finite numbers",
                "an infinite or undefined one",
                "the file was not written by this program",
            ));
        }
        Ok(Self {
            owners: head.owners,
            parts: head.parts,
            class_counts: head.class_counts,
            class_names: head.class_names,
            description: head.description,
            mean: Array1::from(means),
            scatter: Array2::from_shape_vec((p, p), scatters).map_err(|_| wrong())?,
        })
    }
}

/// What a file is made of, if it is one of statistics.
fn parts<'a>(at: At<'_>, content: &'a [u8]) -> Result<(Head, Tensors<'a>), FileError> {
    let kind = |found: String| {
        at.fault(
            Problem::Kind,
            Location::Whole,
            format!("statistics of features, version {VERSION}"),
            found,
            "name a file that `velum stats` wrote",
        )
    };
    let file = SafeTensors::deserialize(content).map_err(|error| kind(error.to_string()))?;
    let (_, metadata) =
        SafeTensors::read_metadata(content).map_err(|error| kind(error.to_string()))?;
    let entries = metadata.metadata().as_ref();
    let text = entries
        .and_then(|entries| entries.get("velum"))
        .ok_or_else(|| kind("another safetensors file".to_owned()))?;
    let head: Head =
        serde_json::from_str(text).map_err(|error| kind(describe_json(text.as_bytes(), &error)))?;
    if head.kind != KIND || head.version != VERSION {
        return Err(kind(format!("{:?}, version {}", head.kind, head.version)));
    }
    let tensor = |name: &str| {
        file.tensor(name)
            .ok()
            .filter(|view| view.dtype() == Dtype::F64)
            .ok_or_else(|| kind(format!("no F64 tensor `{name}`")))
    };
    let (mean, scatter) = (tensor("mean")?, tensor("scatter")?);
    Ok((head, Tensors { mean, scatter }))
}

fn values(view: &TensorView<'_>) -> Vec<f64> {
    let (chunks, _) = view.data().as_chunks::<8>();
    let numbers = chunks.iter().map(|chunk| f64::from_le_bytes(*chunk));
    numbers.collect()
}
