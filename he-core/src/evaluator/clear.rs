//! The clear twin: f64 slots with the same levels, scales and refusals as the ciphertexts.

use std::sync::Arc;

use num_complex::Complex64;

use super::ledger::Ledger;
use super::{EvalError, Evaluator, Level, Meta, Placement, Tally, normalise_rotation};
use crate::params::Params;

/// Relative slack of a declared bound: f64 rounding of sums of products.
const BOUND_SLACK: f64 = 1e-9;

/// Computes on slots in clear.
#[derive(Debug)]
pub struct Clear {
    params: Arc<Params>,
    tally: Tally,
}

/// Slots in clear, with the metadata that the ciphertext would have.
#[derive(Clone, Debug)]
pub struct ClearCt {
    slots: Arc<Vec<Complex64>>,
    meta: Meta,
}

/// A sum of products in clear.
#[derive(Clone, Debug, Default)]
pub struct ClearAcc(Option<ClearCt>);

impl ClearCt {
    /// The slots.
    pub fn slots(&self) -> &[Complex64] {
        &self.slots
    }
}

fn max_abs(slots: &[Complex64]) -> f64 {
    slots.iter().map(|z| z.norm()).fold(0.0, f64::max)
}

pub(crate) fn check_slots(
    op: &'static str,
    slots: &[Complex64],
    expected: usize,
) -> Result<f64, EvalError> {
    if slots.len() != expected {
        return Err(EvalError::SlotCount {
            op,
            expected,
            found: slots.len(),
        });
    }
    if let Some(bad) = slots
        .iter()
        .find(|z| !z.re.is_finite() || !z.im.is_finite())
    {
        return Err(EvalError::NotFinite {
            op,
            value: if bad.re.is_finite() { bad.im } else { bad.re },
        });
    }
    Ok(max_abs(slots))
}

impl Clear {
    /// A twin of ciphertexts under `params`.
    pub fn new(params: Arc<Params>) -> Self {
        let tally = Tally::new(params.max_level());
        Self { params, tally }
    }

    /// "Encrypts": takes slots in, with a declared bound on their absolute values and the noise that a ciphertext would carry.
    ///
    /// # Errors
    /// Wrong number of slots, numbers that are not finite, values beyond `bound`, overflow.
    pub fn seal(
        &self,
        slots: Vec<Complex64>,
        at: Placement,
        bound: f64,
        noise: f64,
    ) -> Result<ClearCt, EvalError> {
        check_slots("encryption", &slots, self.slots())?;
        let mut ct = ClearCt {
            slots: Arc::new(slots),
            meta: self.ledger().fresh(at, bound, noise)?,
        };
        self.declare_bound(&mut ct, bound)?;
        Ok(ct)
    }

    fn ledger(&self) -> Ledger<'_> {
        Ledger::new(&self.params, &self.tally)
    }
}

fn zip(
    a: &ClearCt,
    b: &ClearCt,
    f: impl Fn(Complex64, Complex64) -> Complex64,
) -> Arc<Vec<Complex64>> {
    Arc::new(
        a.slots
            .iter()
            .zip(b.slots.iter())
            .map(|(x, y)| f(*x, *y))
            .collect(),
    )
}

fn rotated(slots: &[Complex64], k: usize) -> Vec<Complex64> {
    let mut out = slots.to_vec();
    out.rotate_left(k);
    out
}

impl Evaluator for Clear {
    type Ct = ClearCt;
    type Plain = Vec<Complex64>;
    type Acc = ClearAcc;
    type Hoisted = ClearCt;

