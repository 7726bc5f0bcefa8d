//! Attention with AMX: pages of bf16 are tiles as they stand, those of bytes become such, queries and
//! weights are rounded to it.
//!
//! A tile's rows are the folded rows of a task, 16 and then the rest; with fewer rows the tiles are
//! lower and each row's sums the same. Values are added page by page, so that the sums of a row do not
//! depend on the page that its task begins with.

use super::avx512::{Pages, scale_scores};
use super::cache::BLOCK_TOKENS;
use super::planes::Element;
use super::task::{KEYS, MAX_ROWS, Operands, View};
use crate::x86::amx::{self, SIDE, Shape};
use crate::x86::{_mm512_loadu_ps, _mm512_mul_ps, _mm512_set1_ps, _mm512_storeu_ps};

/// Bytes of a line of 16 words, and of 16 floats.
const LINE: usize = 4 * SIDE;

/// Rows of the two tiles of rows.
fn rows_of(count: usize) -> [usize; 2] {
    [count.min(SIDE), count.saturating_sub(SIDE)]
}

/// # Safety
/// The processor must have tiles.
unsafe fn configure([first, second]: [usize; 2], words: usize) {
    debug_assert!(second <= SIDE);
    let rows = [first as u8, second.max(1) as u8];
    // SAFETY: passed on to the caller.
    unsafe { amx::configure(Shape { rows, words: words as u8 }) }
}

/// `scores = q K^T` for all rows and the keys of `blocks`.
///
/// # Safety
/// The processor must have the features of [`crate::Level::Amx`]; the blocks must exist in the planes,
/// `head_dim` must be a multiple of 16, and the operands must hold the view's rows.
pub(super) unsafe fn scores<E: Element>(
    view: &View<'_, E>,
    blocks: &[u32],
    operands: &mut Operands<'_>,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        let pages = E::pages_of_bf16(Pages::of_keys(view, blocks), view.head_dim, operands.pages);
        multiply_keys(&pages, view.head_dim, view.count, operands.q_words, operands.scores);
        scale_scores(&pages, view.count, operands.scores);
    }
}

/// # Safety
/// As [`scores`]; rows of words follow each other, rows of scores are [`KEYS`] apart.
unsafe fn multiply_keys(
    pages: &Pages<u16>,
    d: usize,
    count: usize,
    q_words: &[u32],
    scores: &mut [f32],
) {
    let q = q_words.as_ptr().cast::<u8>();
    let rows = rows_of(count);
    // Words of a query that a product of tiles takes.
    let at_once = if d.is_multiple_of(2 * SIDE) { SIDE } else { SIDE / 2 };
    // SAFETY: pages have `d / 2` lines; queries and scores have the rows; the tiles' sizes are
    // those of the rows.
    unsafe {
        configure(rows, at_once);
        for (i, page) in pages.starts().iter().enumerate() {
            let page = page.cast::<u8>();
            amx::zero::<0>();
            amx::zero::<2>();
            for word in (0..d / 2).step_by(at_once) {
                amx::load::<6>(page.add(word * LINE), LINE);
                amx::load::<4>(q.add(4 * word), 2 * d);
                amx::dot_bf16::<0, 4, 6>();
                if rows[1] > 0 {
                    amx::load::<5>(q.add(4 * word + SIDE * 2 * d), 2 * d);
                    amx::dot_bf16::<2, 5, 6>();
                }
            }
            let out = scores.as_mut_ptr().add(i * BLOCK_TOKENS);
            amx::store::<0>(out.cast(), 4 * KEYS);
            if rows[1] > 0 {
                amx::store::<2>(out.add(SIDE * KEYS).cast(), 4 * KEYS);
            }
        }
    }
}

/// `out = out * old_weight + P V` for all rows and the keys of `blocks`.
///
/// # Safety
/// As [`scores`].
pub(super) unsafe fn add_values<E: Element>(
    view: &View<'_, E>,
    blocks: &[u32],
    operands: &mut Operands<'_>,
    old_weight: &[f32; MAX_ROWS],
    out_rd: &mut [f32],
) {
    let (d, words) = (view.head_dim, &*operands.weight_words);
    // SAFETY: passed on to the caller.
    unsafe {
        let pages = E::pages_of_bf16(Pages::of_values(view, blocks), d, operands.pages);
        multiply_values(pages.starts(), d, view.count, words, old_weight, out_rd);
    }
}

