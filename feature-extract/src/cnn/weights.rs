//! Checkpoints: a file of named tensors, taken out one by one and accounted for to the last.
//!
//! Tensors are looked up by name and shape before a byte of theirs is read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::Architecture;
use super::stored::{self, Tensors};
use crate::Error;
use crate::error::Mismatch;

/// The largest checkpoint read: a hundred times the largest of the supported networks.
const MAX_BYTES: u64 = 4 << 30;

/// Tensors of a checkpoint that are still to be used, by torchvision's names.
pub(super) struct Weights {
    path: PathBuf,
    tensors: Tensors,
    /// What stood before every name: dictionaries and wrappers around the network.
    prefix: String,
    /// Hash of every tensor that was taken.
    hashes: BTreeMap<String, blake3::Hash>,
    /// Networks take their tensors without stopping at the first problem, so that an error can
    /// list all of them.
    problems: Mismatch,
}

impl Weights {
    /// Opens a torch file of any format or a safetensors file, recognised by content.
    ///
    /// Training scripts save a network inside of dictionaries (`{"state_dict": ..}`) and modules
    /// (`module.` of DataParallel, `_orig_mod.` of compile, `model.`): the names of its tensors
    /// then have a prefix in common, which is taken off. Tensors outside of it (an optimizer's)
    /// are left alone.
    pub(super) fn open(path: &Path, architecture: Architecture) -> Result<Self, Error> {
        let hint = "give a .pth file that torch.save wrote, or a .safetensors file";
        let wrong = |found: String| Error::input(path, "a readable checkpoint", found, hint);
        let mut file = File::open(path).map_err(Error::io(path, "open"))?;
        let metadata = file.metadata().map_err(Error::io(path, "read"))?;
        if !metadata.is_file() {
            return Err(wrong("no file: a folder, a pipe or a device".to_owned()));
        }
        let bytes = metadata.len();
        if bytes > MAX_BYTES {
            let found = format!("{bytes} bytes");
            let expected = format!("at most {MAX_BYTES} bytes");
            return Err(Error::input(path, expected, found, hint));
        }
        let mut start = [0u8; 9];
        if bytes >= start.len() as u64 {
            file.read_exact(&mut start)
                .map_err(Error::io(path, "read"))?;
        }
        // A zip archive may have any ninth byte, a safetensors file any first ones.
        let is_zip = start.starts_with(b"PK\x03\x04");
        let tensors = if start[8] == b'{' && !is_zip {
            stored::safetensors(file, bytes)
        } else {
            stored::torch(path)
        };
        let (tensors, prefix) = unwrapped(tensors.map_err(wrong)?, architecture.first_tensor())
            .map_err(|networks| {
                let expected = format!("one network of {}", architecture.name());
                let found = format!("several, under {}", networks.join(", "));
                let hint = "save the one you want alone: torch.save(checkpoint[KEY], FILE)";
                Error::input(path, expected, found, hint)
            })?;
        Ok(Self {
            prefix,
            ..Self::new(path, tensors)
        })
    }

    /// Reads safetensors from memory; `name` stands for the file in errors.
    pub(super) fn from_safetensors(name: &str, bytes: &[u8]) -> Result<Self, Error> {
        let tensors = stored::in_memory(bytes).map_err(|found| {
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
            .map_or(0, |t| t.shape().iter().product())
    }

    fn new(path: &Path, tensors: Tensors) -> Self {
        Self {
            path: path.to_owned(),
            tensors,
            prefix: String::new(),
            hashes: BTreeMap::new(),
            problems: Mismatch::default(),
        }
    }

    /// What stood before every name.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Takes a tensor out. Zeros stand in for one that does not fit; [`Weights::finish`] then
    /// returns the error.
    pub(super) fn take(&mut self, name: &str, shape: &[usize]) -> Vec<f32> {
        let zeros = || vec![0.0; shape.iter().product()];
        let Some(tensor) = self.tensors.remove(name) else {
            self.problems.missing.push(format!("{name} {shape:?}"));
            return zeros();
        };
        let found = tensor.shape();
        if found != shape || !tensor.is_float() {
            let found = format!("{name} {found:?} of {}, expected {shape:?}", tensor.dtype());
            self.problems.wrong.push(found);
            return zeros();
        }
        match tensor.values() {
            Ok(values) if values.iter().all(|v| v.is_finite()) => {
                self.problems.found += 1;
                self.hashes.insert(name.to_owned(), hash(shape, &values));
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
    ///
    /// Gives the hash of the network: of its tensors' names, shapes and values in f32, in the order
    /// of their names. The format of the file, a prefix and the classifier are no part of it.
    pub(super) fn finish(self, architecture: Architecture) -> Result<blake3::Hash, Error> {
        let needless = |name: &String| {
            name.ends_with(".num_batches_tracked") || name.starts_with(architecture.head())
        };
        let mut tensors = self.problems;
        tensors.expected = architecture.tensors();
        let left = self.tensors.iter().filter(|(name, _)| !needless(name));
        tensors.unused = left
            .map(|(name, tensor)| format!("{name} {:?}", tensor.shape()))
            .collect();
        // The count is a second, independent look: a network that forgot to ask for a tensor
        // would otherwise only be noticed through `unused`.
        let complete = tensors.found == tensors.expected;
        if complete && tensors.wrong.is_empty() && tensors.unused.is_empty() {
            let mut network = blake3::Hasher::new_derive_key("velum feature-extract weights v1");
            for (name, hash) in &self.hashes {
                network.update(&(name.len() as u64).to_le_bytes());
                network.update(name.as_bytes());
                network.update(hash.as_bytes());
            }
            return Ok(network.finalize());
        }
        let architecture = architecture.name();
        Err(Error::Weights {
            path: self.path,
            architecture,
            tensors: Box::new(tensors),
        })
    }
}

/// Hash of one tensor.
fn hash(shape: &[usize], values: &[f32]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(shape.len() as u64).to_le_bytes());
    for &side in shape {
        hasher.update(&(side as u64).to_le_bytes());
    }
    // In pieces: a second copy of the largest tensor is not needed.
    for piece in values.chunks(1 << 12) {
        let bytes: Vec<u8> = piece.iter().flat_map(|v| v.to_le_bytes()).collect();
        hasher.update(&bytes);
    }
    hasher.finalize()
}

/// Takes off what stands before the network's first tensor, and leaves out what is not under it;
/// several networks are an error, which names where they are.
fn unwrapped(tensors: Tensors, first: &str) -> Result<(Tensors, String), Vec<String>> {
    let before = |name: &String| {
        let prefix = name.strip_suffix(first)?;
        (prefix.is_empty() || prefix.ends_with('.')).then(|| prefix.to_owned())
    };
    let mut prefixes: Vec<String> = tensors.keys().filter_map(before).collect();
    // Blocks of a network have tensors named like its first one.
    let all = prefixes.clone();
    prefixes.retain(|prefix| {
        let inside = |outer: &String| outer.len() < prefix.len() && prefix.starts_with(&**outer);
        !all.iter().any(inside)
    });
    match &prefixes[..] {
        [] => Ok((tensors, String::new())),
        [prefix] if prefix.is_empty() => Ok((tensors, String::new())),
        [prefix] => {
            let inside = tensors.into_iter().filter_map(|(name, tensor)| {
                Some((name.strip_prefix(&**prefix)?.to_owned(), tensor))
            });
            Ok((inside.collect(), prefix.clone()))
        }
        _ => Err(prefixes),
    }
}
