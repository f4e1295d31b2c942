//! Everything that must be refused.

use num_complex::Complex64;

use super::harness::Harness;
use super::{ConformanceError, Fidelity};
use crate::evaluator::{Evaluator, Level, Placement, Refusal};
use crate::key_holder::Encryptor;

type Outcome = Result<(), ConformanceError>;

/// `refuse!(harness, Variant, case, result)`: `result` is that refusal, and nothing is counted.
macro_rules! refuse {
    ($h:expr, $variant:ident, $case:expr, $result:expr) => {{
        let before = $h.ev.tally().rows();
        let result = $result;
        $h.refused(
            $case,
            stringify!($variant),
            |cause| matches!(cause, Refusal::$variant { .. }),
            result,
        )?;
        $h.nothing_counted($case, &before)?
    }};
}

mod keys;

pub(super) use keys::{with_lower_keys, without_keys};

/// All refusals that metadata suffice for, and that the operands survive them.
pub(super) fn all<E: Evaluator, S: Encryptor<E>>(h: &mut Harness<'_, E, S>) -> Outcome {
    levels(h)?;
    scales(h)?;
    overflow(h)?;
    coarse_factors(h)?;
    unusable_numbers(h)?;
    empty_sums(h)
}

fn levels<E: Evaluator, S: Encryptor<E>>(h: &mut Harness<'_, E, S>) -> Outcome {
    let (ev, top, scale) = (h.ev, h.top(), h.scale());
    let at = |level| Placement {
        level: Level(level),
        scale,
    };
    let low = h.fresh(71, 0, scale)?;
    let mid = h.fresh(72, 2, scale)?;
    let high = h.fresh(73, top, scale)?;
    let plain = h.accepted("plaintext", ev.plain(h.random(74)))?;
    let slots = h.random(75);
    refuse!(
        h,
        LevelExhausted,
        "encryption above the chain",
        h.encryptor.encrypt(&slots, at(top + 1), 1.0)
    );
    for (x, y) in [(&low, &low), (&low, &high), (&high, &low)] {
        refuse!(
            h,
            LevelExhausted,
            "product at level 0",
            ev.mul(&x.ct, &y.ct)
        );
    }
    refuse!(
        h,
        LevelExhausted,
        "plaintext product at level 0",
        ev.mul_plain(&low.ct, &plain, scale)
    );
    let terms = [(&high.ct, &plain), (&low.ct, &plain)];
    refuse!(
        h,
        LevelExhausted,
        "a term at level 0",
        ev.dot_plain(&terms, scale)
    );
    for to in [2, 3, top, usize::MAX] {
        refuse!(
            h,
            LevelExhausted,
            "scalar product upwards",
            ev.mul_scalar(&mid.ct, 0.5, at(to))
        );
    }
    for to in [3, top, top + 1, usize::MAX] {
        refuse!(
            h,
            LevelExhausted,
            "dropping upwards",
            ev.drop_level(&mid.ct, Level(to))
        );
    }
    let mut sum = ev.product_sum();
    h.accepted(
        "first product",
        ev.add_product(&mut sum, &high.ct, &high.ct),
    )?;
    refuse!(
        h,
        LevelExhausted,
        "a product below the sum",
        ev.add_product(&mut sum, &high.ct, &mid.ct)
    );
    let mut other = ev.product_sum();
    h.accepted(
        "first product",
        ev.add_product(&mut other, &mid.ct, &mid.ct),
    )?;
    refuse!(
        h,
        LevelExhausted,
        "a sum below the sum",
        ev.merge(&mut sum, other)
    );
    // The refused products left the sum alone.
    let squares = super::harness::map(&high.slots, |z| z * z);
    let scale = scale * scale / h.q(top);
    let want = super::harness::Expected {
        slots: squares,
        level: top - 1,
        scale,
        bound: 1.0,
    };
    h.step(
        "the sum after refused products",
        ev.relinearize_rescale(sum),
        want,
    )?;
    for x in [&low, &mid, &high] {
        h.check_values("operand after refusals", x)?;
    }
    Ok(())
}

