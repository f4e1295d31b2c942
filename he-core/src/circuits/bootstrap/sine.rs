//! The sine that takes multiples of q_0 away.
//!
//! For t = I + e with an integer I, |I| <= K, sin(2 pi t) = sin(2 pi e) is close to 2 pi e. With t' = t - 1/4 it is cos(2 pi t'), which is found from
//! cos(2 pi t' / 2^r) by r double angles c -> 2 c^2 - 1 (Han and Ki, ePrint 2019/688, section 4). That cosine is even in y = t'/X, so it is a
//! polynomial in w = T_2(y) = 2 y^2 - 1 of half the degree, since T_2k(y) = T_k(w).
//!
//! # In baby steps and giant steps
//! A polynomial of degree 2^k - 1 in Chebyshev's basis is divided by T_(2^(k-1)), again and again: T_(m + j) = 2 T_m T_j - T_(m - j) gives quotient
//! and remainder in the same basis (Bossuat, Mouchet, Troncoso-Pastoriza and Hubaux, ePrint 2020/1203, section 5). All products of one quotient are
//! summed before the one relinearisation, so that k levels take 2^(k-2) of them.
//!
//! # Scales
//! Every power has the scale that the primes gave it; each quotient and each constant is made at the scale at which its product meets the
//! others. No scale is taken for another that is near.
//!
//! | paper | here |
//! |---|---|
//! | ePrint 2019/688, section 4: cosine and double angles | [`Sine::apply`] |
//! | ePrint 2020/1203, algorithm 2: depth-optimal evaluation in Chebyshev's basis | `Sine::polynomial` |

use std::f64::consts::{PI, TAU};

use num_complex::Complex64;

use crate::evaluator::{EvalError, Evaluator, Level, Op, Placement, Refusal};

/// Nodes that the coefficients are computed from: far more than the cosine has coefficients above 2^-53.
const NODES: usize = 256;
/// Least bits of a coefficient as a factor: smaller ones are left out, and count among the truncation.
const LEAST_FACTOR: f64 = 4096.0;

/// The shape of a [`Sine`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SineShape {
    /// Largest |I|.
    pub overflow: u32,
    /// Largest |e|.
    pub ratio: f64,
    /// k: the polynomial in w has degree 2^k - 1.
    pub log_degree: u32,
    /// r.
    pub doublings: u32,
}

impl SineShape {
    /// X: |t - 1/4| is at most this.
    pub fn interval(&self) -> f64 {
        f64::from(self.overflow) + self.ratio + 0.25
    }

    /// Levels: one for w, k for the polynomial, r for the double angles.
    pub fn levels(&self) -> usize {
        (1 + self.log_degree + self.doublings) as usize
    }

    /// Relinearisations.
    pub fn key_switches(&self) -> u64 {
        let k = self.log_degree;
        u64::from(k + self.doublings) + (1 << k >> 2).max(1)
    }

    /// The coefficients of cos(2 pi X y / 2^r) in T_0(w), T_1(w), ..., by Chebyshev's nodes.
    fn series(&self) -> Vec<f64> {
        let z = TAU * self.interval() / f64::from(self.doublings).exp2();
        let angle = |j: usize| PI * (j as f64 + 0.5) / NODES as f64;
        // w = cos(angle), so y = cos(angle / 2).
        let value = |j: usize| libm::cos(z * libm::cos(angle(j) / 2.0));
        let values: Vec<f64> = (0..NODES).map(value).collect();
        let coefficient = |k: usize| {
            let terms = values.iter().enumerate();
            let sum: f64 = terms.map(|(j, v)| v * libm::cos(k as f64 * angle(j))).sum();
            sum * if k == 0 { 1.0 } else { 2.0 } / NODES as f64
        };
        (0..NODES / 2).map(coefficient).collect()
    }

    /// The most by which the polynomial departs from the cosine, for coefficients below 2^-35 left out as well.
    fn truncation(&self) -> f64 {
        let kept = 1usize << self.log_degree;
        let rest: f64 = self.series()[kept..].iter().map(|c| c.abs()).sum();
        rest + kept as f64 * (-35f64).exp2()
    }

    /// The most by which the result departs from 2 pi e: the polynomial's error, four times as large after each double angle, and
    /// the sine's own, (2 pi e)^3 / 6.
    pub fn worst_error(&self) -> f64 {
        self.approximation() + (TAU * self.ratio).powi(3) / 6.0
    }

