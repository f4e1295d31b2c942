//! Every operation by itself.

use num_complex::Complex64;

use super::ConformanceError;
use super::harness::{Expected, Harness, map, rotated, zip};
use crate::evaluator::{CountedOp, Evaluator, Level, Placement};
use crate::key_holder::Encryptor;

/// Sums, products by integers, dropping, scaling of values.
pub(super) fn linear<E: Evaluator, S: Encryptor<E>>(
    h: &mut Harness<'_, E, S>,
) -> Result<(), ConformanceError> {
    let (ev, top, scale) = (h.ev, h.top(), h.scale());
    for level in 0..=top {
        h.fresh(100 + level as u64, level, scale)?;
    }
    let a = h.fresh(1, top, scale)?;
    let b = h.fresh(2, top - 2, scale)?;
    let want = |slots, level, bound| Expected {
        slots,
        level,
        scale,
        bound,
    };

    for (x, y) in [(&a, &b), (&b, &a), (&b, &b.clone())] {
        let level = x.at.level.0.min(y.at.level.0);
        h.step(
            "sum",
            ev.add(&x.ct, &y.ct),
            want(zip(&x.slots, &y.slots, |x, y| x + y), level, 2.0),
        )?;
        h.step(
            "difference",
            ev.sub(&x.ct, &y.ct),
            want(zip(&x.slots, &y.slots, |x, y| x - y), level, 2.0),
        )?;
    }

    let p = map(&h.random(3), |z| z * 4.0);
    let plain = h.accepted("plaintext", ev.plain(p.clone()))?;
    let largest = p.iter().map(|z| z.norm()).fold(0.0, f64::max);
    for x in [&a, &b] {
        // The same plaintext at two levels: encodings may be cached, but not confused.
        let slots = zip(&x.slots, &p, |x, y| x + y);
        h.step(
            "sum with a plaintext",
            ev.add_plain(&x.ct, &plain),
            want(slots, x.at.level.0, 1.0 + largest),
        )?;
    }

    for k in [-3, -1, 0, 1, 7] {
        let slots = map(&a.slots, |z| z * f64::from(k));
        h.step(
            "product by an integer",
            ev.mul_integer(&a.ct, k),
            want(slots, top, f64::from(k).abs()),
        )?;
    }

    for level in 0..=top {
        h.step(
            "dropping limbs",
            ev.drop_level(&a.ct, Level(level)),
            want(a.slots.clone(), level, 1.0),
        )?;
    }

    for factor in [32.0, 1.0 / 1024.0, 3.0] {
        let mut ct = a.ct.clone();
        let done = ev.scale_value(&mut ct, factor).map(|()| ct);
        let slots = map(&a.slots, |z| z * factor);
        h.step(
            "scaling of values",
            done,
            Expected {
                slots,
                level: top,
                scale: scale / factor,
                bound: factor,
            },
        )?;
    }
    let mut ct = a.ct.clone();
    let done = ev.declare_bound(&mut ct, 1.25).map(|()| ct);
    h.step("declaring a bound", done, want(a.slots.clone(), top, 1.25))?;
    // Clones share data inside: changing one must leave the others alone.
    h.step(
        "the original of changed clones",
        Ok(a.ct.clone()),
        want(a.slots.clone(), top, 1.0),
    )?;
    Ok(())
}

