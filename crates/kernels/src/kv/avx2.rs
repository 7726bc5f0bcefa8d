//! One segment of attention at AVX2: bf16 pages widened in registers, up to 4 rows at a time.

use std::arch::x86_64::{
    __m256, _CMP_GE_OQ, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _mm256_add_epi32,
    _mm256_add_ps, _mm256_and_ps, _mm256_and_si256, _mm256_castsi256_ps, _mm256_cmp_ps,
    _mm256_cvtps_epi32, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_max_ps,
    _mm256_mul_ps, _mm256_round_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps,
    _mm256_slli_epi32, _mm256_storeu_ps, _mm256_sub_ps,
};
use std::ops::Range;

use super::cache::BLOCK_TOKENS;
use super::task::{KEYS, MASKED, MAX_ROWS, State, View};

/// Pages whose keys are scored together.
const BLOCK_PAGES: usize = KEYS / BLOCK_TOKENS;

/// Adds the keys of `pages` to the softmax in `state`.
///
/// # Safety
/// The processor must have the features of [`crate::Level::Avx2`]; all blocks of the table up to
/// `pages.end` must exist in the planes; `head_dim` must be a multiple of 16.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn segment(
    view: &View<'_>,
    pages: Range<usize>,
    q_rd: &[f32],
    scores: &mut [f32],
    state: &mut State<'_>,
) {
    let d = view.head_dim;
    assert!(view.count <= MAX_ROWS && d.is_multiple_of(BLOCK_TOKENS));
    assert!(q_rd.len() >= view.count * d && state.out_rd.len() >= view.count * d);
    assert!(scores.len() >= view.count * KEYS);
    let table = &view.block_table[..pages.end];
    for first in pages.clone().step_by(BLOCK_PAGES) {
        let blocks = &table[first..(first + BLOCK_PAGES).min(pages.end)];
        let mut old_weight = [1.0f32; MAX_ROWS];
        // SAFETY: the sizes were checked above, the blocks by the caller.
        unsafe {
            for_row_groups(view.count, &mut RowGroups::Scores { view, blocks, q_rd, scores });
            for row in 0..view.count {
                let visible = view.visible(row).saturating_sub(first * BLOCK_TOKENS);
                let keys = blocks.len() * BLOCK_TOKENS;
                old_weight[row] = softmax_row(
                    &mut scores[row * KEYS..][..keys],
                    visible.min(keys),
                    &mut state.max_r[row],
                    &mut state.sum_r[row],
                );
            }
            let out_rd = &mut *state.out_rd;
            for_row_groups(
                view.count,
                &mut RowGroups::Values { view, blocks, scores, old_weight: &old_weight, out_rd },
            );
        }
    }
}

/// The two products of attention, each over groups of rows.
enum RowGroups<'a, 'v> {
    Scores {
        view: &'a View<'v>,
        blocks: &'a [u32],
        q_rd: &'a [f32],
        scores: &'a mut [f32],
    },
    Values {
        view: &'a View<'v>,
        blocks: &'a [u32],
        scores: &'a [f32],
        old_weight: &'a [f32; MAX_ROWS],
        out_rd: &'a mut [f32],
    },
}

/// Runs the product over rows in groups of 4, then the rest; each row is computed alike in any.
///
/// # Safety
/// As [`segment`].
#[target_feature(enable = "avx2,fma")]
unsafe fn for_row_groups(rows: usize, product: &mut RowGroups<'_, '_>) {
    let mut row = 0;
    while row < rows {
        // SAFETY: passed on to the caller.
        row += unsafe {
            match rows - row {
                1 => row_group::<1>(row, product),
                2 => row_group::<2>(row, product),
                3 => row_group::<3>(row, product),
                _ => row_group::<4>(row, product),
            }
        };
    }
}

