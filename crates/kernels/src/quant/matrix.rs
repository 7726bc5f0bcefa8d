//! [`QuantMatrix`]: packing, reading back, and splitting a product over threads.

use std::ops::Range;

use super::activations::{Activations, Sums};
use super::format::{BLOCK, QuantFormat};
use super::geometry::{Geometry, Packed, TILE, with_packed};
use super::tile::{code, min, pack_row, scale};
use crate::share::SharedMut;
use crate::{AlignedBuf, KernelError, Level, MatmulScratch, Pool, level, span};

/// Rows and columns beyond this are refused: no model has them, and sizes stay far from overflow.
const MAX_SIDE: usize = 1 << 28;
/// Tiles that a kernel multiplies together; threads split a product at multiples of it.
pub(super) const GROUP: usize = 2;
/// Multiply-adds up to which one thread is faster than waking the pool.
const ALONE_UP_TO: usize = 1 << 15;
/// Multiply-adds from which a product is dealt in small tasks to whichever thread is free; a
/// shorter one is cut into equal parts, which costs less.
const DEAL_FROM: usize = 1 << 25;
/// Tiles that a thread packs before it looks for more.
const TILES_PER_TASK: usize = 4;
/// Activation rows per task of a product that is dealt; a multiple of the kernel's row count.
const ROWS_PER_TASK: usize = 192;

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

    /// `out += x W^T`, as [`QuantMatrix::matmul`] followed by an addition: the residual connection.
    ///
    /// # Panics
    /// As [`QuantMatrix::matmul`].
    pub fn matmul_add(
        &self,
        pool: &Pool,
        x_tk: &[f32],
        out_tn: &mut [f32],
        ldo: usize,
        scratch: &mut MatmulScratch,
    ) {
        self.matmul_at(level(), pool, x_tk, out_tn, ldo, true, scratch);
    }

    /// Both products at a given level, for tests.
    pub(super) fn matmul_at(
        &self,
        level: Level,
        pool: &Pool,
        x_tk: &[f32],
        out_tn: &mut [f32],
        ldo: usize,
        accumulate: bool,
        scratch: &mut MatmulScratch,
    ) {
        let (n, k) = (self.n, self.k);
        assert!(x_tk.len().is_multiple_of(k), "{} inputs in rows of {k}", x_tk.len());
        let rows = x_tk.len() / k;
        if rows == 0 {
            return;
        }
        assert!(
            ldo >= n && out_tn.len() >= (rows - 1) * ldo + n,
            "{} outputs for {rows} rows of {n} at distance {ldo}",
            out_tn.len()
        );
        let x = &mut scratch.quantized;
        x.quantize(level, pool, x_tk, k, Sums::of(&Geometry::of(self.format)));
        let target = Target { out: SharedMut::new(out_tn), ldo, n, accumulate };
        self.deal(pool, rows, &|rows, tiles| self.part(level, x, rows, tiles, &target));
    }

    /// Cuts the product into disjoint (rows, tiles) parts for the threads.
    fn deal(&self, pool: &Pool, rows: usize, part: &(dyn Fn(Range<usize>, Range<usize>) + Sync)) {
        let tiles = self.n.div_ceil(TILE);
        let groups = tiles.div_ceil(GROUP);
        let tiles_of = |groups: Range<usize>| groups.start * GROUP..(groups.end * GROUP).min(tiles);
        let (threads, work) = (pool.threads(), rows * self.n * self.k);
        if work <= ALONE_UP_TO {
            return part(0..rows, 0..tiles);
        }
        if work < DEAL_FROM {
            return pool.run(&|thread| part(0..rows, tiles_of(span(groups, thread, threads))));
        }
        let columns = groups.min(threads * 4);
        let row_parts = if groups < threads * 4 { rows.div_ceil(ROWS_PER_TASK) } else { 1 };
        pool.for_each(columns * row_parts, &|_, task| {
            let (column, row_part) = (task / row_parts, task % row_parts);
            let rows = if row_parts == 1 {
                0..rows
            } else {
                row_part * ROWS_PER_TASK..((row_part + 1) * ROWS_PER_TASK).min(rows)
            };
            part(rows, tiles_of(span(groups, column, columns)));
        });
    }

    fn part(
        &self,
        level: Level,
        x: &Activations,
        rows: Range<usize>,
        tiles: Range<usize>,
        target: &Target<'_>,
    ) {
        let w = &self.tiles[..];
        with_packed!(self.format, P => match level {
            Level::Scalar => super::scalar::product::<P>(w, x, rows, tiles, target),
            #[cfg(target_arch = "aarch64")]
            // SAFETY: the level is only in use where the processor has its features; `deal` makes
            // disjoint parts.
            Level::Neon => unsafe { super::neon::product::<P>(w, x, rows, tiles, target) },
            #[cfg(not(target_arch = "aarch64"))]
            Level::Neon => super::scalar::product::<P>(w, x, rows, tiles, target),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level is only in use where the processor has its features; `deal` makes
            // disjoint parts.
            Level::Avx2 => unsafe { super::avx2::product::<P>(w, x, rows, tiles, target) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Level::Avx512 | Level::Amx => unsafe { super::avx512::product::<P>(w, x, rows, tiles, target) },
            #[cfg(not(target_arch = "x86_64"))]
            Level::Avx2 | Level::Avx512 | Level::Amx => {
                super::scalar::product::<P>(w, x, rows, tiles, target);
            }
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
