//! The arithmetic of [`Meta`]: what every operation does to level, scale, bound and expected noise, and when it is refused.
//! All three evaluators ask the same ledger, so they accept and refuse the same programs.

use super::{EvalError, Level, Meta, Op, Placement, Tally, meta::scales_match};
use crate::ckks::noise;
use crate::params::Params;

/// Fewest bits that a plaintext factor may be rounded to.
const MIN_FACTOR_BITS: f64 = 12.0;
/// How many standard deviations of noise are kept free below the modulus.
const NOISE_SIGMAS: f64 = 8.0;

fn norm2(a: f64, b: f64) -> f64 {
    a.hypot(b)
}

/// A plaintext factor for one operand: the scale that it is encoded at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Factor {
    pub(crate) scale: f64,
}

/// The rules of one parameter set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ledger<'a> {
    params: &'a Params,
    tally: &'a Tally,
}

impl<'a> Ledger<'a> {
    pub(crate) fn new(params: &'a Params, tally: &'a Tally) -> Self {
        Self { params, tally }
    }

    /// Counts a key switch: `decompositions` of digits, `products` with keys, one division by P if there was any product.
    fn count_switch(&self, level: Level, decompositions: usize, products: usize) {
        self.tally.count(Op::Decompose, level, decompositions);
        self.tally.count(Op::KeyProduct, level, products);
        self.tally
            .count(Op::ModDown, level, usize::from(products > 0));
    }

    fn q(&self, level: usize) -> f64 {
        self.params.q()[level] as f64
    }

    fn fits(&self, op: &'static str, meta: Meta) -> Result<Meta, EvalError> {
        for value in [meta.scale, meta.bound, meta.typical, meta.noise] {
            if !value.is_finite() || value < 0.0 || meta.scale <= 0.0 {
                return Err(EvalError::NotFinite { op, value });
            }
        }
        if meta.level.0 > self.params.max_level() {
            return Err(EvalError::LevelExhausted {
                op,
                needed: meta.level,
                available: Level(self.params.max_level()),
            });
        }
        let needed = (2.0 * (meta.bound * meta.scale + NOISE_SIGMAS * meta.noise)).log2();
        let available = self.params.log_q(meta.level.0);
        if needed > available {
            return Err(EvalError::Overflow {
                op,
                needed,
                available,
                level: meta.level,
            });
        }
        Ok(meta)
    }

    /// A fresh ciphertext.
    pub(crate) fn fresh(&self, at: Placement, bound: f64, noise: f64) -> Result<Meta, EvalError> {
        self.fits(
            "encryption",
            Meta {
                level: at.level,
                scale: at.scale,
                bound,
                typical: bound,
                noise,
            },
        )
    }

    /// Sum or difference; the level is the lower of both.
    pub(crate) fn add(&self, op: &'static str, a: &Meta, b: &Meta) -> Result<Meta, EvalError> {
        if !scales_match(a.scale, b.scale) {
            return Err(EvalError::ScaleMismatch {
                op,
                left: a.scale,
                right: b.scale,
            });
        }
        let (bound, noise) = (a.bound + b.bound, norm2(a.noise, b.noise));
        let typical = a.typical + b.typical;
        self.tally.count(Op::Add, a.level.min(b.level), 1);
        self.fits(
            op,
            Meta {
                level: a.level.min(b.level),
                scale: a.scale,
                bound,
                typical,
                noise,
            },
        )
    }

    /// Sum with a plaintext encoded at the ciphertext's scale.
    pub(crate) fn add_plain(&self, a: &Meta, max: f64) -> Result<Meta, EvalError> {
        let noise = norm2(a.noise, noise::encode(self.params.n()));
        self.fits(
            "sum with a plaintext",
            Meta {
                bound: a.bound + max,
                typical: a.typical + max,
                noise,
                ..*a
            },
        )
    }

    /// Product by a small integer, exact, no level.
    pub(crate) fn mul_small(&self, a: &Meta, k: i32) -> Result<Meta, EvalError> {
        let k = f64::from(k).abs();
        self.fits(
            "product by an integer",
            Meta {
                bound: a.bound * k,
                typical: a.typical * k,
                noise: a.noise * k,
                ..*a
            },
        )
    }

