//! Sums of products, neither relinearised nor rescaled.

use std::sync::Arc;

use crate::evaluator::Level;
use crate::ring::{Ntt, Poly, Ring, tensor_products};
use crate::rlwe::{Ciphertext, at_level};

/// Products that wait to be added at once, so that the sum is read and written once for all of them.
const WAITING: usize = 4;

/// A sum of products `(a_0 b_0, a_0 b_1 + a_1 b_0, a_1 b_1)`. The last few products wait as pairs of ciphertexts, which share their data with the
/// caller's.
#[derive(Debug)]
pub struct Products {
    level: Level,
    waiting: Vec<(Arc<Ciphertext>, Arc<Ciphertext>)>,
    done: Option<[Poly<Ntt>; 3]>,
}

impl Products {
    pub(super) fn none(level: Level) -> Self {
        Self {
            level,
            waiting: Vec::new(),
            done: None,
        }
    }

    /// Adds a product of two ciphertexts, none of them below the sum's level.
    pub(super) fn add(&mut self, a: &Arc<Ciphertext>, b: &Arc<Ciphertext>) {
        self.waiting.push((Arc::clone(a), Arc::clone(b)));
        if self.waiting.len() == WAITING {
            self.flush();
        }
    }

    /// Adds another sum, whose level is not below this one's.
    pub(super) fn merge(&mut self, other: Self) {
        if let Some(more) = other.done {
            let more = more.map(|d| at_level(d, self.level.0));
            match &mut self.done {
                Some(done) => {
                    for (d, m) in done.iter_mut().zip(&more) {
                        d.add_assign(m);
                    }
                }
                None => self.done = Some(more),
            }
        }
        for (a, b) in &other.waiting {
            self.add(a, b);
        }
    }

    fn flush(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let Some((first, _)) = waiting.first() else {
            return;
        };
        let ring = first.c0().ring();
        let basis = ring.basis(self.level.0);
        let pairs = waiting.iter().map(|(a, b)| (components(a), components(b)));
        let (left, right) = pairs.unzip();
        let accumulate = self.done.is_some();
        let done = self
            .done
            .get_or_insert_with(|| [(); 3].map(|()| Poly::scratch(ring, basis)));
        tensor_products(&mut [done], accumulate, &[left], &[right]);
    }

    /// The three components.
    pub(super) fn finish(mut self, ring: &Arc<Ring>) -> [Poly<Ntt>; 3] {
        self.flush();
        let zero = || [(); 3].map(|()| Poly::zero(ring, ring.basis(self.level.0)));
        self.done.unwrap_or_else(zero)
    }
}

fn components(ct: &Ciphertext) -> [&Poly<Ntt>; 2] {
    [ct.c0(), ct.c1()]
}

/// Whether all sums are at one level.
pub(super) fn stand_at_one_level(sums: &[&mut Products]) -> bool {
    sums.windows(2).all(|pair| pair[0].level == pair[1].level)
}

/// `sums[i C + j] += sum_t left[i][t] right[j][t]` where [`stand_at_one_level`].
pub(super) fn add_products(
    ring: &Arc<Ring>,
    sums: &mut [&mut Products],
    left: &[Vec<&Arc<Ciphertext>>],
    right: &[Vec<&Arc<Ciphertext>>],
) {
    let accumulate = sums.iter().any(|sum| sum.done.is_some());
    let mut open: Vec<&mut [Poly<Ntt>; 3]> = Vec::with_capacity(sums.len());
    for sum in sums {
        let basis = ring.basis(sum.level.0);
        open.push(sum.done.get_or_insert_with(|| {
            [(); 3].map(|()| match accumulate {
                true => Poly::zero(ring, basis),
                false => Poly::scratch(ring, basis),
            })
        }));
    }
    tensor_products(&mut open, accumulate, &rows(left), &rows(right));
}

fn rows<'a>(rows: &[Vec<&'a Arc<Ciphertext>>]) -> Vec<Vec<[&'a Poly<Ntt>; 2]>> {
    let rows = rows.iter();
    rows.map(|row| row.iter().map(|ct| components(ct)).collect())
        .collect()
}
