//! The gadget decomposition of hybrid key switching.

use std::ops::Range;
use std::sync::Arc;

use super::convert::Converter;
use super::poly::{TRANSFORM, for_each_limb};
use super::{Ntt, Poly};
use crate::arith::{Buffer, slices};

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
        digits.map(|digit| digit.finish()).collect()
    }

    /// [`decompose`](Self::decompose) without the last half of the transforms.
    pub(super) fn half_digits(&self, alpha: usize) -> Vec<HalfDigit<'_>> {
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
                whole: self,
                own,
                lift: Lift::Converted(converter),
                residues,
            }
        };
        ranges.into_iter().zip(converters).map(digit).collect()
    }

    /// [`half_digits`](Self::half_digits) of one limb each, and the first in two: the multiples of `2^bits` next to it, over that, and the rest, of at most `2^(bits - 1)`.
    pub(super) fn halved_digits(&self, bits: u32) -> Vec<HalfDigit<'_>> {
        let mut digits = self.half_digits(1);
        let first = &mut digits[0];
        let (factor, half) = (f64::from(bits).exp2(), self.modulus(0).p() / 2.0);
        let mut high = Buffer::scratch(first.residues.len());
        // Balanced residues below 2^47: all of this is exact.
        for (high, low) in high.iter_mut().zip(first.residues.iter_mut()) {
            *high = (*low / factor).round();
            *low -= *high * factor;
        }
        (first.own, first.lift) = (0..0, Lift::Small(factor / 2.0));
        let high = HalfDigit {
            whole: self,
            own: 0..0,
            lift: Lift::Small((half / factor).round()),
            residues: high,
        };
        digits.insert(0, high);
        digits
    }
}

/// How residues of a digit become those modulo other primes.
enum Lift {
    Converted(Arc<Converter>),
    /// They are integers of at most so much.
    Small(f64),
}

/// A digit whose forward transforms are still to be done: a limb at a time, where it is needed, since all limbs together are more than caches hold. Its own limbs
/// are those of the polynomial that was cut.
pub(super) struct HalfDigit<'a> {
    whole: &'a Poly<Ntt>,
    own: Range<usize>,
    lift: Lift,
    residues: Buffer,
}

impl HalfDigit<'_> {
    /// Limb `i`, if it is one of its own.
    pub(super) fn own_limb(&self, i: usize) -> Option<&[f64]> {
        self.own.contains(&i).then(|| self.whole.limb(i))
    }

    /// The tiles of limb `i`, which is none of its own, with the first half of the transform.
    pub(super) fn tiles(&self, i: usize) -> Buffer {
        let ring = self.whole.ring();
        match &self.lift {
            Lift::Converted(converter) => {
                let target = match i < self.own.start {
                    true => i,
                    false => i - self.own.len(),
                };
                converter.combined(ring, target, &self.residues)
            }
            Lift::Small(bound) => {
                let basis = ring.extended_basis(self.whole.level());
                let table = ring.table(basis.prime(i));
                let mut tiles = Buffer::scratch(ring.degree());
                let pairs = tiles.chunks_exact_mut(table.tile_len());
                for (to, from) in pairs.zip(self.residues.chunks_exact(table.tile_len())) {
                    if *bound <= table.input_limit() {
                        table.forward_columns_from(from, to);
                    } else {
                        to.copy_from_slice(from);
                        slices::reduce(table.modulus(), to);
                        table.forward_columns(to);
                    }
                }
                tiles
            }
        }
    }

    /// Transforms the rows.
    fn finish(self) -> Poly<Ntt> {
        let ring = self.whole.ring();
        let basis = ring.extended_basis(self.whole.level());
        let mut out = Poly::scratch(ring, basis);
        for_each_limb(out.data_mut(), ring.degree(), TRANSFORM, |i, limb| {
            if let Some(own) = self.own_limb(i) {
                limb.copy_from_slice(own);
            } else {
                let (table, tiles) = (ring.table(basis.prime(i)), self.tiles(i));
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