    /// Fewer limbs.
    pub(crate) fn drop_to(
        &self,
        op: &'static str,
        a: &Meta,
        level: Level,
    ) -> Result<Meta, EvalError> {
        if level > a.level {
            return Err(EvalError::LevelExhausted {
                op,
                needed: level,
                available: a.level,
            });
        }
        self.fits(op, Meta { level, ..*a })
    }

    /// Value times `factor`, by dividing the recorded scale.
    pub(crate) fn relabel(&self, a: &Meta, factor: f64) -> Result<Meta, EvalError> {
        if !factor.is_finite() || factor <= 0.0 {
            return Err(EvalError::NotFinite {
                op: "relabelling",
                value: factor,
            });
        }
        self.fits(
            "relabelling",
            Meta {
                scale: a.scale / factor,
                bound: a.bound * factor,
                typical: a.typical * factor,
                ..*a
            },
        )
    }

    /// What the caller knows of the values.
    pub(crate) fn declare_bound(&self, a: &Meta, bound: f64) -> Result<Meta, EvalError> {
        let typical = a.typical.min(bound);
        self.fits(
            "declaring a bound",
            Meta {
                bound,
                typical,
                ..*a
            },
        )
    }

    /// What the caller knows of the values' usual size.
    pub(crate) fn declare_typical(&self, a: &Meta, typical: f64) -> Result<Meta, EvalError> {
        let typical = if typical.is_finite() {
            typical.min(a.bound)
        } else {
            typical
        };
        self.fits("declaring a usual size", Meta { typical, ..*a })
    }

    /// A tensor product, neither relinearised nor rescaled.
    pub(crate) fn tensor(&self, a: &Meta, b: &Meta) -> Result<Meta, EvalError> {
        let level = a.level.min(b.level);
        if level.0 == 0 {
            return Err(EvalError::LevelExhausted {
                op: "product of ciphertexts",
                needed: Level(1),
                available: level,
            });
        }
        let (va, vb) = (a.typical * a.scale, b.typical * b.scale);
        let noise = norm2(norm2(va * b.noise, vb * a.noise), a.noise * b.noise);
        self.tally.count(Op::Tensor, level, 1);
        self.fits(
            "product of ciphertexts",
            Meta {
                level,
                scale: a.scale * b.scale,
                bound: a.bound * b.bound,
                typical: a.typical * b.typical,
                noise,
            },
        )
    }

    /// One more product in a sum of products: the level of the sum is fixed by its first product.
    pub(crate) fn accumulate(&self, sum: &Meta, product: &Meta) -> Result<Meta, EvalError> {
        let op = "sum of products";
        if product.level < sum.level {
            return Err(EvalError::LevelExhausted {
                op,
                needed: sum.level,
                available: product.level,
            });
        }
        if !scales_match(sum.scale, product.scale) {
            return Err(EvalError::ScaleMismatch {
                op,
                left: sum.scale,
                right: product.scale,
            });
        }
        self.fits(
            op,
            Meta {
                bound: sum.bound + product.bound,
                typical: sum.typical + product.typical,
                noise: norm2(sum.noise, product.noise),
                ..*sum
            },
        )
    }

    /// Relinearisation and rescale of a sum of products.
    pub(crate) fn finish(&self, sum: &Meta) -> Result<Meta, EvalError> {
        let noise = norm2(sum.noise, noise::key_switch(self.params, sum.level.0));
        self.count_switch(sum.level, 1, 1);
        self.rescale(&Meta { noise, ..*sum })
    }

    fn rescale(&self, a: &Meta) -> Result<Meta, EvalError> {
        let q = self.q(a.level.0);
        self.tally.count(Op::Rescale, a.level, 1);
        let noise = norm2(a.noise / q, noise::rounding(self.params.n()));
        self.fits(
            "rescale",
            Meta {
                level: Level(a.level.0 - 1),
                scale: a.scale / q,
                noise,
                ..*a
            },
        )
    }

    /// The factor's scale that brings `a` (dropped to `level`) to `scale` after one rescale.
    fn factor(
        &self,
        op: &'static str,
        a: &Meta,
        level: Level,
        max: f64,
        scale: f64,
    ) -> Result<Factor, EvalError> {
        if !scale.is_finite() || scale <= 0.0 {
            return Err(EvalError::NotFinite { op, value: scale });
        }
        let factor = scale * self.q(level.0) / a.scale;
        let bits = (factor * max).log2();
        if max > 0.0 && bits < MIN_FACTOR_BITS {
            return Err(EvalError::PlainTooCoarse {
                op,
                needed: MIN_FACTOR_BITS,
                available: bits,
            });
        }
        if bits > 100.0 {
            return Err(EvalError::Overflow {
                op,
                needed: bits,
                available: 100.0,
                level,
            });
        }
        Ok(Factor { scale: factor })
    }

