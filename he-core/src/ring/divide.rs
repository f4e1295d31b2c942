//! Division by primes, row by row.

use std::sync::Arc;

use super::convert::Converter;
use super::poly::{TRANSFORM, spread};
use super::{Basis, GaloisElement, Ntt, Poly, Ring};
use crate::arith::slices::{self, Groups};
use crate::arith::{Buffer, Constant, GROUP, Permutation};

/// What is done together with a division of `C` polynomials, row by row.
#[derive(Clone, Copy)]
pub(crate) struct Division<'a, const C: usize> {
    /// How many of the chain's top primes to divide by, besides all special ones.
    pub(crate) chain_primes: usize,
    /// Added first, times the product `P` of the special primes: over the chain's primes of the dividends.
    pub(crate) before: Option<[&'a Poly<Ntt>; C]>,
    /// Added to the quotients: over their primes.
    pub(crate) after: [Option<&'a Poly<Ntt>>; C],
    /// The results are taken at `X^g`.
    pub(crate) automorphism: Option<GaloisElement>,
}

impl<const C: usize> Division<'_, C> {
    /// A division by the special primes, if there are any, and by some of the chain's.
    pub(crate) fn by(chain_primes: usize) -> Self {
        Self {
            chain_primes,
            before: None,
            after: [None; C],
            automorphism: None,
        }
    }
}

/// `C` polynomials that are divided, wherever their limbs come from.
pub(super) trait Dividend<const C: usize>: Sync {
    /// Makes limb `i` in the memory `x`, if it is not there, and gives each of its rows to `then` as soon as it is made: they may be overwritten. Where no
    /// memory was given, `x` has room for one row.
    fn rows(&self, i: usize, x: [&mut [f64]; C], then: impl FnMut(usize, [&mut [f64]; C]));
}

/// A row of each, in memory for one row or for all.
pub(super) fn row_of<'a, const C: usize>(
    x: &'a mut [&mut [f64]; C],
    row: usize,
    row_len: usize,
) -> [&'a mut [f64]; C] {
    x.each_mut().map(|x| {
        let at = row * row_len % x.len();
        &mut x[at..at + row_len]
    })
}

/// Limbs that are where they are.
struct Given {
    n: usize,
    row_len: usize,
}

impl Given {
    fn of(ring: &Ring) -> Self {
        Self {
            n: ring.degree(),
            row_len: ring.table(0).row_len(),
        }
    }
}

impl<const C: usize> Dividend<C> for Given {
    fn rows(&self, _: usize, mut x: [&mut [f64]; C], mut then: impl FnMut(usize, [&mut [f64]; C])) {
        (0..self.n / self.row_len).for_each(|row| then(row, row_of(&mut x, row, self.row_len)));
    }
}

/// The memory of one limb, if it is not scratch.
pub(super) type Memory<'a, const C: usize> = Option<[&'a mut [f64]; C]>;

/// Limb by limb: the parts of all polynomials.
pub(super) fn limbs_of<const C: usize>(
    polys: &mut [Poly<Ntt>; C],
) -> impl Iterator<Item = [&mut [f64]; C]> {
    let (n, count) = (polys[0].ring().degree(), polys[0].basis().limbs());
    let mut limbs = polys.each_mut().map(|p| p.data_mut().chunks_exact_mut(n));
    (0..count).map(move |_| limbs.each_mut().map(|l| l.next().unwrap_or_default()))
}

/// Divides, rounds, and does what the division says besides; every coefficient of a quotient is within `1/2 + 2^-48` of the exact one, within 1/2 for a
/// single prime. For each polynomial one inverse transform a divisor and one forward transform a prime that is left.
///
/// The primes that are divided by come first: then the dividends' other limbs need not be anywhere before the moment in which they are used up. The quotients
/// are written over them, into the memory given for each limb; with an automorphism they go to `moved`, over the primes that are left.
///
/// # Panics
/// If there is nothing to divide by, or nothing would be left; if rings or bases do not fit.
pub(super) fn divide<const C: usize, D: Dividend<C>>(
    ring: &Arc<Ring>,
    basis: Basis,
    dividend: &D,
    mut memory: Vec<Memory<'_, C>>,
    division: &Division<'_, C>,
    moved: Option<&mut [Poly<Ntt>; C]>,
) {
    let job = Job::new(ring, basis, division);
    let tail = memory.split_off(job.kept);
    let tiles = job.inverse(dividend, tail);
    let rest = tiles.map(|tiles| job.convert(&tiles));
    job.finish(dividend, memory, &rest, moved);
}

struct Job<'a, const C: usize> {
    ring: &'a Ring,
    division: &'a Division<'a, C>,
    /// How many primes are left, and how many are divided by.
    kept: usize,
    divisors: usize,
    /// Values of a limb, and of a row.
    n: usize,
    row_len: usize,
    converter: Arc<Converter>,
    /// `P` modulo the primes of the chain.
    special: Vec<Constant>,
    permutation: Option<Arc<Permutation>>,
}

