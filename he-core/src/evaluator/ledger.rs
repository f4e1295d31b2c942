//! The arithmetic of [`Meta`]: what every operation does to level, scale, bound and expected noise, and when it is refused.

use super::{EvalError, Level, Meta, Op, Placement, Refusal, meta::scales_match};
use crate::ckks::encode::MAX_COEFFICIENT;
use crate::ckks::noise;
use crate::params::Params;

/// Fewest bits that a plaintext factor may be rounded to.
const MIN_FACTOR_BITS: f64 = 12.0;
/// Most bits of an encoded plaintext factor.
const MAX_FACTOR_BITS: f64 = 100.0;
/// How many standard deviations of noise are kept free below the modulus.
const NOISE_SIGMAS: f64 = 8.0;

fn norm2(a: f64, b: f64) -> f64 {
    a.hypot(b)
}

/// The rules of one parameter set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ledger<'a> {
    params: &'a Params,
}

impl<'a> Ledger<'a> {
    pub(crate) fn new(params: &'a Params) -> Self {
        Self { params }
    }

    fn q(&self, level: usize) -> f64 {
        self.params.q()[level] as f64
    }

    fn fits(&self, op: Op, meta: Meta) -> Result<Meta, EvalError> {
        for value in [meta.scale, meta.bound, meta.rms, meta.noise] {
            if !value.is_finite() || value < 0.0 || meta.scale <= 0.0 {
                return Err(Refusal::NotFinite { value }.of(op));
            }
        }
        if meta.level.0 > self.params.max_level() {
            return Err(Refusal::LevelExhausted {
                needed: meta.level,
                available: Level(self.params.max_level()),
            }
            .of(op));
        }
        let needed = (2.0 * (meta.bound * meta.scale + NOISE_SIGMAS * meta.noise)).log2();
        let available = self.params.log_q(meta.level.0);
        if needed > available {
            return Err(Refusal::Overflow {
                needed,
                available,
                level: meta.level,
            }
            .of(op));
        }
        Ok(meta)
    }

    /// A fresh ciphertext.
    pub(crate) fn fresh(&self, at: Placement, bound: f64, noise: f64) -> Result<Meta, EvalError> {
        self.fits(
            Op::Encrypt,
            Meta {
                level: at.level,
                scale: at.scale,
                bound,
                rms: bound,
                noise,
            },
        )
    }

    /// Sum or difference; the level is the lower of both.
    pub(crate) fn add(&self, op: Op, a: &Meta, b: &Meta) -> Result<Meta, EvalError> {
        if !scales_match(a.scale, b.scale) {
            return Err(Refusal::ScaleMismatch {
                left: a.scale,
                right: b.scale,
            }
            .of(op));
        }
        let (bound, noise) = (a.bound + b.bound, norm2(a.noise, b.noise));
        let rms = a.rms + b.rms;
        self.fits(
            op,
            Meta {
                level: a.level.min(b.level),
                scale: a.scale,
                bound,
                rms,
                noise,
            },
        )
    }

    /// Sum with a plaintext encoded at the ciphertext's scale.
    pub(crate) fn add_plain(&self, a: &Meta, max: f64) -> Result<Meta, EvalError> {
        let (needed, available) = ((max * a.scale).log2(), MAX_COEFFICIENT.log2() - 1.0);
        if needed > available {
            let level = a.level;
            return Err(Refusal::Overflow {
                needed,
                available,
                level,
            }
            .of(Op::AddPlain));
        }
        let noise = norm2(a.noise, noise::encode(self.params.n()));
        self.fits(
            Op::AddPlain,
            Meta {
                bound: a.bound + max,
                rms: a.rms + max,
                noise,
                ..*a
            },
        )
    }

    /// Product by a small integer, exact, no level.
    pub(crate) fn mul_integer(&self, a: &Meta, k: i32) -> Result<Meta, EvalError> {
        let k = f64::from(k).abs();
        self.fits(
            Op::MulInteger,
            Meta {
                bound: a.bound * k,
                rms: a.rms * k,
                noise: a.noise * k,
                ..*a
            },
        )
    }