    /// Product by a real constant that lands at `to`, whatever the operand's scale.
    pub(crate) fn mul_scalar(
        &self,
        a: &Meta,
        c: f64,
        to: Placement,
    ) -> Result<(Meta, Factor), EvalError> {
        let op = "product by a constant";
        if !c.is_finite() {
            return Err(EvalError::NotFinite { op, value: c });
        }
        let Some(level) = to.level.0.checked_add(1).map(Level) else {
            return Err(EvalError::LevelExhausted {
                op,
                needed: to.level,
                available: a.level,
            });
        };
        let a = self.drop_to(op, a, level)?;
        let factor = self.factor(op, &a, level, c.abs(), to.scale)?;
        let k = c.abs() * factor.scale;
        // The constant is rounded to an integer: an error of at most one half times the raw value.
        let noise = norm2(k * a.noise, 0.5 * a.typical * a.scale);
        let scale = a.scale * factor.scale;
        let product = self.fits(
            op,
            Meta {
                level,
                scale,
                bound: a.bound * c.abs(),
                typical: a.typical * c.abs(),
                noise,
            },
        )?;
        self.tally.count(Op::ScalarProduct, level, 1);
        let out = self.rescale(&product)?;
        Ok((
            Meta {
                scale: to.scale,
                ..out
            },
            factor,
        ))
    }

    /// Sum of products of ciphertexts and plaintexts (largest values `max`), one rescale, landing at `scale`.
    pub(crate) fn dot_plain(
        &self,
        terms: &[(Meta, f64)],
        scale: f64,
    ) -> Result<(Meta, Vec<Factor>), EvalError> {
        let op = "product with a plaintext";
        let level = terms
            .iter()
            .map(|t| t.0.level)
            .min()
            .ok_or(EvalError::Empty { op })?;
        if level.0 == 0 {
            return Err(EvalError::LevelExhausted {
                op,
                needed: Level(1),
                available: level,
            });
        }
        let (mut bound, mut typical, mut noise) = (0.0, 0.0, 0.0);
        let mut factors = Vec::with_capacity(terms.len());
        for (a, max) in terms {
            let factor = self.factor(op, a, level, *max, scale)?;
            let term = norm2(
                max * factor.scale * a.noise,
                a.typical * a.scale * noise::encode(self.params.n()),
            );
            bound += a.bound * max;
            typical += a.typical * max;
            noise = norm2(noise, norm2(term, a.noise * noise::encode(self.params.n())));
            factors.push(factor);
        }
        let raw = scale * self.q(level.0);
        let product = self.fits(
            op,
            Meta {
                level,
                scale: raw,
                bound,
                typical,
                noise,
            },
        )?;
        self.tally.count(Op::PlainProduct, level, terms.len());
        let out = self.rescale(&product)?;
        Ok((Meta { scale, ..out }, factors))
    }

    /// Decomposition for rotations.
    pub(crate) fn hoist(&self, a: &Meta) {
        self.count_switch(a.level, 1, 0);
    }

    /// Rotation or conjugation from digits.
    pub(crate) fn automorphism(&self, op: &'static str, a: &Meta) -> Result<Meta, EvalError> {
        self.count_switch(a.level, 0, 1);
        let noise = norm2(a.noise, noise::key_switch(self.params, a.level.0));
        self.fits(op, Meta { noise, ..*a })
    }

    /// Sum of rotations with one division by P: `switched` of the terms need a key product, after `decompositions`.
    pub(crate) fn rotate_sum(
        &self,
        op: &'static str,
        terms: &[Meta],
        decompositions: usize,
        switched: usize,
    ) -> Result<Meta, EvalError> {
        let first = terms.first().ok_or(EvalError::Empty { op })?;
        let mut sum = *first;
        for term in &terms[1..] {
            sum = self.add(op, &sum, term)?;
        }
        self.count_switch(sum.level, decompositions, switched);
        if switched > 0 {
            let products = noise::key_product(self.params, sum.level.0) * (switched as f64).sqrt();
            sum.noise = norm2(sum.noise, norm2(products, noise::rounding(self.params.n())));
        }
        self.fits(op, sum)
    }
}
