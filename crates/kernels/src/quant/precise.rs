//! [`QuantMatrix::matmul_precise`]: products whose activations are not rounded to 8 bits.

use std::cell::RefCell;

use super::QuantFormat;
use super::format::BLOCK;
use super::geometry::{Geometry, TILE, with_packed};
use super::matrix::QuantMatrix;
use super::tile::unpack;
use crate::dense::{ColView, DenseType, Product, RowOperand, bf16_bits, precise_type};
use crate::dense::{product_len, product_of};
use crate::leveled::leveled;
use crate::share::SharedMut;
use crate::{AlignedBuf, Level, MatmulScratch, Pool, level};

/// Tiles that are unpacked and multiplied together: the panels of the widest dense kernel.
const TILES: usize = 3;

thread_local! {
    /// Unpacked weights of one tile as f32, and panels of the tiles of a task.
    static UNPACKED: RefCell<(AlignedBuf<f32>, AlignedBuf<u32>)> = RefCell::default();
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
        self.matmul_precise_at(level(), pool, x_tk, out_tn, ldo, accumulate, scratch);
    }

    pub(super) fn matmul_precise_at(
        &self,
        level: Level,
        pool: &Pool,
        x_tk: &[f32],
        out_tn: &mut [f32],
        ldo: usize,
        accumulate: bool,
        scratch: &mut MatmulScratch,
    ) {
        let (n, k, dtype) = (self.n(), self.k(), precise_type(level));
        assert!(x_tk.len().is_multiple_of(k), "{} inputs in rows of {k}", x_tk.len());
        let rows = x_tk.len() / k;
        if rows == 0 {
            return;
        }
        let needed = product_len(rows, n, ldo);
        assert!(out_tn.len() >= needed, "{} outputs of {needed}", out_tn.len());
        let mut operand = RowOperand::on(dtype, std::mem::take(&mut scratch.row_words));
        operand.set(pool, x_tk, rows, k, k);
        let out = SharedMut::new(out_tn);
        let panel_stride = dtype.steps(k) * TILE;
        pool.for_each(n.div_ceil(TILES * TILE), &|_, task| {
            let first = task * TILES * TILE;
            let cols = (n - first).min(TILES * TILE);
            UNPACKED.with_borrow_mut(|(values, panels)| {
                panels.grow(TILES * panel_stride);
                for i in 0..cols.div_ceil(TILE) {
                    let tile = self.tile(first / TILE + i);
                    let panel = &mut panels[i * panel_stride..(i + 1) * panel_stride];
                    match dtype {
                        // A panel of f32 is a tile of values.
                        DenseType::F32 => {
                            unpack_tile(
                                level,
                                self.format(),
                                tile,
                                bytemuck::cast_slice_mut(panel),
                            );
                        }
                        DenseType::Bf16 => {
                            values.grow(k * TILE);
                            let values = &mut values[..k * TILE];
                            unpack_tile(level, self.format(), tile, values);
                            pair_rows(level, values, panel);
                        }
                    }
                }
                let cols = ColView { words: panels, cols, panel_stride };
                let (rows, steps) = (operand.view(), dtype.steps(k));
                let product = Product { level, dtype, rows, cols, steps, accumulate };
                // SAFETY: the length was checked above, and each task has its own columns.
                unsafe { product_of(&product, out.as_mut_ptr().add(first), ldo) }
            });
        });
        scratch.row_words = operand.into_words();
    }
}

/// The weights of a tile, `[k][16]`.
fn unpack_tile(level: Level, format: QuantFormat, tile: &[u8], out_k16: &mut [f32]) {
    let blocks = out_k16.len() / (BLOCK * TILE);
    assert!(tile.len() >= Geometry::of(format).tile_bytes(blocks), "{} bytes", tile.len());
    with_packed!(format, P => match level {
        Level::Scalar => unpack::<P>(tile, out_k16),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level is only in use where the processor has its features; the tile's size
        // was checked above.
        Level::Avx2 => unsafe { super::avx2::unpack::<P>(tile, out_k16) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::Avx512 => unsafe { super::avx512::unpack::<P>(tile, out_k16) },
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx2 | Level::Avx512 => unpack::<P>(tile, out_k16),
    });
}

leveled! {
    /// A tile `[k][16]` as a panel of bf16 pairs, `[k / 2][16]`.
    fn pair_rows(values: &[f32], panel: &mut [u32]) {
        let rows = values.as_chunks::<{ 2 * TILE }>().0;
        for (words, two) in panel.as_chunks_mut::<TILE>().0.iter_mut().zip(rows) {
            for (lane, word) in words.iter_mut().enumerate() {
                *word = bf16_bits(two[lane]) | bf16_bits(two[TILE + lane]) << 16;
            }
        }
    }
}
