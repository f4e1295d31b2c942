//! How fast this machine is, and how long a training is going to take on it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use he_core::evaluator::{Ckks, CkksCt, CountedOp, EvalError, Evaluator as _, Level};

use crate::artifacts::PlanFile;
use crate::packing::Upload;
use crate::plan::cost::Rates;
use crate::server::BlockSource;

/// Trainings for which the built-in rates predict fewer seconds are over before their end is worth predicting, and the look would be a good part of them.
const WORTH: f64 = 2.0;
/// A look takes this share of what the built-in rates predict, and no more than so many seconds.
const SHARE: f64 = 0.01;
const LONGEST: f64 = 2.0;

/// Predicted seconds of the training that `eval` is for, from rotations of its first ciphertext on all threads: what most of a training is, with the memory
/// and the neighbours that this machine has now. None for a short one, and where the server rotates nothing, or cannot read the ciphertext, which the training
/// then says.
pub(super) fn predicted_seconds(
    eval: &Ckks,
    plan: &PlanFile,
    source: &dyn BlockSource<Ckks>,
) -> Option<f64> {
    let threads = rayon::current_num_threads();
    let built_in = Rates::default().slower(1.0, threads);
    let time = time_to_look(plan.plan.seconds(&built_in))?;
    let rotations = plan.keys().rotations.iter();
    let (&rotation, &highest) = rotations.max_by_key(|(_, level)| **level)?;
    let rotation = i64::try_from(rotation).ok()?;
    let first = Upload::Data { block: 0, group: 0 };
    let ct = plan.plan.job().uploads().find(|upload| *upload == first)?;
    let ct = source.load(ct).ok()?;
    // A key switches at its level and below.
    let level = ct.meta().level.min(Level(highest));
    let ct = eval.drop_level(&ct, level).ok()?;
    let one = seconds_of_a_rotation(eval, &ct, rotation, time).ok()?;
    let counted = [
        CountedOp::Decompose,
        CountedOp::KeyProduct,
        CountedOp::ModDown,
    ];
    let counted = counted.map(|op| built_in.seconds(eval.params(), op, level));
    let factor = one / counted.iter().sum::<f64>();
    Some(plan.plan.seconds(&built_in.slower(factor, threads)))
}

/// How long to look at the machine before a training for which so many seconds are predicted; none for a short one.
fn time_to_look(expected: f64) -> Option<Duration> {
    let time = (SHARE * expected).min(LONGEST);
    (expected >= WORTH).then(|| Duration::from_secs_f64(time))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_takes_a_hundredth_of_a_long_training_and_nothing_of_a_short_one() {
        let milliseconds = |expected| time_to_look(expected).map(|time| time.as_millis());
        assert_eq!(milliseconds(0.0), None);
        assert_eq!(milliseconds(1.99), None);
        assert_eq!(milliseconds(2.0), Some(20));
        assert_eq!(milliseconds(60.0), Some(600));
        assert_eq!(milliseconds(86_400.0), Some(2000));
    }
}
