//! Products of digits and keys: what hybrid key switching spends its memory traffic on.

use std::ops::Range;
use std::sync::Arc;

use super::digits::HalfDigit;
use super::divide::{Dividend, Division, divide, limbs_of, row_of};
use super::poly::{TRANSFORM, spread};
use super::{Basis, GaloisElement, Ntt, Poly, Ring};
use crate::arith::slices::{self, Groups};
use crate::arith::{Buffer, GROUP, NttTable, Permutation};

/// Values of a limb that are multiplied by both halves of all keys while they are in the first-level cache: what permutations move together.
const BLOCK: usize = Permutation::BLOCK;

/// A key for digits: one pair of polynomials a digit, over at least the digits' primes. The product is taken at `X^g`, if there is a `g`.
#[derive(Clone)]
pub(crate) struct GadgetTerm<'a> {
    pub(crate) b: Vec<&'a Poly<Ntt>>,
    pub(crate) a: Vec<&'a Poly<Ntt>>,
    pub(crate) g: Option<GaloisElement>,
}

/// The digits of a polynomial, made for one product or made before.
#[derive(Clone, Copy)]
pub(crate) enum Digits<'a> {
    /// Of this polynomial, with so many limbs each. Digits that nobody needs again are never finished as a whole: rows are transformed where they are
    /// multiplied. Cost: [`Poly::decompose`], and no transform more.
    Of(&'a Poly<Ntt>, usize),
    /// At least one.
    Made(&'a [Poly<Ntt>]),
    /// Of this polynomial, with one limb each, and the first in two: multiples of `2^bits`, and the rest.
    Halved(&'a Poly<Ntt>, u32),
}

impl Digits<'_> {
    fn ring(&self) -> &Arc<Ring> {
        match self {
            Self::Of(poly, _) | Self::Halved(poly, _) => poly.ring(),
            Self::Made(digits) => digits[0].ring(),
        }
    }

    fn basis(&self) -> Basis {
        self.ring().extended_basis(match self {
            Self::Of(poly, _) | Self::Halved(poly, _) => poly.level(),
            Self::Made(digits) => digits[0].level(),
        })
    }

    /// Those that are whole.
    fn made(&self) -> &[Poly<Ntt>] {
        match self {
            Self::Of(..) | Self::Halved(..) => &[],
            Self::Made(digits) => digits,
        }
    }

    /// The others.
    fn cut(&self) -> Vec<HalfDigit<'_>> {
        match self {
            Self::Of(poly, alpha) => poly.half_digits(*alpha),
            Self::Made(_) => Vec::new(),
            Self::Halved(poly, bits) => poly.halved_digits(*bits),
        }
    }
}

/// The sum over all keys of `sum_d digit_d (b_d, a_d)`, each at its own `X^g`, over the digits' basis; and `sum`, if there is one.
///
/// # Panics
/// As [`Poly::decompose`]; without keys; if a key has fewer digits; if rings differ, a key lacks primes, or the sum has another basis.
pub(crate) fn gadget_product(
    digits: Digits<'_>,
    keys: &[GadgetTerm<'_>],
    sum: Option<[Poly<Ntt>; 2]>,
) -> [Poly<Ntt>; 2] {
    let (ring, basis) = (digits.ring(), digits.basis());
    let accumulate = sum.is_some();
    let mut sums = sum.unwrap_or_else(|| [(); 2].map(|()| Poly::scratch(ring, basis)));
    for k in &sums {
        assert!(Arc::ptr_eq(ring, k.ring()), "different rings");
        assert_eq!(k.basis(), basis, "a sum over another basis");
    }
    with_products(digits, keys, accumulate, |products| {
        let work = basis.limbs() * ring.degree() * TRANSFORM;
        spread(limbs_of(&mut sums).collect(), work, |i, x| {
            products.rows(i, x, |_, _| ());
        });
    });
    sums
}

/// [`gadget_product`] and a [division](divide) of it, limb by limb: the products are never held as a whole.
///
/// # Panics
/// As there.
pub(crate) fn gadget_quotient(
    digits: Digits<'_>,
    keys: &[GadgetTerm<'_>],
    division: &Division<'_, 2>,
) -> [Poly<Ntt>; 2] {
    let (ring, basis) = (digits.ring(), digits.basis());
    let level = basis.level().saturating_sub(division.chain_primes);
    let mut out = [(); 2].map(|()| Poly::scratch(ring, ring.basis(level)));
    with_products(digits, keys, false, |products| {
        let nowhere = || std::iter::repeat_with(|| None);
        if division.automorphism.is_some() {
            let memory = nowhere().take(basis.limbs()).collect();
            divide(ring, basis, products, memory, division, Some(&mut out));
        } else {
            let limbs = limbs_of(&mut out).map(Some).chain(nowhere());
            let memory = limbs.take(basis.limbs()).collect();
            divide(ring, basis, products, memory, division, None);
        }
    });
    out
}

/// Products of digits and keys, ready to be computed.
struct Products<'a> {
    ring: &'a Ring,
    basis: Basis,
    /// Of each limb: those of all digits.
    limbs: Vec<Vec<Limb<'a>>>,
    keys: &'a [GadgetTerm<'a>],
    permutations: Vec<Option<Arc<Permutation>>>,
    accumulate: bool,
}

