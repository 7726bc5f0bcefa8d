//! [`QuantMatrix`]: packing, reading back, and products.

use std::ops::Range;

use super::activations::{Activations, Sums};
use super::at_level::at_level;
use super::format::{BLOCK, QuantFormat};
use super::geometry::{Geometry, Packed, TILE, with_packed};
use super::scalar;
use super::tile::{code, min, pack_row, scale};
use crate::chain::{Part, multiply_part};
use crate::share::SharedMut;
use crate::{AlignedBuf, KernelError, Level, MatmulScratch, Pool, level};

/// Rows and columns beyond this are refused: no model has them, and sizes stay far from overflow.
const MAX_SIDE: usize = 1 << 28;
/// Tiles that a kernel multiplies together.
pub(super) const GROUP: usize = 2;
/// Columns of a product at whose multiples threads split it.
pub(crate) const GROUP_COLUMNS: usize = GROUP * TILE;
/// Tiles that a thread packs before it looks for more.
const TILES_PER_TASK: usize = 4;

/// Weights `W[n, k]` in blocks along `k`, packed for the integer dot product.
///
/// Holds the bits per weight of the file, up to 6 % more. `n` is padded to 16 rows inside.
pub struct QuantMatrix {
    format: QuantFormat,
    n: usize,
    k: usize,
    tiles: AlignedBuf<u8>,
}

/// Where a product goes: rows of `ldo` values, of which the first `n` are written.
///
/// Threads write disjoint sets of (row, tile); whoever makes the tasks promises that.
pub(super) struct Target<'a> {
    pub(super) out: SharedMut<'a, f32>,
    pub(super) ldo: usize,
    pub(super) n: usize,
    /// Add to what is there instead of replacing it.
    pub(super) accumulate: bool,
}

impl<'a> Target<'a> {
    /// Columns `first..first + count` of a row.
    ///
    /// # Safety
    /// No other live part may overlap, see [`SharedMut::range`].
    pub(super) unsafe fn lanes(&self, row: usize, first: usize, count: usize) -> &'a mut [f32] {
        let start = row * self.ldo + first;
        // SAFETY: passed on to the caller.
        unsafe { self.out.range(start..start + count) }
    }
}

impl QuantMatrix {
    /// Packs the rows of a matrix; each is the blocks of one output, as in a GGUF file.
    ///
    /// Rows of several tensors with one format may be given after each other: the product then
    /// computes all of them at once (query, key and value; gate and up).
    ///
    /// # Errors
    /// No rows or too many; `k` not a positive multiple of the block length; a row of the wrong length; no
    /// memory.
    pub fn from_blocks(
        pool: &Pool,
        format: QuantFormat,
        rows: &[&[u8]],
        k: usize,
    ) -> Result<Self, KernelError> {
        let n = rows.len();
        if n == 0 || n > MAX_SIDE {
            return Err(KernelError::OutOfRange {
                what: "number of matrix rows",
                min: 1,
                max: MAX_SIDE,
                found: n,
            });
        }
        let block = format.block_len();
        if k == 0 || !k.is_multiple_of(block) || k > MAX_SIDE {
            return Err(KernelError::Columns { format, k, block });
        }
        let expected = format.row_bytes(k);
        if let Some(row) = rows.iter().position(|row| row.len() != expected) {
            let found = rows[row].len();
            return Err(KernelError::RowBytes { row, format, k, found, expected });
        }
        let tiles = pack(pool, format, rows, k)?;
        Ok(Self { format, n, k, tiles })
    }

    /// Memory of the packed form of `[n, k]`.
    pub fn packed_bytes(format: QuantFormat, n: usize, k: usize) -> usize {
        n.div_ceil(TILE).saturating_mul(Geometry::of(format).tile_bytes(k / BLOCK))
    }

    fn geometry(&self) -> Geometry {
        Geometry::of(self.format)
    }

    /// The bytes of a tile.
    pub(super) fn tile(&self, tile: usize) -> &[u8] {
        let tile_bytes = self.geometry().tile_bytes(self.k / BLOCK);
        &self.tiles[tile * tile_bytes..][..tile_bytes]
    }

    /// Number of outputs.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Number of inputs.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Format of the blocks.
    pub fn format(&self) -> QuantFormat {
        self.format
    }

    /// Bytes that a product with few rows reads: what decoding speed depends on.
    pub fn bytes(&self) -> usize {
        self.tiles.bytes()
    }

    /// `out = x W^T`, with `x` quantized to 8 bits per row and block of 32.
    ///
    /// The result of a row depends on nothing but that row and the weights: not on the other rows,
    /// the threads, or the SIMD level.
    ///
    /// # Shapes
    /// `x_tk` `[t, k]`; `out_tn` `t` rows of `ldo >= n` values of which the first `n` are written.
    ///
    /// # Panics
    /// If `x_tk` is not whole rows, or `out_tn` is too short for them.
    ///
    /// # Source
    /// The scheme of ggml's `Q8_0`/`Q8_1` activations, with f32 scales instead of f16.
    pub fn matmul(
        &self,
        pool: &Pool,
        x_tk: &[f32],
        out_tn: &mut [f32],
        ldo: usize,
        scratch: &mut MatmulScratch,
    ) {
        self.matmul_at(level(), pool, x_tk, out_tn, ldo, false, scratch);
    }

