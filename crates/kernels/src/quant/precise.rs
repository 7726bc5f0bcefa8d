//! [`QuantMatrix::matmul_precise`]: products whose activations are not rounded to 8 bits.

use std::cell::RefCell;

use super::format::BLOCK;
use super::geometry::{Geometry, STEPS, TILE, VECTOR};
use super::matrix::QuantMatrix;
use super::tile::{min, scale};
use crate::dense::{ColView, Product, RowOperand, Source, pack_rows, precise_type};
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
            UNPACKED.with_borrow_mut(|(tile, panels)| {
                tile.grow(k * TILE);
                panels.grow(TILES * panel_stride);
                for i in 0..cols.div_ceil(TILE) {
                    let values = &mut tile[..k * TILE];
                    unpack_tile(level, &self.geometry(), self.tile(first / TILE + i), values);
                    let panel = &mut panels[i * panel_stride..(i + 1) * panel_stride];
                    let source = Source { data: values, stride: TILE, rows: k, len: TILE };
                    pack_rows(level, dtype, source, 0, 0, panel);
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

leveled! {
    /// The weights of a tile, `[k][16]`.
    fn unpack_tile(g: &Geometry, tile: &[u8], out: &mut [f32]) {
        let steps = STEPS / g.subs;
        for (i, out) in out.chunks_exact_mut(BLOCK / g.subs * TILE).enumerate() {
            let (block, sub) = (i / g.subs, i % g.subs);
            let scales: [f32; TILE] = std::array::from_fn(|lane| scale(g, tile, block, sub, lane));
            let mins: Option<[f32; TILE]> = g
                .has_min
                .then(|| std::array::from_fn(|lane| min(g, tile, block, sub, lane)));
            let codes = &tile[g.codes_at(block)..];
            for (step, out) in out.chunks_exact_mut(4 * TILE).enumerate() {
                let words = code_words(g, codes, sub * steps + step);
                for (i, out) in out.as_chunks_mut::<TILE>().0.iter_mut().enumerate() {
                    let values = values_of(g, &words, i);
                    for lane in 0..TILE {
                        let scaled = values[lane] as f32 * scales[lane];
                        out[lane] = match &mins {
                            Some(mins) => scaled + mins[lane],
                            None => scaled,
                        };
                    }
                }
            }
        }
    }
}

/// The codes of a step for each lane: four in the bytes of a word.
#[inline(always)]
fn code_words(g: &Geometry, codes: &[u8], step: usize) -> [u32; TILE] {
    let low_mask = u32::from_le_bytes([u8::MAX >> (8 - g.low_bits); 4]);
    let (vector, shift) = g.low(step);
    let mut words = words_at(codes, vector).map(|word| word >> shift & low_mask);
    if g.high_bits > 0 {
        let high_mask = u32::from_le_bytes([u8::MAX >> (8 - g.high_bits); 4]);
        let (vector, shift) = g.high(step);
        let high = words_at(codes, vector);
        for (word, high) in words.iter_mut().zip(high) {
            *word |= (high >> shift & high_mask) << g.low_bits;
        }
    }
    words
}

#[inline(always)]
fn words_at(codes: &[u8], vector: usize) -> [u32; TILE] {
    let bytes = codes[vector * VECTOR..][..VECTOR].as_chunks::<4>().0;
    std::array::from_fn(|lane| u32::from_le_bytes(bytes[lane]))
}

/// The weights without their scales that code `i` of each lane stands for.
#[inline(always)]
fn values_of(g: &Geometry, words: &[u32; TILE], i: usize) -> [i32; TILE] {
    let codes = words.map(|word| word >> (8 * i) & 0xff);
    match g.table {
        None => codes.map(|code| code as i32 - g.zero),
        Some(table) => codes.map(|code| i32::from(table[code as usize & 15]) - g.zero),
    }
}
