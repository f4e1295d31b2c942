//! How the tiles of a picture lie, and how their values get there and back.

use std::ops::Range;

use super::super::product::{Shape, Size};
use super::{IN, OUT};

/// How the tiles lie in the pictures.
pub(super) struct Tiles {
    pub(super) pictures: usize,
    height: usize,
    width: usize,
    padding: usize,
    /// Outputs along the sides.
    pub(super) positions: [usize; 2],
    down: usize,
    pub(super) across: usize,
}

impl Tiles {
    pub(super) fn new(shape: &Shape, size: Size) -> Self {
        let [pictures, height, width] = size;
        let positions = [height, width].map(|side| shape.positions(side));
        let [down, across] = positions.map(|count| count.div_ceil(OUT));
        Self {
            pictures,
            height,
            width,
            padding: shape.padding,
            positions,
            down,
            across,
        }
    }

    /// Lines of tiles of all pictures.
    pub(super) fn lines(&self) -> usize {
        self.pictures * self.down
    }

    /// The values of one channel's tiles, `[row, column, tile]` with `room` tiles.
    #[inline(always)]
    pub(super) fn gather(&self, x: &[f32], lines: Range<usize>, to: &mut [f32], room: usize) {
        let mut line = vec![0.0; OUT * (self.across + 1)];
        for (index, tiles) in lines.enumerate() {
            let (picture, top) = (tiles / self.down, tiles % self.down * OUT);
            for row in 0..IN {
                let y = (top + row)
                    .checked_sub(self.padding)
                    .filter(|y| *y < self.height);
                match y {
                    Some(y) => {
                        let from = &x[(picture * self.height + y) * self.width..][..self.width];
                        let right = line.len().saturating_sub(self.padding).min(self.width);
                        line[self.padding..self.padding + right].copy_from_slice(&from[..right]);
                    }
                    None => line.fill(0.0),
                }
                let first = index * self.across;
                let to = &mut to[row * IN * room..(row + 1) * IN * room];
                split(&line, self.across, first, room, to);
            }
        }
    }

    /// Results of one channel's tiles, `[row, column, tile]`, to their places.
    #[inline(always)]
    pub(super) fn scatter(&self, from: &[f32], room: usize, lines: Range<usize>, out: &mut [f32]) {
        let [down, across] = self.positions;
        let mut line = vec![0.0; OUT * self.across];
        for (index, tiles) in lines.enumerate() {
            let (picture, top) = (tiles / self.down, tiles % self.down * OUT);
            for row in 0..OUT.min(down - top) {
                let at = |column: usize| (row * OUT + column) * room + index * self.across;
                let four: [&[f32]; OUT] =
                    std::array::from_fn(|column| &from[at(column)..at(column) + self.across]);
                for (tile, to) in line.chunks_exact_mut(OUT).enumerate() {
                    to.iter_mut()
                        .zip(four)
                        .for_each(|(to, from)| *to = from[tile]);
                }
                let to = &mut out[(picture * down + top + row) * across..][..across];
                to.copy_from_slice(&line[..across]);
            }
        }
    }
}

/// A line of values by its place in the tiles: `to` is `[column, tile]`; the last two columns are the first two of the tile after.
#[inline(always)]
fn split(line: &[f32], across: usize, first: usize, room: usize, to: &mut [f32]) {
    let mut columns = to
        .chunks_exact_mut(room)
        .map(|tiles| &mut tiles[first..first + across]);
    for column in 0..IN {
        let Some(tiles) = columns.next() else { return };
        let from = line[OUT * (column / OUT)..].chunks_exact(OUT);
        tiles
            .iter_mut()
            .zip(from)
            .for_each(|(to, from)| *to = from[column % OUT]);
    }
}
