//! The forward transform: layers of large distances first.

use std::ops::Range;

use super::{Place, Sweep, check_row, in_tiles, passes_beside_tail, prepared, row_sweep};
use crate::arith::NttTable;
use crate::arith::ntt::{GROUP, Pass};
use crate::arith::simd::butterfly::{
    forward4_first, forward4_second, forward8, load4, load8, store4, store8,
};
use crate::arith::simd::lanes::{Prime, array8};
use crate::arith::simd::{Kernel, Lanes, Machine};

/// Forward transform in place.
pub(in crate::arith) struct Forward<'a> {
    pub(in crate::arith) table: &'a NttTable,
    pub(in crate::arith) data: &'a mut [f64],
}

impl Kernel for Forward<'_> {
    #[inline(always)]
    unsafe fn run<V: Machine>(self) {
        let (table, n) = (self.table, self.table.n());
        assert_eq!(self.data.len(), n, "length of the transform");
        let (x, mut len) = (self.data.as_mut_ptr(), n);
        for pass in table.column_passes() {
            let sweep = Sweep::in_place(x, len >> pass.layers);
            // SAFETY: the caller has the instructions; the nodes cover the array.
            unsafe { forward_pass::<V>(table, n / len, 0..n / len, sweep, pass.layers) };
            len >>= pass.layers;
        }
        for row in 0..table.rows() {
            let at = x.wrapping_add(row * len);
            // SAFETY: the caller has the instructions; rows have `len` values.
            unsafe { forward_row::<V>(table, row, Place { at, row: 0 }, at) };
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
    #[inline(always)]
    unsafe fn run<V: Machine>(self) {
        let (table, row, to) = (self.table, self.row, self.to.as_mut_ptr());
        check_row(table, row, self.to, self.tiles);
        let from = in_tiles(table, row, self.tiles.as_ptr().cast_mut());
        // SAFETY: the caller has the instructions; lengths are checked; the tiles are only read.
        unsafe { forward_row::<V>(table, row, from, to) }
    }
}

/// # Safety
/// The CPU has the instructions of `V`; `to` is valid for writing a row of the table's; `from` is that, or a limb in tiles from the row's begin.
#[inline(always)]
unsafe fn forward_row<V: Machine>(table: &NttTable, row: usize, from: Place, to: *mut f64) {
    let mut len = table.row_len();
    let mut from = Some(from);
    for pass in table.swept_passes() {
        // SAFETY: the caller's promise; the nodes cover the row.
        unsafe { forward_row_pass::<V>(table, row, len, from.take(), to, pass) };
        len >>= pass.layers;
    }
    let blocks = table.row_len() / len;
    for b in 0..blocks {
        let (mut length, x) = (len, to.wrapping_add(b * len));
        let block = row * blocks + b;
        for pass in passes_beside_tail::<V>(table) {
            // SAFETY: the caller's promise; the nodes cover the block. Only where it is the whole row does it still come from elsewhere.
            unsafe {
                match from.take() {
                    Some(from) => forward_row_pass::<V>(table, row, len, Some(from), to, pass),
                    None => {
                        let (m, sweep) = (len / length, Sweep::in_place(x, length >> pass.layers));
                        let first = (table.n() / len + block) * m;
                        forward_pass::<V>(table, first, 0..m, sweep, pass.layers);
                    }
                }
            }
            length >>= pass.layers;
        }
        let groups = len / GROUP;
        // The tail counts groups and values from the limb's begin.
        let limb = x.wrapping_sub(block * len);
        // SAFETY: the caller's promise; the block has these groups.
        unsafe { V::forward_tail(table, limb, block * groups..(block + 1) * groups) };
    }
}

/// A pass over a whole row, whose nodes have `len` values each, in place or from elsewhere; in the latter case `len` is the row's length.
///
/// # Safety
/// As for [`forward_row`].
#[inline(always)]
unsafe fn forward_row_pass<V: Machine>(
    table: &NttTable,
    row: usize,
    len: usize,
    from: Option<Place>,
    to: *mut f64,
    pass: &Pass,
) {
    let m = table.row_len() / len;
    let sweep = match from {
        Some(from) => row_sweep(table, pass.layers, from, Place { at: to, row: 0 }).joined(),
        None => Sweep::in_place(to, len >> pass.layers),
    };
    // SAFETY: the caller's promise; the nodes cover the row.
    unsafe { forward_pass::<V>(table, (table.rows() + row) * m, 0..m, sweep, pass.layers) };
}

/// The outer layers on one tile, in place.
pub(in crate::arith) struct ForwardColumns<'a> {
    pub(in crate::arith) table: &'a NttTable,
    pub(in crate::arith) tile: &'a mut [f64],
}

impl Kernel for ForwardColumns<'_> {
    #[inline(always)]
    unsafe fn run<V: Machine>(self) {
        let table = self.table;
        assert_eq!(self.tile.len(), table.tile_len(), "a tile of the transform");
        let (x, mut len, mut m) = (self.tile.as_mut_ptr(), self.tile.len(), 1);
        for pass in table.column_passes() {
            let sweep = Sweep::in_place(x, len >> pass.layers);
            // SAFETY: the caller has the instructions; the nodes cover the tile, whose rows are the limb's.
            unsafe { forward_pass::<V>(table, m, 0..m, sweep, pass.layers) };
            len >>= pass.layers;
            m <<= pass.layers;
        }
    }
}

/// Two or three layers of some blocks, whose nodes begin with number `first`, as the layer's nodes are numbered in the table.
///
/// # Safety
/// The CPU has the instructions of `V`; the sweep reaches all values of the blocks, which are valid for reading and writing and one or apart; runs are
/// whole vectors; the table has the nodes.
#[inline(always)]
unsafe fn forward_pass<V: Lanes>(
    table: &NttTable,
    first: usize,
    blocks: Range<usize>,
    sweep: Sweep,
    layers: u32,
) {
    debug_assert!(
        sweep.run.is_multiple_of(V::LANES)
            && ((first + blocks.end) << (layers - 1)) <= table.forward_twiddles().len()
    );
    let tw = table.forward_twiddles().as_ptr();
    // SAFETY: node i's children are 2i and 2i + 1; loads and stores are those of the sweep.
    unsafe {
        let prime = Prime::<V>::new(table.modulus());
        for i in blocks {
            let node = first + i;
            let w0 = prepared(tw, node);
            let w1 = [prepared(tw, 2 * node), prepared(tw, 2 * node + 1)];
            for r in 0..sweep.rows {
                let (from, to, apart, apart_to) = sweep.row(i, r, layers);
                if layers == 2 {
                    // The first layer of a step comes before the second of the step before: neither waits for the other.
                    let mut next = forward4_first(prime, load4::<V>(from, apart), w0);
                    let mut last = to;
                    for j in (V::LANES..sweep.run).step_by(V::LANES) {
                        let now = next;
                        next = forward4_first(prime, load4::<V>(from.wrapping_add(j), apart), w0);
                        store4(forward4_second(prime, now, w1), last, apart_to);
                        last = to.wrapping_add(j);
                    }
                    store4(forward4_second(prime, next, w1), last, apart_to);
                } else {
                    let w2 = array8!(k => prepared::<V>(tw, 4 * node + k % 4));
                    let w = [w0, w1[0], w1[1], w2[0], w2[1], w2[2], w2[3]];
                    for j in (0..sweep.run).step_by(V::LANES) {
                        let v = load8::<V>(from.wrapping_add(j), apart);
                        store8(forward8(prime, v, w), to.wrapping_add(j), apart_to);
                    }
                }
            }
        }
    }
}
