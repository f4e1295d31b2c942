//! `model.enc`: the encrypted weights, by class and column group, from the server to the client.

use std::path::Path;
use std::sync::Arc;

use crate::server::{ShapeSource, train};
use he_core::evaluator::{Ckks, CkksCt, Evaluator as _, Meta, Simulator};
use he_core::rlwe::Context;
use he_core::wire::{self, CiphertextReader, CiphertextWriter, Existing};

use super::RunError;
use super::plan::PlanFile;

/// Its kind of file; it is bound to the plan's hash.
pub const MODEL: wire::Kind = wire::Kind {
    code: 0x101,
    version: wire::CIPHERTEXT_VERSION,
    name: "encrypted model",
};

/// What an encrypted model was trained with: its header's note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainedWith {
    /// Fingerprint of the public key of the evaluation keys.
    pub key: wire::Hash,
    /// [`hash`](super::dataset::hash) of the datasets.
    pub datasets: wire::Hash,
}

impl TrainedWith {
    fn to_note(self) -> Vec<u8> {
        [self.key, self.datasets].concat()
    }

    /// None in a file of an earlier version.
    fn from_note(note: &[u8]) -> Option<Self> {
        let (key, datasets) = note.split_first_chunk()?;
        Some(Self {
            key: *key,
            datasets: datasets.try_into().ok()?,
        })
    }
}

/// Writes the weights, atomically. Without `with` the file does not say what it was trained with.
///
/// # Errors
/// The system's.
pub fn write(
    path: &Path,
    plan: &PlanFile,
    context: &Arc<Context>,
    with: Option<TrainedWith>,
    weights: &[Vec<CkksCt>],
) -> Result<(), RunError> {
    let shapes = weights.iter().flatten();
    let shapes = shapes.map(|ct| wire::Shape::of(ct.ciphertext())).collect();
    let name = path.display().to_string();
    wire::write_file(path, Existing::Replace, false, |sink| {
        let note = with.map(TrainedWith::to_note).unwrap_or_default();
        let mut writer = CiphertextWriter::new(
            sink,
            &name,
            MODEL.bound_to(&plan.hash),
            context,
            shapes,
            &note,
        )?;
        for ct in weights.iter().flatten() {
            writer.push(ct.ciphertext(), &ct.meta())?;
        }
        writer.finish().map(|_| ())
    })?;
    Ok(())
}

/// blake3 of the file of an encrypted model, hex.
///
/// # Errors
/// The system's.
pub fn hash(path: &Path) -> Result<String, RunError> {
    let failed = |error: &std::io::Error| RunError::io("read", path, error);
    let mut file = std::fs::File::open(path).map_err(|error| failed(&error))?;
    let mut hasher = blake3::Hasher::new();
    std::io::copy(&mut file, &mut hasher).map_err(|error| failed(&error))?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Hash of the plan that a file of an encrypted model is bound to, hex. Nothing else of it is read.
///
/// # Errors
/// No such file, or one of another kind.
pub fn bound_to(path: &Path) -> Result<String, RunError> {
    let (name, source, length) = wire::open_file(path)?;
    let reader = wire::Reader::inspect(source, &name, Some(length))?;
    let envelope = reader.envelope();
    if envelope.kind != MODEL.code {
        return Err(
            RunError::input("expected an encrypted model, found a file of another kind")
                .at(name)
                .hint("name the file that train wrote"),
        );
    }
    Ok(blake3::Hash::from_bytes(envelope.binding)
        .to_hex()
        .to_string())
}

/// Reads the weights. Level, scale, bound and noise are those that the plan's traced training gives: what the file claims of them
/// is compared where it must agree, and not used. `with` judges what the file says that it was trained with, before anything is read.
///
/// # Errors
/// A file of another plan, or damaged.
pub fn read(
    path: &Path,
    plan: &PlanFile,
    eval: &Ckks,
    with: impl FnOnce(TrainedWith) -> Result<(), RunError>,
) -> Result<Vec<Vec<CkksCt>>, RunError> {
    let expected = expected(plan)?;
    let (name, source, length) = wire::open_file(path)?;
    let bytes = |meta: &Meta| {
        let shape = wire::Shape {
            form: wire::Form::Full,
            level: meta.level,
        };
        shape.bytes(eval.params())
    };
    // The envelope adds less than 64 KiB.
    let limit = expected.iter().flatten().map(bytes).sum::<u64>() + wire::MAX_ENVELOPE;
    let context = eval.context();
    let (kind, hash) = (&MODEL, &plan.hash);
    let mut reader = CiphertextReader::open(
        source,
        &name,
        Some(length),
        limit,
        kind.bound_to(hash),
        context,
    )?;
    if let Some(found) = TrainedWith::from_note(reader.note()) {
        with(found).map_err(|error| error.at(name.clone()))?;
    }
    let wrong = |found: &str| {
        let count: usize = expected.iter().map(Vec::len).sum();
        RunError::input(format!("expected {count} ciphertexts, found {found}")).at(name.clone())
    };
    let mut weights = Vec::with_capacity(expected.len());
    for metas in &expected {
        let mut groups = Vec::with_capacity(metas.len());
        for &meta in metas {
            let (ciphertext, _) = reader
                .next(Some(meta.placement()))?
                .ok_or_else(|| wrong("fewer"))?;
            let ct = CkksCt::admit(context, ciphertext, meta);
            groups.push(ct.map_err(|error| RunError::from(error).at(name.clone()))?);
        }
        weights.push(groups);
    }
    if reader.next(None)?.is_some() {
        return Err(wrong("more"));
    }
    reader.finish()?;
    Ok(weights)
}

/// What the plan says of every weight ciphertext: level, scale and bound of the traced training, and the plan's expected error, which
/// reckons with values of usual size (the simulator's own, with every value at its bound, is far above any error that occurs).
fn expected(plan: &PlanFile) -> Result<Vec<Vec<Meta>>, RunError> {
    let simulator = Simulator::new(Arc::clone(plan.plan.params()));
    let job = plan.plan.job();
    let shapes = ShapeSource::new(&simulator, job).with_bootstrap(plan.plan.under().bootstrap());
    let weights = train(job, &simulator, &shapes, &shapes)?;
    let error = plan.plan.estimate().weight_error();
    let planned = |meta: Meta| Meta {
        noise: error * meta.scale,
        ..meta
    };
    let metas = |groups: &Vec<_>| {
        let metas = groups.iter().map(|ct| planned(simulator.meta(ct)));
        metas.collect()
    };
    Ok(weights.iter().map(metas).collect())
}