/// # Safety
/// As [`segment`], for `NR` rows from `row` on.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn row_group<const NR: usize>(row: usize, product: &mut RowGroups<'_, '_>) -> usize {
    // SAFETY: passed on to the caller.
    unsafe {
        match product {
            RowGroups::Scores { view, blocks, q_rd, scores } => {
                score_rows::<NR>(
                    view,
                    blocks,
                    &q_rd[row * view.head_dim..],
                    &mut scores[row * KEYS..],
                );
            }
            RowGroups::Values { view, blocks, scores, old_weight, out_rd } => {
                let (scores, out) = (&scores[row * KEYS..], &mut out_rd[row * view.head_dim..]);
                add_values::<NR>(view, blocks, scores, &old_weight[row..], out);
            }
        }
    }
    NR
}

/// `scores = q K^T` for `NR` rows and the keys of `blocks`.
///
/// # Safety
/// As [`segment`].
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn score_rows<const NR: usize>(
    view: &View<'_>,
    blocks: &[u32],
    q_rd: &[f32],
    scores: &mut [f32],
) {
    let d = view.head_dim;
    for (i, &block) in blocks.iter().enumerate() {
        let mut acc = [[_mm256_setzero_ps(); 2]; NR];
        // SAFETY: the page exists and has `d / 2` lines of 16 words; rows were checked by `segment`.
        unsafe {
            let page = view.keys.as_ptr().add(block as usize * BLOCK_TOKENS * d);
            accumulate(&mut acc, page, BLOCK_TOKENS, q_rd.as_ptr(), d, d / 2);
            store(&acc, scores.as_mut_ptr().add(i * BLOCK_TOKENS), KEYS);
        }
    }
}

/// `out = out * old_weight + P V` for `NR` rows and the keys of `blocks`.
///
/// # Safety
/// As [`segment`].
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn add_values<const NR: usize>(
    view: &View<'_>,
    blocks: &[u32],
    scores: &[f32],
    old_weight: &[f32],
    out_rd: &mut [f32],
) {
    let d = view.head_dim;
    for column in (0..d).step_by(BLOCK_TOKENS) {
        // SAFETY: the pages exist and have 8 lines of `d` words; rows were checked by `segment`.
        unsafe {
            let out = out_rd.as_mut_ptr().add(column);
            let mut acc = [[_mm256_setzero_ps(); 2]; NR];
            for t in 0..NR {
                let weight = _mm256_set1_ps(old_weight[t]);
                for h in 0..2 {
                    acc[t][h] = _mm256_mul_ps(_mm256_loadu_ps(out.add(t * d + 8 * h)), weight);
                }
            }
            for (i, &block) in blocks.iter().enumerate() {
                let page = view.values.as_ptr().add(block as usize * BLOCK_TOKENS * d);
                let weights = scores.as_ptr().add(i * BLOCK_TOKENS);
                let lines = page.add(2 * column);
                accumulate(&mut acc, lines, d, weights, KEYS, BLOCK_TOKENS / 2);
            }
            store(&acc, out, d);
        }
    }
}

/// `acc[t] += sum over steps of rows[t][2 s] * low(line s) + rows[t][2 s + 1] * high(line s)`.
///
/// A line is 16 words of two bf16, one word per lane; lines are `line_stride` words apart, rows
/// `row_stride` floats.
///
/// # Safety
/// All of that must be readable.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn accumulate<const NR: usize>(
    acc: &mut [[__m256; 2]; NR],
    lines: *const u16,
    line_stride: usize,
    rows: *const f32,
    row_stride: usize,
    steps: usize,
) {
    let high_half = _mm256_set1_epi32(0xffff_0000_u32 as i32);
    let mut sums = *acc;
    for s in 0..steps {
        // SAFETY: promised by the caller.
        unsafe {
            let line = lines.add(s * 2 * line_stride);
            let raw = [_mm256_loadu_si256(line.cast()), _mm256_loadu_si256(line.add(16).cast())];
            let low = [
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(raw[0])),
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(raw[1])),
            ];
            for t in 0..NR {
                let x = _mm256_set1_ps(*rows.add(t * row_stride + 2 * s));
                for h in 0..2 {
                    sums[t][h] = _mm256_fmadd_ps(low[h], x, sums[t][h]);
                }
            }
            let high = [
                _mm256_castsi256_ps(_mm256_and_si256(raw[0], high_half)),
                _mm256_castsi256_ps(_mm256_and_si256(raw[1], high_half)),
            ];
            for t in 0..NR {
                let x = _mm256_set1_ps(*rows.add(t * row_stride + 2 * s + 1));
                for h in 0..2 {
                    sums[t][h] = _mm256_fmadd_ps(high[h], x, sums[t][h]);
                }
            }
        }
    }
    *acc = sums;
}

