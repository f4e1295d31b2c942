//! What files of `f64` tensors with a head have in common: safetensors whose metadata entry `velum` is JSON, with kind, version, what is known of the numbers, and blake3 of all of it.

use std::collections::HashMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::data::Description;
use crate::files::{
    Access, At, FileError, Location, Problem, describe_json, read_limited, write_atomic,
};

/// The metadata entry.
const ENTRY: &str = "velum";
const OTHERS: &str = "the file was not written by this program";

/// The head of one kind of file.
pub(super) trait Head: Serialize + DeserializeOwned {
    /// Word that tells this kind from others.
    const KIND: &'static str;
    /// Version that is written and read.
    const VERSION: u32;
    /// What errors expect, without the version.
    const EXPECTED: &'static str;
    /// What helps where another file was named.
    const HINT: &'static str;
    /// What helps where the content was changed.
    const DAMAGED: &'static str;
    /// Bytes that a file may have.
    const LARGEST: u64;

    /// Kind, version, and the hash of everything else.
    fn named(&self) -> (&str, u32, &str);

    /// The hash of the tensors' bytes and of every field but the hash itself.
    fn content_hash(&self, tensors: &[&[u8]]) -> Option<String>;

    /// Where that hash goes.
    fn set_hash(&mut self, hash: String);
}

/// Adds a head's fields, its description if there is one, and tensors to a hash.
pub(super) fn hash(
    mut hasher: blake3::Hasher,
    fields: &impl Serialize,
    description: &Description,
    tensors: &[&[u8]],
) -> Option<String> {
    let mut fields = serde_json::to_vec(fields).ok()?;
    if !description.is_unknown() {
        fields.extend(serde_json::to_vec(description).ok()?);
    }
    for part in [&fields[..]].iter().chain(tensors) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    Some(hasher.finalize().to_hex().to_string())
}

pub(super) fn bytes<'a>(values: impl IntoIterator<Item = &'a f64>) -> Vec<u8> {
    let values = values.into_iter();
    values.flat_map(|value| value.to_le_bytes()).collect()
}

/// Writes a file, readable by its owner alone, atomically. Tensors have a name, a shape and bytes.
///
/// # Errors
/// The system's error.
pub(super) fn write<H: Head, const N: usize>(
    path: &Path,
    mut head: H,
    tensors: &[(&str, Vec<usize>, Vec<u8>); N],
) -> Result<(), FileError> {
    let failed = |message: String| FileError::io("encode", path)(std::io::Error::other(message));
    let parts: Vec<&[u8]> = tensors.iter().map(|(_, _, data)| &data[..]).collect();
    let hash = head
        .content_hash(&parts)
        .ok_or_else(|| failed("the description cannot be written as JSON".to_owned()))?;
    head.set_hash(hash);
    let text = serde_json::to_string(&head).map_err(|error| failed(error.to_string()))?;
    let views = tensors
        .iter()
        .map(|(name, shape, data)| {
            TensorView::new(Dtype::F64, shape.clone(), data).map(|view| (*name, view))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| failed(error.to_string()))?;
    let metadata = HashMap::from([(ENTRY.to_owned(), text)]);
    let out =
        safetensors::serialize(views, Some(metadata)).map_err(|error| failed(error.to_string()))?;
    write_atomic(path, &out, Access::Private)
}

/// A tensor that was read: its shape and values.
pub(super) struct Tensor {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f64>,
}

/// Reads the head and the tensors of these names; the content is what was written. Shapes, and whether values are finite ([`require_finite`]), are the caller's to check.
///
/// # Errors
/// [`Problem::Kind`] for another kind or version, [`Problem::Hash`] for changed content.
pub(super) fn read<H: Head, const N: usize>(
    path: &Path,
    names: [&str; N],
) -> Result<(H, [Tensor; N]), FileError> {
    let at = At(path);
    let content = read_limited(path, H::LARGEST)?;
    let kind = |found: String| wrong_kind::<H>(at, found);
    let file = SafeTensors::deserialize(&content).map_err(|error| kind(error.to_string()))?;
    let (_, metadata) =
        SafeTensors::read_metadata(&content).map_err(|error| kind(error.to_string()))?;
    let entries = metadata.metadata().as_ref();
    let text = entries
        .and_then(|entries| entries.get(ENTRY))
        .ok_or_else(|| kind("another safetensors file".to_owned()))?;
    let head: H =
        serde_json::from_str(text).map_err(|error| kind(describe_json(text.as_bytes(), &error)))?;
    let (named, version, expected) = head.named();
    if named != H::KIND || version != H::VERSION {
        return Err(kind(format!("{named:?}, version {version}")));
    }
    let mut views = Vec::with_capacity(N);
    for name in names {
        let view = file.tensor(name).ok();
        let view = view.filter(|view| view.dtype() == Dtype::F64);
        views.push(view.ok_or_else(|| kind(format!("no F64 tensor `{name}`")))?);
    }
    let parts: Vec<&[u8]> = views.iter().map(TensorView::data).collect();
    let found = head.content_hash(&parts);
    if found.as_deref() != Some(expected) {
        return Err(at.fault(
            Problem::Hash,
            Location::Whole,
            format!("content with blake3 {expected}"),
            found.unwrap_or_default(),
            H::DAMAGED,
        ));
    }
    let tensors = std::array::from_fn(|i| Tensor {
        shape: views[i].shape().to_vec(),
        values: values(&views[i]),
    });
    Ok((head, tensors))
}

pub(super) fn wrong_kind<H: Head>(at: At<'_>, found: String) -> FileError {
    at.fault(
        Problem::Kind,
        Location::Whole,
        format!("{}, version {}", H::EXPECTED, H::VERSION),
        found,
        H::HINT,
    )
}

/// Shapes or counts that do not fit each other.
pub(super) fn wrong_shape(at: At<'_>, fields: &str, expected: &str, found: String) -> FileError {
    at.fault(
        Problem::Shape,
        Location::Field(fields.to_owned()),
        expected,
        found,
        OTHERS,
    )
}

/// # Errors
/// [`Problem::NotFinite`].
pub(super) fn require_finite(at: At<'_>, tensors: &[Tensor]) -> Result<(), FileError> {
    let mut all = tensors.iter().flat_map(|tensor| &tensor.values);
    match all.all(|value| value.is_finite()) {
        true => Ok(()),
        false => Err(at.fault(
            Problem::NotFinite,
            Location::Whole,
            "finite numbers",
            "an infinite or undefined one",
            OTHERS,
        )),
    }
}

fn values(view: &TensorView<'_>) -> Vec<f64> {
    let (chunks, _) = view.data().as_chunks::<8>();
    let numbers = chunks.iter().map(|chunk| f64::from_le_bytes(*chunk));
    numbers.collect()
}