/// Products by constants, plaintexts and ciphertexts.
pub(super) fn products<E: Evaluator, S: Encryptor<E>>(
    h: &mut Harness<'_, E, S>,
) -> Result<(), ConformanceError> {
    let (ev, top, scale) = (h.ev, h.top(), h.scale());
    let a = h.fresh(11, top, scale)?;
    let b = h.fresh(12, top - 1, scale)?;
    let c = h.fresh(13, top, scale * 4.0)?;

    for (k, level, landing) in [
        (0.37, top - 1, scale),
        (-1.5, 0, scale * 3.0),
        (1e-3, top - 2, scale / 16.0),
        (0.0, top - 1, scale),
    ] {
        let to = Placement {
            level: Level(level),
            scale: landing,
        };
        let want = Expected {
            slots: map(&a.slots, |z| z * k),
            level,
            scale: landing,
            bound: k.abs(),
        };
        let count = [
            (CountedOp::ScalarProduct, 1),
            (CountedOp::Rescale, 1),
            (CountedOp::KeyProduct, 0),
        ];
        let step = h.counted("product by a constant", &count, |h| {
            h.step("product by a constant", ev.mul_scalar(&a.ct, k, to), want)
        })?;
        // Nothing times zero is left of a ciphertext, its noise included.
        if k != 0.0 {
            h.not_too_quiet(&step)?;
        }
    }

    let (p, q) = (h.random(14), map(&h.random(15), |z| z * 8.0));
    let largest = |p: &[Complex64]| p.iter().map(|z| z.norm()).fold(0.0, f64::max);
    let plain_p = h.accepted("plaintext", ev.plain(p.clone()))?;
    let plain_q = h.accepted("plaintext", ev.plain(q.clone()))?;
    for (x, landing) in [(&a, scale), (&b, scale * 1.1), (&c, scale / 4.0)] {
        let want = Expected {
            slots: zip(&x.slots, &p, |x, y| x * y),
            level: x.at.level.0 - 1,
            scale: landing,
            bound: largest(&p),
        };
        h.step(
            "product with a plaintext",
            ev.mul_plain(&x.ct, &plain_p, landing),
            want,
        )?;
    }
    let dot = (0..h.ev.slots())
        .map(|i| a.slots[i] * p[i] + b.slots[i] * q[i] + c.slots[i] * p[i])
        .collect();
    let want = Expected {
        slots: dot,
        level: top - 2,
        scale,
        bound: 2.0 * largest(&p) + largest(&q),
    };
    let terms = [(&a.ct, &plain_p), (&b.ct, &plain_q), (&c.ct, &plain_p)];
    h.counted(
        "sum of products with plaintexts",
        &[(CountedOp::PlainProduct, 3), (CountedOp::Rescale, 1)],
        |h| {
            h.step(
                "sum of products with plaintexts",
                ev.dot_plain(&terms, scale),
                want,
            )
        },
    )?;

    let switch = [
        (CountedOp::Tensor, 1),
        (CountedOp::Decompose, 1),
        (CountedOp::KeyProduct, 1),
        (CountedOp::ModDown, 1),
        (CountedOp::Rescale, 1),
    ];
    for (x, y) in [(&a, &a), (&a, &b), (&c, &a), (&b, &c)] {
        let level = x.at.level.0.min(y.at.level.0);
        let want = Expected {
            slots: zip(&x.slots, &y.slots, |x, y| x * y),
            level: level - 1,
            scale: x.at.scale * y.at.scale / h.q(level),
            bound: 1.0,
        };
        h.counted("product", &switch, |h| {
            h.step("product", ev.mul(&x.ct, &y.ct), want)
        })?;
    }

    // b a first: the sum stands at b's level, though the later operands stand higher.
    let count = [
        (CountedOp::Tensor, 3),
        (CountedOp::Decompose, 1),
        (CountedOp::KeyProduct, 1),
        (CountedOp::ModDown, 1),
        (CountedOp::Rescale, 1),
    ];
    let slots = (0..h.ev.slots())
        .map(|i| b.slots[i] * a.slots[i] + a.slots[i] * a.slots[i] + b.slots[i] * b.slots[i])
        .collect();
    let want = Expected {
        slots,
        level: top - 2,
        scale: scale * scale / h.q(top - 1),
        bound: 3.0,
    };
    h.counted("sum of products", &count, |h| {
        let mut sum = ev.product_sum();
        h.accepted("empty merged", ev.merge(&mut sum, ev.product_sum()))?;
        h.accepted("first product", ev.add_product(&mut sum, &b.ct, &a.ct))?;
        let mut other = ev.product_sum();
        h.accepted(
            "product of another sum",
            ev.add_product(&mut other, &b.ct, &b.ct),
        )?;
        h.accepted(
            "product of another sum",
            ev.add_product(&mut other, &a.ct, &a.ct),
        )?;
        h.accepted("empty merged", ev.merge(&mut other, ev.product_sum()))?;
        h.accepted("sums merged", ev.merge(&mut sum, other))?;
        h.step("sum of products", ev.relinearize_rescale(sum), want)
    })?;
    Ok(())
}