fn scales<E: Evaluator, S: Encryptor<E>>(h: &mut Harness<'_, E, S>) -> Outcome {
    let (ev, top, scale) = (h.ev, h.top(), h.scale());
    let a = h.fresh(81, top, scale)?.ct;
    // Relative differences of 2^-20 already matter; those of the scale's own rounding must not.
    for factor in [2.0, 1.0 + 1.0 / f64::from(1 << 20)] {
        let b = h.fresh(82, top, scale * factor)?.ct;
        refuse!(h, ScaleMismatch, "sum of scales", ev.add(&a, &b));
        refuse!(h, ScaleMismatch, "difference of scales", ev.sub(&a, &b));
        refuse!(
            h,
            ScaleMismatch,
            "rotations of scales",
            ev.rotate_each_and_sum(&[(&a, 1), (&b, 2)])
        );
        let mut sum = ev.product_sum();
        h.accepted("first product", ev.add_product(&mut sum, &a, &a))?;
        refuse!(
            h,
            ScaleMismatch,
            "products of scales",
            ev.add_product(&mut sum, &a, &b)
        );
    }
    let b = h.fresh(82, top, scale * (1.0 + f64::EPSILON))?.ct;
    h.accepted("scales that differ by rounding", ev.add(&a, &b))?;
    Ok(())
}

fn overflow<E: Evaluator, S: Encryptor<E>>(h: &mut Harness<'_, E, S>) -> Outcome {
    let (ev, scale) = (h.ev, h.scale());
    let (q0, q1) = (h.q(0), h.q(1));
    let at = |level, scale| Placement {
        level: Level(level),
        scale,
    };
    let slots = h.random(90);
    refuse!(
        h,
        Overflow,
        "encryption",
        h.encryptor.encrypt(&slots, at(0, q0 * 0.5), 1.0)
    );
    refuse!(
        h,
        Overflow,
        "encryption of a large bound",
        h.encryptor.encrypt(&slots, at(0, scale), q0 / scale)
    );
    let small = h.fresh(91, 0, scale)?.ct;
    refuse!(
        h,
        Overflow,
        "product by an integer",
        ev.mul_integer(&small, (q0 / scale).min(1e9) as i32)
    );

    // 0.6 of the modulus: a single one fits, two do not.
    let full = h.fresh(92, 0, q0 * 0.3)?.ct;
    let plain = h.accepted(
        "plaintext",
        ev.plain(vec![Complex64::from(1.0); ev.slots()]),
    )?;
    refuse!(h, Overflow, "sum", ev.add(&full, &full));
    refuse!(h, Overflow, "difference", ev.sub(&full, &full));
    refuse!(
        h,
        Overflow,
        "sum with a plaintext",
        ev.add_plain(&full, &plain)
    );
    let fine = h.fresh(97, h.top(), 80f64.exp2())?.ct;
    let large = vec![Complex64::from(46f64.exp2()); ev.slots()];
    let large = h.accepted("plaintext", ev.plain(large))?;
    refuse!(
        h,
        Overflow,
        "sum with a plaintext of more bits than can be encoded",
        ev.add_plain(&fine, &large)
    );
    refuse!(
        h,
        Overflow,
        "sum of rotations",
        ev.rotate_sum(&full, &[1, 2])
    );
    refuse!(
        h,
        Overflow,
        "sum of rotations of several",
        ev.rotate_each_and_sum(&[(&full, 1), (&full, 0)])
    );

    let wide = h.fresh(93, 1, q0 * 0.3)?.ct;
    refuse!(h, Overflow, "product", ev.mul(&wide, &wide));
    let root = h.fresh(94, 1, (0.3 * q0 * q1).sqrt())?.ct;
    let mut sum = ev.product_sum();
    h.accepted(
        "a product that fits",
        ev.add_product(&mut sum, &root, &root),
    )?;
    refuse!(
        h,
        Overflow,
        "sum of products",
        ev.add_product(&mut sum, &root, &root)
    );

    let a = h.fresh(95, 1, scale)?.ct;
    refuse!(
        h,
        Overflow,
        "product by a constant",
        ev.mul_scalar(&a, 1.0, at(0, q0 * 0.6))
    );
    refuse!(
        h,
        Overflow,
        "product with a plaintext",
        ev.mul_plain(&a, &plain, q0 * 0.6)
    );
    let deep = h.fresh(96, h.top(), scale)?.ct;
    refuse!(h, Overflow, "dropping limbs that are needed", {
        let mut big = deep.clone();
        ev.declare_bound(&mut big, q0 / scale)
            .and_then(|()| ev.drop_level(&big, Level(0)))
    });
    let mut ct = small.clone();
    refuse!(
        h,
        Overflow,
        "declaring a bound beyond the modulus",
        ev.declare_bound(&mut ct, q0 / scale)
    );
    Ok(())
}

