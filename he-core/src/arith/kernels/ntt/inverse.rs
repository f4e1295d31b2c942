//! The inverse transform: layers of large distances last.

use super::sweep::{Place, Sweep, check_row, in_tiles, passes_beside_tail, row_sweep};
use crate::arith::kernels::butterfly::{
    One, inverse4, inverse8, load4, load8, prepared, store4, store8,
};
use crate::arith::kernels::residue::Prime;
use crate::arith::kernels::tail::InverseTail;
use crate::arith::ntt::{NttTable, Pass, Scale};
use crate::arith::order::GROUP;
use crate::arith::simd::{Kernel, Machine, array8};

/// An inverse transform; its last layer multiplies by the two constants of the scale.
#[derive(Clone, Copy)]
pub(in crate::arith) struct Inverse<'a> {
    pub(in crate::arith) table: &'a NttTable,
    pub(in crate::arith) scale: Scale,
}

/// All of it, in place.
pub(in crate::arith) struct InverseWhole<'a> {
    pub(in crate::arith) job: Inverse<'a>,
    pub(in crate::arith) data: &'a mut [f64],
}

impl Kernel for InverseWhole<'_> {
    type Output = ();

    #[inline(always)]
    fn run<M: Machine>(self, m: M) {
        let (job, table, n) = (self.job, self.job.table, self.job.table.n());
        assert_eq!(self.data.len(), n, "length of the transform");
        let (x, mut len) = (self.data.as_mut_ptr(), table.row_len());
        for row in 0..table.rows() {
            let at = x.wrapping_add(row * len);
            // SAFETY: rows have `len` values.
            unsafe { inverse_row(m, &job, row, at, at, Place { at, row: 0 }) };
        }
        for pass in table.column_passes().iter().rev() {
            let sweep = Sweep::in_place(x, len);
            len <<= pass.layers;
            // SAFETY: the nodes cover the array.
            unsafe { inverse_pass_of(m, &job, n / len, n / len, sweep, pass) };
        }
    }
}

/// The inner layers on one row, which goes to a limb in tiles.
pub(in crate::arith) struct InverseRow<'a> {
    pub(in crate::arith) job: Inverse<'a>,
    pub(in crate::arith) row: usize,
    /// Where the row comes from, if it is not in `data`.
    pub(in crate::arith) from: Option<&'a [f64]>,
    /// Overwritten.
    pub(in crate::arith) data: &'a mut [f64],
    pub(in crate::arith) tiles: &'a mut [f64],
}

impl Kernel for InverseRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<M: Machine>(self, m: M) {
        let (table, row) = (self.job.table, self.row);
        check_row(table, row, self.data, self.tiles);
        if let Some(from) = self.from {
            check_row(table, row, from, self.tiles);
        }
        let to = in_tiles(table, row, self.tiles.as_mut_ptr());
        let x = self.data.as_mut_ptr();
        let from = self.from.map_or(x.cast_const(), <[f64]>::as_ptr);
        // SAFETY: lengths are checked.
        unsafe { inverse_row(m, &self.job, row, from, x, to) }
    }
}

/// # Safety
/// `x` points to a row of the table's, and so does `from`, which is `x` or apart from it; `to` is `x`, or a limb in
/// tiles from the row's begin.
#[inline(always)]
unsafe fn inverse_row<M: Machine>(
    m: M,
    job: &Inverse<'_>,
    row: usize,
    from: *const f64,
    x: *mut f64,
    to: Place,
) {
    let table = job.table;
    let swept: u32 = table.swept_passes().iter().map(|pass| pass.layers).sum();
    let blocks = 1 << swept;
    let len = table.row_len() / blocks;
    let passes = passes_beside_tail::<M>(table);
    let joined: u32 = passes.iter().map(|pass| pass.layers).sum();
    for b in 0..blocks {
        let (block, at) = (row * blocks + b, x.wrapping_add(b * len));
        let groups = len / GROUP;
        // The tail counts groups and values from the limb's begin.
        let (source, limb) = (
            from.wrapping_add(b * len).wrapping_sub(block * len),
            at.wrapping_sub(block * len),
        );
        // SAFETY: the caller's promise; the block has these groups.
        unsafe {
            let groups = block * groups..(block + 1) * groups;
            m.by_length(InverseTail::new(table, source, limb, groups));
        }
        let mut length = len >> joined;
        for pass in passes.iter().rev() {
            let mut sweep = Sweep::in_place(at, length);
            length <<= pass.layers;
            if length == table.row_len() {
                sweep = row_sweep(table, pass.layers, Place { at: x, row: 0 }, to).joined();
            }
            let nodes = len / length;
            let first = (table.n() / len + block) * nodes;
            // SAFETY: the caller's promise; the nodes cover the block.
            unsafe { inverse_pass_of(m, job, first, nodes, sweep, pass) };
        }
    }
    let mut len = len;
    for pass in table.swept_passes().iter().rev() {
        let mut sweep = Sweep::in_place(x, len);
        len <<= pass.layers;
        let nodes = table.row_len() / len;
        if nodes == 1 {
            sweep = row_sweep(table, pass.layers, Place { at: x, row: 0 }, to).joined();
        }
        // SAFETY: the caller's promise; the nodes cover the row.
        unsafe { inverse_pass_of(m, job, (table.rows() + row) * nodes, nodes, sweep, pass) };
    }
}

