//! What an evaluator without keys must refuse.

use super::super::harness::Harness;
use super::Outcome;
use crate::evaluator::{Evaluator, Level, Placement, Refusal};
use crate::key_holder::Encryptor;

/// An evaluator without keys refuses what needs one, and nothing else.
pub(in super::super) fn without_keys<E: Evaluator, S: Encryptor<E>>(
    h: &mut Harness<'_, E, S>,
) -> Outcome {
    let (ev, top, scale) = (h.ev, h.top(), h.scale());
    let a = h.fresh(141, top, scale)?.ct;
    refuse!(h, MissingKey, "rotation", ev.rotate(&a, 1));
    refuse!(h, MissingKey, "conjugation", ev.conjugate(&a));
    refuse!(
        h,
        MissingKey,
        "sum of rotations",
        ev.rotate_sum(&a, &[0, 1])
    );
    refuse!(
        h,
        MissingKey,
        "sum of rotations of several",
        ev.rotate_each_and_sum(&[(&a, 1)])
    );
    refuse!(h, MissingKey, "product", ev.mul(&a, &a));
    h.accepted("rotation by nothing", ev.rotate(&a, 0))?;
    h.accepted("sum", ev.add(&a, &a))?;
    h.accepted(
        "scalar product",
        ev.mul_scalar(
            &a,
            0.5,
            Placement {
                level: Level(top - 1),
                scale,
            },
        ),
    )?;
    Ok(())
}
