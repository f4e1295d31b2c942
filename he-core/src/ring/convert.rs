//! Exact base conversion between sets of primes.

use super::Ring;
use super::poly::{TRANSFORM, spread};
use crate::arith::{Buffer, Constant, Scale, slices};

/// Constants for the conversion of the centred integer `x`, given by its residues modulo the primes `q_i` of one set
/// (product `Q`), to residues modulo the primes `p_j` of another set.
///
/// With `y_i = x (Q/q_i)^-1 mod q_i`, `x = sum_i y_i Q/q_i - v Q` and `v = round(sum_i y_i/q_i)`
/// (Halevi, Polyakov, Shoup, ePrint 2018/117, section 2.2). The sum is computed in doubles, so `v` can only be off by one
/// where `x/Q` is within `2^-48` of a tie; the result is then `x - Q` or `x + Q`, of magnitude at most `Q (1/2 + 2^-48)`. For a single prime it is always
/// right: a tie is at least `1/2q > 2^-49` away, and `y/q` is computed to `2^-52`.
///
/// Inverse transforms come before a conversion, forward ones after it, and both are done in halves (see [`NttTable`](crate::arith::NttTable)):
/// [`inverse_rows`](Self::inverse_rows) of all sources; then the other half of the inverse, the conversion, and the first half of the forward
/// transforms, a tile at a time and without a sweep over memory in between; then the rows of the targets, wherever the values are needed.
#[derive(Debug)]
pub(super) struct Converter {
    sources: Vec<Source>,
    /// `1/q_i`.
    inverses: Vec<f64>,
    targets: Vec<Target>,
}

/// One prime `q_i` to convert from.
#[derive(Debug, Clone, Copy)]
struct Source {
    /// Its index in the ring's list.
    prime: usize,
    /// `(Q/q_i)^-1`, folded into the inverse transform.
    scale: Scale,
}

/// One prime `p_j` to convert to.
#[derive(Debug)]
struct Target {
    /// Its index in the ring's list.
    prime: usize,
    /// `Q/q_i mod p_j` for all `i`, balanced.
    constants: Vec<f64>,
    /// `-Q mod p_j`, balanced.
    whole: f64,
    /// Whether the sum must be reduced before a forward transform.
    reduce: bool,
    /// `1/Q mod p_j`.
    quotient: Constant,
}

impl Converter {
    /// `from` and `to` are indices of primes of the ring.
    pub(super) fn new(ring: &Ring, from: &[usize], to: &[usize]) -> Self {
        let q = |i: usize| ring.modulus(i).value();
        let hat = |i: usize, j: usize| {
            ring.modulus(j)
                .product(from.iter().filter(|f| **f != i).map(|f| q(*f)))
        };
        let sources = from.iter().map(|&i| {
            let m = ring.modulus(i);
            Source {
                prime: i,
                scale: ring.table(i).scale(m.inv(hat(i, i))),
            }
        });
        let targets = to.iter().map(|&j| {
            let m = ring.modulus(j);
            let whole = m.product(from.iter().map(|f| q(*f)));
            let constants = from.iter().map(|&i| m.to_balanced(hat(i, j)));
            let bound = match from {
                // A single prime's balanced residues are the integers.
                [q] => ring.modulus(*q).p() / 2.0,
                _ => slices::linear_combination_bound(m, from.len()),
            };
            Target {
                prime: j,
                constants: constants.collect(),
                whole: m.to_balanced(m.neg(whole)),
                reduce: bound > ring.table(j).input_limit(),
                quotient: m.constant(m.inv(whole)),
            }
        });
        Self {
            sources: sources.collect(),
            inverses: from.iter().map(|&i| ring.modulus(i).p_inverse()).collect(),
            targets: targets.collect(),
        }
    }

    /// `1/Q` modulo the prime of target `j`.
    pub(super) fn quotient(&self, j: usize) -> Constant {
        self.targets[j].quotient
    }

    /// The first half of the inverse transform of source `i`, a limb, into tiles.
    pub(super) fn inverse_rows(&self, ring: &Ring, i: usize, limb: &[f64], tiles: &mut [f64]) {
        let Source { prime, scale, .. } = self.sources[i];
        let table = ring.table(prime);
        let mut scratch = Buffer::scratch(table.row_len());
        for (row, values) in limb.chunks_exact(table.row_len()).enumerate() {
            table.inverse_row_from(scale, row, values, &mut scratch, tiles);
        }
    }

    /// The same for one row, which is overwritten.
    pub(super) fn inverse_row(
        &self,
        ring: &Ring,
        i: usize,
        row: usize,
        values: &mut [f64],
        tiles: &mut [f64],
    ) {
        let Source { prime, scale, .. } = self.sources[i];
        ring.table(prime).inverse_row(scale, row, values, tiles);
    }

