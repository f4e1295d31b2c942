//! Identities between operations, and programs of many.

use num_complex::Complex64;

use super::ConformanceError;
use super::harness::{Expected, Harness, Tracked, map, rotated, zip};
use crate::evaluator::{EvalError, Evaluator};
use crate::key_holder::Encryptor;

/// Two ways to the same value: their difference must be zero but for noise.
pub(super) fn identities<E: Evaluator, S: Encryptor<E>>(
    h: &mut Harness<'_, E, S>,
) -> Result<(), ConformanceError> {
    let (ev, top, scale) = (h.ev, h.top(), h.scale());
    let a = h.fresh(41, top, scale)?.ct;
    let b = h.fresh(42, top, scale)?.ct;
    let c = h.fresh(43, top, scale)?.ct;

    type Way<'w, C> = Box<dyn Fn() -> Result<C, EvalError> + 'w>;
    type Pair<'w, C> = (&'static str, Way<'w, C>, Way<'w, C>);
    let pairs: Vec<Pair<'_, E::Ct>> = vec![
        (
            "a + b = b + a",
            Box::new(|| ev.add(&a, &b)),
            Box::new(|| ev.add(&b, &a)),
        ),
        (
            "a - b = a + (-1) b",
            Box::new(|| ev.sub(&a, &b)),
            Box::new(|| ev.add(&a, &ev.mul_integer(&b, -1)?)),
        ),
        (
            "a b = b a",
            Box::new(|| ev.mul(&a, &b)),
            Box::new(|| ev.mul(&b, &a)),
        ),
        (
            "(a + b) c = a c + b c",
            Box::new(|| ev.mul(&ev.add(&a, &b)?, &c)),
            Box::new(|| ev.add(&ev.mul(&a, &c)?, &ev.mul(&b, &c)?)),
        ),
        (
            "a c + b c, relinearised once or twice",
            Box::new(|| {
                let mut sum = ev.product_sum();
                ev.add_product(&mut sum, &a, &c)?;
                ev.add_product(&mut sum, &b, &c)?;
                ev.relinearize_rescale(sum)
            }),
            Box::new(|| ev.add(&ev.mul(&a, &c)?, &ev.mul(&b, &c)?)),
        ),
        (
            "conjugating twice",
            Box::new(|| ev.conjugate(&ev.conjugate(&a)?)),
            Box::new(|| Ok(a.clone())),
        ),
        (
            "conjugate of a product",
            Box::new(|| ev.conjugate(&ev.mul(&a, &b)?)),
            Box::new(|| ev.mul(&ev.conjugate(&a)?, &ev.conjugate(&b)?)),
        ),
        (
            "rotating there and back",
            Box::new(|| ev.rotate(&ev.rotate(&a, 5)?, -5)),
            Box::new(|| Ok(a.clone())),
        ),
        (
            "rotations add up",
            Box::new(|| ev.rotate(&ev.rotate(&a, 1)?, 2)),
            Box::new(|| ev.rotate(&a, 3)),
        ),
        (
            "hoisted or not",
            Box::new(|| ev.rotate_hoisted(&ev.hoist(&a)?, 3)),
            Box::new(|| ev.rotate(&a, 3)),
        ),
        (
            "rotation of a product",
            Box::new(|| ev.rotate(&ev.mul(&a, &b)?, 2)),
            Box::new(|| ev.mul(&ev.rotate(&a, 2)?, &ev.rotate(&b, 2)?)),
        ),
        (
            "sum of rotations, at once or one by one",
            Box::new(|| ev.rotate_sum(&a, &[0, 1, -5])),
            Box::new(|| ev.add(&ev.add(&a, &ev.rotate(&a, 1)?)?, &ev.rotate(&a, -5)?)),
        ),
        (
            "the same sum of one ciphertext or of three",
            Box::new(|| ev.rotate_sum(&a, &[0, 1, -5])),
            Box::new(|| ev.rotate_each_and_sum(&[(&a, 0), (&a, 1), (&a, -5)])),
        ),
    ];
    for (case, left, right) in pairs {
        let left = h.accepted(case, left())?;
        let right = h.accepted(case, right())?;
        let (l, r) = (ev.meta(&left), ev.meta(&right));
        let want = Expected {
            slots: vec![Complex64::ZERO; ev.slots()],
            level: l.level.0,
            scale: l.scale,
            bound: l.bound + r.bound,
        };
        if l.placement() != r.placement() {
            let (what, expected, found) = ("scale of the other side", l.scale, r.scale);
            return Err(ConformanceError::Meta {
                case: case.into(),
                what,
                expected,
                found,
            });
        }
        h.step(case, ev.sub(&left, &right), want)?;
    }
    Ok(())
}