fn coarse_factors<E: Evaluator, S: Encryptor<E>>(h: &mut Harness<'_, E, S>) -> Outcome {
    let (ev, top, scale) = (h.ev, h.top(), h.scale());
    let a = h.fresh(101, top, scale)?.ct;
    let to = Placement {
        level: Level(top - 1),
        scale,
    };
    // 12 bits are wanted; the factor of a landing at the operand's own scale is the prime, near the scale.
    let (coarse, fine) = (2048.0 / scale, 8192.0 / scale);
    refuse!(
        h,
        PlainTooCoarse,
        "a small constant",
        ev.mul_scalar(&a, -coarse, to)
    );
    h.accepted("a constant just large enough", ev.mul_scalar(&a, -fine, to))?;
    let plain = |x: f64| ev.plain(vec![Complex64::new(0.0, x); ev.slots()]);
    let small = h.accepted("plaintext", plain(coarse))?;
    let large = h.accepted("plaintext", plain(fine))?;
    refuse!(
        h,
        PlainTooCoarse,
        "a small plaintext",
        ev.mul_plain(&a, &small, scale)
    );
    refuse!(
        h,
        PlainTooCoarse,
        "a small plaintext among others",
        ev.dot_plain(&[(&a, &large), (&a, &small)], scale)
    );
    h.accepted(
        "a plaintext just large enough",
        ev.mul_plain(&a, &large, scale),
    )?;
    // A factor of more than 100 bits.
    let tiny = h.fresh(102, top, scale / f64::from(1 << 20))?.ct;
    let far = Placement {
        scale: 90f64.exp2(),
        ..to
    };
    refuse!(
        h,
        Overflow,
        "a constant of too many bits",
        ev.mul_scalar(&tiny, 1.0, far)
    );
    Ok(())
}