/// Rotations and conjugation, hoisted or not, and their sums.
pub(super) fn rotations<E: Evaluator, S: Encryptor<E>>(
    h: &mut Harness<'_, E, S>,
) -> Result<(), ConformanceError> {
    let (ev, top, scale) = (h.ev, h.top(), h.scale());
    let n = ev.slots() as i64;
    let a = h.fresh(21, top, scale)?;
    let want = |slots, level, bound| Expected {
        slots,
        level,
        scale,
        bound,
    };

    // A ciphertext with few limbs left uses fewer digits of the keys.
    for level in 0..=top {
        let x = h.fresh(30 + level as u64, level, scale)?;
        let step = h.step(
            "rotation",
            ev.rotate(&x.ct, 1),
            want(rotated(&x.slots, 1), level, 1.0),
        )?;
        h.not_too_quiet(&step)?;
        let step = h.step(
            "conjugation",
            ev.conjugate(&x.ct),
            want(map(&x.slots, |z| z.conj()), level, 1.0),
        )?;
        h.not_too_quiet(&step)?;
    }
    for k in [-5, -1, 2, 3, n / 2, n + 1, 1 - n] {
        h.step(
            "rotation",
            ev.rotate(&a.ct, k),
            want(rotated(&a.slots, k), top, 1.0),
        )?;
    }
    for k in [0, n, -n] {
        let free = [
            (CountedOp::Decompose, 0),
            (CountedOp::KeyProduct, 0),
            (CountedOp::ModDown, 0),
        ];
        h.counted("rotation by nothing", &free, |h| {
            h.step(
                "rotation by nothing",
                ev.rotate(&a.ct, k),
                want(a.slots.clone(), top, 1.0),
            )
        })?;
    }

    let switches = |decompose, products, mod_downs| {
        [
            (CountedOp::Decompose, decompose),
            (CountedOp::KeyProduct, products),
            (CountedOp::ModDown, mod_downs),
        ]
    };
    h.counted("hoisted rotations", &switches(1, 3, 3), |h| {
        let digits = h.accepted("digits", ev.hoist(&a.ct))?;
        for k in [1, -1, 5, 0] {
            h.step(
                "hoisted rotation",
                ev.rotate_hoisted(&digits, k),
                want(rotated(&a.slots, k), top, 1.0),
            )?;
        }
        Ok(())
    })?;

    let sum_of = |ks: &[i64]| {
        let zero = vec![Complex64::ZERO; a.slots.len()];
        ks.iter().fold(zero, |sum, k| {
            zip(&sum, &rotated(&a.slots, *k), |x, y| x + y)
        })
    };
    for (ks, decompose, products, mod_downs) in [
        (&[0, 1, 2, 3][..], 1, 3, 1),
        (&[5, -1], 1, 2, 1),
        (&[0], 0, 0, 0),
        (&[2], 1, 1, 1),
        (&[1, 1, 0, n / 2], 1, 3, 1),
    ] {
        h.counted(
            "sum of rotations",
            &switches(decompose, products, mod_downs),
            |h| {
                h.step(
                    "sum of rotations",
                    ev.rotate_sum(&a.ct, ks),
                    want(sum_of(ks), top, ks.len() as f64),
                )
            },
        )?;
    }

    let b = h.fresh(22, top - 3, scale)?;
    let c = h.fresh(23, top - 1, scale)?;
    let slots = zip(
        &zip(&rotated(&a.slots, 3), &rotated(&b.slots, -5), |x, y| x + y),
        &c.slots,
        |x, y| x + y,
    );
    h.counted("sum of rotations of several", &switches(2, 2, 1), |h| {
        let terms = [(&a.ct, 3), (&b.ct, -5), (&c.ct, 0)];
        h.step(
            "sum of rotations of several",
            ev.rotate_each_and_sum(&terms),
            want(slots, top - 3, 3.0),
        )
    })?;
    h.counted("sum of nothing but itself", &switches(0, 0, 0), |h| {
        h.step(
            "sum of nothing but itself",
            ev.rotate_each_and_sum(&[(&a.ct, 0)]),
            want(a.slots.clone(), top, 1.0),
        )
    })?;
    Ok(())
}