/// A cubic of both samples in a slot, a t + b t^3 of the real and of the imaginary part, in the columns that a mask keeps; then a fold.
/// z conj(z) z and conj(z)^3 give re^3 + i im^3 = conj(z) (3 z^2 + conj(z)^2) / 4; the mask sits in the plaintexts. Two levels.
pub(super) fn masked_cubic<E: Evaluator, S: Encryptor<E>>(
    h: &mut Harness<'_, E, S>,
) -> Result<(), ConformanceError> {
    const A: f64 = 0.73;
    const B: f64 = -0.21;
    let (ev, top, scale) = (h.ev, h.top(), h.scale());
    let mask = |value: f64| -> Vec<Complex64> {
        (0..ev.slots())
            .map(|i| Complex64::from(if i % 4 == 0 { value } else { 0.0 }))
            .collect()
    };
    let z = h.fresh(51, top, scale)?;
    let w = h.step(
        "cubic: conjugate",
        ev.conjugate(&z.ct),
        Expected {
            slots: map(&z.slots, |z| z.conj()),
            level: top,
            scale,
            bound: 1.0,
        },
    )?;
    let plain = h.accepted("cubic: mask", ev.plain(mask(B / 4.0)))?;
    let masked = h.step(
        "cubic: masked conjugate",
        ev.mul_plain(&w.ct, &plain, scale),
        Expected {
            slots: zip(&w.slots, &mask(B / 4.0), |x, y| x * y),
            level: top - 1,
            scale,
            bound: B.abs() / 4.0,
        },
    )?;
    let squares = h.accepted("cubic: squares", {
        let mut sum = ev.product_sum();
        ev.mul_integer(&z.ct, 3)
            .and_then(|z3| ev.add_product(&mut sum, &z3, &z.ct))
            .and_then(|()| ev.add_product(&mut sum, &w.ct, &w.ct))
            .map(|()| sum)
    })?;
    let squares = h.step(
        "cubic: squares",
        ev.relinearize_rescale(squares),
        Expected {
            slots: map(&z.slots, |z| 3.0 * z * z + (z * z).conj()),
            level: top - 1,
            scale: scale * scale / h.q(top),
            bound: 4.0,
        },
    )?;
    let cube = |z: Complex64| Complex64::new(z.re.powi(3), z.im.powi(3));
    let at = squares.at.scale * scale / h.q(top - 1);
    let cubes = h.step(
        "cubic: cubes",
        ev.mul(&masked.ct, &squares.ct),
        Expected {
            slots: zip(&z.slots, &mask(B), |z, m| cube(z) * m),
            level: top - 2,
            scale: at,
            bound: B.abs(),
        },
    )?;
    let plain = h.accepted("cubic: mask", ev.plain(mask(A)))?;
    // Landing at the other summand's scale, a level above it: a sum brings both to the lower level.
    let linear = h.accepted("cubic: linear part", ev.mul_plain(&z.ct, &plain, at))?;
    let slots = zip(&z.slots, &mask(1.0), |z, m| (A * z + B * cube(z)) * m);
    let all = h.step(
        "cubic",
        ev.add(&cubes.ct, &linear),
        Expected {
            slots: slots.clone(),
            level: top - 2,
            scale: at,
            bound: A.abs() + B.abs(),
        },
    )?;
    let spread: Vec<Complex64> = [0, -1]
        .iter()
        .fold(vec![Complex64::ZERO; slots.len()], |s, k| {
            zip(&s, &rotated(&slots, *k), |x, y| x + y)
        });
    h.step(
        "cubic: spread",
        ev.rotate_sum(&all.ct, &[0, -1]),
        Expected {
            slots: spread,
            level: top - 2,
            scale: at,
            bound: 2.0 * (A.abs() + B.abs()),
        },
    )?;
    Ok(())
}

/// Squares down to the last level, where rotations still work.
pub(super) fn all_levels<E: Evaluator, S: Encryptor<E>>(
    h: &mut Harness<'_, E, S>,
) -> Result<(), ConformanceError> {
    let (ev, scale) = (h.ev, h.scale());
    let mut x: Tracked<E::Ct> = h.fresh(61, h.top(), scale)?;
    for level in (1..=h.top()).rev() {
        let want = Expected {
            slots: map(&x.slots, |z| z * z),
            level: level - 1,
            scale: x.at.scale * x.at.scale / h.q(level),
            bound: 1.0,
        };
        x = h.step("squaring down the levels", ev.mul(&x.ct, &x.ct), want)?;
    }
    let slots = zip(&rotated(&x.slots, 1), &rotated(&x.slots, 3), |a, b| a + b);
    let want = Expected {
        slots,
        level: 0,
        scale: x.at.scale,
        bound: 2.0,
    };
    h.step(
        "rotations at the last level",
        ev.rotate_sum(&x.ct, &[1, 3]),
        want,
    )?;
    Ok(())
}
