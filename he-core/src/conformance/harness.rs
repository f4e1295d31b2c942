//! Steps of the suite: each compares what an operation returned with what it must return.

use num_complex::Complex64;

use super::{ConformanceError, Fidelity};
use crate::evaluator::{CountedOp, EvalError, Evaluator, Level, Meta, Placement, Refusal};
use crate::key_holder::{Decryptor, Encryptor};

/// Largest error of a slot, in standard errors of the ledger (see the module text).
const LARGEST: f64 = 16.0;
/// Root mean square error, in standard errors of the ledger.
const MEAN: f64 = 1.5;
/// Least root mean square error where the ledger's figure is no worst case.
const LEAST: f64 = 0.5;
/// Error of `f64` arithmetic relative to the bound.
const ARITHMETIC: f64 = 1.0 / (1u64 << 40) as f64;

/// A ciphertext with the slots that it must hold.
#[derive(Clone)]
pub(super) struct Tracked<C> {
    pub(super) ct: C,
    pub(super) slots: Vec<Complex64>,
    pub(super) at: Placement,
    pub(super) bound: f64,
}

/// What a step must return.
pub(super) struct Expected {
    pub(super) slots: Vec<Complex64>,
    pub(super) level: usize,
    pub(super) scale: f64,
    pub(super) bound: f64,
}

pub(super) struct Harness<'a, E: Evaluator, S> {
    pub(super) ev: &'a E,
    pub(super) encryptor: &'a S,
    decryptor: Option<(&'a dyn Decryptor<E>, Fidelity)>,
    steps: Vec<(String, Meta)>,
}

impl<'a, E: Evaluator, S: Encryptor<E>> Harness<'a, E, S> {
    pub(super) fn new(
        ev: &'a E,
        encryptor: &'a S,
        decryptor: Option<(&'a dyn Decryptor<E>, Fidelity)>,
    ) -> Result<Self, ConformanceError> {
        let params = ev.params();
        let q = params.q();
        let unsuitable = |found: String| Err(ConformanceError::Unsuitable { found });
        if q.len() < 6 {
            return unsuitable(format!("{} levels", q.len() - 1));
        }
        if ev.slots() < 512 {
            return unsuitable(format!("{} slots", ev.slots()));
        }
        if let Some(other) = q[1..]
            .iter()
            .find(|&&p| (p as f64 / q[1] as f64 - 1.0).abs() > 0.01)
        {
            return unsuitable(format!("primes {} and {other}", q[1]));
        }
        Ok(Self {
            ev,
            encryptor,
            decryptor,
            steps: vec![],
        })
    }

    /// Every step that was taken, with the metadata of its result.
    pub(super) fn steps(&self) -> &[(String, Meta)] {
        &self.steps
    }

    pub(super) fn has_values(&self) -> bool {
        self.decryptor.is_some()
    }

    pub(super) fn fidelity(&self) -> Option<Fidelity> {
        self.decryptor.map(|o| o.1)
    }

    pub(super) fn top(&self) -> usize {
        self.ev.params().max_level()
    }

    pub(super) fn q(&self, level: usize) -> f64 {
        self.ev.params().q()[level] as f64
    }

    /// The scale of most ciphertexts: the power of two nearest to the scale primes.
    pub(super) fn scale(&self) -> f64 {
        self.q(1).log2().round().exp2()
    }

    /// Random slots in the unit disc, always the same for a seed.
    pub(super) fn random(&self, seed: u64) -> Vec<Complex64> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut uniform = || {
            // The output function of SplitMix64 on a Weyl sequence (Steele, Lea, Flood, OOPSLA 2014).
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
        };
        (0..self.ev.slots())
            .map(|_| Complex64::from_polar(uniform().sqrt(), std::f64::consts::TAU * uniform()))
            .map(|z| z * (1.0 - f64::EPSILON))
            .collect()
    }

    /// A fresh ciphertext of random slots with bound 1.
    pub(super) fn fresh(
        &mut self,
        seed: u64,
        level: usize,
        scale: f64,
    ) -> Result<Tracked<E::Ct>, ConformanceError> {
        let slots = self.random(seed);
        let at = Placement {
            level: Level(level),
            scale,
        };
        let encrypted = self.encryptor.encrypt(&slots, at, 1.0);
        let step = self.step(
            &format!("fresh at level {level}"),
            encrypted,
            Expected {
                slots,
                level,
                scale,
                bound: 1.0,
            },
        )?;
        self.not_too_quiet(&step)?;
        Ok(step)
    }

    /// Records a step that must succeed, and checks metadata and values.
    pub(super) fn step(
        &mut self,
        case: &str,
        result: Result<E::Ct, EvalError>,
        want: Expected,
    ) -> Result<Tracked<E::Ct>, ConformanceError> {
        let ct = self.accepted(case, result)?;
        let meta = self.ev.meta(&ct);
        let fail = |what, expected, found| {
            Err(ConformanceError::Meta {
                case: case.into(),
                what,
                expected,
                found,
            })
        };
        if meta.level.0 != want.level {
            return fail("level", want.level as f64, meta.level.0 as f64);
        }
        // Two roundings at most lie between the ledger's order of operations and the suite's.
        let same = |a: f64, b: f64| (a - b).abs() <= 4.0 * f64::EPSILON * b.abs();
        if !same(meta.scale, want.scale) {
            return fail("scale", want.scale, meta.scale);
        }
        if !same(meta.bound, want.bound) {
            return fail("bound", want.bound, meta.bound);
        }
        if !(meta.noise.is_finite() && meta.noise >= 0.0) {
            return fail("noise", 0.0, meta.noise);
        }
        let step = Tracked {
            ct,
            at: meta.placement(),
            slots: want.slots,
            bound: want.bound,
        };
        self.check_values(case, &step)?;
        self.steps.push((case.to_owned(), meta));
        Ok(step)
    }

