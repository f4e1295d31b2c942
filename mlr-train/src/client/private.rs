//! The client's private file: what is needed to fold a trained model back, and must never go to the server.
//!
//! A safetensors file with the tensors `mean` (p), `axes` (p x d) and `eigenvalues` (d) as F64, and one metadata entry `velum` of JSON:
//! kind, format version, lambda, class names, hash and path of the training features, and blake3 of the tensors and of the JSON's other fields.
//! Written with mode 0600.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use super::whiten::Whitening;
use crate::files::{
    Access, At, FileError, Location, Problem, describe_json, read_limited, write_atomic,
};

/// Word in the metadata that tells this kind from others.
const KIND: &str = "velum client private";
/// Version that is written and read.
const VERSION: u32 = 1;
/// 16,384 features with all axes are 2 GiB.
const LARGEST: u64 = 2 << 30;

/// What is private to the client besides its secret key.
#[derive(Clone, PartialEq)]
pub struct PrivateFile {
    /// The whitening map.
    pub whitening: Whitening,
    /// Names of the classes, if known.
    pub class_names: Option<Vec<String>>,
    /// [`FeatureSet::hash`](crate::data::FeatureSet::hash) of the training rows.
    pub features_hash: blake3::Hash,
    /// Where the training rows came from.
    pub source: PathBuf,
}

impl std::fmt::Debug for PrivateFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrivateFile").finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    kind: String,
    version: u32,
    /// Shortest decimal form, which is read back to the last bit; a JSON number need not be.
    lambda: String,
    class_names: Option<Vec<String>>,
    features_blake3: String,
    source: String,
    content_blake3: String,
}

impl Head {
    /// Hash of the tensors' bytes and of every field but the hash itself.
    fn content_hash(&self, tensors: [&[u8]; 3]) -> Option<String> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"velum client private v1\0");
        let fields = serde_json::to_vec(&(
            &self.lambda,
            &self.class_names,
            &self.features_blake3,
            &self.source,
        ))
        .ok()?;
        for part in [&fields[..]].into_iter().chain(tensors) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Some(hasher.finalize().to_hex().to_string())
    }
}

