//! Sums of products, neither relinearised nor rescaled.

use std::sync::Arc;

use super::CkksCt;
use crate::evaluator::ledger::Ledger;
use crate::evaluator::{EvalError, Meta};
use crate::ring::{Ntt, Poly, tensor_products};
use crate::rlwe::{Ciphertext, at_level};

/// Products that wait to be added at once, so that the sum is read and written once for all of them.
const WAITING: usize = 4;

/// A sum of products `(a_0 b_0, a_0 b_1 + a_1 b_0, a_1 b_1)`. The last few products wait as pairs of ciphertexts, which share their data with the
/// caller's.
#[derive(Debug, Default)]
pub struct CkksAcc(pub(super) Option<Sum>);

/// A sum of at least one product.
#[derive(Debug)]
pub(super) struct Sum {
    pub(super) meta: Meta,
    waiting: Vec<(Arc<Ciphertext>, Arc<Ciphertext>)>,
    done: Option<[Poly<Ntt>; 3]>,
}

impl Sum {
    pub(super) fn new(meta: Meta, a: &Arc<Ciphertext>, b: &Arc<Ciphertext>) -> Self {
        Self {
            meta,
            waiting: vec![(Arc::clone(a), Arc::clone(b))],
            done: None,
        }
    }

    /// Adds another sum, whose level is not below this one's. `meta` is the ledger's word on both.
    pub(super) fn merge(&mut self, meta: Meta, other: Self) {
        self.meta = meta;
        if let Some(more) = other.done {
            let more = more.map(|d| at_level(d, meta.level.0));
            match &mut self.done {
                Some(done) => {
                    for (d, m) in done.iter_mut().zip(&more) {
                        d.add_assign(m);
                    }
                }
                None => self.done = Some(more),
            }
        }
        for pair in other.waiting {
            self.waiting.push(pair);
            if self.waiting.len() == WAITING {
                self.flush();
            }
        }
    }

    fn flush(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let Some((first, _)) = waiting.first() else {
            return;
        };
        let ring = first.c0().ring();
        let basis = ring.basis(self.meta.level.0);
        let pairs = waiting.iter().map(|(a, b)| (components(a), components(b)));
        let (left, right) = pairs.unzip();
        let accumulate = self.done.is_some();
        let done = self
            .done
            .get_or_insert_with(|| [(); 3].map(|()| Poly::scratch(ring, basis)));
        tensor_products(&mut [done], accumulate, &[left], &[right]);
    }

    /// The three components.
    pub(super) fn finish(mut self) -> Option<[Poly<Ntt>; 3]> {
        self.flush();
        self.done
    }
}

fn components(ct: &Arc<Ciphertext>) -> [&Poly<Ntt>; 2] {
    [ct.c0(), ct.c1()]
}

/// The rows of every sum of a matrix product, with the sum.
fn pairs<'a>(
    sums: &'a [CkksAcc],
    left: &'a [&'a [CkksCt]],
    right: &'a [&'a [CkksCt]],
) -> impl Iterator<Item = (&'a [CkksCt], &'a [CkksCt], &'a CkksAcc)> {
    let rows = left.iter().flat_map(|a| right.iter().map(|b| (*a, *b)));
    rows.zip(sums).map(|((a, b), sum)| (a, b, sum))
}

/// Whether there are products, and all sums are, or will be, at one level: a sum's is that of its first product.
pub(super) fn stand_at_one_level(
    sums: &[CkksAcc],
    left: &[&[CkksCt]],
    right: &[&[CkksCt]],
) -> bool {
    let mut levels = pairs(sums, left, right).map(|(a, b, sum)| {
        let first = a.first()?.meta.level.min(b.first()?.meta.level);
        Some(sum.0.as_ref().map_or(first, |sum| sum.meta.level))
    });
    let common = levels.next().flatten();
    common.is_some() && levels.all(|level| level == common)
}

/// `sums[i C + j] += sum_t left[i][t] right[j][t]` where [`stand_at_one_level`].
pub(super) fn add_products(
    ledger: &Ledger<'_>,
    sums: &mut [CkksAcc],
    left: &[&[CkksCt]],
    right: &[&[CkksCt]],
) -> Result<(), EvalError> {
    let metas = pairs(sums, left, right).map(|(a, b, sum)| {
        let start = sum.0.as_ref().map(|sum| sum.meta);
        let sum = a.iter().zip(b).try_fold(start, |sum, (a, b)| {
            let product = ledger.tensor(&a.meta, &b.meta)?;
            let sum = sum.map_or(Ok(product), |sum| ledger.accumulate(&sum, &product));
            sum.map(Some)
        })?;
        sum.ok_or(EvalError::Empty {
            op: "product of ciphertexts",
        })
    });
    let metas = metas.collect::<Result<Vec<_>, _>>()?;
    let ring = left[0][0].data.c0().ring();
    let accumulate = sums
        .iter()
        .any(|sum| matches!(&sum.0, Some(sum) if sum.done.is_some()));
    let mut open: Vec<&mut [Poly<Ntt>; 3]> = Vec::with_capacity(sums.len());
    for (sum, meta) in sums.iter_mut().zip(metas) {
        let basis = ring.basis(meta.level.0);
        let sum = sum.0.get_or_insert_with(|| Sum {
            meta,
            waiting: Vec::new(),
            done: None,
        });
        sum.meta = meta;
        open.push(sum.done.get_or_insert_with(|| {
            [(); 3].map(|()| match accumulate {
                true => Poly::zero(ring, basis),
                false => Poly::scratch(ring, basis),
            })
        }));
    }
    tensor_products(&mut open, accumulate, &rows(left), &rows(right));
    Ok(())
}

fn rows<'a>(rows: &[&'a [CkksCt]]) -> Vec<Vec<[&'a Poly<Ntt>; 2]>> {
    let rows = rows.iter();
    rows.map(|row| row.iter().map(|ct| components(&ct.data)).collect())
        .collect()
}