    /// Fewer limbs.
    pub(crate) fn drop_level(&self, op: Op, a: &Meta, level: Level) -> Result<Meta, EvalError> {
        if level > a.level {
            return Err(Refusal::LevelExhausted {
                needed: level,
                available: a.level,
            }
            .of(op));
        }
        self.fits(op, Meta { level, ..*a })
    }

    /// Value times `factor`, by dividing the recorded scale.
    pub(crate) fn scale_value(&self, a: &Meta, factor: f64) -> Result<Meta, EvalError> {
        if !factor.is_finite() || factor <= 0.0 {
            return Err(Refusal::NotFinite { value: factor }.of(Op::ScaleValue));
        }
        self.fits(
            Op::ScaleValue,
            Meta {
                scale: a.scale / factor,
                bound: a.bound * factor,
                rms: a.rms * factor,
                ..*a
            },
        )
    }

    /// What the caller knows of the values.
    pub(crate) fn declare_bound(&self, a: &Meta, bound: f64) -> Result<Meta, EvalError> {
        let rms = a.rms.min(bound);
        self.fits(Op::DeclareBound, Meta { bound, rms, ..*a })
    }

    /// What the caller knows of the values' usual size.
    pub(crate) fn declare_rms(&self, a: &Meta, rms: f64) -> Result<Meta, EvalError> {
        let rms = if rms.is_finite() {
            rms.min(a.bound)
        } else {
            rms
        };
        self.fits(Op::DeclareRms, Meta { rms, ..*a })
    }

    /// What the caller reckons the noise with.
    pub(crate) fn declare_noise(&self, a: &Meta, noise: f64) -> Result<Meta, EvalError> {
        self.fits(Op::DeclareNoise, Meta { noise, ..*a })
    }

    /// A tensor product, neither relinearised nor rescaled.
    pub(crate) fn tensor(&self, a: &Meta, b: &Meta) -> Result<Meta, EvalError> {
        let level = a.level.min(b.level);
        if level.0 == 0 {
            return Err(Refusal::LevelExhausted {
                needed: Level(1),
                available: level,
            }
            .of(Op::AddProduct));
        }
        let (va, vb) = (a.rms * a.scale, b.rms * b.scale);
        let noise = norm2(norm2(va * b.noise, vb * a.noise), a.noise * b.noise);
        self.fits(
            Op::AddProduct,
            Meta {
                level,
                scale: a.scale * b.scale,
                bound: a.bound * b.bound,
                rms: a.rms * b.rms,
                noise,
            },
        )
    }

    /// One more product in a sum of products: the level of the sum is fixed by its first product.
    pub(crate) fn accumulate(&self, sum: &Meta, product: &Meta) -> Result<Meta, EvalError> {
        let op = Op::ProductSum;
        if product.level < sum.level {
            return Err(Refusal::LevelExhausted {
                needed: sum.level,
                available: product.level,
            }
            .of(op));
        }
        if !scales_match(sum.scale, product.scale) {
            return Err(Refusal::ScaleMismatch {
                left: sum.scale,
                right: product.scale,
            }
            .of(op));
        }
        self.fits(
            op,
            Meta {
                bound: sum.bound + product.bound,
                rms: sum.rms + product.rms,
                noise: norm2(sum.noise, product.noise),
                ..*sum
            },
        )
    }

    /// Relinearisation and rescale of a sum of products.
    pub(crate) fn relinearize_rescale(&self, sum: &Meta) -> Result<Meta, EvalError> {
        let noise = norm2(sum.noise, noise::relinearisation(self.params, sum.level.0));
        self.rescale(&Meta { noise, ..*sum })
    }