/// What a conversion gives for one polynomial: limbs in tiles; or, from a single prime, what they are quickly made of.
enum Rest {
    Tiles(Buffer),
    /// The integers that they are residues of.
    Residues(Buffer),
}

impl<'a, const C: usize> Job<'a, C> {
    fn new(ring: &'a Ring, basis: Basis, division: &'a Division<'a, C>) -> Self {
        let chain_primes = division.chain_primes;
        assert!(
            chain_primes <= basis.level(),
            "no prime to divide by at level 0"
        );
        let kept = basis.level() + 1 - chain_primes;
        let divisors: Vec<usize> = (kept..basis.limbs()).map(|i| basis.prime(i)).collect();
        assert!(
            !divisors.is_empty(),
            "nothing to divide by: the basis is not extended"
        );
        let check = |poly: &Poly<Ntt>, basis: Basis| {
            assert!(
                std::ptr::eq(ring, Arc::as_ptr(poly.ring())),
                "polynomials of different rings"
            );
            assert_eq!(poly.basis(), basis, "polynomials over different bases");
        };
        let before = division.before.iter().flatten();
        before.for_each(|poly| check(poly, basis.without_special()));
        let after = division.after.iter().flatten();
        after.for_each(|poly| check(poly, ring.basis(kept - 1)));
        let special = |i: usize| {
            let primes = (0..ring.special_count()).map(|i| ring.special(i).value());
            ring.q(i).constant(ring.q(i).product(primes))
        };
        let chain: Vec<usize> = (0..kept).collect();
        Self {
            ring,
            division,
            kept,
            n: ring.degree(),
            row_len: ring.table(0).row_len(),
            divisors: divisors.len(),
            converter: ring.converter(&divisors, &chain),
            special: match division.before {
                Some(_) => (0..=basis.level()).map(special).collect(),
                None => Vec::new(),
            },
            permutation: division.automorphism.map(|g| ring.permutation(g)),
        }
    }

    /// `x += P before`, for a row of chain limb `i` of polynomial `c`.
    fn add_before(&self, c: usize, i: usize, row: usize, x: &mut [f64]) {
        if let Some(before) = self.division.before {
            let values = &before[c].limb(i)[row * self.row_len..(row + 1) * self.row_len];
            slices::add_scaled(self.ring.q(i), x, values, self.special[i]);
        }
    }

    /// The divisors' limbs, through the first half of the inverse transform.
    fn inverse(&self, dividend: &impl Dividend<C>, memory: Vec<Memory<'_, C>>) -> [Buffer; C] {
        let mut all = [(); C].map(|()| Buffer::scratch(self.divisors * self.n));
        let mut limbs = all.each_mut().map(|t| t.chunks_exact_mut(self.n));
        let tasks = memory.into_iter().map(|memory| {
            let tiles = limbs.each_mut().map(|l| l.next().unwrap_or_default());
            (memory, tiles)
        });
        let work = C * self.divisors * self.n * TRANSFORM;
        spread(tasks.collect(), work, |i, (memory, mut tiles)| {
            with_memory(memory, self.row_len, |x| {
                dividend.rows(self.kept + i, x, |row, x| {
                    for (c, (x, tiles)) in x.into_iter().zip(&mut tiles).enumerate() {
                        // P is 0 modulo the special primes.
                        if i < self.division.chain_primes {
                            self.add_before(c, self.kept + i, row, x);
                        }
                        self.converter.inverse_row(self.ring, i, row, x, tiles);
                    }
                });
            });
        });
        all
    }

    fn convert(&self, tiles: &[f64]) -> Rest {
        let (ring, n, len) = (self.ring, self.n, self.ring.table(0).tile_len());
        if self.divisors == 1 {
            let mut all = Buffer::scratch(n);
            let pairs = all.chunks_exact_mut(len).zip(tiles.chunks_exact(len));
            spread(pairs.collect(), n * TRANSFORM, |_, (to, tile)| {
                self.converter.residues(ring, &[tile], to);
            });
            return Rest::Residues(all);
        }
        let sources: Vec<&[f64]> = tiles.chunks_exact(n).collect();
        let mut rest = Buffer::scratch(self.kept * n);
        let targets = rest.chunks_exact_mut(n).collect();
        self.converter.convert(ring, targets, &sources);
        Rest::Tiles(rest)
    }

