//! The model, from the shares of its opening.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use he_core::ckks::{encode::Encoder, plaintext, plaintext::PlaintextError};
use he_core::evaluator::{Ckks, CkksCt, EvalError};
use he_core::key_holder::Decryptor;
use he_core::rlwe::EvaluationKeys;
use he_core::wire::{self, Source};
use num_complex::Complex64;

use super::Setting;
use super::question::Asked;
use crate::artifacts::{Reporter, RunError};
use crate::client::PrivateFile;
use crate::client::accept::{Accepted, Witness, accept};
use crate::client::decrypt::{Decrypted, decrypt};
use crate::client::norm::LargestNorm;
use crate::client::prepare::Coordinates;
use crate::files::{self, Access, NewDirectory};
use crate::model::{Model, Provenance};
use crate::plan;

/// What [`write()`] needs.
#[derive(Clone, Debug)]
pub struct OpenedInput<'a> {
    /// The active parties' shares, in the question's order.
    pub shares: Vec<PathBuf>,
    /// The whitening map that all owners share.
    pub map: &'a PrivateFile,
    /// Where the model goes: a new directory.
    pub out: PathBuf,
}

/// What was opened.
#[derive(Clone, Debug)]
pub struct OpenedModel {
    /// Bits behind the binary point that every weight was rounded to.
    pub certified_bits: i32,
    /// Expected root mean square error of a weight: that of the training and of the opening.
    pub expected_error: f64,
    /// What speaks against the weights.
    pub warnings: Vec<String>,
}

/// Slots that were opened together, in the order in which they are asked for.
struct Slots(Mutex<VecDeque<Vec<Complex64>>>);

impl Decryptor<Ckks> for Slots {
    fn decrypt(&self, ct: &CkksCt) -> Result<Vec<Complex64>, EvalError> {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // As many were opened as there are ciphertexts; another number of slots is refused by whoever asked.
        Ok(left.pop_front().unwrap_or_else(|| {
            vec![Complex64::new(f64::NAN, 0.0); ct.ciphertext().c0().ring().degree() / 2]
        }))
    }
}

/// Opens the model from the shares of all active parties, judges it, and writes it over raw features, rounded to the bits that the training's error and the noise of the opening leave certain.
///
/// # Errors
/// A share that is missing, of another question or party, by its party's number; weights that are not accepted; the system's.
pub fn write(
    setting: &Setting,
    asked: &Asked,
    input: &OpenedInput<'_>,
    reporter: &dyn Reporter,
) -> Result<OpenedModel, RunError> {
    let directory = NewDirectory::begin(&input.out, Access::Private, "model")?;
    let plan = setting.plan();
    let slots = slots(setting, asked, &input.shares)?;
    let eval = Ckks::new(EvaluationKeys::new(setting.context()))?;
    let opened = decrypt(plan.plan.job(), &eval, &slots, &asked.weights)?;
    let (accepted, expected_error) = judged(setting, asked, opened)?;
    for warning in &accepted.warnings {
        reporter.warn(warning);
    }
    let map = input.map;
    let coordinates = Coordinates::Whitened(Box::new(map.whitening.clone()));
    let (weights, intercept) = coordinates.fold_back(accepted.weights.view())?;
    let job = plan.plan.job();
    let provenance = Provenance {
        method: plan.method().to_owned(),
        encrypted: true,
        iterations: job.iterations(),
        training_rows: job.program().shape.samples,
        plan_blake3: Some(plan.hash_hex()),
        certified_bits: Some(f64::from(accepted.bits)),
    };
    let model = Model::new(weights, intercept, map.class_names.clone(), provenance)?;
    let model = model.with_description(map.description.clone());
    model.write_private(directory.path())?;
    reporter.check()?;
    directory.commit()?;
    Ok(OpenedModel {
        certified_bits: accepted.bits,
        expected_error,
        warnings: accepted.warnings,
    })
}

/// The slots of every ciphertext.
fn slots(setting: &Setting, asked: &Asked, shares: &[PathBuf]) -> Result<Slots, RunError> {
    /// Larger files are no share of any ring.
    const LARGEST: u64 = 1 << 30;
    let (session, opening) = (setting.session(), &asked.opening);
    let read = |(party, path): (&_, &PathBuf)| {
        let bytes = files::read_limited(path, LARGEST)?;
        let file = path.display().to_string();
        let source = Source::of(&file, &bytes);
        Ok(wire::read_opening_share(source, session, opening, *party)?)
    };
    let active = opening.active().parties().iter();
    let shares: Result<Vec<_>, RunError> = active.zip(shares).map(read).collect();
    let opened = opening.open(&shares?)?;
    let encoder = Encoder::new(setting.context().params().log_n())
        .map_err(|error| RunError::input(error.to_string()))?;
    let cts = asked.weights.iter().flatten();
    let slots = opened
        .iter()
        .zip(cts)
        .map(|(message, ct)| plaintext::decode(&encoder, message, ct.meta().scale))
        .collect();
    let slots: Result<_, PlaintextError> = slots;
    let slots = slots.map_err(|error| RunError::input(error.to_string()))?;
    Ok(Slots(Mutex::new(slots)))
}

/// The weights as they may be shown, and their expected error.
fn judged(
    setting: &Setting,
    asked: &Asked,
    opened: Decrypted,
) -> Result<(Accepted, f64), RunError> {
    let (job, params) = (setting.plan().plan.job(), setting.context().params());
    let scales = asked.weights.iter().flatten().map(|ct| ct.meta().scale);
    let scale = scales.fold(f64::INFINITY, f64::min);
    let error = opened.expected_error;
    let hidden = plan::hidden(job, params, asked.smudging, scale);
    let replica = asked.smudging.slot_noise(params, asked.parties().len()) / scale;
    let opened = Decrypted {
        expected_error: error.hypot(replica),
        ..opened
    };
    let witness = Witness::Together {
        norm: LargestNorm::of(job),
        error,
        hidden,
    };
    let bound = job.program().bounds.weight;
    let accepted = accept(opened, bound, witness)?;
    Ok((accepted, error.hypot(hidden)))
}
