//! The directory of evaluation keys, which the server computes with.

use std::path::Path;
use std::sync::Arc;

use he_core::rlwe::{BridgeKeys, Context, EvaluationKeys, KeyId, SwitchingKey};
use he_core::wire;
use rayon::prelude::*;

use super::manifest::{Entry, Kind, Manifest};
use super::plan::KeyPlan;
use super::{Reporter, RunError};
use crate::files::NewDirectory;
use crate::plan::Bootstrapping;

/// Beside its payload a key file has a header of less than this.
const LARGEST_KEY: u64 = 1 << 30;

/// A key of a plan with its level, in the order of the files: of the training's ring, or of a bootstrapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlannedKey {
    /// Of the training's ring.
    Own(KeyId, usize),
    /// Of the way to the bootstrapping's ring, or of that ring.
    Bootstrap(KeyId, usize),
}

impl PlannedKey {
    /// All keys of a plan.
    fn all(plan: &dyn KeyPlan) -> Vec<Self> {
        let own = plan.keys_with_levels().into_iter();
        let own = own.map(|(id, level)| Self::Own(id, level));
        let others = plan.bootstrapping().map(bootstrap_keys);
        let others = others.into_iter().flatten();
        own.chain(others.map(|(id, level)| Self::Bootstrap(id, level)))
            .collect()
    }

    fn name(self) -> String {
        match self {
            Self::Own(id, _) => name(id),
            Self::Bootstrap(id, _) => format!("bootstrap-{}", name(id)),
        }
    }

    /// What it is made under.
    fn context<'a>(
        self,
        own: &'a Arc<Context>,
        bootstrapping: Option<&'a Bootstrapping>,
    ) -> &'a Arc<Context> {
        match (self, bootstrapping) {
            (Self::Bootstrap(id, _), Some(bootstrapping)) => bootstrap_context(bootstrapping, id),
            _ => own,
        }
    }
}

fn bootstrap_context(bootstrapping: &Bootstrapping, id: KeyId) -> &Arc<Context> {
    let bridge = bootstrapping.plan().bridge();
    match id {
        KeyId::Enter => bridge.entering(),
        KeyId::Leave => bridge.leaving(),
        KeyId::Raise | KeyId::Relinearisation | KeyId::Galois(_) => bridge.large(),
    }
}

/// The keys of the way, which are of the highest level of what they are made under, and those of the large ring.
fn bootstrap_keys(bootstrapping: &Bootstrapping) -> Vec<(KeyId, usize)> {
    let plan = bootstrapping.plan();
    let log_n = plan.bridge().large().params().log_n();
    let large = KeyId::with_levels(plan.large_keys(), log_n);
    let way = KeyId::WAY.map(|id| {
        let context = bootstrap_context(bootstrapping, id);
        (id, context.params().max_level())
    });
    way.into_iter().chain(large).collect()
}

/// How many keys a plan has.
pub fn count(plan: &dyn KeyPlan) -> usize {
    PlannedKey::all(plan).len()
}

/// Makes the plan's evaluation keys, each by `make`, and writes each to a file of its own. As many are in memory as there are threads.
/// `key` is the fingerprint of the public key, in hex.
///
/// # Errors
/// The system's; interruption.
pub fn write<E: Into<RunError>>(
    directory: &NewDirectory,
    plan: &dyn KeyPlan,
    context: &Arc<Context>,
    key: String,
    make: impl Fn(PlannedKey) -> Result<SwitchingKey, E> + Sync,
    reporter: &dyn Reporter,
) -> Result<Manifest, RunError> {
    let mut manifest = Manifest::new(Kind::EvaluationKeys, plan.key_binding_hex());
    manifest.set_key(key);
    let bootstrapping = plan.bootstrapping();
    for ids in PlannedKey::all(plan).chunks(rayon::current_num_threads()) {
        reporter.check()?;
        let written: Result<Vec<_>, RunError> = ids
            .par_iter()
            .map(|&id| {
                let name = id.name();
                let key = make(id).map_err(Into::into)?;
                let context = id.context(context, bootstrapping);
                let (_, bytes) = wire::write_switching_key(Vec::new(), &name, context, &key)?;
                Ok((name, bytes))
            })
            .collect();
        for (name, bytes) in written? {
            manifest.add(directory.path(), name, &bytes)?;
        }
        reporter.advance(manifest.files().len() as u64, "evaluation keys");
    }
    manifest.write(directory.path())?;
    Ok(manifest)
}

/// Reads the plan's evaluation keys; with them comes the hash of their manifest.
///
/// # Errors
/// Keys that are missing, damaged or made for something else.
pub fn read(
    directory: &Path,
    plan: &dyn KeyPlan,
    context: &Arc<Context>,
) -> Result<(EvaluationKeys, blake3::Hash), RunError> {
    let all = PlannedKey::all(plan);
    let names = all.iter().map(|id| id.name());
    let binding = plan.key_binding_hex();
    let manifest = Manifest::expect(directory, Kind::EvaluationKeys, &binding, names)?;
    let keys = plan.keys_with_levels();
    let read: Result<Vec<_>, RunError> = keys
        .par_iter()
        .zip(manifest.files())
        .map(|(&key, entry)| read_one(&manifest, directory, entry, key, context))
        .collect();
    let mut keys = EvaluationKeys::new(context);
    for key in read? {
        keys.insert(key)?;
    }
    Ok((keys, manifest.hash()))
}

fn read_one(
    manifest: &Manifest,
    directory: &Path,
    entry: &Entry,
    key: (KeyId, usize),
    context: &Arc<Context>,
) -> Result<SwitchingKey, RunError> {
    manifest.load_parsed(directory, entry, LARGEST_KEY, |path, bytes| {
        let (file, length) = (path.display().to_string(), Some(entry.bytes));
        wire::read_switching_key_hashed(bytes, &file, length, context, Some(key))
    })
}

/// Reads the keys of a plan's bootstrapping: more than the training's own, so they are read for each refresh and dropped after it.
///
/// # Errors
/// As [`read`].
pub fn read_bootstrap(
    directory: &Path,
    plan: &dyn KeyPlan,
    bootstrapping: &Bootstrapping,
) -> Result<BridgeKeys, RunError> {
    let names = PlannedKey::all(plan).into_iter().map(PlannedKey::name);
    let names: Vec<String> = names.collect();
    let binding = plan.key_binding_hex();
    let manifest = Manifest::expect(directory, Kind::EvaluationKeys, &binding, names.into_iter())?;
    let keys = bootstrap_keys(bootstrapping);
    let files = &manifest.files()[plan.keys_with_levels().len()..];
    let read: Result<Vec<_>, RunError> = keys
        .par_iter()
        .zip(files)
        .map(|(&key, entry)| {
            let context = bootstrap_context(bootstrapping, key.0);
            read_one(&manifest, directory, entry, key, context)
        })
        .collect();
    let mut way = read?;
    let bridge = bootstrapping.plan().bridge();
    let mut large = EvaluationKeys::new(bridge.large());
    for key in way.split_off(KeyId::WAY.len().min(way.len())) {
        large.insert(key)?;
    }
    Ok(BridgeKeys::new(bridge, way, large)?)
}

fn name(id: KeyId) -> String {
    match id {
        KeyId::Relinearisation => "relinearisation".to_owned(),
        KeyId::Galois(element) => format!("galois-{}", element.exponent()),
        KeyId::Enter => "enter".to_owned(),
        KeyId::Raise => "raise".to_owned(),
        KeyId::Leave => "leave".to_owned(),
    }
}
