//! Sizes: rows, columns, blocks, groups.

use he_core::error::Explain;
use thiserror::Error;

use super::arrangement::Arrangement;
use super::count::Ciphertexts;
use super::grid::{Grid, Packing, Shape};

/// Why a shape cannot be laid out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// A size outside the supported range.
    #[error("{what}: expected {low} to {high}, found {found}")]
    Size {
        /// Which size.
        what: &'static str,
        /// Smallest supported.
        low: usize,
        /// Largest supported.
        high: usize,
        /// Size given.
        found: usize,
    },
    /// Row length or slot count that is no power of two, or a row longer than a ciphertext.
    #[error(
        "rows of {row_length} in {slots} slots: expected powers of two, the row no longer than the slots"
    )]
    RowLength {
        /// Columns of a row.
        row_length: usize,
        /// Slots of a ciphertext.
        slots: usize,
    },
    /// A vector over the columns that does not fit a ciphertext, which the diagonal arrangement needs.
    #[error("{columns} columns, padded, in {slots} slots: expected no more columns than slots")]
    Columns {
        /// Columns, padded to a power of two.
        columns: usize,
        /// Slots of a ciphertext.
        slots: usize,
    },
}

impl Explain for LayoutError {}

/// A shape laid out in rows of `row_length` columns: checked, so that every derived size is at least one and none overflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    grid: Grid,
    arrangement: Arrangement,
    /// S: of all owners, each of whose rows begin at a block of their own.
    blocks: usize,
}

/// Largest sizes that a plan may name: far above any use, small enough that no product of sizes overflows.
const MOST_SAMPLES: usize = 1 << 28;
const MOST_COLUMNS: usize = 1 << 16;
const MOST_CLASSES: usize = 1 << 12;
const MOST_OWNERS: usize = 1 << 12;

impl Layout {
    /// Lays `shape` out in ciphertexts of `slots` slots.
    ///
    /// # Errors
    /// [`LayoutError`].
    pub fn new(
        shape: Shape,
        slots: usize,
        row_length: usize,
        arrangement: Arrangement,
    ) -> Result<Self, LayoutError> {
        let check = |what, low, high, found| {
            if (low..=high).contains(&found) {
                Ok(())
            } else {
                Err(LayoutError::Size {
                    what,
                    low,
                    high,
                    found,
                })
            }
        };
        check("samples", 1, MOST_SAMPLES, shape.samples)?;
        check("columns", 1, MOST_COLUMNS, shape.columns)?;
        check("classes", 2, MOST_CLASSES, shape.classes)?;
        if !slots.is_power_of_two() || !row_length.is_power_of_two() || row_length > slots {
            return Err(LayoutError::RowLength { row_length, slots });
        }
        let mut layout = Self {
            grid: Grid {
                shape,
                slots,
                row_length,
            },
            arrangement,
            blocks: 0,
        };
        // A vector that repeats with a row always fits.
        if layout.period() > slots {
            return Err(LayoutError::Columns {
                columns: layout.period(),
                slots,
            });
        }
        layout.blocks = shape.samples.div_ceil(layout.block_samples());
        Ok(layout)
    }

    /// The same shape with its rows in the hands of several owners, `rows` of each: every owner's rows begin at a new block, and what is left of
    /// the last block stays zero in every column, the constant included, so that it adds nothing to any sum. No rows: one owner has them all.
    ///
    /// # Errors
    /// [`LayoutError::Size`] for an owner without rows, or rows that are not the shape's samples together.
    pub fn with_owners(mut self, rows: &[usize]) -> Result<Self, LayoutError> {
        if rows.is_empty() {
            return Ok(self);
        }
        let check = |what, low, high, found: usize| {
            if (low..=high).contains(&found) {
                Ok(())
            } else {
                Err(LayoutError::Size {
                    what,
                    low,
                    high,
                    found,
                })
            }
        };
        let samples = self.grid.shape.samples;
        check("owners of data", 1, MOST_OWNERS, rows.len())?;
        for &own in rows {
            check("rows of an owner", 1, samples, own)?;
        }
        // At most MOST_OWNERS numbers of at most MOST_SAMPLES: no overflow.
        check("rows of all owners", samples, samples, rows.iter().sum())?;
        self.blocks = rows
            .iter()
            .map(|own| own.div_ceil(self.block_samples()))
            .sum();
        Ok(self)
    }

    /// The layout of one owner's `rows` alone, blocks counted from zero.
    #[must_use]
    pub(crate) fn of_rows(mut self, rows: usize) -> Self {
        self.grid.shape.samples = rows;
        self.blocks = rows.div_ceil(self.block_samples());
        self
    }

    /// The shape.
    pub fn shape(&self) -> Shape {
        self.grid.shape
    }

    /// Slots s of a ciphertext.
    pub fn slots(&self) -> usize {
        self.grid.slots
    }

    /// Columns p of a row.
    pub fn row_length(&self) -> usize {
        self.grid.row_length
    }

    /// Rows r = s/p of a ciphertext.
    pub fn rows(&self) -> usize {
        self.grid.rows()
    }

    /// Which columns stand where.
    pub fn arrangement(&self) -> Arrangement {
        self.arrangement
    }

    /// Column groups g = ceil(D/p), one ciphertext of a block each; the diagonal arrangement rounds g up to a power of two.
    pub fn column_groups(&self) -> usize {
        self.packing().column_groups(&self.grid)
    }

    /// The column group that row `row` of ciphertext `group` of a block holds.
    pub fn group_at(&self, row: usize, group: usize) -> usize {
        self.packing().group_at(&self.grid, row, group)
    }

