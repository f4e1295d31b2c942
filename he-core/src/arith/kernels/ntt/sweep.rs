//! Which values a pass joins, and where they are.

use crate::arith::ntt::{NttTable, Pass};
use crate::arith::simd::Machine;

use super::super::tail::does_last_pass;

/// Where a pass finds its values: a run of values, and the next one `row` values further on.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) at: *mut f64,
    /// 0 stands for runs one after the other.
    pub(super) row: usize,
}

/// The values of a pass: where they are, and where they go.
#[derive(Clone, Copy)]
pub(super) struct Sweep {
    pub(super) from: Place,
    pub(super) to: Place,
    /// Values of a run.
    pub(super) run: usize,
    /// Runs from one value of a butterfly to the next.
    pub(super) rows: usize,
}

impl Sweep {
    /// A pass in place over blocks of `stride << layers` values.
    pub(super) fn in_place(at: *mut f64, stride: usize) -> Self {
        let place = Place { at, row: stride };
        Self {
            from: place,
            to: place,
            run: stride,
            rows: 1,
        }
    }

    /// Runs that lie one after the other on both sides are one long run.
    pub(super) fn joined(self) -> Self {
        if self.from.row != self.run || self.to.row != self.run {
            return self;
        }
        let run = self.run * self.rows;
        let place = |p: Place| Place { at: p.at, row: run };
        Self {
            from: place(self.from),
            to: place(self.to),
            run,
            rows: 1,
        }
    }

    /// Whether values stay where they are, one run after the other.
    pub(super) fn is_in_place(&self) -> bool {
        self.from.at == self.to.at
            && [self.from.row, self.to.row] == [self.run; 2]
            && self.rows == 1
    }

    /// Where the butterflies of run `r` of block `i` begin, on both sides, and the distances of the values that they join.
    #[inline(always)]
    pub(super) fn row(
        &self,
        i: usize,
        r: usize,
        layers: u32,
    ) -> (*mut f64, *mut f64, usize, usize) {
        let row = i * (self.rows << layers) + r;
        (
            self.from.at.wrapping_add(row * self.from.row),
            self.to.at.wrapping_add(row * self.to.row),
            self.rows * self.from.row,
            self.rows * self.to.row,
        )
    }
}

/// Panics unless these are a row and a limb.
pub(super) fn check_row(table: &NttTable, row: usize, values: &[f64], tiles: &[f64]) {
    assert!(
        row < table.rows() && values.len() == table.row_len() && tiles.len() == table.n(),
        "a row of the transform"
    );
}

/// Where the values of a row are in a limb in tiles.
pub(super) fn in_tiles(table: &NttTable, row: usize, tiles: *mut f64) -> Place {
    let width = table.tile_width();
    Place {
        at: tiles.wrapping_add(row * width),
        row: width * table.rows(),
    }
}

/// The passes of a block that the tail does not do.
pub(super) fn passes_beside_tail<M: Machine>(table: &NttTable) -> &[Pass] {
    let passes = table.block_passes();
    let done = usize::from(does_last_pass::<M>(table));
    &passes[..passes.len() - done]
}

/// The layers of a pass that joins the quarters, or eighths, of a row: on one side the row as it is, on the other in pieces of a tile's width.
pub(super) fn row_sweep(table: &NttTable, layers: u32, from: Place, to: Place) -> Sweep {
    let stride = table.row_len() >> layers;
    // A single row is one tile after the other: no pieces.
    let run = match table.rows() {
        1 => stride,
        _ => table.tile_width(),
    };
    let whole = |p: Place| Place {
        at: p.at,
        row: if p.row == 0 || table.rows() == 1 {
            run
        } else {
            p.row
        },
    };
    Sweep {
        from: whole(from),
        to: whole(to),
        run,
        rows: stride / run,
    }
}
