//! Checkpoints: a file of named tensors, taken out one by one and accounted for to the last.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use burn::store::bridge::to_data;
use burn::store::burn_pack::Tensor as StoredTensor;
use burn::store::{ModuleStore, PytorchStore, SafetensorsStore};
use burn::tensor::DType;

use super::Architecture;
use crate::Error;
use crate::error::Mismatch;

/// The largest checkpoint read: a hundred times the largest of the supported networks.
const MAX_BYTES: u64 = 4 << 30;

/// Tensors of a checkpoint that are still to be used, by torchvision's names.
pub(super) struct Weights {
    path: PathBuf,
    tensors: BTreeMap<String, StoredTensor>,
    /// Networks take their tensors without stopping at the first problem, so that an error can
    /// list all of them.
    problems: Mismatch,
}

impl Weights {
    /// Opens a torch zip file or a safetensors file, recognised by content. Returns the blake3
    /// hash of the file as well.
    pub(super) fn open(path: &Path) -> Result<(Self, blake3::Hash), Error> {
        let hint = "give a .pth file of torch 1.6 or later, or a .safetensors file";
        let mut file = File::open(path).map_err(Error::io(path, "open"))?;
        let bytes = file.metadata().map_err(Error::io(path, "read"))?.len();
        if bytes > MAX_BYTES {
            let found = format!("{bytes} bytes");
            return Err(Error::input(
                path,
                format!("at most {MAX_BYTES} bytes"),
                found,
                hint,
            ));
        }
        let mut start = [0u8; 9];
        if bytes >= start.len() as u64 {
            file.read_exact(&mut start)
                .map_err(Error::io(path, "read"))?;
        }
        let tensors = if start.starts_with(b"PK\x03\x04") {
            all(&mut PytorchStore::from_file(path).map_indices_contiguous(false))
        } else if start[8] == b'{' {
            all(&mut SafetensorsStore::from_file(path).map_indices_contiguous(false))
        } else {
            Err("neither".to_owned())
        };
        let tensors =
            tensors.map_err(|found| Error::input(path, "a readable checkpoint", found, hint))?;
        let hash = blake3::Hasher::new()
            .update_reader(File::open(path).map_err(Error::io(path, "open"))?)
            .map_err(Error::io(path, "read"))?
            .finalize();
        Ok((Self::new(path, tensors), hash))
    }

    /// Reads safetensors from memory; `name` stands for the file in errors.
    pub(super) fn from_safetensors(name: &str, bytes: &[u8]) -> Result<Self, Error> {
        let mut store = SafetensorsStore::from_bytes(Some(bytes.to_vec()));
        let tensors = all(&mut store).map_err(|found| {
            Error::input(
                Path::new(name),
                "readable safetensors",
                found,
                "build the crate again",
            )
        })?;
        Ok(Self::new(Path::new(name), tensors))
    }

    /// Length of a flat tensor, 0 when there is none.
    #[cfg(any(test, feature = "pretrain"))]
    pub(super) fn len_of(&self, name: &str) -> usize {
        self.tensors
            .get(name)
            .map_or(0, |t| t.shape.as_slice().iter().product())
    }

    fn new(path: &Path, tensors: BTreeMap<String, StoredTensor>) -> Self {
        Self {
            path: path.to_owned(),
            tensors,
            problems: Mismatch::default(),
        }
    }

    /// Takes a tensor out. Zeros stand in for one that does not fit; [`Weights::finish`] then
    /// returns the error.
    pub(super) fn take(&mut self, name: &str, shape: &[usize]) -> Vec<f32> {
        let zeros = || vec![0.0; shape.iter().product()];
        let Some(tensor) = self.tensors.remove(name) else {
            self.problems.missing.push(format!("{name} {shape:?}"));
            return zeros();
        };
        let found = tensor.shape.as_slice();
        let is_float = matches!(
            tensor.dtype,
            DType::F16 | DType::BF16 | DType::F32 | DType::F64
        );
        if found != shape || !is_float {
            let found = format!("{name} {found:?} of {:?}, expected {shape:?}", tensor.dtype);
            self.problems.wrong.push(found);
            return zeros();
        }
        let values = to_data(&tensor)
            .map_err(|e| e.to_string())
            .and_then(|d| d.try_cast_as::<f32>().map_err(|e| e.to_string()))
            .and_then(|d| d.try_into_vec::<f32>().map_err(|e| e.to_string()));
        match values {
            Ok(values) if values.iter().all(|v| v.is_finite()) => {
                self.problems.found += 1;
                values
            }
            Ok(_) => {
                self.problems
                    .wrong
                    .push(format!("{name} holds values that are not finite"));
                zeros()
            }
            Err(error) => {
                self.problems.wrong.push(format!("{name}: {error}"));
                zeros()
            }
        }
    }

    /// Notes that a tensor, though of the right shape, cannot be used.
    pub(super) fn refuse(&mut self, name: &str, why: &str) {
        self.problems.wrong.push(format!("{name} {why}"));
    }

    /// Ends the loading: everything must have been found, and nothing may be left but the
    /// classifier (any number of classes) and the counters of batch normalisation.
    pub(super) fn finish(self, architecture: Architecture) -> Result<(), Error> {
        let needless = |name: &String| {
            name.ends_with(".num_batches_tracked") || name.starts_with(architecture.head())
        };
        let mut tensors = self.problems;
        tensors.expected = architecture.tensors();
        let left = self.tensors.iter().filter(|(name, _)| !needless(name));
        tensors.unused = left
            .map(|(name, tensor)| format!("{name} {:?}", tensor.shape.as_slice()))
            .collect();
        // The count is a second, independent look: a network that forgot to ask for a tensor
        // would otherwise only be noticed through `unused`.
        let complete = tensors.found == tensors.expected;
        if complete && tensors.wrong.is_empty() && tensors.unused.is_empty() {
            return Ok(());
        }
        let architecture = architecture.name();
        Err(Error::Weights {
            path: self.path,
            architecture,
            tensors: Box::new(tensors),
        })
    }
}

fn all<S: ModuleStore>(store: &mut S) -> Result<BTreeMap<String, StoredTensor>, String> {
    store.get_all_tensors().cloned().map_err(|e| e.to_string())
}
