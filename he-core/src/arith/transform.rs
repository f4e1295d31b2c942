//! Transforms of slices, by the kernels.

use super::kernels::{
    Forward, ForwardColumns, ForwardRow, Inverse, InverseColumns, InverseRow, InverseWhole,
};
use super::ntt::{NttTable, Scale};
use super::simd::dispatch;

impl NttTable {
    /// Forward transform in place. Coefficients may be unreduced, up to
    /// [`input_limit`](Self::input_limit); the output is balanced.
    ///
    /// # Panics
    /// If `data` does not have length `N`.
    pub fn forward(&self, data: &mut [f64]) {
        self.check_input(data);
        dispatch(Forward { table: self, data });
    }

    /// Inverse transform in place, `1/N` included. Input and output are reduced.
    ///
    /// # Panics
    /// If `data` does not have length `N`.
    pub fn inverse(&self, data: &mut [f64]) {
        self.inverse_scaled(data, 1);
    }

    /// [`inverse`](Self::inverse) followed by a product with the canonical residue `c`, at the cost of the inverse
    /// alone.
    ///
    /// # Panics
    /// If `data` does not have length `N`.
    pub fn inverse_scaled(&self, data: &mut [f64], c: u64) {
        let job = Inverse {
            table: self,
            scale: self.scale(c),
        };
        dispatch(InverseWhole { job, data });
    }

    /// The forward transform's outer layers on one tile, in place. As for [`forward`](Self::forward), the values may be unreduced.
    ///
    /// # Panics
    /// If it has another length.
    pub fn forward_columns(&self, tile: &mut [f64]) {
        self.check_input(tile);
        dispatch(ForwardColumns {
            table: self,
            from: None,
            tile,
        });
    }

    /// As [`forward_columns`](Self::forward_columns), of a tile that stays as it is.
    ///
    /// # Panics
    /// Unless both have a tile's length.
    pub fn forward_columns_from(&self, from: &[f64], tile: &mut [f64]) {
        self.check_input(from);
        dispatch(ForwardColumns {
            table: self,
            from: Some(from),
            tile,
        });
    }

    /// The forward transform's inner layers on one row of a limb in tiles. The output is balanced.
    ///
    /// # Panics
    /// If there is no such row; unless `tiles` is a limb, and `to` a row.
    pub fn forward_row(&self, row: usize, tiles: &[f64], to: &mut [f64]) {
        dispatch(ForwardRow {
            table: self,
            row,
            tiles,
            to,
        });
    }

    /// The inverse transform's inner layers on one row of reduced values, which is overwritten and goes to a limb in tiles.
    ///
    /// # Panics
    /// If there is no such row; unless `data` is a row, and `tiles` a limb.
    pub fn inverse_row(&self, scale: Scale, row: usize, data: &mut [f64], tiles: &mut [f64]) {
        dispatch(InverseRow {
            job: Inverse { table: self, scale },
            row,
            from: None,
            data,
            tiles,
        });
    }

    /// As [`inverse_row`](Self::inverse_row), for a row that stays as it is; `scratch` is overwritten.
    ///
    /// # Panics
    /// If there is no such row; unless `from` and `scratch` are rows, and `tiles` a limb.
    pub fn inverse_row_from(
        &self,
        scale: Scale,
        row: usize,
        from: &[f64],
        scratch: &mut [f64],
        tiles: &mut [f64],
    ) {
        dispatch(InverseRow {
            job: Inverse { table: self, scale },
            row,
            from: Some(from),
            data: scratch,
            tiles,
        });
    }

    /// The inverse transform's outer layers on one tile. The output is reduced.
    ///
    /// # Panics
    /// Unless both have a tile's length.
    pub fn inverse_columns(&self, scale: Scale, from: &[f64], to: &mut [f64]) {
        let job = Inverse { table: self, scale };
        dispatch(InverseColumns { job, from, to });
    }

    /// Too slow for every build with debug assertions.
    fn check_input(&self, _data: &[f64]) {
        #[cfg(test)]
        assert!(
            _data.iter().all(|x| x.abs() <= self.input_limit()),
            "unreduced input beyond the limit"
        );
    }
}