    /// The part of [`SineShape::worst_error`] that does not depend on e.
    pub fn approximation(&self) -> f64 {
        self.truncation() * f64::from(2 * self.doublings).exp2()
    }
}

/// The sine, ready for an evaluator.
#[derive(Debug)]
pub struct Sine<E: Evaluator> {
    shape: SineShape,
    /// -1/(4 X).
    quarter: E::Plain,
    minus_one: E::Plain,
    root: Node<E::Plain>,
}

/// A polynomial c_0 + c_1 w, plus quotients times powers.
#[derive(Debug)]
struct Node<P> {
    constant: P,
    linear: f64,
    /// (k, q): q times T_(2^k), from the largest k.
    quotients: Vec<(usize, Node<P>)>,
}

/// q and r with p = q T_m + r, for p of degree below 2 m.
fn divided(p: &[f64]) -> [Vec<f64>; 2] {
    let m = p.len() / 2;
    let (low, high) = p.split_at(m);
    let mut r = low.to_vec();
    for j in 1..m {
        r[m - j] -= high[j];
    }
    let double = |(j, c): (usize, &f64)| if j == 0 { *c } else { 2.0 * c };
    [high.iter().enumerate().map(double).collect(), r]
}

impl<P> Node<P> {
    fn new(p: &[f64], plain: &impl Fn(f64) -> Result<P, EvalError>) -> Result<Self, EvalError> {
        let mut rest = p.to_vec();
        let mut quotients = Vec::new();
        while rest.len() > 2 {
            let [q, r] = divided(&rest);
            quotients.push((r.len().ilog2() as usize, Self::new(&q, plain)?));
            rest = r;
        }
        Ok(Self {
            constant: plain(rest[0])?,
            linear: rest[1],
            quotients,
        })
    }
}

impl<E: Evaluator> Sine<E> {
    /// The sine for slots of an evaluator.
    ///
    /// # Errors
    /// [`Refusal::NotFinite`] for a degree that is not one of 1, 3, 7, 15, 31, 63, for more than 16 double angles, and for a ratio outside 0 .. 1/4.
    pub fn new(eval: &E, shape: SineShape) -> Result<Self, EvalError> {
        let unusable = |value: f64| Err(Refusal::NotFinite { value }.of(Op::Setup));
        if !(1..=6).contains(&shape.log_degree) {
            return unusable(f64::from(shape.log_degree));
        }
        if shape.doublings > 16 {
            return unusable(f64::from(shape.doublings));
        }
        if !(shape.ratio > 0.0 && shape.ratio < 0.25) {
            return unusable(shape.ratio);
        }
        let everywhere = |c: f64| eval.plain(vec![Complex64::from(c); eval.slots()]);
        let kept = shape.series().into_iter().take(1 << shape.log_degree);
        Ok(Self {
            shape,
            quarter: everywhere(-0.25 / shape.interval())?,
            minus_one: everywhere(-1.0)?,
            root: Node::new(&kept.collect::<Vec<_>>(), &everywhere)?,
        })
    }

    /// The shape.
    pub fn shape(&self) -> &SineShape {
        &self.shape
    }

    /// sin(2 pi t) of slots t/X. Takes [`SineShape::levels`] levels and [`SineShape::key_switches`] key switches; the scale stays near that of `y` as
    /// long as the primes are near it.
    ///
    /// Slots must be real, and at most (K + ratio)/X: beyond, the result is of no use. Declared here, the bounds of all that lies between are
    /// checked by [`crate::evaluator::Clear`].
    ///
    /// # Errors
    /// Too few levels; no relinearisation key; overflow of the modulus.
    pub fn apply(&self, eval: &E, y: &E::Ct) -> Result<E::Ct, EvalError> {
        let mut y = eval.add_plain(y, &self.quarter)?;
        eval.declare_bound(&mut y, 1.0)?;
        let w = self.double(eval, &y)?;
        let mut powers = vec![w];
        for k in 1..self.shape.log_degree as usize {
            powers.push(self.double(eval, &powers[k - 1])?);
        }
        let at = eval.meta(&powers[0]).placement();
        let to = Placement {
            level: lowered(at.level, self.shape.log_degree as usize)?,
            ..at
        };
        let mut cosine = self.polynomial(eval, &self.root, &powers, to)?;
        eval.declare_bound(&mut cosine, 1.0 + self.slack())?;
        for _ in 0..self.shape.doublings {
            cosine = self.double(eval, &cosine)?;
        }
        let largest = TAU * self.shape.ratio;
        eval.declare_bound(&mut cosine, largest + self.slack())?;
        Ok(cosine)
    }