    fn params(&self) -> &Params {
        &self.params
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn meta(&self, ct: &ClearCt) -> Meta {
        ct.meta
    }

    fn plain(&self, slots: Vec<Complex64>) -> Result<Self::Plain, EvalError> {
        check_slots("plaintext", &slots, self.slots())?;
        Ok(slots)
    }

    fn add(&self, a: &ClearCt, b: &ClearCt) -> Result<ClearCt, EvalError> {
        let meta = self.ledger().add("sum", &a.meta, &b.meta)?;
        Ok(ClearCt {
            slots: zip(a, b, |x, y| x + y),
            meta,
        })
    }

    fn sub(&self, a: &ClearCt, b: &ClearCt) -> Result<ClearCt, EvalError> {
        let meta = self.ledger().add("difference", &a.meta, &b.meta)?;
        Ok(ClearCt {
            slots: zip(a, b, |x, y| x - y),
            meta,
        })
    }

    fn add_plain(&self, a: &ClearCt, p: &Self::Plain) -> Result<ClearCt, EvalError> {
        let meta = self.ledger().add_plain(&a.meta, max_abs(p))?;
        Ok(ClearCt {
            slots: Arc::new(a.slots.iter().zip(p).map(|(x, y)| x + y).collect()),
            meta,
        })
    }

    fn mul_small(&self, a: &ClearCt, k: i32) -> Result<ClearCt, EvalError> {
        let meta = self.ledger().mul_small(&a.meta, k)?;
        Ok(ClearCt {
            slots: Arc::new(a.slots.iter().map(|x| x * f64::from(k)).collect()),
            meta,
        })
    }

    fn mul_scalar(&self, a: &ClearCt, c: f64, to: Placement) -> Result<ClearCt, EvalError> {
        let (meta, _) = self.ledger().mul_scalar(&a.meta, c, to)?;
        Ok(ClearCt {
            slots: Arc::new(a.slots.iter().map(|x| x * c).collect()),
            meta,
        })
    }

    fn dot_plain(
        &self,
        terms: &[(&ClearCt, &Self::Plain)],
        scale: f64,
    ) -> Result<ClearCt, EvalError> {
        let metas: Vec<_> = terms.iter().map(|(a, p)| (a.meta, max_abs(p))).collect();
        let (meta, _) = self.ledger().dot_plain(&metas, scale)?;
        let mut out = vec![Complex64::ZERO; self.slots()];
        for (a, p) in terms {
            for ((o, x), y) in out.iter_mut().zip(a.slots.iter()).zip(p.iter()) {
                *o += x * y;
            }
        }
        Ok(ClearCt {
            slots: Arc::new(out),
            meta,
        })
    }

    fn accumulator(&self) -> ClearAcc {
        ClearAcc(None)
    }

    fn mul_acc(&self, sum: &mut ClearAcc, a: &ClearCt, b: &ClearCt) -> Result<(), EvalError> {
        let meta = self.ledger().tensor(&a.meta, &b.meta)?;
        self.merge(
            sum,
            ClearAcc(Some(ClearCt {
                slots: zip(a, b, |x, y| x * y),
                meta,
            })),
        )
    }

    fn merge(&self, sum: &mut ClearAcc, other: ClearAcc) -> Result<(), EvalError> {
        let Some(other) = other.0 else { return Ok(()) };
        match &mut sum.0 {
            None => sum.0 = Some(other),
            Some(s) => {
                s.meta = self.ledger().accumulate(&s.meta, &other.meta)?;
                for (x, y) in Arc::make_mut(&mut s.slots)
                    .iter_mut()
                    .zip(other.slots.iter())
                {
                    *x += y;
                }
            }
        }
        Ok(())
    }

    fn finish(&self, sum: ClearAcc) -> Result<ClearCt, EvalError> {
        let ct = sum.0.ok_or(EvalError::Empty {
            op: "sum of products",
        })?;
        Ok(ClearCt {
            meta: self.ledger().finish(&ct.meta)?,
            ..ct
        })
    }

    fn drop_to(&self, a: &ClearCt, level: Level) -> Result<ClearCt, EvalError> {
        Ok(ClearCt {
            slots: Arc::clone(&a.slots),
            meta: self.ledger().drop_to("dropping limbs", &a.meta, level)?,
        })
    }

    fn relabel(&self, a: &mut ClearCt, factor: f64) -> Result<(), EvalError> {
        a.meta = self.ledger().relabel(&a.meta, factor)?;
        for x in Arc::make_mut(&mut a.slots) {
            *x *= factor;
        }
        Ok(())
    }

    fn declare_typical(&self, a: &mut ClearCt, typical: f64) -> Result<(), EvalError> {
        a.meta = self.ledger().declare_typical(&a.meta, typical)?;
        Ok(())
    }

    fn declare_bound(&self, a: &mut ClearCt, bound: f64) -> Result<(), EvalError> {
        let meta = self.ledger().declare_bound(&a.meta, bound)?;
        let found = max_abs(&a.slots);
        if found > bound * (1.0 + BOUND_SLACK) {
            return Err(EvalError::BoundExceeded {
                declared: bound,
                found,
            });
        }
        a.meta = meta;
        Ok(())
    }

    fn conjugate(&self, a: &ClearCt) -> Result<ClearCt, EvalError> {
        self.ledger().hoist(&a.meta);
        let meta = self.ledger().automorphism("conjugation", &a.meta)?;
        Ok(ClearCt {
            slots: Arc::new(a.slots.iter().map(|x| x.conj()).collect()),
            meta,
        })
    }

    fn hoist(&self, a: &ClearCt) -> Result<ClearCt, EvalError> {
        self.ledger().hoist(&a.meta);
        Ok(a.clone())
    }

    fn rotate_hoisted(&self, a: &ClearCt, k: i64) -> Result<ClearCt, EvalError> {
        let k = normalise_rotation(k, self.slots());
        if k == 0 {
            return Ok(a.clone());
        }
        let meta = self.ledger().automorphism("rotation", &a.meta)?;
        Ok(ClearCt {
            slots: Arc::new(rotated(&a.slots, k)),
            meta,
        })
    }

    fn rotate_sum(&self, a: &ClearCt, ks: &[i64]) -> Result<ClearCt, EvalError> {
        let ks: Vec<usize> = ks
            .iter()
            .map(|&k| normalise_rotation(k, self.slots()))
            .collect();
        let switched = ks.iter().filter(|&&k| k != 0).count();
        let meta = self.ledger().rotate_sum(
            "sum of rotations",
            &vec![a.meta; ks.len()],
            usize::from(switched > 0),
            switched,
        )?;
        let mut out = vec![Complex64::ZERO; self.slots()];
        for k in ks {
            let (tail, head) = a.slots.split_at(k);
            for (o, x) in out.iter_mut().zip(head.iter().chain(tail)) {
                *o += x;
            }
        }
        Ok(ClearCt {
            slots: Arc::new(out),
            meta,
        })
    }

    fn rotate_each_and_sum(&self, terms: &[(&ClearCt, i64)]) -> Result<ClearCt, EvalError> {
        let ks: Vec<usize> = terms
            .iter()
            .map(|t| normalise_rotation(t.1, self.slots()))
            .collect();
        let switched = ks.iter().filter(|&&k| k != 0).count();
        let metas: Vec<Meta> = terms.iter().map(|t| t.0.meta).collect();
        let meta = self
            .ledger()
            .rotate_sum("sum of rotations", &metas, switched, switched)?;
        let mut out = vec![Complex64::ZERO; self.slots()];
        for ((a, _), k) in terms.iter().zip(ks) {
            for (o, x) in out.iter_mut().zip(rotated(&a.slots, k)) {
                *o += x;
            }
        }
        Ok(ClearCt {
            slots: Arc::new(out),
            meta,
        })
    }
}
