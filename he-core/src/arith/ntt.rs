//! The negacyclic number-theoretic transform of one prime.

use super::error::{ArithError, check_degree};
use super::modulus::{Constant, Modulus};
use super::order::{self, GROUP, bit_reverse, transposed};
use super::simd::Buffer;

/// Twiddle factors of a group's last three layers: (1 + 2 + 4) a block.
pub(super) const TAIL_TWIDDLES: usize = 56;

/// Longest block (in values: 32 KiB) that goes through all its layers at a stretch, while it is in the first-level cache.
const CACHED: usize = 1 << 12;

/// How many passes are done tile by tile, where a limb is too long for the first-level cache. One: the fewer rows, the longer the pieces of a row that lie
/// together in a tile.
const COLUMN_PASSES: usize = 1;

/// Values of a tile: 32 KiB.
const TILE: usize = 1 << 12;

/// Two or three layers in one sweep over the data.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    pub(super) layers: u32,
    /// Whether the inverse must reduce its largest sums at the end of this pass.
    pub(super) reduce: bool,
}

/// Tables of the transform of degree `N = 2^log_n` modulo a prime `p = 1 mod 2N`.
///
/// With `psi` a primitive root of unity of order `2N` (a power of the least non-residue, so the
/// same on every machine), output `i` of the forward transform is the value of the polynomial at
/// `psi^e(i)` for an odd exponent [`e(i)`](Self::evaluation_exponent), the same for all primes.
/// Slotwise products of outputs are products modulo `X^N + 1`.
///
/// The order: let `i = 64 g + 8 k + b`. Then `e(i) = 2 brv(64 g + 8 b + k) + 1`, where `brv` reverses the
/// `log_n` bits. It is the bit-reversed order but for a transposition of every 64 values, which
/// saves the vector kernels another one. No file has it: [`crate::ring::Poly::limb_canonical`] gives
/// residues in the bit-reversed order.
///
/// # Bounds
/// All magnitudes are in units of `p`, and every intermediate value must stay below `C = 2^52/p`.
///
/// A butterfly of the forward transform maps `(u, v)` to `(u + w v, u - w v)` and leaves `u` as it
/// is. By the bound of [`mul_constant`](super::slices::mul_constant), `B` grows to `B (1 + p 2^-55) + 1/2` in a layer; in the
/// last three layers, which multiply without a prepared quotient, to `B (1 + p 2^-53) + 1/2` (the bound of
/// [`mul`](super::slices::mul) with `|w| <= p/2`). No layer reduces. [`input_limit`](Self::input_limit) is the `B` from which the outputs
/// reach `C`; one reduction ends the transform. For 16 layers it is 5 near `2^48`, 21 near `2^47`,
/// 65,000 near `2^36`; without layers that is `C` itself.
///
/// A butterfly of the inverse maps `(u, v)` to `(u + v, (u - v) w)`: a difference has magnitude at most `2 B`, and a product
/// at most `1/2 + 5 p 2^-53 < 0.66` in the first three layers (inputs are at most 5/8), and at most `5/8` later. Sums of
/// sums double, so that a pass of `r` layers needs `2^r B <= C`, and takes `B` to `2^r B`. After it, value 0 of
/// each block is a sum of `2^r` inputs, value 1 (three layers only) of 4 products, all others of 2 products
/// at most: with the first (two) reduced, `B = 1.3125`, and `8 B <= 10.5 < C`. A pass reduces them only if the next pass
/// could not take its output: never for `p < 2^36.67`, after every pass for `p` near `2^48`. After the three layers inside blocks of 8
/// all sums of the last are reduced in that case.
/// The last layer multiplies both outputs, so `1/N` costs nothing.
///
/// # In two halves
/// The values of a limb are the [`rows`](Self::rows) rows of a matrix, one after the other. The forward transform's outer layers join values of a column and its
/// inner layers values of a row; the inverse has the inner layers first. So what comes before the one half, or after the other, can be done a few columns or a
/// row at a time, while they are in the cache. Between the halves the matrix lies in tiles of [`tile_width`](Self::tile_width) columns, one tile after the other,
/// each row by row: so both halves read and write memory from front to back. [`forward_columns`](Self::forward_columns) on all tiles, then
/// [`forward_row`](Self::forward_row) for all rows, is [`forward`](Self::forward), bit for bit, and likewise for the inverse. Rings up to
/// degree 2^12 have a single row, and their tiles are parts of it.
#[derive(Debug, Clone)]
pub struct NttTable {
    modulus: Modulus,
    log_n: u32,
    input_limit: f64,
    /// Outermost first.
    passes: Vec<Pass>,
    /// How many passes join values of a column.
    columns: usize,
    /// How many passes join values that are too far apart for the first-level cache.
    swept: usize,
    reduce_tail: bool,
    /// Twiddles of all layers but the last three: those of the layer of `m` nodes at `m .. 2m`.
    forward: Vec<Constant>,
    inverse: Vec<Constant>,
    /// Twiddles of the last three layers, group by group: 7 rows of 8, one column a block.
    forward_tail: Buffer,
    inverse_tail: Buffer,
    root: u64,
    inverse_n: u64,
}