    /// What approximation and noise may add to the bound of a value.
    fn slack(&self) -> f64 {
        self.shape.approximation().max((-16f64).exp2())
    }

    /// 2 c^2 - 1, for |c| at most 1.
    fn double(&self, eval: &E, c: &E::Ct) -> Result<E::Ct, EvalError> {
        let square = eval.mul_integer(&eval.mul(c, c)?, 2)?;
        let mut out = eval.add_plain(&square, &self.minus_one)?;
        eval.declare_bound(&mut out, 1.0 + self.slack())?;
        Ok(out)
    }

    /// A node's polynomial at `to`, from the powers T_1, T_2, T_4, .. of w.
    fn polynomial(
        &self,
        eval: &E,
        node: &Node<E::Plain>,
        powers: &[E::Ct],
        to: Placement,
    ) -> Result<E::Ct, EvalError> {
        let above = Level(to.level.0 + 1);
        let q = eval.params().q().get(above.0).map_or(1.0, |q| *q as f64);
        let mut sum = eval.product_sum();
        for (k, quotient) in &node.quotients {
            let power = eval.drop_level(&powers[*k], above)?;
            let landing = Placement {
                level: above,
                scale: to.scale * q / eval.meta(&power).scale,
            };
            let factor = self.polynomial(eval, quotient, powers, landing)?;
            eval.add_product(&mut sum, &factor, &power)?;
        }
        let w = eval.drop_level(&powers[0], above)?;
        let factor = node.linear.abs() * to.scale * q / eval.meta(&w).scale;
        let linear = if factor < LEAST_FACTOR {
            0.0
        } else {
            node.linear
        };
        let mut out = eval.mul_scalar(&w, linear, to)?;
        if !node.quotients.is_empty() {
            out = eval.add(&eval.relinearize_rescale(sum)?, &out)?;
        }
        eval.add_plain(&out, &node.constant)
    }
}

/// A level that is `levels` lower.
fn lowered(level: Level, levels: usize) -> Result<Level, EvalError> {
    match level.0.checked_sub(levels) {
        Some(low) => Ok(Level(low)),
        None => {
            let refusal = Refusal::LevelExhausted {
                needed: Level(levels),
                available: level,
            };
            Err(refusal.of(Op::Refresh))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: SineShape = SineShape {
        overflow: 14,
        ratio: 1.0 / 1024.0,
        log_degree: 4,
        doublings: 3,
    };

    fn chebyshev(p: &[f64], w: f64) -> f64 {
        let angle = w.clamp(-1.0, 1.0).acos();
        let terms = p.iter().enumerate();
        terms.map(|(k, c)| c * (k as f64 * angle).cos()).sum()
    }

    #[test]
    fn the_cosine_is_approximated_within_its_bound_and_no_better_than_that_says() {
        let (series, x) = (SHAPE.series(), SHAPE.interval());
        let worst = (0..=4000)
            .map(|i| {
                let y = f64::from(i) / 2000.0 - 1.0;
                let exact = (TAU * x * y / 8.0).cos();
                (chebyshev(&series[..16], 2.0 * y * y - 1.0) - exact).abs()
            })
            .fold(0.0, f64::max);
        assert!(worst <= SHAPE.truncation());
        // The first term that is left out dominates.
        assert!(worst > series[16].abs() / 2.0);
        assert!(worst < (-29f64).exp2());
        // 15 bits of the bound are not lost to approximation: error over 2 pi ratio.
        let relative = SHAPE.worst_error() / (TAU * SHAPE.ratio);
        assert!(relative.log2() < -16.0, "{}", relative.log2());
    }

    #[test]
    fn a_division_by_a_chebyshev_polynomial_gives_quotient_and_remainder() {
        let p: Vec<f64> = (0..16).map(|k| f64::from(k * k % 7) - 2.5).collect();
        let [q, r] = divided(&p);
        for i in 0..=20 {
            let w = f64::from(i) / 10.0 - 1.0;
            let t8 = (8.0 * w.acos()).cos();
            let found = chebyshev(&q, w) * t8 + chebyshev(&r, w);
            assert!((found - chebyshev(&p, w)).abs() < 1e-12);
        }
    }
}
