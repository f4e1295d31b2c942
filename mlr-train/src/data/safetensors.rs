//! `.safetensors` with the tensors `features` (rows x features, real) and `labels` (rows, integer).

use std::path::Path;

use ndarray::Array2;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::LARGEST_FILE;
use super::npy::{Element, checked_label};
use super::set::FeatureSet;
use crate::files::{At, FileError, Location, Problem, read_limited};

fn element(dtype: Dtype) -> Option<Element> {
    Some(match dtype {
        Dtype::F16 => Element::F16,
        Dtype::F32 => Element::F32,
        Dtype::F64 => Element::F64,
        Dtype::I8 => Element::Signed(1),
        Dtype::I16 => Element::Signed(2),
        Dtype::I32 => Element::Signed(4),
        Dtype::I64 => Element::Signed(8),
        Dtype::U8 => Element::Unsigned(1),
        Dtype::U16 => Element::Unsigned(2),
        Dtype::U32 => Element::Unsigned(4),
        Dtype::U64 => Element::Unsigned(8),
        _ => return None,
    })
}

/// Reads one file.
///
/// # Errors
/// [`Problem::Kind`], [`Problem::Shape`], [`Problem::Label`], and those of [`FeatureSet::new`].
pub(super) fn read(path: &Path) -> Result<FeatureSet, FileError> {
    let at = At(path);
    let bytes = read_limited(path, LARGEST_FILE)?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| {
        at.fault(
            Problem::Kind,
            Location::Whole,
            "a whole safetensors file",
            error.to_string(),
            "the file is cut off or of another kind",
        )
    })?;
    let features = tensor(at, &file, "features")?;
    let labels = tensor(at, &file, "labels")?;
    let [rows, columns] = features.shape()[..] else {
        return Err(wrong_shape(
            at,
            "features",
            "two dimensions, rows x features",
            &features,
        ));
    };
    if !matches!(labels.shape(), [_] | [_, 1]) {
        return Err(wrong_shape(
            at,
            "labels",
            "one dimension, one label a row",
            &labels,
        ));
    }
    let real = |found: &TensorView<'_>| wrong_type(at, "features", "F16, F32 or F64", found);
    let kind = element(features.dtype()).ok_or_else(|| real(&features))?;
    let values: Option<Vec<f64>> = features
        .data()
        .chunks_exact(kind.width())
        .map(|bytes| kind.real(bytes))
        .collect();
    let values = values.ok_or_else(|| real(&features))?;
    let integer = || wrong_type(at, "labels", "an integer type", &labels);
    let kind = element(labels.dtype()).ok_or_else(integer)?;
    let labels = labels
        .data()
        .chunks_exact(kind.width())
        .enumerate()
        .map(|(row, bytes)| checked_label(at, row, kind.integer(bytes).ok_or_else(integer)?))
        .collect::<Result<Vec<_>, _>>()?;
    let features = Array2::from_shape_vec((rows, columns), values)
        .map_err(|_| wrong_shape(at, "features", "rows x features", &features))?;
    FeatureSet::new(features, labels, None, path)
}

fn tensor<'a>(at: At<'_>, file: &SafeTensors<'a>, name: &str) -> Result<TensorView<'a>, FileError> {
    file.tensor(name).map_err(|_| {
        let mut names = file.names();
        names.sort_unstable();
        let names: Vec<_> = names.into_iter().take(8).collect();
        at.fault(
            Problem::Kind,
            Location::Field(name.to_owned()),
            format!("a tensor named `{name}`"),
            format!("tensors {names:?}"),
            "is this a feature set, or the weights of a model?",
        )
    })
}

fn wrong_shape(at: At<'_>, name: &str, expected: &str, found: &TensorView<'_>) -> FileError {
    at.fault(
        Problem::Shape,
        Location::Field(name.to_owned()),
        expected,
        format!("shape {:?}", found.shape()),
        "reshape it before saving",
    )
}

fn wrong_type(at: At<'_>, name: &str, expected: &str, found: &TensorView<'_>) -> FileError {
    at.fault(
        Problem::Kind,
        Location::Field(name.to_owned()),
        expected,
        format!("{:?}", found.dtype()),
        "convert it before saving",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn file(tensors: &[(&str, Dtype, Vec<usize>, Vec<u8>)]) -> Vec<u8> {
        let views = tensors.iter().map(|(name, dtype, shape, data)| {
            (*name, TensorView::new(*dtype, shape.clone(), data).unwrap())
        });
        safetensors::serialize(views, None).unwrap()
    }

    fn with(bytes: &[u8]) -> Result<FeatureSet, FileError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.safetensors");
        fs::write(&path, bytes).unwrap();
        read(&path)
    }

    fn floats() -> Vec<u8> {
        [1.0_f32, 2.0, 3.0, 4.0]
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    #[test]
    fn reads_and_refuses() {
        let x = |shape| ("features", Dtype::F32, shape, floats());
        let y = ("labels", Dtype::U8, vec![2], vec![1, 0]);
        let whole = file(&[x(vec![2, 2]), y.clone()]);
        let set = with(&whole).unwrap();
        assert_eq!((set.labels(), set.features()[[1, 0]]), (&[1, 0][..], 3.0));
        let problem = |bytes: &[u8]| with(bytes).unwrap_err().fault().unwrap().problem;
        assert_eq!(problem(&whole[..whole.len() - 1]), Problem::Kind);
        assert_eq!(problem(b"PK\x03\x04"), Problem::Kind);
        assert_eq!(problem(&file(&[x(vec![2, 2])])), Problem::Kind);
        assert_eq!(problem(&file(&[x(vec![4]), y.clone()])), Problem::Shape);
        assert_eq!(problem(&file(&[x(vec![4, 1]), y])), Problem::LabelCount);
        let real = ("labels", Dtype::F32, vec![4], floats());
        assert_eq!(problem(&file(&[x(vec![4, 1]), real])), Problem::Kind);
    }
}
