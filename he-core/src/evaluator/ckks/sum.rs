//! Sums of products, neither relinearised nor rescaled.

use std::sync::Arc;

use crate::arith::slices::MAX_TERMS;
use crate::evaluator::Meta;
use crate::ring::{Ntt, Poly};
use crate::rlwe::{Ciphertext, at_level};

/// Products that wait to be added at once: each puts two terms into the middle component, and the kernel adds
/// [`MAX_TERMS`] of them with one reduction.
const WAITING: usize = MAX_TERMS / 2;

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
        let done = self
            .done
            .get_or_insert_with(|| [(); 3].map(|()| Poly::zero(ring, basis)));
        let low: Vec<_> = waiting.iter().map(|(a, b)| (a.c0(), b.c0())).collect();
        let middle: Vec<_> = waiting
            .iter()
            .flat_map(|(a, b)| [(a.c0(), b.c1()), (a.c1(), b.c0())])
            .collect();
        let high: Vec<_> = waiting.iter().map(|(a, b)| (a.c1(), b.c1())).collect();
        for (d, terms) in done.iter_mut().zip([low, middle, high]) {
            d.inner_product_acc(&terms);
        }
    }

    /// The three components.
    pub(super) fn finish(mut self) -> Option<[Poly<Ntt>; 3]> {
        self.flush();
        self.done
    }
}