    /// Tile by tile, from sources that are through [`inverse_rows`](Self::inverse_rows) to targets whose rows are still to be transformed.
    ///
    /// The sources are read from memory once, the targets written once; what is in between stays in the cache.
    pub(super) fn convert(&self, ring: &Ring, targets: Vec<&mut [f64]>, sources: &[&[f64]]) {
        debug_assert_eq!(targets.len(), self.targets.len());
        let len = ring.table(0).tile_len();
        let work = targets.len() * ring.degree() * TRANSFORM;
        let mut tasks: Vec<Vec<&mut [f64]>> = (0..ring.degree() / len)
            .map(|_| Vec::with_capacity(targets.len()))
            .collect();
        for target in targets {
            let tiles = target.chunks_exact_mut(len);
            tasks
                .iter_mut()
                .zip(tiles)
                .for_each(|(t, tile)| t.push(tile));
        }
        spread(tasks, work, |i, tiles| {
            let sources: Vec<&[f64]> = sources.iter().map(|s| &s[i * len..(i + 1) * len]).collect();
            let mut residues = Buffer::scratch(self.residue_tiles() * len);
            self.residues(ring, &sources, &mut residues);
            for (j, tile) in tiles.into_iter().enumerate() {
                self.combine(ring, j, &residues, tile);
            }
        });
    }

    /// The residues of all tiles, one tile after the other.
    pub(super) fn all_residues(&self, ring: &Ring, sources: &[&[f64]]) -> Buffer {
        let len = ring.table(0).tile_len();
        let mut all = Buffer::scratch(self.residue_tiles() * ring.degree());
        let work = sources.len() * ring.degree() * TRANSFORM;
        let tasks = all.chunks_exact_mut(self.residue_tiles() * len).collect();
        spread(tasks, work, |i, residues| {
            let sources: Vec<&[f64]> = sources.iter().map(|s| &s[i * len..(i + 1) * len]).collect();
            self.residues(ring, &sources, residues);
        });
        all
    }

    /// A limb of target `j`, in tiles, of [`all_residues`](Self::all_residues).
    pub(super) fn combined(&self, ring: &Ring, j: usize, all: &[f64]) -> Buffer {
        let len = ring.table(0).tile_len();
        let mut tiles = Buffer::scratch(ring.degree());
        let residues = all.chunks_exact(self.residue_tiles() * len);
        for (tile, residues) in tiles.chunks_exact_mut(len).zip(residues) {
            self.combine(ring, j, residues, tile);
        }
        tiles
    }

    /// Tiles of residues for a tile of the sources.
    pub(super) fn residue_tiles(&self) -> usize {
        match self.sources.len() {
            1 => 1,
            count => count + 1,
        }
    }

    /// The second half of the inverse transforms of a tile of all sources: their `y_i`, then `v`; of a single one: the balanced residues.
    pub(super) fn residues(&self, ring: &Ring, sources: &[&[f64]], all: &mut [f64]) {
        debug_assert_eq!(sources.len(), self.sources.len());
        let len = ring.table(0).tile_len();
        let (residues, overflow) = all.split_at_mut(sources.len() * len);
        let tiles = residues.chunks_exact_mut(len);
        for ((source, from), to) in self.sources.iter().zip(sources).zip(tiles) {
            ring.table(source.prime)
                .inverse_columns(source.scale, from, to);
        }
        if let [source] = self.sources[..] {
            slices::reduce(ring.modulus(source.prime), residues);
        } else {
            let terms: Vec<&[f64]> = residues.chunks_exact(len).collect();
            slices::overflow(overflow, &terms, &self.inverses);
        }
    }

    /// A tile of target `j`, with the first half of its forward transform.
    pub(super) fn combine(&self, ring: &Ring, j: usize, residues: &[f64], tile: &mut [f64]) {
        let Target {
            prime,
            ref constants,
            whole,
            reduce,
            ..
        } = self.targets[j];
        let table = ring.table(prime);
        let (m, len) = (table.modulus(), tile.len());
        if self.sources.len() == 1 {
            if !reduce {
                return table.forward_columns_from(residues, tile);
            }
            tile.copy_from_slice(residues);
            slices::reduce(m, tile);
        } else {
            let (residues, v) = residues.split_at(self.sources.len() * len);
            let terms: Vec<&[f64]> = residues.chunks_exact(len).collect();
            slices::linear_combination(m, reduce, tile, &terms, constants, Some((v, whole)));
        }
        table.forward_columns(tile);
    }
}