/// # Safety
/// 16 floats must be writable at `out` and at each further row's distance `stride`.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store<const NR: usize>(acc: &[[__m256; 2]; NR], out: *mut f32, stride: usize) {
    for t in 0..NR {
        // SAFETY: promised by the caller.
        unsafe {
            _mm256_storeu_ps(out.add(t * stride), acc[t][0]);
            _mm256_storeu_ps(out.add(t * stride + 8), acc[t][1]);
        }
    }
}

/// Turns the scores of a row into weights relative to its new largest score, and adds their sum.
/// Returns the factor that brings what was summed before to the same measure.
///
/// Keys from `visible` on get a weight of exactly zero, so how many of them there are changes
/// nothing.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn softmax_row(scores: &mut [f32], visible: usize, max: &mut f32, sum: &mut f32) -> f32 {
    if visible == 0 {
        scores.fill(0.0);
        return 1.0;
    }
    scores[visible..].fill(MASKED);
    let chunks = scores.as_chunks_mut::<8>().0;
    let mut largest = _mm256_set1_ps(*max);
    for chunk in &*chunks {
        // SAFETY: a chunk is 8 floats.
        largest = _mm256_max_ps(largest, unsafe { _mm256_loadu_ps(chunk.as_ptr()) });
    }
    let new_max = lanes(largest).into_iter().fold(MASKED, f32::max);
    let shift = _mm256_set1_ps(new_max);
    let mut sums = _mm256_setzero_ps();
    for chunk in chunks {
        // SAFETY: a chunk is 8 floats.
        unsafe {
            let weights = exp2(_mm256_sub_ps(_mm256_loadu_ps(chunk.as_ptr()), shift));
            sums = _mm256_add_ps(sums, weights);
            _mm256_storeu_ps(chunk.as_mut_ptr(), weights);
        }
    }
    let old_weight = (*max - new_max).exp2();
    *sum = *sum * old_weight + lanes(sums).into_iter().sum::<f32>();
    *max = new_max;
    old_weight
}

#[inline]
#[target_feature(enable = "avx2")]
fn lanes(v: __m256) -> [f32; 8] {
    let mut lanes = [0.0; 8];
    // SAFETY: eight floats.
    unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), v) };
    lanes
}

/// `2^x` for `x <= 0` within 2e-7; exactly 0 below -126.
///
/// Nearest integer into the exponent; Taylor polynomial of degree 6 for the rest in [-0.5, 0.5].
#[inline]
#[target_feature(enable = "avx2,fma")]
fn exp2(x: __m256) -> __m256 {
    let least = _mm256_set1_ps(-126.0);
    let in_range = _mm256_cmp_ps::<_CMP_GE_OQ>(x, least);
    let x = _mm256_max_ps(x, least);
    let whole = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x);
    let rest = _mm256_sub_ps(x, whole);
    let mut poly = _mm256_set1_ps(1.540_353e-4);
    for coefficient in
        [1.333_355_8e-3, 9.618_129e-3, 5.550_411e-2, 0.240_226_5, std::f32::consts::LN_2, 1.0]
    {
        poly = _mm256_fmadd_ps(poly, rest, _mm256_set1_ps(coefficient));
    }
    let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(whole), _mm256_set1_epi32(127));
    let power = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent));
    _mm256_and_ps(_mm256_mul_ps(poly, power), in_range)
}