    /// Writes or adds the product at a given level, for tests.
    pub(crate) fn matmul_at(
        &self,
        level: Level,
        pool: &Pool,
        x_tk: &[f32],
        out_tn: &mut [f32],
        ldo: usize,
        accumulate: bool,
        scratch: &mut MatmulScratch,
    ) {
        let part = Part::Integer(self);
        multiply_part(level, pool, part, x_tk, (out_tn, ldo), accumulate, scratch);
    }

    /// What a product needs of activations beside their codes.
    pub(crate) fn sums(&self) -> Sums {
        Sums::of(&self.geometry())
    }

    /// The packed bytes from the tile of a column on.
    pub(crate) fn packed_from(&self, column: usize) -> &[u8] {
        &self.tiles[column / TILE * self.geometry().tile_bytes(self.k / BLOCK)..]
    }

    /// Writes or adds some rows and columns of the product; columns begin with a tile.
    ///
    /// # Panics
    /// If the activations, or `out` with rows `ldo` apart, do not cover the product.
    ///
    /// # Safety
    /// No other thread may touch these rows of these columns.
    pub(crate) unsafe fn multiply(
        &self,
        level: Level,
        x: &Activations<'_>,
        (rows, columns): (Range<usize>, Range<usize>),
        (out, ldo): (SharedMut<'_, f32>, usize),
        accumulate: bool,
    ) {
        assert!(columns.start.is_multiple_of(TILE), "columns from {} on", columns.start);
        let target = Target { out, ldo, n: self.n, accumulate };
        let tiles = columns.start / TILE..columns.end.div_ceil(TILE);
        let w = &self.tiles[..];
        // SAFETY: the level is only in use where the processor has its features; the rest is passed
        // on to the caller.
        with_packed!(self.format, P => unsafe {
            at_level!(level, scalar::product::<P>, product::<P>, (w, x, rows, tiles, &target));
        });
    }

    /// Writes the weights of one output row, as f32: also how token embeddings are read.
    ///
    /// The values are those of [`dequantize_blocks`](crate::dequantize_blocks), bit for bit.
    ///
    /// # Panics
    /// If there is no such row or `out_k` is not `k` long.
    pub fn dequantize_row(&self, row: usize, out_k: &mut [f32]) {
        assert!(row < self.n, "row {row} of {}", self.n);
        assert!(out_k.len() == self.k, "{} values for a row of {}", out_k.len(), self.k);
        let tile = self.tile(row / TILE);
        with_packed!(self.format, P => unpack_row::<P>(tile, row % TILE, out_k));
    }
}

impl std::fmt::Debug for QuantMatrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "QuantMatrix({} {} x {})", self.format, self.n, self.k)
    }
}

fn pack(
    pool: &Pool,
    format: QuantFormat,
    rows: &[&[u8]],
    k: usize,
) -> Result<AlignedBuf<u8>, KernelError> {
    let tile_bytes = Geometry::of(format).tile_bytes(k / BLOCK);
    let bytes = QuantMatrix::packed_bytes(format, rows.len(), k);
    let mut tiles = AlignedBuf::try_zeroed(bytes, "packed weights")?;
    let num_tiles = rows.len().div_ceil(TILE);
    let shared = SharedMut::new(&mut tiles);
    pool.for_each(num_tiles.div_ceil(TILES_PER_TASK), &|_, task| {
        let end = ((task + 1) * TILES_PER_TASK).min(num_tiles);
        for i in task * TILES_PER_TASK..end {
            // SAFETY: each tile belongs to one task, which runs once.
            let tile = unsafe { shared.range(i * tile_bytes..(i + 1) * tile_bytes) };
            let rows = &rows[i * TILE..((i + 1) * TILE).min(rows.len())];
            with_packed!(format, P => for (lane, row) in rows.iter().enumerate() {
                pack_row::<P>(format, row, lane, tile);
            });
        }
    });
    Ok(tiles)
}

fn unpack_row<P: Packed>(tile: &[u8], lane: usize, out_k: &mut [f32]) {
    let g = &P::G;
    let sub_len = BLOCK / g.subs;
    for (i, out) in out_k.chunks_exact_mut(sub_len).enumerate() {
        let (block, sub) = (i / g.subs, i % g.subs);
        let scale = scale(g, tile, block, sub, lane);
        let min = g.has_min.then(|| min(g, tile, block, sub, lane));
        for (i, y) in out.iter_mut().enumerate() {
            let scaled = g.value(code(g, tile, block, lane, sub * sub_len + i)) as f32 * scale;
            *y = min.map_or(scaled, |min| scaled + min);
        }
    }
}