fn with_products<T>(
    digits: Digits<'_>,
    keys: &[GadgetTerm<'_>],
    accumulate: bool,
    f: impl FnOnce(&Products<'_>) -> T,
) -> T {
    let (ring, basis) = (digits.ring(), digits.basis());
    let (made, halves) = (digits.made(), digits.cut());
    let count = made.len() + halves.len();
    assert!(!keys.is_empty(), "no keys");
    for key in keys {
        assert!(
            key.b.len() >= count && key.a.len() >= count,
            "a key has fewer digits"
        );
        for poly in key.b.iter().chain(&key.a) {
            assert!(Arc::ptr_eq(ring, poly.ring()), "different rings");
            assert!(poly.basis().contains(&basis), "a key lacks primes");
        }
    }
    let limbs = (0..basis.limbs()).map(|i| {
        let made = made.iter().map(|digit| Limb::Finished(digit.limb(i)));
        let halves = halves.iter().map(|half| match half.own_limb(i) {
            Some(limb) => Limb::Finished(limb),
            None => Limb::Half(half, i),
        });
        made.chain(halves).collect()
    });
    let permutations = keys.iter().map(|k| k.g.map(|g| ring.permutation(g)));
    f(&Products {
        ring,
        basis,
        limbs: limbs.collect(),
        keys,
        permutations: permutations.collect(),
        accumulate,
    })
}

impl Products<'_> {
    /// An output block of a limb, all keys in turn: so the sum stays in the first-level cache, and only keys come from memory.
    fn block(
        &self,
        i: usize,
        digits: &[Rows<'_>],
        block: usize,
        x: [&mut [f64]; 2],
        product: &mut [f64],
    ) {
        let (m, len) = (self.ring.modulus(self.basis.prime(i)), product.len());
        let mut terms = Vec::with_capacity(digits.len());
        let [x0, x1] = x;
        for (t, (key, permutation)) in self.keys.iter().zip(&self.permutations).enumerate() {
            let accumulate = self.accumulate || t > 0;
            let source = match permutation {
                Some(p) => p.source_of_block(block),
                None => block,
            };
            let range = source * len..(source + 1) * len;
            for (x, part) in [(&mut *x0, &key.b), (&mut *x1, &key.a)] {
                terms.clear();
                terms.extend(digits.iter().zip(part).map(|(d, k)| {
                    let k = k.limb(k.basis().limb_of(&self.basis, i));
                    (d.values(range.clone()), &k[range.clone()])
                }));
                let Some(p) = permutation else {
                    slices::dot(m, accumulate, x, &terms);
                    continue;
                };
                slices::dot(m, false, product, &terms);
                let to = Groups {
                    values: &mut *x,
                    first: block * len / GROUP,
                };
                let from = Groups {
                    values: &*product,
                    first: range.start / GROUP,
                };
                slices::permute(m, accumulate, to, from, p);
            }
        }
    }
}

impl Dividend<2> for Products<'_> {
    fn rows(&self, i: usize, mut x: [&mut [f64]; 2], mut then: impl FnMut(usize, [&mut [f64]; 2])) {
        let table = self.ring.table(self.basis.prime(i));
        let (n, row_len) = (table.n(), table.row_len());
        // Where nothing moves, a product needs the same row of the digits.
        let still = self.permutations.iter().all(Option::is_none);
        let kept = if still { row_len } else { n };
        let len = if still { row_len } else { BLOCK.min(row_len) };
        let digits = self.limbs[i].iter().map(|limb| Rows::new(*limb, kept));
        let mut digits: Vec<Rows<'_>> = digits.collect();
        let mut product = Buffer::scratch(len);
        for row in 0..n / row_len {
            let due = match (still, row) {
                (true, _) => row..row + 1,
                (false, 0) => 0..n / row_len,
                (false, _) => 0..0,
            };
            for row in due {
                digits.iter_mut().for_each(|d| d.finish(table, row));
            }
            let mut x = row_of(&mut x, row, row_len);
            for k in 0..row_len / len {
                let x = x.each_mut().map(|x| &mut x[k * len..(k + 1) * len]);
                self.block(i, &digits, row * (row_len / len) + k, x, &mut product);
            }
            then(row, x);
        }
    }
}

/// One limb of a digit.
#[derive(Clone, Copy)]
enum Limb<'a> {
    Finished(&'a [f64]),
    /// Limb so and so of a digit, still to be transformed.
    Half(&'a HalfDigit<'a>, usize),
}

/// A limb of a digit, as far as its rows are finished.
enum Rows<'a> {
    All(&'a [f64]),
    /// From tiles, all of them or the last one.
    Made(Buffer, Buffer),
}

impl<'a> Rows<'a> {
    fn new(limb: Limb<'a>, kept: usize) -> Self {
        match limb {
            Limb::Finished(values) => Self::All(values),
            Limb::Half(digit, i) => Self::Made(digit.tiles(i), Buffer::scratch(kept)),
        }
    }

    fn finish(&mut self, table: &NttTable, row: usize) {
        if let Self::Made(tiles, made) = self {
            let at = row * table.row_len() % made.len();
            table.forward_row(row, tiles, &mut made[at..at + table.row_len()]);
        }
    }

    fn values(&self, range: Range<usize>) -> &[f64] {
        match self {
            Self::All(values) => &values[range],
            Self::Made(_, made) => {
                let at = range.start % made.len();
                &made[at..at + range.len()]
            }
        }
    }
}

impl Poly<Ntt> {
    /// `self += sum_g other(X^g)`: a permutation and a sum for each `g`, limb by limb.
    ///
    /// # Panics
    /// If rings or bases differ.
    pub(crate) fn add_automorphisms(&mut self, other: &Self, elements: &[GaloisElement]) {
        self.check(other);
        let ring = self.ring();
        let permutations: Vec<_> = elements.iter().map(|g| ring.permutation(*g)).collect();
        self.each(4 * elements.len(), |m, i, x| {
            for permutation in &permutations {
                let (x, other) = (Groups::all(&mut *x), Groups::all(other.limb(i)));
                slices::permute(m, true, x, other, permutation);
            }
        });
    }
}