fn bytes<'a>(values: impl IntoIterator<Item = &'a f64>) -> Vec<u8> {
    values
        .into_iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

impl PrivateFile {
    /// Hash of the map alone (mean, axes, variances, lambda): what owners who whiten alike, and their plan, agree on.
    #[must_use]
    pub fn whitening_hash(&self) -> blake3::Hash {
        let map = &self.whitening;
        let mut hasher = blake3::Hasher::new_derive_key("velum mlr-train whitening v1");
        hasher.update(&(map.features() as u64).to_le_bytes());
        hasher.update(&map.lambda().to_le_bytes());
        for part in [
            bytes(map.mean()),
            bytes(map.axes()),
            bytes(map.eigenvalues()),
        ] {
            hasher.update(&part);
        }
        hasher.finalize()
    }

    /// Writes the file, readable by its owner alone, atomically.
    ///
    /// # Errors
    /// The system's error.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        let failed =
            |message: String| FileError::io("encode", path)(std::io::Error::other(message));
        let map = &self.whitening;
        let parts = [
            ("mean", vec![map.features()], bytes(map.mean())),
            ("axes", vec![map.features(), map.kept()], bytes(map.axes())),
            ("eigenvalues", vec![map.kept()], bytes(map.eigenvalues())),
        ];
        let mut head = Head {
            kind: KIND.to_owned(),
            version: VERSION,
            lambda: format!("{:e}", map.lambda()),
            class_names: self.class_names.clone(),
            features_blake3: self.features_hash.to_hex().to_string(),
            source: self.source.to_string_lossy().into_owned(),
            content_blake3: String::new(),
        };
        head.content_blake3 = head
            .content_hash([&parts[0].2, &parts[1].2, &parts[2].2])
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

    /// Reads and checks a private file.
    ///
    /// # Errors
    /// [`Problem::Kind`] for another kind or version, [`Problem::Hash`] for changed content, [`Problem::Shape`], [`Problem::NotFinite`].
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let at = At(path);
        let content = read_limited(path, LARGEST)?;
        let kind = |found: String| {
            at.fault(
                Problem::Kind,
                Location::Whole,
                format!("a client's private file, version {VERSION}"),
                found,
                "name the private file that was written beside the encrypted data's key",
            )
        };
        let file = SafeTensors::deserialize(&content).map_err(|error| kind(error.to_string()))?;
        let (_, metadata) =
            SafeTensors::read_metadata(&content).map_err(|error| kind(error.to_string()))?;
        let text = metadata
            .metadata()
            .as_ref()
            .and_then(|entries| entries.get("velum"))
            .ok_or_else(|| kind("another safetensors file".to_owned()))?;
        let head: Head = serde_json::from_str(text)
            .map_err(|error| kind(describe_json(text.as_bytes(), &error)))?;
        if head.kind != KIND || head.version != VERSION {
            return Err(kind(format!("{:?}, version {}", head.kind, head.version)));
        }
        let tensor = |name: &str| {
            file.tensor(name)
                .ok()
                .filter(|view| view.dtype() == Dtype::F64)
                .ok_or_else(|| kind(format!("no F64 tensor `{name}`")))
        };
        let (mean, axes, eigenvalues) = (tensor("mean")?, tensor("axes")?, tensor("eigenvalues")?);
        let found = head.content_hash([mean.data(), axes.data(), eigenvalues.data()]);
        if found.as_deref() != Some(head.content_blake3.as_str()) {
            return Err(at.fault(
                Problem::Hash,
                Location::Whole,
                format!("content with blake3 {}", head.content_blake3),
                found.unwrap_or_default(),
                "the file was changed or damaged: restore it from a copy",
            ));
        }
        let values = |view: &TensorView<'_>| -> Vec<f64> {
            let (chunks, _) = view.data().as_chunks::<8>();
            chunks
                .iter()
                .map(|chunk| f64::from_le_bytes(*chunk))
                .collect()
        };
        let wrong_shape = || {
            at.fault(
                Problem::Shape,
                Location::Field("mean, axes, eigenvalues".to_owned()),
                "shapes (p), (p, d) and (d)",
                format!(
                    "{:?}, {:?}, {:?}",
                    mean.shape(),
                    axes.shape(),
                    eigenvalues.shape()
                ),
                "the file was not written by this program",
            )
        };
        let ([p], [rows, columns], [d]) = (mean.shape(), axes.shape(), eigenvalues.shape()) else {
            return Err(wrong_shape());
        };
        if p != rows || columns != d {
            return Err(wrong_shape());
        }
        let all = [values(&mean), values(&axes), values(&eigenvalues)];
        if !all.iter().flatten().all(|value| value.is_finite()) {
            return Err(at.fault(
                Problem::NotFinite,
                Location::Whole,
                "finite numbers",
                "an infinite or undefined one",
                "the file was not written by this program",
            ));
        }
        let [mean, axes, eigenvalues] = all;
        let axes = Array2::from_shape_vec((*rows, *columns), axes).map_err(|_| wrong_shape())?;
        let lambda = head
            .lambda
            .parse()
            .map_err(|_| kind(format!("lambda {:?}", head.lambda)))?;
        let whitening = Whitening::from_parts(
            Array1::from(mean),
            axes,
            Array1::from(eigenvalues),
            lambda,
            *rows,
        )
        .map_err(|error| kind(error.to_string()))?;
        let features_hash = blake3::Hash::from_hex(&head.features_blake3)
            .map_err(|_| kind("a features hash that is not 64 hex digits".to_owned()))?;
        Ok(Self {
            whitening,
            class_names: head.class_names,
            features_hash,
            source: PathBuf::from(head.source),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::FeatureSet;
    use std::fs;

    fn sample() -> PrivateFile {
        let x = Array2::from_shape_fn((9, 3), |(i, j)| ((i * 7 + j * 5) % 11) as f64 / 3.0);
        let names = Some(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]);
        let labels = vec![0, 1, 2, 0, 1, 2, 0, 1, 2];
        let set = FeatureSet::new(x, labels, names, "home/images").unwrap();
        PrivateFile {
            // A lambda whose shortest decimal form has 17 digits.
            whitening: Whitening::fit(&set, 2, 0.1 * 0.1 + 1e-17).unwrap(),
            class_names: set.class_names().map(<[String]>::to_vec),
            features_hash: set.hash(),
            source: set.source().to_path_buf(),
        }
    }

    #[test]
    fn what_is_written_is_read_to_the_last_bit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("private.safetensors");
        sample().write(&path).unwrap();
        assert!(PrivateFile::read(&path).unwrap() == sample());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("private.safetensors");
        sample().write(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(PrivateFile::read(&path).is_err(), "cut to {length}");
        }
        for index in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[index] ^= 1;
            fs::write(&path, &bytes).unwrap();
            // A flip may leave the meaning alone (a space of the header's padding): then nothing else may differ.
            if let Ok(read) = PrivateFile::read(&path) {
                assert!(read == sample(), "flip at {index}");
            }
        }
        fs::write(&path, b"{}").unwrap();
        let error = PrivateFile::read(&path).unwrap_err();
        assert_eq!(error.fault().unwrap().problem, Problem::Kind);
    }

    #[test]
    fn debug_output_shows_nothing() {
        let text = format!("{:?} {:?}", sample(), sample().whitening);
        assert!(!text.contains("home") && !text.contains('.') || text.contains(".."));
        assert_eq!(
            format!("{:?}", sample().whitening),
            "Whitening { features: 3, kept: 2, .. }"
        );
    }
}