/// The outer layers on one tile.
pub(in crate::arith) struct InverseColumns<'a> {
    pub(in crate::arith) job: Inverse<'a>,
    pub(in crate::arith) from: &'a [f64],
    pub(in crate::arith) to: &'a mut [f64],
}

impl Kernel for InverseColumns<'_> {
    type Output = ();

    #[inline(always)]
    fn run<M: Machine>(self, m: M) {
        let table = self.job.table;
        assert!(
            self.from.len() == table.tile_len() && self.to.len() == table.tile_len(),
            "a tile of the transform"
        );
        if table.column_passes().is_empty() {
            self.to.copy_from_slice(self.from);
        }
        let (mut from, to) = (self.from.as_ptr().cast_mut(), self.to.as_mut_ptr());
        let mut stride = table.tile_width();
        for pass in table.column_passes().iter().rev() {
            let place = |at| Place { at, row: stride };
            let sweep = Sweep {
                from: place(from),
                to: place(to),
                run: stride,
                rows: 1,
            };
            stride <<= pass.layers;
            let nodes = table.tile_len() / stride;
            // SAFETY: the nodes cover the tile, whose rows are the limb's; `from` is only read.
            unsafe { inverse_pass_of(m, &self.job, nodes, nodes, sweep, pass) };
            from = to;
        }
    }
}

/// [`inverse_pass`], the last one or another, in place or not.
///
/// # Safety
/// As for [`forward_pass`](super::forward).
#[inline(always)]
unsafe fn inverse_pass_of<M: Machine>(
    m: M,
    job: &Inverse<'_>,
    first: usize,
    blocks: usize,
    sweep: Sweep,
    pass: &Pass,
) {
    // SAFETY: the caller's promise.
    unsafe {
        // Node 1 joins all values.
        match (first == 1, sweep.is_in_place()) {
            (true, true) => inverse_pass::<M, true, true>(m, job, first, blocks, sweep, pass),
            (true, false) => inverse_pass::<M, true, false>(m, job, first, blocks, sweep, pass),
            (false, true) => inverse_pass::<M, false, true>(m, job, first, blocks, sweep, pass),
            (false, false) => inverse_pass::<M, false, false>(m, job, first, blocks, sweep, pass),
        }
    }
}

/// Two or three layers that end with some blocks, whose nodes begin with number `first`.
///
/// # Safety
/// As for [`forward_pass`](super::forward); with `IN_PLACE` the sweep is.
#[inline(always)]
unsafe fn inverse_pass<M: Machine, const LAST: bool, const IN_PLACE: bool>(
    m: M,
    job: &Inverse<'_>,
    first: usize,
    blocks: usize,
    sweep: Sweep,
    pass: &Pass,
) {
    debug_assert!(sweep.run.is_multiple_of(M::LANES));
    let tw = job.table.inverse_twiddles().as_ptr();
    // SAFETY: as in `forward_pass`.
    unsafe {
        let prime = Prime::new(m, job.table.modulus());
        for i in 0..blocks {
            let node = first + i;
            let w1 = [prepared(m, tw, 2 * node), prepared(m, tw, 2 * node + 1)];
            let factor = prepared(
                m,
                if LAST {
                    &raw const job.scale.difference
                } else {
                    tw.wrapping_add(node)
                },
                0,
            );
            let scale = prepared(m, &raw const job.scale.sum, 0);
            for r in 0..if IN_PLACE { 1 } else { sweep.rows } {
                let (from, to, apart, apart_to) = if IN_PLACE {
                    // Half as many addresses to keep in registers.
                    let at = sweep.from.at.wrapping_add((i << pass.layers) * sweep.run);
                    (at, at, sweep.run, sweep.run)
                } else {
                    sweep.row(i, r, pass.layers)
                };
                for j in (0..sweep.run).step_by(M::LANES) {
                    let (from, to) = (from.wrapping_add(j), to.wrapping_add(j));
                    if pass.layers == 2 {
                        let v = load4(m, from, apart);
                        let mut v = if LAST {
                            inverse4(prime, v, w1, scale, factor)
                        } else {
                            inverse4(prime, v, w1, One, factor)
                        };
                        if pass.reduce {
                            v[0] = prime.reduce(v[0]);
                        }
                        store4(m, v, to, apart_to);
                    } else {
                        let w2 = array8!(k => prepared(m, tw, 4 * node + k % 4));
                        let w = [w1[0], w1[1], w2[0], w2[1], w2[2], w2[3]];
                        let v = load8(m, from, apart);
                        let mut v = if LAST {
                            inverse8(prime, v, w, scale, factor)
                        } else {
                            inverse8(prime, v, w, One, factor)
                        };
                        if pass.reduce {
                            v[0] = prime.reduce(v[0]);
                            v[1] = prime.reduce(v[1]);
                        }
                        store8(m, v, to, apart_to);
                    }
                }
            }
        }
    }
}