/// # Safety
/// As [`scores`]; rows of words are `KEYS / 2` apart, rows of outputs follow each other.
unsafe fn multiply_values(
    pages: &[*const u16],
    d: usize,
    count: usize,
    words: &[u32],
    old_weight: &[f32],
    out_rd: &mut [f32],
) {
    let pairs = words.as_ptr().cast::<u8>();
    let rows = rows_of(count);
    // SAFETY: the features are the caller's promise, as are pages, weights and outputs of the rows.
    unsafe {
        scale_rows(out_rd, old_weight, d);
        configure(rows, BLOCK_TOKENS / 2);
        for column in (0..d).step_by(2 * SIDE) {
            let out = out_rd.as_mut_ptr().add(column);
            match (rows[1] > 0, column + SIDE < d) {
                (true, true) => columns::<true, true>(pages, d, pairs, out, column),
                (true, false) => columns::<true, false>(pages, d, pairs, out, column),
                (false, true) => columns::<false, true>(pages, d, pairs, out, column),
                (false, false) => columns::<false, false>(pages, d, pairs, out, column),
            }
        }
    }
}

/// Adds 16 columns, or 32 if `WIDE`, for 16 rows, or more if `TALL`.
///
/// # Safety
/// As [`multiply_values`]; the tiles are configured.
#[inline]
unsafe fn columns<const TALL: bool, const WIDE: bool>(
    pages: &[*const u16],
    d: usize,
    pairs: *const u8,
    out: *mut f32,
    column: usize,
) {
    let row_bytes = 2 * KEYS;
    let (out, below) = (out.cast::<u8>(), out.wrapping_add(SIDE * d).cast::<u8>());
    // SAFETY: outputs have rows of `d`; pages have 8 lines of `d` words; weights have the rows.
    unsafe {
        amx::load::<0>(out, 4 * d);
        if WIDE {
            amx::load::<1>(out.add(LINE), 4 * d);
        }
        if TALL {
            amx::load::<2>(below, 4 * d);
        }
        if TALL && WIDE {
            amx::load::<3>(below.add(LINE), 4 * d);
        }
        for (i, page) in pages.iter().enumerate() {
            let page = page.cast::<u8>().add(4 * column);
            let pairs = pairs.add(i * 2 * BLOCK_TOKENS);
            amx::load::<4>(pairs, row_bytes);
            amx::load::<6>(page, 4 * d);
            amx::dot_bf16::<0, 4, 6>();
            if WIDE {
                amx::load::<7>(page.add(LINE), 4 * d);
                amx::dot_bf16::<1, 4, 7>();
            }
            if TALL {
                amx::load::<5>(pairs.add(SIDE * row_bytes), row_bytes);
                amx::dot_bf16::<2, 5, 6>();
            }
            if TALL && WIDE {
                amx::dot_bf16::<3, 5, 7>();
            }
        }
        amx::store::<0>(out, 4 * d);
        if WIDE {
            amx::store::<1>(out.add(LINE), 4 * d);
        }
        if TALL {
            amx::store::<2>(below, 4 * d);
        }
        if TALL && WIDE {
            amx::store::<3>(below.add(LINE), 4 * d);
        }
    }
}

/// `out *= weight` for the rows of `d` values, a multiple of 16.
///
/// # Safety
/// The processor must have AVX-512.
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn scale_rows(out_rd: &mut [f32], weights: &[f32], d: usize) {
    for (row, &weight) in out_rd.chunks_exact_mut(d).zip(weights) {
        let weight = _mm512_set1_ps(weight);
        for line in row.as_chunks_mut::<16>().0 {
            // SAFETY: a line is 16 floats.
            unsafe {
                let before = _mm512_loadu_ps(line.as_ptr());
                _mm512_storeu_ps(line.as_mut_ptr(), _mm512_mul_ps(before, weight));
            }
        }
    }
}