    fn rescale(&self, a: &Meta) -> Result<Meta, EvalError> {
        let q = self.q(a.level.0);
        let noise = norm2(a.noise / q, noise::rounding(self.params));
        self.fits(
            Op::Rescale,
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
        op: Op,
        a: &Meta,
        level: Level,
        max: f64,
        scale: f64,
    ) -> Result<f64, EvalError> {
        if !scale.is_finite() || scale <= 0.0 {
            return Err(Refusal::NotFinite { value: scale }.of(op));
        }
        let factor = scale * self.q(level.0) / a.scale;
        let bits = (factor * max).log2();
        if max > 0.0 && bits < MIN_FACTOR_BITS {
            return Err(Refusal::PlainTooCoarse {
                needed: MIN_FACTOR_BITS,
                available: bits,
            }
            .of(op));
        }
        if bits > MAX_FACTOR_BITS {
            return Err(Refusal::Overflow {
                needed: bits,
                available: MAX_FACTOR_BITS,
                level,
            }
            .of(op));
        }
        Ok(factor)
    }

    /// Product by a real constant that lands at `to`, whatever the operand's scale; and the scale that the constant is encoded at.
    pub(crate) fn mul_scalar(
        &self,
        a: &Meta,
        c: f64,
        to: Placement,
    ) -> Result<(Meta, f64), EvalError> {
        let op = Op::MulScalar;
        if !c.is_finite() {
            return Err(Refusal::NotFinite { value: c }.of(op));
        }
        let Some(level) = to.level.0.checked_add(1).map(Level) else {
            return Err(Refusal::LevelExhausted {
                needed: to.level,
                available: a.level,
            }
            .of(op));
        };
        let a = self.drop_level(op, a, level)?;
        let factor = self.factor(op, &a, level, c.abs(), to.scale)?;
        let k = c.abs() * factor;
        // The constant is rounded to an integer: an error of at most one half times the raw value.
        let noise = norm2(k * a.noise, 0.5 * a.rms * a.scale);
        let scale = a.scale * factor;
        let product = self.fits(
            op,
            Meta {
                level,
                scale,
                bound: a.bound * c.abs(),
                rms: a.rms * c.abs(),
                noise,
            },
        )?;
        let out = self.rescale(&product)?;
        Ok((
            Meta {
                scale: to.scale,
                ..out
            },
            factor,
        ))
    }

    /// Sum of products of ciphertexts and plaintexts (largest values `max`), one rescale, landing at `scale`;
    /// and the scales that the plaintexts are encoded at.
    pub(crate) fn dot_plain(
        &self,
        terms: &[(Meta, f64)],
        scale: f64,
    ) -> Result<(Meta, Vec<f64>), EvalError> {
        let op = Op::DotPlain;
        let level = terms
            .iter()
            .map(|t| t.0.level)
            .min()
            .ok_or(Refusal::Empty.of(op))?;
        if level.0 == 0 {
            return Err(Refusal::LevelExhausted {
                needed: Level(1),
                available: level,
            }
            .of(op));
        }
        let (mut bound, mut rms, mut noise) = (0.0, 0.0, 0.0);
        let mut factors = Vec::with_capacity(terms.len());
        for (a, max) in terms {
            let factor = self.factor(op, a, level, *max, scale)?;
            let term = norm2(
                max * factor * a.noise,
                a.rms * a.scale * noise::encode(self.params.n()),
            );
            bound += a.bound * max;
            rms += a.rms * max;
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
                rms,
                noise,
            },
        )?;
        let out = self.rescale(&product)?;
        Ok((Meta { scale, ..out }, factors))
    }

    /// Rotation or conjugation from digits.
    pub(crate) fn automorphism(&self, op: Op, a: &Meta) -> Result<Meta, EvalError> {
        let noise = norm2(a.noise, noise::key_switch(self.params, a.level.0));
        self.fits(op, Meta { noise, ..*a })
    }

    /// Sum of rotations with one division by P: `switched` of the terms need a key product.
    pub(crate) fn rotate_sum(
        &self,
        op: Op,
        terms: &[Meta],
        switched: usize,
    ) -> Result<Meta, EvalError> {
        let first = terms.first().ok_or(Refusal::Empty.of(op))?;
        let mut sum = *first;
        for term in &terms[1..] {
            sum = self.add(op, &sum, term)?;
        }
        if switched > 0 {
            let products = noise::key_product(self.params, sum.level.0) * (switched as f64).sqrt();
            sum.noise = norm2(sum.noise, norm2(products, noise::rounding(self.params)));
        }
        self.fits(op, sum)
    }
}
