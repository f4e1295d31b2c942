//! The client's private file: what is needed to fold a trained model back, and must never go to the server.
//!
//! A safetensors file with the tensors `mean` (p), `axes` (p x d) and `eigenvalues` (d) as F64, and one metadata entry `velum` of JSON:
//! kind, format version, lambda, class names, hash, origin and path of the training features, and blake3 of the tensors and of the JSON's other
//! fields.
//! Written with mode 0600.

use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use super::headed::{self, Head, Tensor, bytes};
use super::whiten::Whitening;
use crate::data::Description;
use crate::files::{At, FileError};

/// What is private to the client besides its secret key.
#[derive(Clone, PartialEq)]
pub struct PrivateFile {
    /// The whitening map.
    pub whitening: Whitening,
    /// Names of the classes, if known.
    pub class_names: Option<Vec<String>>,
    /// What the training rows were computed by, as far as it is known.
    pub description: Description,
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
struct Known {
    kind: String,
    version: u32,
    /// Shortest decimal form, which is read back to the last bit; a JSON number need not be.
    lambda: String,
    class_names: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Description::is_unknown")]
    description: Description,
    features_blake3: String,
    source: String,
    content_blake3: String,
}

impl Head for Known {
    const KIND: &'static str = "velum client private";
    const VERSION: u32 = 1;
    const EXPECTED: &'static str = "a client's private file";
    const HINT: &'static str =
        "name the private file that was written beside the encrypted data's key";
    const DAMAGED: &'static str = "the file was changed or damaged: restore it from a copy";
    /// 16,384 features with all axes are 2 GiB.
    const LARGEST: u64 = 2 << 30;

    fn named(&self) -> (&str, u32, &str) {
        (&self.kind, self.version, &self.content_blake3)
    }

    fn content_hash(&self, tensors: &[&[u8]]) -> Option<String> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"velum client private v1\0");
        let fields = (
            &self.lambda,
            &self.class_names,
            &self.features_blake3,
            &self.source,
        );
        headed::hash(hasher, &fields, &self.description, tensors)
    }

    fn set_hash(&mut self, hash: String) {
        self.content_blake3 = hash;
    }
}

impl PrivateFile {
    /// Hash of what owners who whiten alike, and their plan, agree on: the map (mean, axes, variances, lambda) and, where they are known, the
    /// classes in their order and what the features are computed by.
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
        if self.class_names.is_some() || !self.description.is_unknown() {
            // Values of these types always have a JSON.
            let said = serde_json::to_vec(&(&self.class_names, &self.description));
            hasher.update(b"classes and origin\0");
            hasher.update(&said.unwrap_or_default());
        }
        hasher.finalize()
    }

    /// Writes the file, readable by its owner alone, atomically.
    ///
    /// # Errors
    /// The system's error.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        let map = &self.whitening;
        let tensors = [
            ("mean", vec![map.features()], bytes(map.mean())),
            ("axes", vec![map.features(), map.kept()], bytes(map.axes())),
            ("eigenvalues", vec![map.kept()], bytes(map.eigenvalues())),
        ];
        let known = Known {
            kind: Known::KIND.to_owned(),
            version: Known::VERSION,
            lambda: format!("{:e}", map.lambda()),
            class_names: self.class_names.clone(),
            description: self.description.clone(),
            features_blake3: self.features_hash.to_hex().to_string(),
            source: self.source.to_string_lossy().into_owned(),
            content_blake3: String::new(),
        };
        headed::write(path, known, &tensors)
    }

    /// Reads and checks a private file.
    ///
    /// # Errors
    /// [`Problem::Kind`](crate::files::Problem::Kind) for another kind or version, `Hash` for changed content, `Shape`, `NotFinite`.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let at = At(path);
        let kind = |found: String| headed::wrong_kind::<Known>(at, found);
        let (known, tensors) = headed::read::<Known, 3>(path, ["mean", "axes", "eigenvalues"])?;
        let shapes = tensors.each_ref().map(|tensor| &tensor.shape[..]);
        let [p, d] = match shapes {
            [[p], [rows, columns], [d]] if p == rows && columns == d => [*p, *d],
            [mean, axes, eigenvalues] => {
                let found = format!("{mean:?}, {axes:?}, {eigenvalues:?}");
                let (fields, expected) = ("mean, axes, eigenvalues", "shapes (p), (p, d) and (d)");
                return Err(headed::wrong_shape(at, fields, expected, found));
            }
        };
        headed::require_finite(at, &tensors)?;
        let [mean, axes, eigenvalues] = tensors.map(|Tensor { values, .. }| values);
        let axes = Array2::from_shape_vec((p, d), axes).map_err(|error| kind(error.to_string()))?;
        let (mean, eigenvalues) = (Array1::from(mean), Array1::from(eigenvalues));
        let lambda = known
            .lambda
            .parse()
            .map_err(|_| kind(format!("lambda {:?}", known.lambda)))?;
        let whitening = Whitening::from_parts(mean, axes, eigenvalues, lambda, p)
            .map_err(|error| kind(error.to_string()))?;
        let features_hash = blake3::Hash::from_hex(&known.features_blake3)
            .map_err(|_| kind("a features hash that is not 64 hex digits".to_owned()))?;
        Ok(Self {
            whitening,
            class_names: known.class_names,
            description: known.description,
            features_hash,
            source: PathBuf::from(known.source),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::FeatureSet;
    use crate::files::Problem;
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
            description: Description {
                model: Some("resnet18".to_owned()),
                ..Description::default()
            },
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
    fn what_owners_agree_on_is_the_map_the_classes_in_their_order_and_the_network() {
        let hash = |change: fn(&mut PrivateFile)| {
            let mut file = sample();
            change(&mut file);
            file.whitening_hash()
        };
        let same = hash(|_| {});
        assert_eq!(same, hash(|file| file.source = "elsewhere".into()));
        let changes: [fn(&mut PrivateFile); 3] = [
            |file| file.class_names.as_mut().unwrap().swap(0, 1),
            |file| file.class_names = None,
            |file| file.description.model = Some("resnet50".to_owned()),
        ];
        for change in changes {
            assert_ne!(hash(change), same);
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
