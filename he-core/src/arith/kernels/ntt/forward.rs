//! The forward transform: layers of large distances first.

use std::ops::Range;

use super::sweep::{Place, Sweep, check_row, in_tiles, passes_beside_tail, row_sweep};
use crate::arith::kernels::butterfly::{
    forward4_first, forward4_second, forward8, load4, load8, prepared, store4, store8,
};
use crate::arith::kernels::residue::Prime;
use crate::arith::kernels::tail::ForwardTail;
use crate::arith::ntt::NttTable;
use crate::arith::order::GROUP;
use crate::arith::simd::{Kernel, Machine, array8};

/// Forward transform in place.
pub(in crate::arith) struct Forward<'a> {
    pub(in crate::arith) table: &'a NttTable,
    pub(in crate::arith) data: &'a mut [f64],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<M: Machine>(self, m: M) {
        let (table, n) = (self.table, self.table.n());
        assert_eq!(self.data.len(), n, "length of the transform");
        let (x, mut len) = (self.data.as_mut_ptr(), n);
        for pass in table.column_passes() {
            let sweep = Sweep::in_place(x, len >> pass.layers);
            // SAFETY: the nodes cover the array.
            unsafe { forward_pass(m, table, n / len, 0..n / len, sweep, pass.layers) };
            len >>= pass.layers;
        }
        for row in 0..table.rows() {
            let at = x.wrapping_add(row * len);
            // SAFETY: rows have `len` values.
            unsafe { forward_row(m, table, row, Place { at, row: 0 }, at) };
        }
    }
}

/// The inner layers on one row of a limb in tiles.
pub(in crate::arith) struct ForwardRow<'a> {
    pub(in crate::arith) table: &'a NttTable,
    pub(in crate::arith) row: usize,
    pub(in crate::arith) tiles: &'a [f64],
    pub(in crate::arith) to: &'a mut [f64],
}

impl Kernel for ForwardRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<M: Machine>(self, m: M) {
        let (table, row, to) = (self.table, self.row, self.to.as_mut_ptr());
        check_row(table, row, self.to, self.tiles);
        let from = in_tiles(table, row, self.tiles.as_ptr().cast_mut());
        // SAFETY: lengths are checked; the tiles are only read.
        unsafe { forward_row(m, table, row, from, to) }
    }
}

/// # Safety
/// `to` is valid for writing a row of the table's; `from` is that, or a limb in tiles from the row's begin.
#[inline(always)]
unsafe fn forward_row<M: Machine>(m: M, table: &NttTable, row: usize, from: Place, to: *mut f64) {
    let mut len = table.row_len();
    let mut from = Some(from);
    for pass in table.swept_passes() {
        let sweep = match from.take() {
            Some(from) => row_sweep(table, pass.layers, from, Place { at: to, row: 0 }).joined(),
            None => Sweep::in_place(to, len >> pass.layers),
        };
        let nodes = table.row_len() / len;
        let first = (table.rows() + row) * nodes;
        // SAFETY: the caller's promise; the nodes cover the row.
        unsafe { forward_pass(m, table, first, 0..nodes, sweep, pass.layers) };
        len >>= pass.layers;
    }
    let blocks = table.row_len() / len;
    for b in 0..blocks {
        let (mut length, x) = (len, to.wrapping_add(b * len));
        let block = row * blocks + b;
        for pass in passes_beside_tail::<M>(table) {
            let nodes = len / length;
            let first = (table.n() / len + block) * nodes;
            let layers = pass.layers;
            if let Some(from) = from.take() {
                // The block is the whole row, and its values are still elsewhere.
                let sweep = row_sweep(table, layers, from, Place { at: x, row: 0 }).joined();
                // SAFETY: the caller's promise; the node covers the row.
                unsafe { forward_pass(m, table, first, 0..1, sweep, layers) };
            } else {
                let sweep = Sweep::in_place(x, length >> layers);
                // SAFETY: the caller's promise; the nodes cover the block.
                unsafe { forward_pass(m, table, first, 0..nodes, sweep, layers) };
            }
            length >>= pass.layers;
        }
        let groups = len / GROUP;
        // The tail counts groups and values from the limb's begin.
        let limb = x.wrapping_sub(block * len);
        // SAFETY: the caller's promise; the block has these groups.
        unsafe {
            let groups = block * groups..(block + 1) * groups;
            m.by_length(ForwardTail::new(table, limb, groups));
        }
    }
}

