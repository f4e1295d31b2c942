//! The gadget decomposition of hybrid key switching.

use std::ops::Range;
use std::sync::Arc;

use super::convert::Converter;
use super::poly::{TRANSFORM, for_each_limb};
use super::{Ntt, Poly, Ring};
use crate::arith::Buffer;

impl Poly<Ntt> {
    /// Digits of the gadget decomposition: digit `d` is the centred integer polynomial that equals `self`
    /// modulo the primes `q_i`, `alpha d <= i < alpha (d + 1)`, over the extended basis. `l + 1` inverse transforms, and `l + 1 + k` forward
    /// transforms a digit less its own primes.
    ///
    /// Han and Ki, ePrint 2019/688, section 3.
    ///
    /// # Panics
    /// If `alpha` is 0, the ring has no special primes, or the basis is extended.
    #[must_use]
    pub fn decompose(&self, alpha: usize) -> Vec<Self> {
        let digits = self.half_digits(alpha).into_iter();
        digits.map(|digit| digit.finish(self)).collect()
    }

    /// [`decompose`](Self::decompose) without the last half of the transforms.
    pub(super) fn half_digits(&self, alpha: usize) -> Vec<HalfDigit> {
        assert!(
            !self.basis().is_extended(),
            "a digit decomposition acts on the chain's primes alone"
        );
        let ring = self.ring();
        let n = ring.degree();
        let basis = ring.extended_basis(self.level());
        assert!(
            basis.is_extended(),
            "a digit decomposition needs special primes"
        );
        let ranges: Vec<Range<usize>> = digit_ranges(self.level(), alpha).collect();
        let converters: Vec<_> = ranges
            .iter()
            .map(|own| {
                let from: Vec<usize> = own.clone().collect();
                let others = (0..basis.limbs()).filter(|i| !own.contains(i));
                let to: Vec<usize> = others.map(|i| basis.prime(i)).collect();
                ring.converter(&from, &to)
            })
            .collect();
        let mut tiles = Buffer::scratch((self.level() + 1) * n);
        for_each_limb(&mut tiles, n, TRANSFORM, |i, limb| {
            converters[i / alpha].inverse_rows(ring, i % alpha, self.limb(i), limb);
        });
        let digit = |(own, converter): (Range<usize>, Arc<Converter>)| {
            let sources = tiles[own.start * n..own.end * n].chunks_exact(n);
            let residues = converter.all_residues(ring, &sources.collect::<Vec<_>>());
            HalfDigit {
                own,
                converter,
                residues,
            }
        };
        ranges.into_iter().zip(converters).map(digit).collect()
    }
}

/// A digit whose forward transforms are still to be done: a limb at a time, where it is needed, since all limbs together are more than caches hold. Its own limbs
/// are those of the polynomial that was cut.
pub(super) struct HalfDigit {
    pub(super) own: Range<usize>,
    converter: Arc<Converter>,
    residues: Buffer,
}

impl HalfDigit {
    /// The tiles of limb `i`, which is none of its own, with the first half of the transform.
    pub(super) fn tiles(&self, ring: &Ring, i: usize) -> Buffer {
        let target = match i < self.own.start {
            true => i,
            false => i - self.own.len(),
        };
        self.converter.combined(ring, target, &self.residues)
    }

    /// Transforms the rows; `whole` is the polynomial that was cut.
    fn finish(self, whole: &Poly<Ntt>) -> Poly<Ntt> {
        let ring = whole.ring();
        let basis = ring.extended_basis(whole.level());
        let mut out = Poly::scratch(ring, basis);
        for_each_limb(out.data_mut(), ring.degree(), TRANSFORM, |i, limb| {
            if self.own.contains(&i) {
                limb.copy_from_slice(whole.limb(i));
            } else {
                let (table, tiles) = (ring.table(basis.prime(i)), self.tiles(ring, i));
                for (row, to) in limb.chunks_exact_mut(table.row_len()).enumerate() {
                    table.forward_row(row, &tiles, to);
                }
            }
        });
        out
    }
}

/// The limbs of each digit at a level.
fn digit_ranges(level: usize, alpha: usize) -> impl Iterator<Item = Range<usize>> {
    (0..=level)
        .step_by(alpha)
        .map(move |start| start..(start + alpha).min(level + 1))
}