    /// The quotients' limbs.
    fn finish(
        &self,
        dividend: &impl Dividend<C>,
        memory: Vec<Memory<'_, C>>,
        rest: &[Rest; C],
        moved: Option<&mut [Poly<Ntt>; C]>,
    ) {
        let mut places = moved.map(limbs_of);
        let tasks = memory
            .into_iter()
            .map(|memory| (memory, places.as_mut().and_then(Iterator::next)));
        let work = C * self.kept * self.n * TRANSFORM;
        spread(tasks.collect(), work, |j, (memory, mut place)| {
            let limbs = rest.each_ref().map(|rest| RestLimb::new(self, rest, j));
            let mut scratch = Buffer::scratch(self.row_len);
            with_memory(memory, self.row_len, |x| {
                dividend.rows(j, x, |row, x| {
                    for (c, x) in x.into_iter().enumerate() {
                        let tiles = limbs[c].tiles();
                        self.ring.table(j).forward_row(row, tiles, &mut scratch);
                        self.finish_row(c, j, row, x, &scratch);
                        if let Some(place) = &mut place {
                            self.move_row(j, row, x, place[c]);
                        }
                    }
                });
            });
        });
    }

    /// `x = (x + P before - rest) / divisors + after`.
    fn finish_row(&self, c: usize, j: usize, row: usize, x: &mut [f64], rest: &[f64]) {
        let m = self.ring.modulus(j);
        self.add_before(c, j, row, x);
        slices::sub_scale(m, x, rest, self.converter.quotient(j));
        if let Some(poly) = self.division.after[c] {
            let values = &poly.limb(j)[row * self.row_len..(row + 1) * self.row_len];
            slices::add_assign(m, x, values);
        }
    }

    fn move_row(&self, j: usize, row: usize, x: &[f64], place: &mut [f64]) {
        if let Some(permutation) = &self.permutation {
            let (m, first) = (self.ring.modulus(j), row * self.row_len / GROUP);
            let x = Groups { values: x, first };
            slices::permute(m, false, Groups::all(place), x, permutation);
        }
    }
}

/// The limb of a conversion's result that belongs to one prime.
enum RestLimb<'a> {
    There(&'a [f64]),
    Made(Buffer),
}

impl<'a> RestLimb<'a> {
    fn new<const C: usize>(job: &Job<'_, C>, rest: &'a Rest, j: usize) -> Self {
        let (n, len) = (job.n, job.ring.table(0).tile_len());
        match rest {
            Rest::Tiles(all) => Self::There(&all[j * n..(j + 1) * n]),
            Rest::Residues(all) => {
                let mut tiles = Buffer::scratch(n);
                let pairs = tiles.chunks_exact_mut(len).zip(all.chunks_exact(len));
                for (tile, residues) in pairs {
                    job.converter.combine(job.ring, j, residues, tile);
                }
                Self::Made(tiles)
            }
        }
    }

    fn tiles(&self) -> &[f64] {
        match self {
            Self::There(tiles) => tiles,
            Self::Made(tiles) => tiles,
        }
    }
}

/// Runs `f` with the memory that is given, or with scratch memory of `len` values each.
fn with_memory<const C: usize>(memory: Memory<'_, C>, len: usize, f: impl FnOnce([&mut [f64]; C])) {
    match memory {
        Some(x) => f(x),
        None => {
            let mut own = [(); C].map(|()| Buffer::scratch(len));
            f(own.each_mut().map(|x| &mut x[..]));
        }
    }
}

/// Divides polynomials in place.
///
/// # Panics
/// With an automorphism; as for [`divide`].
pub(crate) fn divide_polys<const C: usize>(
    mut polys: [Poly<Ntt>; C],
    division: &Division<'_, C>,
) -> [Poly<Ntt>; C] {
    assert!(division.automorphism.is_none(), "in place nothing moves");
    let (ring, basis) = (Arc::clone(polys[0].ring()), polys[0].basis());
    polys[1..].iter().for_each(|p| polys[0].check(p));
    let given = Given::of(&ring);
    let memory = limbs_of(&mut polys).map(Some).collect();
    divide(&ring, basis, &given, memory, division, None);
    polys.map(|mut poly| {
        poly.drop_special();
        poly.drop_to_level(basis.level() - division.chain_primes);
        poly
    })
}

impl Poly<Ntt> {
    /// Divides by the top prime `q_l` and rounds; the level falls by one. Every coefficient of the result is within
    /// 1/2 of the exact quotient. `l + 1` transforms.
    ///
    /// # Panics
    /// At level 0, and over an extended basis.
    pub fn rescale(&mut self) {
        assert!(
            !self.basis().is_extended(),
            "rescaling acts on the chain's primes alone"
        );
        let (ring, basis) = (Arc::clone(self.ring()), self.basis());
        let given = Given::of(&ring);
        let limbs = self.data_mut().chunks_exact_mut(ring.degree());
        let memory = limbs.map(|limb| Some([limb])).collect();
        divide(&ring, basis, &given, memory, &Division::by(1), None);
        self.drop_to_level(basis.level() - 1);
    }
}