    /// Ciphertexts of a vector over the columns: g, or one for the diagonal arrangement.
    pub fn ciphertexts_per_vector(&self) -> Ciphertexts {
        Ciphertexts::new(self.packing().ciphertexts_per_vector(&self.grid))
    }

    /// Slots after which a vector over the columns repeats: p, or g p for the diagonal arrangement.
    pub fn period(&self) -> usize {
        self.packing().period(&self.grid)
    }

    /// Samples of a full block: 2r.
    pub fn block_samples(&self) -> usize {
        2 * self.rows()
    }

    /// Blocks S = ceil(n/2r), summed over the owners of data.
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// Ciphertexts of a matrix over classes and columns: c g, or c for the diagonal arrangement.
    pub fn ciphertexts_per_matrix(&self) -> Ciphertexts {
        self.ciphertexts_per_vector().times(self.grid.shape.classes)
    }

    /// Ciphertexts of the first gradient: its c g row vectors, r to a ciphertext; a class each for the diagonal arrangement.
    pub fn first_gradient_ciphertexts(&self) -> Ciphertexts {
        Ciphertexts::new(self.packing().first_gradient_ciphertexts(&self.grid))
    }

    /// Whether several vectors of the first gradient share a ciphertext, so that they must be unpacked.
    pub(crate) fn packs_first_gradient(&self) -> bool {
        self.packing().packs_first_gradient()
    }

    /// Whether weights are rotated to meet the ciphertexts of a block, and sums are rotated back.
    pub(crate) fn rotates_vectors(&self) -> bool {
        self.packing().rotates_vectors()
    }

    /// Rows after which a packed first gradient (row-major) repeats: the next power of two of the vectors, at most r.
    pub fn gradient_period(&self) -> usize {
        self.packing().gradient_period(&self.grid)
    }

    pub(super) fn grid(&self) -> &Grid {
        &self.grid
    }

    pub(super) fn packing(&self) -> &'static dyn Packing {
        self.arrangement.packing()
    }

    /// Label ciphertexts of a block: one column a class.
    pub fn label_ciphertexts(&self) -> Ciphertexts {
        Ciphertexts::new(self.grid.shape.classes.div_ceil(self.grid.row_length))
    }

    /// The two samples of row `row` of `block`, where they exist, in the layout of one owner.
    pub fn samples_at(&self, block: usize, row: usize) -> (Option<usize>, Option<usize>) {
        let first = block * self.block_samples() + row;
        let within = |i: usize| (i < self.grid.shape.samples).then_some(i);
        (within(first), within(first + self.rows()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        samples: 100,
        columns: 11,
        classes: 3,
    };

    #[test]
    fn sizes_follow_from_the_shape() {
        let layout = Layout::new(SHAPE, 64, 4, Arrangement::RowMajor).unwrap();
        assert_eq!(
            (layout.rows(), layout.column_groups(), layout.blocks()),
            (16, 3, 4)
        );
        assert_eq!(
            (
                layout.first_gradient_ciphertexts().get(),
                layout.gradient_period()
            ),
            (1, 16)
        );
        assert_eq!(layout.samples_at(3, 3), (Some(99), None));
        assert_eq!(layout.samples_at(3, 4), (None, None));
    }

    #[test]
    fn the_diagonal_arrangement_holds_a_vector_in_one_ciphertext() {
        let layout = Layout::new(SHAPE, 64, 4, Arrangement::Diagonal).unwrap();
        assert_eq!(
            (
                layout.column_groups(),
                layout.ciphertexts_per_vector().get(),
                layout.period()
            ),
            (4, 1, 16)
        );
        let [matrix, first] = [
            layout.ciphertexts_per_matrix(),
            layout.first_gradient_ciphertexts(),
        ];
        assert_eq!((matrix.get(), first.get()), (3, 3));
        assert_eq!(layout.group_at(3, 2), 1);
        let wide = Shape {
            columns: 65,
            ..SHAPE
        };
        assert!(matches!(
            Layout::new(wide, 64, 4, Arrangement::Diagonal),
            Err(LayoutError::Columns { columns: 128, .. })
        ));
    }

    #[test]
    fn every_owner_begins_at_a_block() {
        let layout = Layout::new(SHAPE, 64, 4, Arrangement::RowMajor).unwrap();
        // Blocks of 32 samples: 100 rows are 4 blocks; 33, 32 and 35 are 2, 1 and 2.
        let owned = layout.with_owners(&[33, 32, 35]).unwrap();
        assert_eq!((layout.blocks(), owned.blocks()), (4, 5));
        assert_eq!(owned.of_rows(35).samples_at(1, 2), (Some(34), None));
        assert_eq!(layout.with_owners(&[]), Ok(layout));
        for rows in [&[100, 0][..], &[50, 49], &[usize::MAX, 1], &[101]] {
            assert!(layout.with_owners(rows).is_err(), "{rows:?}");
        }
    }

    #[test]
    fn unusable_sizes_are_refused() {
        assert!(matches!(
            Layout::new(SHAPE, 64, 128, Arrangement::RowMajor),
            Err(LayoutError::RowLength { .. })
        ));
        assert!(matches!(
            Layout::new(SHAPE, 64, 3, Arrangement::RowMajor),
            Err(LayoutError::RowLength { .. })
        ));
        let one_class = Shape {
            classes: 1,
            ..SHAPE
        };
        assert!(matches!(
            Layout::new(one_class, 64, 4, Arrangement::RowMajor),
            Err(LayoutError::Size {
                what: "classes",
                ..
            })
        ));
    }
}