/// The outer layers on one tile, in place or from another one.
pub(in crate::arith) struct ForwardColumns<'a> {
    pub(in crate::arith) table: &'a NttTable,
    pub(in crate::arith) from: Option<&'a [f64]>,
    pub(in crate::arith) tile: &'a mut [f64],
}

impl Kernel for ForwardColumns<'_> {
    type Output = ();

    #[inline(always)]
    fn run<M: Machine>(self, m: M) {
        let (table, passes) = (self.table, self.table.column_passes());
        assert_eq!(self.tile.len(), table.tile_len(), "a tile of the transform");
        let mut from = self.from.map(|from| {
            assert_eq!(from.len(), self.tile.len(), "a tile of the transform");
            if passes.is_empty() {
                self.tile.copy_from_slice(from);
            }
            from.as_ptr().cast_mut()
        });
        let (x, mut len, mut nodes) = (self.tile.as_mut_ptr(), self.tile.len(), 1);
        for pass in passes {
            let mut sweep = Sweep::in_place(x, len >> pass.layers);
            if let Some(from) = from.take() {
                sweep.from.at = from;
            }
            // SAFETY: the nodes cover the tile, whose rows are the limb's; the other tile is as long, and only read.
            unsafe { forward_pass(m, table, nodes, 0..nodes, sweep, pass.layers) };
            len >>= pass.layers;
            nodes <<= pass.layers;
        }
    }
}

/// Two or three layers of some blocks, whose nodes begin with number `first`, as the layer's nodes are numbered in the table.
///
/// # Safety
/// the sweep reaches all values of the blocks, which are valid for reading and writing and one or apart; runs are
/// whole vectors; the table has the nodes.
#[inline(always)]
unsafe fn forward_pass<M: Machine>(
    m: M,
    table: &NttTable,
    first: usize,
    blocks: Range<usize>,
    sweep: Sweep,
    layers: u32,
) {
    debug_assert!(
        sweep.run.is_multiple_of(M::LANES)
            && ((first + blocks.end) << (layers - 1)) <= table.forward_twiddles().len()
    );
    let tw = table.forward_twiddles().as_ptr();
    // SAFETY: node i's children are 2i and 2i + 1; loads and stores are those of the sweep.
    unsafe {
        let prime = Prime::new(m, table.modulus());
        for i in blocks {
            let node = first + i;
            let w0 = prepared(m, tw, node);
            let w1 = [prepared(m, tw, 2 * node), prepared(m, tw, 2 * node + 1)];
            for r in 0..sweep.rows {
                let (from, to, apart, apart_to) = sweep.row(i, r, layers);
                if layers == 2 {
                    // The first layer of a step comes before the second of the step before: neither waits for the other.
                    let mut next = forward4_first(prime, load4(m, from, apart), w0);
                    let mut last = to;
                    for j in (M::LANES..sweep.run).step_by(M::LANES) {
                        let now = next;
                        next = forward4_first(prime, load4(m, from.wrapping_add(j), apart), w0);
                        store4(m, forward4_second(prime, now, w1), last, apart_to);
                        last = to.wrapping_add(j);
                    }
                    store4(m, forward4_second(prime, next, w1), last, apart_to);
                } else {
                    let w2 = array8!(k => prepared(m, tw, 4 * node + k % 4));
                    let w = [w0, w1[0], w1[1], w2[0], w2[1], w2[2], w2[3]];
                    for j in (0..sweep.run).step_by(M::LANES) {
                        let v = load8(m, from.wrapping_add(j), apart);
                        store8(m, forward8(prime, v, w), to.wrapping_add(j), apart_to);
                    }
                }
            }
        }
    }
}
