//! What an evaluator without keys, or with keys of lower levels, must refuse.

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

/// An evaluator with keys of a level below the highest refuses what needs one there, whatever the way, and does it a level below.
pub(in super::super) fn with_lower_keys<E: Evaluator, S: Encryptor<E>>(
    h: &mut Harness<'_, E, S>,
) -> Outcome {
    let (ev, top, scale) = (h.ev, h.top(), h.scale());
    let high = h.fresh(151, top, scale)?.ct;
    let low = h.fresh(152, top - 1, scale)?.ct;
    refuse!(h, KeyLevel, "rotation", ev.rotate(&high, 1));
    refuse!(h, KeyLevel, "conjugation", ev.conjugate(&high));
    let digits = h.accepted("digits", ev.hoist(&high))?;
    refuse!(h, KeyLevel, "hoisted", ev.rotate_hoisted(&digits, 1));
    refuse!(h, KeyLevel, "sum of rotations", ev.rotate_sum(&high, &[1]));
    refuse!(
        h,
        KeyLevel,
        "sum of rotations of several",
        ev.rotate_each_and_sum(&[(&high, 1), (&high, 0)])
    );
    refuse!(h, KeyLevel, "product", ev.mul(&high, &high));
    let mut sum = ev.product_sum();
    h.accepted("a product", ev.add_product(&mut sum, &high, &high))?;
    refuse!(h, KeyLevel, "sum", ev.relinearize_rescale(sum));
    h.accepted("rotation below", ev.rotate(&low, 1))?;
    h.accepted("conjugation below", ev.conjugate(&low))?;
    let digits = h.accepted("digits", ev.hoist(&low))?;
    h.accepted("hoisted below", ev.rotate_hoisted(&digits, 1))?;
    h.accepted("rotations below", ev.rotate_sum(&low, &[1]))?;
    // Every term is brought to the lowest one's level before it is switched.
    let terms = [(&high, 1), (&low, 1)];
    h.accepted("several, one below", ev.rotate_each_and_sum(&terms))?;
    h.accepted("product below", ev.mul(&low, &high))?;
    Ok(())
}
