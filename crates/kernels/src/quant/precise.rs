//! Products whose activations are not rounded to 8 bits: weights are unpacked as they are
//! multiplied.

use std::cell::RefCell;

use super::QuantFormat;
use super::at_level::at_level;
use super::format::BLOCK;
use super::geometry::{Geometry, TILE, with_packed};
use super::matrix::QuantMatrix;
use super::tile::unpack;
use crate::chain::{Part, multiply_part};
#[cfg(target_arch = "x86_64")]
use crate::dense::multiplies_bf16;
use crate::dense::{DenseType, MadeBlock, Panels, Square, place_transposed, zip_words};
use crate::{AlignedBuf, Level, MatmulScratch, Pool, level};

thread_local! {
    /// Unpacked weights of a part of a tile, as f32.
    static UNPACKED: RefCell<AlignedBuf<f32>> = RefCell::default();
}

impl QuantMatrix {
    /// `out = x W^T`, or `out += x W^T` if `accumulate`, without rounding `x` to 8 bits: weights are
    /// unpacked tile by tile and multiplied in bf16 where the machine does that, else in f32.
    ///
    /// Holds no second copy of the weights. For many rows it costs what a dense product does; for
    /// few, unpacking dominates. A row's result depends on nothing but that row and the weights.
    ///
    /// # Shapes
    /// As [`QuantMatrix::matmul`].
    ///
    /// # Panics
    /// As [`QuantMatrix::matmul`].
    pub fn matmul_precise(
        &self,
        pool: &Pool,
        x_tk: &[f32],
        out_tn: &mut [f32],
        ldo: usize,
        accumulate: bool,
        scratch: &mut MatmulScratch,
    ) {
        let part = Part::Precise(self);
        multiply_part(level(), pool, part, x_tk, (out_tn, ldo), accumulate, scratch);
    }

    /// The columns of `y = x W^T`.
    pub(crate) fn panels(&self) -> Tiles<'_> {
        Tiles(self)
    }

    /// The columns of `dx = dy W`.
    pub(crate) fn transposed_panels(&self) -> TransposedTiles<'_> {
        TransposedTiles(self)
    }
}

/// A tile of 16 rows is a panel once it is unpacked.
pub(crate) struct Tiles<'a>(&'a QuantMatrix);

impl Panels for Tiles<'_> {
    fn shape(&self) -> (usize, usize) {
        (self.0.n(), self.0.k())
    }

    fn make(&self, block: &mut MadeBlock<'_>) {
        let (matrix, geometry) = (self.0, Geometry::of(self.0.format()));
        let MadeBlock { level, dtype, .. } = *block;
        // A reduction in whole blocks fills its steps.
        let part = block.elements(self.0.k());
        for (panel, words) in block.by_panel() {
            let tile = &matrix.tile(panel)[geometry.unit_at(part.start / BLOCK)..];
            match dtype {
                DenseType::F32 => {
                    unpack_tile(level, matrix.format(), tile, bytemuck::cast_slice_mut(words));
                }
                #[cfg(target_arch = "x86_64")]
                DenseType::Bf16 if multiplies_bf16(level) => {
                    unpack_pairs(matrix.format(), tile, words);
                }
                DenseType::Bf16 => UNPACKED.with_borrow_mut(|values| {
                    values.grow(part.len() * TILE);
                    let values = &mut values[..part.len() * TILE];
                    unpack_tile(level, matrix.format(), tile, values);
                    let rows = values.as_chunks::<{ 2 * TILE }>().0;
                    for (words, two) in words.as_chunks_mut::<TILE>().0.iter_mut().zip(rows) {
                        zip_words(level, &two[..TILE], &two[TILE..], words);
                    }
                }),
            }
        }
    }
}

/// Columns of the weights, each from all tiles: made from the units that tiles are unpacked in.
pub(crate) struct TransposedTiles<'a>(&'a QuantMatrix);

impl Panels for TransposedTiles<'_> {
    fn shape(&self) -> (usize, usize) {
        (self.0.k(), self.0.n())
    }

    fn group(&self) -> usize {
        Geometry::of(self.0.format()).unit_blocks() * BLOCK / TILE
    }

    fn make(&self, block: &mut MadeBlock<'_>) {
        let (matrix, geometry) = (self.0, Geometry::of(self.0.format()));
        let MadeBlock { level, dtype, panels, steps, out } = block;
        let (level, dtype) = (*level, *dtype);
        let squares_per_unit = self.group();
        let steps_of_tile = dtype.steps(TILE);
        let first_tile = steps.start / steps_of_tile;
        let mut unit_values = [0.0f32; 256 * TILE];
        for tile in first_tile..steps.end.div_ceil(steps_of_tile) {
            let bytes = matrix.tile(tile);
            let place = (tile - first_tile) * steps_of_tile;
            let end = steps.len().min(place + steps_of_tile);
            for unit in panels.clone().step_by(squares_per_unit) {
                let squares = panels.end.min(unit + squares_per_unit) - unit;
                let values = &mut unit_values[..squares * TILE * TILE];
                let at = geometry.unit_at(unit * TILE / BLOCK);
                unpack_tile(level, matrix.format(), &bytes[at..], values);
                let squares = values.as_chunks::<TILE>().0.as_chunks::<TILE>().0;
                for (i, square) in squares.iter().enumerate() {
                    let start = (unit - panels.start + i) * steps.len();
                    let words = &mut out.as_chunks_mut::<TILE>().0[start + place..start + end];
                    let square: &Square = square;
                    place_transposed(level, dtype, square, words);
                }
            }
        }
    }
}

/// The weights of a tile, or of its first units, as pairs of bf16 `[k / 2][16]`, where the processor
/// multiplies those.
#[cfg(target_arch = "x86_64")]
fn unpack_pairs(format: QuantFormat, tile: &[u8], panel: &mut [u32]) {
    let blocks = panel.len() / (BLOCK / 2 * TILE);
    assert!(tile.len() >= Geometry::of(format).tile_bytes(blocks), "{} bytes", tile.len());
    // SAFETY: the caller has asked for bf16; the tile's size was checked above.
    with_packed!(format, P => unsafe { super::avx512::unpack_pairs::<P>(tile, panel) });
}

/// The weights of a tile, or of its first units, `[k][16]`.
fn unpack_tile(level: Level, format: QuantFormat, tile: &[u8], out_k16: &mut [f32]) {
    let blocks = out_k16.len() / (BLOCK * TILE);
    assert!(tile.len() >= Geometry::of(format).tile_bytes(blocks), "{} bytes", tile.len());
    // SAFETY: the level is only in use where the processor has its features; the tile's size was
    // checked above.
    with_packed!(format, P => unsafe {
        at_level!(level, unpack::<P>, unpack::<P>, (tile, out_k16));
    });
}
