//! A feature set as a directory: `features.npy`, `labels.npy`, `features.json`.

use std::fs;
use std::path::Path;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::npy::{read_features, read_labels, write_features, write_labels};
use super::origin::Description;
use super::set::FeatureSet;
use crate::files::{
    Access, At, FileError, Location, Problem, describe_json, read_limited, write_atomic,
};

/// Version of `features.json` that is written; it is read, and the one before it, whose hash is that of the weights' file.
const SCHEMA: u32 = 2;
const SCHEMA_OF_FILES: u32 = 1;
/// Class names and preprocessing are short; more than this is another file.
const LARGEST_DESCRIPTION: u64 = 16 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u32,
    model: Option<String>,
    weights_blake3: Option<String>,
    preprocessing: Option<serde_json::Map<String, serde_json::Value>>,
    class_names: Option<Vec<String>>,
    rows: usize,
    features: usize,
}

/// Reads a feature-set directory.
///
/// # Errors
/// [`Problem::Kind`] for a description that cannot be read or has another schema, [`Problem::Shape`] if it disagrees with
/// the arrays, and those of the arrays and of [`FeatureSet::new`].
pub fn read_bundle(directory: &Path) -> Result<(FeatureSet, Description), FileError> {
    let (file, features) = read_described(directory)?;
    let labels = read_labels(&directory.join("labels.npy"))?;
    let description = file.description();
    let set = FeatureSet::new(features, labels, file.class_names, directory)?;
    Ok((set.with_description(description.clone()), description))
}

/// Reads the features of a directory, whether it has labels or not, and how they were made.
///
/// # Errors
/// As [`read_bundle`].
pub(super) fn read_unlabelled(directory: &Path) -> Result<(Array2<f64>, Description), FileError> {
    read_described(directory).map(|(file, features)| (features, file.description()))
}

impl File {
    fn description(&self) -> Description {
        let description = Description {
            model: self.model.clone(),
            weights_blake3: self.weights_blake3.clone(),
            preprocessing: self.preprocessing.clone(),
        };
        match self.schema {
            SCHEMA_OF_FILES => description.of_file(),
            _ => description,
        }
    }
}

/// What a feature-set directory says about how its features were made; nothing is read but that.
///
/// # Errors
/// [`Problem::Kind`] for a description that cannot be read or has another schema.
pub fn describe(directory: &Path) -> Result<Description, FileError> {
    read_head(&directory.join("features.json")).map(|file| file.description())
}

fn read_described(directory: &Path) -> Result<(File, Array2<f64>), FileError> {
    let path = directory.join("features.json");
    let file = read_head(&path)?;
    let features = read_features(&directory.join("features.npy"))?;
    if features.dim() != (file.rows, file.features) {
        return Err(At(&path).fault(
            Problem::Shape,
            Location::Field("rows, features".to_owned()),
            format!("those of features.npy, {:?}", features.dim()),
            format!("{:?}", (file.rows, file.features)),
            "the files of this directory do not belong together",
        ));
    }
    Ok((file, features))
}

fn read_head(path: &Path) -> Result<File, FileError> {
    let at = At(path);
    let text = read_limited(path, LARGEST_DESCRIPTION)?;
    let file: File = serde_json::from_slice(&text).map_err(|error| {
        at.fault(
            Problem::Kind,
            Location::Whole,
            format!("the description of a feature set, schema {SCHEMA}"),
            describe_json(&text, &error),
            "extract the features again",
        )
    })?;
    if ![SCHEMA, SCHEMA_OF_FILES].contains(&file.schema) {
        return Err(at.fault(
            Problem::Kind,
            Location::Field("schema".to_owned()),
            SCHEMA.to_string(),
            file.schema.to_string(),
            "it was written by another version: extract the features again",
        ));
    }
    Ok(file)
}

/// Writes a feature-set directory, creating it if needed. Features are narrowed to f32.
///
/// The description is written last: a directory without it is not a feature set.
///
/// # Errors
/// The system's error.
pub fn write_bundle(
    directory: &Path,
    set: &FeatureSet,
    description: &Description,
) -> Result<(), FileError> {
    fs::create_dir_all(directory).map_err(FileError::io("create", directory))?;
    let path = directory.join("features.json");
    write_features(&directory.join("features.npy"), set.features())?;
    write_labels(&directory.join("labels.npy"), set.labels())?;
    let file = File {
        schema: SCHEMA,
        model: description.model.clone(),
        weights_blake3: description.weights_blake3.clone(),
        preprocessing: description.preprocessing.clone(),
        class_names: set.class_names().map(<[String]>::to_vec),
        rows: set.rows(),
        features: set.width(),
    };
    let mut text = serde_json::to_vec_pretty(&file)
        .map_err(|error| FileError::io("encode", &path)(error.into()))?;
    text.push(b'\n');
    write_atomic(&path, &text, Access::Shared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn sample() -> FeatureSet {
        let names = Some(vec!["cat".to_owned(), "dog".to_owned()]);
        FeatureSet::new(array![[1.0, 2.0], [3.0, 4.5]], vec![1, 0], names, "t").unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("set");
        let description = Description {
            model: Some("squeezenet1_0".to_owned()),
            ..Description::default()
        };
        write_bundle(&path, &sample(), &description).unwrap();
        let (set, read) = read_bundle(&path).unwrap();
        assert_eq!(set.description(), &description);
        assert_eq!((set.hash(), read), (sample().hash(), description));
        assert_eq!(set.class_names(), sample().class_names());
        // Schema 1 is read: its hash is that of a file.
        let json = path.join("features.json");
        let text = fs::read_to_string(&json).unwrap();
        let text = text.replace("\"schema\": 2", "\"schema\": 1");
        let text = text.replace("\"weights_blake3\": null", "\"weights_blake3\": \"ab\"");
        fs::write(&json, text).unwrap();
        let (_, read) = read_bundle(&path).unwrap();
        assert_eq!(read.weights_blake3.as_deref(), Some("file:ab"));
    }

    #[test]
    fn a_foreign_or_contradicting_description_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        write_bundle(dir.path(), &sample(), &Description::default()).unwrap();
        let path = dir.path().join("features.json");
        let text = fs::read_to_string(&path).unwrap();
        let problem = |text: &str| {
            fs::write(&path, text).unwrap();
            read_bundle(dir.path())
                .unwrap_err()
                .fault()
                .unwrap()
                .problem
        };
        assert_eq!(
            problem(&text.replace("\"schema\": 2", "\"schema\": 3")),
            Problem::Kind
        );
        assert_eq!(
            problem(&text.replace("\"rows\": 2", "\"rows\": 3")),
            Problem::Shape
        );
        assert_eq!(problem(&text[..text.len() - 5]), Problem::Kind);
        fs::remove_file(&path).unwrap();
        let error = read_bundle(dir.path()).unwrap_err();
        assert_eq!(error.fault().unwrap().problem, Problem::Missing);
    }
}
