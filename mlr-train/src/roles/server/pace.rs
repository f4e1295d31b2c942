//! How fast this machine is, and how long a training is going to take on it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use he_core::evaluator::{Ckks, CkksCt, CountedOp, EvalError, Evaluator as _};

use crate::artifacts::PlanFile;
use crate::packing::Upload;
use crate::plan::cost::Rates;
use crate::server::BlockSource;

/// A measurement takes this share of what the built-in rates predict, between these two.
const SHARE: f64 = 0.05;
const SHORTEST: f64 = 0.02;
const LONGEST: f64 = 2.0;

/// Predicted seconds of the training that `eval` is for, from rotations of its first ciphertext on all threads: what most of a training is, with the memory
/// and the neighbours that this machine has now. None where the server rotates nothing, or cannot read the ciphertext, which the training then says.
pub(super) fn predicted_seconds(
    eval: &Ckks,
    plan: &PlanFile,
    source: &dyn BlockSource<Ckks>,
) -> Option<f64> {
    let rotation = i64::try_from(*plan.keys().rotations.first()?).ok()?;
    let first = Upload::Data { block: 0, group: 0 };
    let ct = plan.plan.job().uploads().find(|upload| *upload == first)?;
    let ct = source.load(ct).ok()?;
    let built_in = Rates::default();
    let expected = plan.plan.seconds(&built_in).ok()?;
    let time = (SHARE * expected).clamp(SHORTEST, LONGEST);
    let one = seconds_of_a_rotation(eval, &ct, rotation, Duration::from_secs_f64(time)).ok()?;
    let level = ct.meta().level;
    let counted = [
        CountedOp::Decompose,
        CountedOp::KeyProduct,
        CountedOp::ModDown,
    ];
    let counted = counted.map(|op| built_in.seconds(eval.params(), op, level));
    let factor = one / counted.iter().sum::<f64>();
    let rates = built_in.slower(factor, rayon::current_num_threads());
    plan.plan.seconds(&rates).ok()
}

/// Seconds of one rotation on one core, all of them busy.
fn seconds_of_a_rotation(
    eval: &Ckks,
    ct: &CkksCt,
    rotation: i64,
    time: Duration,
) -> Result<f64, EvalError> {
    // Caches and buffers are filled by the first.
    eval.rotate(ct, rotation)?;
    let done = AtomicU64::new(0);
    let begun = Instant::now();
    let ended = rayon::broadcast(|_| {
        while begun.elapsed() < time {
            eval.rotate(ct, rotation)?;
            done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    });
    let threads = ended.len();
    ended.into_iter().collect::<Result<(), EvalError>>()?;
    let done = done.into_inner().max(1);
    Ok(begun.elapsed().as_secs_f64() * threads as f64 / done as f64)
}