fn unusable_numbers<E: Evaluator, S: Encryptor<E>>(h: &mut Harness<'_, E, S>) -> Outcome {
    let (ev, top, scale) = (h.ev, h.top(), h.scale());
    let slots = h.random(110);
    let a = h.fresh(111, top, scale)?;
    let plain = h.accepted("plaintext", ev.plain(slots.clone()))?;
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -1.0] {
        let to = Placement {
            level: Level(top - 1),
            scale: bad,
        };
        refuse!(
            h,
            NotFinite,
            "encryption at a scale",
            h.encryptor.encrypt(&slots, to, 1.0)
        );
        refuse!(
            h,
            NotFinite,
            "scalar product to a scale",
            ev.mul_scalar(&a.ct, 0.5, to)
        );
        refuse!(
            h,
            NotFinite,
            "plaintext product to a scale",
            ev.mul_plain(&a.ct, &plain, bad)
        );
        let mut ct = a.ct.clone();
        refuse!(
            h,
            NotFinite,
            "scaling of values by a factor",
            ev.scale_value(&mut ct, bad)
        );
        h.check_values(
            "operand of a refused scaling",
            &super::harness::Tracked { ct, ..a.clone() },
        )?;
        if bad != 0.0 {
            refuse!(
                h,
                NotFinite,
                "encryption with a bound",
                h.encryptor.encrypt(&slots, a.at, bad)
            );
            let mut ct = a.ct.clone();
            refuse!(
                h,
                NotFinite,
                "declaring a bound",
                ev.declare_bound(&mut ct, bad)
            );
        }
        if !bad.is_finite() {
            let to = Placement { scale, ..to };
            refuse!(
                h,
                NotFinite,
                "scalar product",
                ev.mul_scalar(&a.ct, bad, to)
            );
            let mut slots = slots.clone();
            slots[3].im = bad;
            refuse!(h, NotFinite, "plaintext", ev.plain(slots));
        }
    }
    let n = ev.slots();
    for len in [0, n - 1, n + 1, 2 * n] {
        refuse!(
            h,
            SlotCount,
            "plaintext",
            ev.plain(vec![Complex64::ZERO; len])
        );
    }
    Ok(())
}

fn empty_sums<E: Evaluator, S: Encryptor<E>>(h: &mut Harness<'_, E, S>) -> Outcome {
    let (ev, scale) = (h.ev, h.scale());
    let a = h.fresh(121, 1, scale)?.ct;
    refuse!(h, Empty, "plaintext products", ev.dot_plain(&[], scale));
    refuse!(h, Empty, "rotations", ev.rotate_sum(&a, &[]));
    refuse!(
        h,
        Empty,
        "rotations of several",
        ev.rotate_each_and_sum(&[])
    );
    refuse!(
        h,
        Empty,
        "products",
        ev.relinearize_rescale(ev.product_sum())
    );
    Ok(())
}

/// What only implementations with values can see.
pub(super) fn values<E: Evaluator, S: Encryptor<E>>(h: &mut Harness<'_, E, S>) -> Outcome {
    if !h.has_values() {
        return Ok(());
    }
    let (ev, top, scale) = (h.ev, h.top(), h.scale());
    let at = Placement {
        level: Level(top),
        scale,
    };
    let n = ev.slots();
    for len in [0, n - 1, n + 1] {
        refuse!(
            h,
            SlotCount,
            "encryption",
            h.encryptor.encrypt(&vec![Complex64::ZERO; len], at, 1.0)
        );
    }
    let mut slots = h.random(131);
    slots[5] = Complex64::new(0.8, 0.8);
    refuse!(
        h,
        BoundExceeded,
        "encryption beyond the bound",
        h.encryptor.encrypt(&slots, at, 1.0)
    );
    slots[5].re = f64::NAN;
    refuse!(
        h,
        NotFinite,
        "encryption",
        h.encryptor.encrypt(&slots, at, 1.0)
    );
    let a = h.fresh(132, top, scale)?;
    match h.fidelity() {
        Some(Fidelity::Exact) => {
            let mut ct = a.ct.clone();
            refuse!(
                h,
                BoundExceeded,
                "declaring too little",
                ev.declare_bound(&mut ct, 0.25)
            );
        }
        Some(Fidelity::Noisy) => {
            refuse!(h, MissingKey, "rotation without a key", ev.rotate(&a.ct, 7));
            let digits = h.accepted("digits", ev.hoist(&a.ct))?;
            refuse!(
                h,
                MissingKey,
                "hoisted rotation without a key",
                ev.rotate_hoisted(&digits, 7)
            );
            refuse!(
                h,
                MissingKey,
                "one of a sum without a key",
                ev.rotate_sum(&a.ct, &[1, 7])
            );
            refuse!(
                h,
                MissingKey,
                "one of several without a key",
                ev.rotate_each_and_sum(&[(&a.ct, 1), (&a.ct, 7)])
            );
        }
        None => {}
    }
    h.check_values("operand after refusals", &a)
}
