//! `model.enc`: the encrypted weights, by class and column group, from the server to the client.

use std::path::Path;
use std::sync::Arc;

use he_core::evaluator::{Ckks, CkksCt, Evaluator as _, Meta, Trace};
use he_core::rlwe::Context;
use he_core::wire::{self, CiphertextReader, CiphertextWriter, Existing};
use mlr_train::server::{ShapeSource, Unobserved, train};

use crate::convert::from_text;
use crate::failure::Failure;
use crate::plan_file::PlanFile;

/// Its kind of file; it is bound to the plan's hash.
pub(crate) const MODEL: wire::Kind = wire::Kind {
    code: 0x101,
    version: 1,
    name: "encrypted model",
};

/// Writes the weights, atomically. Returns the bytes.
///
/// # Errors
/// The system's.
pub(crate) fn write(
    path: &Path,
    plan: &PlanFile,
    context: &Arc<Context>,
    weights: &[Vec<CkksCt>],
) -> Result<(), Failure> {
    let shapes = weights.iter().flatten();
    let shapes = shapes.map(|ct| wire::Shape::of(ct.ciphertext())).collect();
    let name = path.display().to_string();
    wire::write_file(path, Existing::Replace, false, |sink| {
        let mut writer =
            CiphertextWriter::new(sink, &name, &MODEL, &plan.hash, context, shapes, &[])?;
        for ct in weights.iter().flatten() {
            writer.push(ct.ciphertext(), &ct.meta())?;
        }
        writer.finish().map(|_| ())
    })?;
    Ok(())
}

/// Reads the weights. Level, scale, bound and noise are those that the plan's traced training gives: what the file claims of them
/// is compared where it must agree, and not used.
///
/// # Errors
/// A file of another plan, or damaged.
pub(crate) fn read(path: &Path, plan: &PlanFile, eval: &Ckks) -> Result<Vec<Vec<CkksCt>>, Failure> {
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
    let limit = expected.iter().flatten().map(bytes).sum::<u64>() + (1 << 16);
    let context = eval.context();
    let (kind, hash) = (&MODEL, &plan.hash);
    let mut reader =
        CiphertextReader::open(source, &name, Some(length), limit, kind, hash, context)?;
    let wrong = |found: &str| {
        let count: usize = expected.iter().map(Vec::len).sum();
        Failure::input(format!("expected {count} ciphertexts, found {found}")).at(name.clone())
    };
    let mut weights = Vec::with_capacity(expected.len());
    for metas in &expected {
        let mut groups = Vec::with_capacity(metas.len());
        for &meta in metas {
            let (ciphertext, _) = reader
                .next(Some(meta.placement()))?
                .ok_or_else(|| wrong("fewer"))?;
            let ct = CkksCt::admit(context, ciphertext, meta);
            groups.push(ct.map_err(|error| from_text(&error).at(name.clone()))?);
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
/// reckons with values of usual size (the trace's own, with every value at its bound, is far above any error that occurs).
fn expected(plan: &PlanFile) -> Result<Vec<Vec<Meta>>, Failure> {
    let trace = Trace::new(Arc::clone(plan.plan.params()));
    let job = plan.plan.job();
    let weights = train(job, &trace, &ShapeSource::new(&trace, job), &Unobserved)
        .map_err(|error| from_text(&error))?;
    let error = plan.plan.prediction().weight_error();
    let planned = |meta: Meta| Meta {
        noise: error * meta.scale,
        ..meta
    };
    let metas = |groups: &Vec<_>| {
        let metas = groups.iter().map(|ct| planned(trace.meta(ct)));
        metas.collect()
    };
    Ok(weights.iter().map(metas).collect())
}