/// The constants of a scaled inverse transform.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// `c / N`.
    pub(super) sum: Constant,
    /// `c / N` times the last layer's twiddle.
    pub(super) difference: Constant,
}

impl NttTable {
    /// Smallest supported log2 of the degree.
    pub const MIN_LOG_N: u32 = order::MIN_LOG_N;
    /// Largest supported log2 of the degree.
    pub const MAX_LOG_N: u32 = order::MAX_LOG_N;

    /// Computes the tables: `9/4 N` numbers.
    ///
    /// # Errors
    /// [`ArithError::Degree`], and [`ArithError::NoRoot`] unless `p = 1 mod 2N`.
    pub fn new(log_n: u32, modulus: Modulus) -> Result<Self, ArithError> {
        check_degree(log_n)?;
        let p = modulus.value();
        let n = 1u64 << log_n;
        if p % (2 * n) != 1 {
            return Err(ArithError::NoRoot { found: p, log_n });
        }
        // For the least non-residue g, g^((p-1)/2N) has order 2N exactly: its N-th power is -1.
        let psi = (2..p)
            .map(|g| modulus.pow(g, (p - 1) / (2 * n)))
            .find(|c| modulus.pow(*c, n) == p - 1)
            .ok_or(ArithError::NoRoot { found: p, log_n })?;
        let inverse_psi = modulus.inv(psi);
        let (forward, forward_tail) = twiddles(&modulus, log_n, psi);
        let (inverse, inverse_tail) = twiddles(&modulus, log_n, inverse_psi);
        let (passes, reduce_tail) = plan(log_n, LIMIT / modulus.p());
        Ok(Self {
            modulus,
            log_n,
            input_limit: input_limit(log_n, modulus.p()),
            columns: swept_passes(&passes, n as usize).min(COLUMN_PASSES),
            swept: swept_passes(&passes, n as usize),
            passes,
            reduce_tail,
            forward,
            inverse,
            forward_tail,
            inverse_tail,
            root: psi,
            inverse_n: modulus.inv(n),
        })
    }

    /// The prime.
    #[must_use]
    pub fn modulus(&self) -> &Modulus {
        &self.modulus
    }

    /// log2 of the degree.
    #[must_use]
    pub fn log_n(&self) -> u32 {
        self.log_n
    }

    /// The degree.
    #[must_use]
    pub fn n(&self) -> usize {
        1 << self.log_n
    }

    /// The exponent `e(i)`, odd and below `2N`, of the root at which output `i` is the value.
    #[must_use]
    pub fn evaluation_exponent(&self, i: usize) -> usize {
        2 * bit_reverse(transposed(i), self.log_n) + 1
    }

    /// The root of unity `psi` of order `2N`, canonical.
    #[must_use]
    pub fn root(&self) -> u64 {
        self.root
    }

    /// Largest magnitude that [`forward`](Self::forward) accepts: a multiple of `p`, at least `5 p` for every prime up to `N = 2^16`.
    #[must_use]
    pub fn input_limit(&self) -> f64 {
        self.input_limit
    }

    /// What an inverse transform multiplies by, to give `c` times the coefficients.
    #[must_use]
    pub fn scale(&self, c: u64) -> Scale {
        let m = &self.modulus;
        let sum = m.mul(self.inverse_n, c);
        let difference = m.mul(sum, m.to_canonical(self.inverse[1].w));
        Scale {
            sum: m.constant(sum),
            difference: m.constant(difference),
        }
    }

    /// How many rows a limb has.
    #[must_use]
    pub fn rows(&self) -> usize {
        1 << self.column_passes().iter().map(|p| p.layers).sum::<u32>()
    }

    /// Values of a row.
    #[must_use]
    pub fn row_len(&self) -> usize {
        self.n() / self.rows()
    }

    /// Columns of a tile: a multiple of 8 that divides the length of a row.
    #[must_use]
    pub fn tile_width(&self) -> usize {
        let rows = self.rows();
        if rows == 1 {
            return TILE.min(self.n());
        }
        // At most the part of a row that the first inner layers join.
        (TILE / rows).min(self.row_len() >> self.passes[self.columns].layers)
    }