    /// Whether the values are still those expected.
    pub(super) fn check_values(
        &self,
        case: &str,
        step: &Tracked<E::Ct>,
    ) -> Result<(), ConformanceError> {
        let Some((largest, mean)) = self.errors(case, step)? else {
            return Ok(());
        };
        let noise = match self.fidelity() {
            Some(Fidelity::Noisy) => self.ev.meta(&step.ct).error(),
            _ => 0.0,
        };
        let arithmetic = ARITHMETIC * step.bound;
        for (what, found, factor) in [
            ("largest", largest, LARGEST),
            ("root mean square", mean, MEAN),
        ] {
            let allowed = factor * noise + arithmetic;
            if found.is_nan() || found > allowed {
                return Err(ConformanceError::Value {
                    case: case.into(),
                    what,
                    found,
                    allowed,
                });
            }
        }
        Ok(())
    }

    /// Noise that is there for security, or that the ledger claims, is really there.
    pub(super) fn not_too_quiet(&self, step: &Tracked<E::Ct>) -> Result<(), ConformanceError> {
        if self.fidelity() != Some(Fidelity::Noisy) {
            return Ok(());
        }
        let case = self.steps.last().map_or("", |s| &s.0);
        let least = LEAST * self.ev.meta(&step.ct).error();
        match self.errors(case, step)? {
            Some((_, found)) if found < least => Err(ConformanceError::TooQuiet {
                case: case.into(),
                found,
                least,
            }),
            _ => Ok(()),
        }
    }

    /// Largest and root mean square error.
    fn errors(
        &self,
        case: &str,
        step: &Tracked<E::Ct>,
    ) -> Result<Option<(f64, f64)>, ConformanceError> {
        let Some((decryptor, _)) = self.decryptor else {
            return Ok(None);
        };
        let found = self.accepted(case, decryptor.decrypt(&step.ct))?;
        if found.len() != step.slots.len() {
            return Err(ConformanceError::Meta {
                case: case.into(),
                what: "number of slots",
                expected: step.slots.len() as f64,
                found: found.len() as f64,
            });
        }
        let squares = found
            .iter()
            .zip(&step.slots)
            .map(|(x, y)| (x - y).norm_sqr());
        // f64::max would drop a NaN.
        let largest = squares
            .clone()
            .fold(0.0, |m: f64, x| if x <= m { m } else { x });
        let mean = squares.sum::<f64>() / found.len() as f64;
        Ok(Some((
            if mean.is_nan() {
                f64::NAN
            } else {
                largest.sqrt()
            },
            mean.sqrt(),
        )))
    }

    /// The value of something that must work.
    pub(super) fn accepted<T>(
        &self,
        case: &str,
        result: Result<T, EvalError>,
    ) -> Result<T, ConformanceError> {
        result.map_err(|source| ConformanceError::Refused {
            case: case.into(),
            source,
        })
    }

    /// Something that must be refused, for the right reason.
    pub(super) fn refused<T>(
        &self,
        case: &str,
        expected: &'static str,
        right: impl Fn(&Refusal) -> bool,
        result: Result<T, EvalError>,
    ) -> Result<(), ConformanceError> {
        let found = match result {
            Err(e) if right(&e.cause) => return Ok(()),
            Err(e) => format!("{e:?}"),
            Ok(_) => "no refusal".to_owned(),
        };
        Err(ConformanceError::NotRefused {
            case: case.into(),
            expected,
            found,
        })
    }

    /// Whether the counters still stand where they stood.
    pub(super) fn nothing_counted(
        &self,
        case: &str,
        before: &[(CountedOp, Level, u64)],
    ) -> Result<(), ConformanceError> {
        let now = self.ev.tally().rows();
        let total = |rows: &[(CountedOp, Level, u64)], op| -> u64 {
            rows.iter().filter(|r| r.0 == op).map(|r| r.2).sum()
        };
        match now.iter().find(|row| !before.contains(row)) {
            Some((op, ..)) => Err(ConformanceError::Count {
                case: case.into(),
                op: *op,
                expected: total(before, *op),
                found: total(&now, *op),
            }),
            None => Ok(()),
        }
    }

    /// Runs `f` and checks how often it counted each operation, at whatever level.
    pub(super) fn counted<T>(
        &mut self,
        case: &str,
        expected: &[(CountedOp, u64)],
        f: impl FnOnce(&mut Self) -> Result<T, ConformanceError>,
    ) -> Result<T, ConformanceError> {
        let before: Vec<u64> = expected
            .iter()
            .map(|(op, _)| self.ev.tally().total(*op))
            .collect();
        let value = f(self)?;
        for ((op, expected), before) in expected.iter().zip(before) {
            let found = self.ev.tally().total(*op) - before;
            if found != *expected {
                return Err(ConformanceError::Count {
                    case: case.into(),
                    op: *op,
                    expected: *expected,
                    found,
                });
            }
        }
        Ok(value)
    }
}

pub(super) fn zip(
    a: &[Complex64],
    b: &[Complex64],
    f: impl Fn(Complex64, Complex64) -> Complex64,
) -> Vec<Complex64> {
    a.iter().zip(b).map(|(x, y)| f(*x, *y)).collect()
}

pub(super) fn map(a: &[Complex64], f: impl Fn(Complex64) -> Complex64) -> Vec<Complex64> {
    a.iter().map(|x| f(*x)).collect()
}

/// Slot i is slot i + k of a.
pub(super) fn rotated(a: &[Complex64], k: i64) -> Vec<Complex64> {
    let mut out = a.to_vec();
    out.rotate_left(k.rem_euclid(a.len() as i64) as usize);
    out
}