    /// Values of a tile.
    #[must_use]
    pub fn tile_len(&self) -> usize {
        self.tile_width() * self.rows()
    }

    /// The passes of the columns.
    pub(super) fn column_passes(&self) -> &[Pass] {
        &self.passes[..self.columns]
    }

    /// The passes of a row that sweep all of it.
    pub(super) fn swept_passes(&self) -> &[Pass] {
        &self.passes[self.columns..self.swept]
    }

    /// The passes of a block, which is a row or a part of one.
    pub(super) fn block_passes(&self) -> &[Pass] {
        &self.passes[self.swept..]
    }

    pub(super) fn reduce_tail(&self) -> bool {
        self.reduce_tail
    }

    pub(super) fn forward_twiddles(&self) -> &[Constant] {
        &self.forward
    }

    pub(super) fn inverse_twiddles(&self) -> &[Constant] {
        &self.inverse
    }

    pub(super) fn forward_tail(&self) -> &[f64] {
        &self.forward_tail
    }

    pub(super) fn inverse_tail(&self) -> &[f64] {
        &self.inverse_tail
    }
}

/// No intermediate value of a transform is larger.
const LIMIT: f64 = 4_503_599_627_370_496.0;

/// The twiddles `root^brv(i)` of all layers but the last three, and of these.
fn twiddles(m: &Modulus, log_n: u32, root: u64) -> (Vec<Constant>, Buffer) {
    let n = 1usize << log_n;
    let mut powers = vec![0.0; n];
    let mut a = 1;
    for i in 0..n {
        powers[bit_reverse(i, log_n)] = m.to_balanced(a);
        a = m.mul(a, root);
    }
    let mut tail = Buffer::zero(n / GROUP * TAIL_TWIDDLES);
    for (group, rows) in tail.chunks_exact_mut(TAIL_TWIDDLES).enumerate() {
        for (row, values) in rows.chunks_exact_mut(8).enumerate() {
            // Row 0: the blocks' nodes; rows 1 and 2: their children; rows 3 to 6: their grandchildren.
            let depth = (row + 1).ilog2();
            let child = row + 1 - (1 << depth);
            for (block, w) in values.iter_mut().enumerate() {
                *w = powers[((n / 8 + 8 * group + block) << depth) + child];
            }
        }
    }
    (
        powers[..n / 8]
            .iter()
            .map(|w| m.constant_of_balanced(*w))
            .collect(),
        tail,
    )
}

/// The largest multiple of `p` from which no layer of the forward transform passes [`LIMIT`].
fn input_limit(log_n: u32, p: f64) -> f64 {
    let slope = |exponent: i32| 1.0 + p * f64::powi(2.0, exponent);
    let mut bound = LIMIT / p;
    for layer in (0..log_n).rev() {
        bound = (bound - 0.5) / slope(if layer + 3 < log_n { -55 } else { -53 });
    }
    bound.floor() * p
}

/// Passes of two layers, but three in the first where their number is odd, and where the inverse reduces; `limit` is in units of
/// `p`. Two layers, not three: their steps are short, so that a processor has several under way while each waits for its results.
fn plan(log_n: u32, limit: f64) -> (Vec<Pass>, bool) {
    let layers = log_n - 3;
    let long = layers % 2;
    let mut passes = vec![
        Pass {
            layers: 2,
            reduce: false
        };
        (layers / 2) as usize
    ];
    passes[0].layers += long;
    // The inverse runs them backwards, after the tail.
    let mut bound = 8.0 * REDUCED;
    let mut last: Option<usize> = None;
    let mut reduce_tail = false;
    for i in (0..passes.len()).rev() {
        let growth = f64::from(1u32 << passes[i].layers);
        if growth * bound > limit {
            match last {
                None => reduce_tail = true,
                Some(last) => passes[last].reduce = true,
            }
            bound = AFTER_REDUCTION;
        }
        bound *= growth;
        last = Some(i);
    }
    (passes, reduce_tail)
}

/// How many passes it takes until a block is no longer than [`CACHED`].
fn swept_passes(passes: &[Pass], n: usize) -> usize {
    let mut len = n;
    let swept = passes.iter().take_while(|pass| {
        let long = len > CACHED;
        len >>= pass.layers;
        long
    });
    swept.count()
}

/// Largest magnitude of a reduced residue, in units of `p`.
const REDUCED: f64 = 0.625;

/// Largest magnitude after a pass of the inverse that reduces its largest sums, in units of `p`.
const AFTER_REDUCTION: f64 = 1.3125;
