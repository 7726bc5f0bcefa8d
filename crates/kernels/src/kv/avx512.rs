//! Attention at AVX-512: 6 rows by 4 vectors of keys, or of columns of the values, at a time, or 8 by 2.
//!
//! Where the processor multiplies bf16, pages of bf16 are operands as they stand, and queries and
//! weights are rounded to it; otherwise pages are widened in registers.

use std::f32::consts::LOG2_E;
use std::ops::Range;

use super::cache::BLOCK_TOKENS;
use super::planes::Element;
use super::task::{KEYS, MASKED, MAX_ROWS, View};
use crate::Level;
use crate::dense::{DenseType, Source, words_of_rows};
use crate::x86::{
    __m512, __m512bh, __m512i, _MM_FROUND_TO_NEG_INF, _mm256_loadu_si256, _mm512_abs_ps,
    _mm512_add_ps, _mm512_and_si512, _mm512_castps_si512, _mm512_castsi512_ps,
    _mm512_cvtepi8_epi16, _mm512_cvtepi32_ps, _mm512_div_ps, _mm512_dpbf16_ps, _mm512_fmadd_ps,
    _mm512_loadu_ps, _mm512_loadu_si512, _mm512_max_ps, _mm512_mul_ps, _mm512_or_si512,
    _mm512_reduce_ps, _mm512_scalef_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_slli_epi32, _mm512_srai_epi32, _mm512_storeu_ps, _mm512_sub_ps,
};

/// 16 words of two values each, and the two values of every word as floats.
///
/// # Safety
/// All functions need the features of [`Level::Avx512`], without bf16.
pub(in crate::kv) trait Words: Sized {
    /// The words at `line`, 32 values of which must be readable.
    unsafe fn load(line: *const Self) -> __m512i;

    /// The first value of each word.
    unsafe fn low(words: __m512i) -> __m512;

    /// The second value of each word.
    unsafe fn high(words: __m512i) -> __m512;
}

impl Words for u16 {
    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn load(line: *const Self) -> __m512i {
        // SAFETY: promised by the caller.
        unsafe { _mm512_loadu_si512(line.cast()) }
    }

    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn low(words: __m512i) -> __m512 {
        _mm512_castsi512_ps(_mm512_slli_epi32::<16>(words))
    }

    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn high(words: __m512i) -> __m512 {
        let high_half = _mm512_set1_epi32(0xffff_0000_u32 as i32);
        _mm512_castsi512_ps(_mm512_and_si512(words, high_half))
    }
}

impl Words for i8 {
    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn load(line: *const Self) -> __m512i {
        // SAFETY: promised by the caller.
        unsafe { _mm512_cvtepi8_epi16(_mm256_loadu_si256(line.cast())) }
    }

    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn low(words: __m512i) -> __m512 {
        _mm512_cvtepi32_ps(_mm512_srai_epi32::<16>(_mm512_slli_epi32::<16>(words)))
    }

    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn high(words: __m512i) -> __m512 {
        _mm512_cvtepi32_ps(_mm512_srai_epi32::<16>(words))
    }
}

/// How the words of a line are multiplied by the rows.
///
/// # Safety
/// `multiply` needs the features of [`Level::Avx512`], for [`Dot`] with bf16, and a pair to read at
/// `pairs` and at each further row's distance `stride`.
trait Multiply<E> {
    /// The two values of a row that a word is multiplied by.
    type Pair;

    /// Vectors that are multiplied together; words that are widened need registers of their own.
    const WIDTH: usize;

    /// How many pairs the weights of two rows for the keys of `blocks` blocks are apart.
    fn weight_stride(blocks: usize) -> usize;

    /// `sums[t][p] += words[p] . pairs[t]`, two products per lane.
    unsafe fn multiply<const P: usize, const NR: usize>(
        sums: &mut [[__m512; P]; NR],
        words: [__m512i; P],
        pairs: *const Self::Pair,
        stride: usize,
    );
}

/// Both widened to f32: first the lower values, then the upper ones.
struct Widened;

/// Both in bf16, by one instruction.
struct Dot;

impl<E: Words> Multiply<E> for Widened {
    type Pair = [f32; 2];
    const WIDTH: usize = 2;

    fn weight_stride(_blocks: usize) -> usize {
        KEYS / 2
    }

    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn multiply<const P: usize, const NR: usize>(
        sums: &mut [[__m512; P]; NR],
        words: [__m512i; P],
        pairs: *const [f32; 2],
        stride: usize,
    ) {
        // SAFETY: promised by the caller.
        unsafe {
            let low = words.map(|words| E::low(words));
            for t in 0..NR {
                let x = _mm512_set1_ps((*pairs.add(t * stride))[0]);
                for p in 0..P {
                    sums[t][p] = _mm512_fmadd_ps(low[p], x, sums[t][p]);
                }
            }
            let high = words.map(|words| E::high(words));
            for t in 0..NR {
                let x = _mm512_set1_ps((*pairs.add(t * stride))[1]);
                for p in 0..P {
                    sums[t][p] = _mm512_fmadd_ps(high[p], x, sums[t][p]);
                }
            }
        }
    }
}

impl Multiply<u16> for Dot {
    type Pair = u32;
    const WIDTH: usize = 4;

    fn weight_stride(blocks: usize) -> usize {
        blocks * BLOCK_TOKENS / 2
    }

    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bf16"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn multiply<const P: usize, const NR: usize>(
        sums: &mut [[__m512; P]; NR],
        words: [__m512i; P],
        pairs: *const u32,
        stride: usize,
    ) {
        for t in 0..NR {
            // SAFETY: the read is promised by the caller; both vector types are 64 plain bytes.
            unsafe {
                let pair = _mm512_set1_epi32((*pairs.add(t * stride)).cast_signed());
                let pair = std::mem::transmute::<__m512i, __m512bh>(pair);
                for p in 0..P {
                    let words = std::mem::transmute::<__m512i, __m512bh>(words[p]);
                    sums[t][p] = _mm512_dpbf16_ps(sums[t][p], words, pair);
                }
            }
        }
    }
}

/// Runs `$product::<_, _, N>` over `$rows` rows from the first on, in groups of `$group` and then the
/// `$rest`; each row is computed alike in any group.
macro_rules! for_row_groups {
    (
        $rows:expr, $group:literal: $($rest:literal)*,
        |$row:ident| $product:ident::<$way:ty> $args:tt
    ) => {
        let rows = $rows;
        let mut $row = 0;
        while $row < rows {
            match rows - $row {
                $($rest => for_row_groups!(@ $product $way, $rest, $args),)*
                _ => for_row_groups!(@ $product $way, $group, $args),
            }
            $row += $group;
        }
    };
    (@ $product:ident $way:ty, $count:literal, ($($arg:expr),* $(,)?)) => {
        $product::<_, $way, $count>($($arg),*)
    };
}

/// `scores = q K^T` for all rows and the keys of `blocks`, with pages widened.
///
/// # Safety
/// The processor must have the features of [`Level::Avx512`]; the blocks must exist in the planes,
/// `head_dim` must be a multiple of 16, and the slices must hold the view's rows.
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(super) unsafe fn scores<E: Element>(
    view: &View<'_, E>,
    blocks: &[u32],
    q_rd: &[f32],
    _words: &mut [u32],
    scores: &mut [f32],
) {
    let (pairs, stride) = (q_rd.as_ptr().cast::<[f32; 2]>(), view.head_dim / 2);
    // SAFETY: passed on to the caller.
    unsafe {
        for_row_groups!(view.count, 8: 1 2 3 4 5 6 7, |row| score_rows::<Widened>(
            view,
            blocks,
            pairs.add(row * stride),
            scores.as_mut_ptr().add(row * KEYS),
        ));
    }
}

/// `out = out * old_weight + P V` for all rows and the keys of `blocks`, with pages widened.
///
/// # Safety
/// As [`scores`].
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(super) unsafe fn add_values<E: Element>(
    view: &View<'_, E>,
    blocks: &[u32],
    weights: &[f32],
    _words: &mut [u32],
    old_weight: &[f32; MAX_ROWS],
    out_rd: &mut [f32],
) {
    let pairs = weights.as_ptr().cast::<[f32; 2]>();
    // SAFETY: passed on to the caller.
    unsafe {
        for_row_groups!(view.count, 8: 1 2 3 4 5 6 7, |row| add_value_rows::<Widened>(
            view,
            blocks,
            pairs.add(row * KEYS / 2),
            &old_weight[row..],
            &mut out_rd[row * view.head_dim..],
        ));
    }
}

/// As [`scores`], with queries rounded to bf16.
///
/// # Safety
/// As [`scores`], and the processor must have the instructions for bf16.
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bf16"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(super) unsafe fn scores_dot(
    view: &View<'_, u16>,
    blocks: &[u32],
    q_rd: &[f32],
    words: &mut [u32],
    scores: &mut [f32],
) {
    let d = view.head_dim;
    let pairs = rounded(q_rd, view.count, d, d, words);
    // SAFETY: passed on to the caller.
    unsafe {
        for_row_groups!(view.count, 6: 1 2 3 4 5, |row| score_rows::<Dot>(
            view,
            blocks,
            pairs.add(row * d / 2),
            scores.as_mut_ptr().add(row * KEYS),
        ));
    }
}

/// As [`add_values`], with weights rounded to bf16.
///
/// # Safety
/// As [`scores_dot`].
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bf16"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(super) unsafe fn add_values_dot(
    view: &View<'_, u16>,
    blocks: &[u32],
    weights: &[f32],
    words: &mut [u32],
    old_weight: &[f32; MAX_ROWS],
    out_rd: &mut [f32],
) {
    let keys = blocks.len() * BLOCK_TOKENS;
    let pairs = rounded(weights, view.count, KEYS, keys, words);
    // SAFETY: passed on to the caller.
    unsafe {
        for_row_groups!(view.count, 6: 1 2 3 4 5, |row| add_value_rows::<Dot>(
            view,
            blocks,
            pairs.add(row * keys / 2),
            &old_weight[row..],
            &mut out_rd[row * view.head_dim..],
        ));
    }
}

/// `rows` rows of `len` values, `stride` apart, as pairs of bf16 that follow each other.
pub(super) fn rounded(
    data: &[f32],
    rows: usize,
    stride: usize,
    len: usize,
    words: &mut [u32],
) -> *const u32 {
    let words = &mut words[..rows * len / 2];
    let source = Source { data, stride, rows, len };
    words_of_rows(Level::Avx512, DenseType::Bf16, source, 1.0, words);
    words.as_ptr()
}

/// `scores = q K^T` for `NR` rows and the keys of `blocks`.
///
/// # Safety
/// As [`scores_dot`]; the rows' pairs must be readable at distance `head_dim / 2` and their scores
/// writable at distance [`KEYS`].
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn score_rows<E: Element, M: Multiply<E>, const NR: usize>(
    view: &View<'_, E>,
    blocks: &[u32],
    pairs: *const M::Pair,
    scores: *mut f32,
) {
    let mut page = 0;
    // SAFETY: passed on to the caller.
    unsafe {
        macro_rules! pages {
            ($count:literal) => {
                while let Some(blocks) = blocks[page..].first_chunk() {
                    let scores = scores.add(page * BLOCK_TOKENS);
                    score_pages::<E, M, $count, NR>(view, blocks, pairs, scores);
                    page += $count;
                }
            };
        }
        if M::WIDTH == 4 {
            pages!(4);
        }
        pages!(2);
        pages!(1);
    }
}

/// # Safety
/// As [`score_rows`], for `P` pages.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn score_pages<E: Element, M: Multiply<E>, const P: usize, const NR: usize>(
    view: &View<'_, E>,
    blocks: &[u32; P],
    pairs: *const M::Pair,
    scores: *mut f32,
) {
    let d = view.head_dim;
    let mut sums = [[_mm512_setzero_ps(); P]; NR];
    // SAFETY: the pages exist and have `d / 2` lines of 16 words; the caller promises the rest.
    unsafe {
        let pages = blocks.map(|block| view.keys.as_ptr().add(block as usize * BLOCK_TOKENS * d));
        accumulate::<E, M, P, NR>(&mut sums, pages, BLOCK_TOKENS, pairs, d / 2, d / 2);
        for p in 0..P {
            if E::SCALED {
                let scales = view.key_scales[blocks[p] as usize * BLOCK_TOKENS..].as_ptr();
                for sums in &mut sums {
                    sums[p] = _mm512_mul_ps(sums[p], _mm512_loadu_ps(scales));
                }
            }
            for (t, sums) in sums.iter().enumerate() {
                _mm512_storeu_ps(scores.add(t * KEYS + p * BLOCK_TOKENS), sums[p]);
            }
        }
    }
}

/// `out = out * old_weight + P V` for `NR` rows and the keys of `blocks`.
///
/// # Safety
/// As [`scores_dot`]; the rows' pairs must be readable, see `add_value_columns`.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn add_value_rows<E: Element, M: Multiply<E>, const NR: usize>(
    view: &View<'_, E>,
    blocks: &[u32],
    pairs: *const M::Pair,
    old_weight: &[f32],
    out_rd: &mut [f32],
) {
    let d = view.head_dim;
    let mut column = 0;
    // SAFETY: passed on to the caller.
    unsafe {
        macro_rules! columns {
            ($count:literal) => {
                while column + $count * BLOCK_TOKENS <= d {
                    add_value_columns::<E, M, $count, NR>(
                        view, blocks, pairs, old_weight, out_rd, column,
                    );
                    column += $count * BLOCK_TOKENS;
                }
            };
        }
        if M::WIDTH == 4 {
            columns!(4);
        }
        columns!(2);
        columns!(1);
    }
}

/// # Safety
/// As [`add_value_rows`], for `P` vectors of columns from `column` on.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn add_value_columns<E: Element, M: Multiply<E>, const P: usize, const NR: usize>(
    view: &View<'_, E>,
    blocks: &[u32],
    pairs: *const M::Pair,
    old_weight: &[f32],
    out_rd: &mut [f32],
    column: usize,
) {
    let d = view.head_dim;
    let stride = M::weight_stride(blocks.len());
    let mut sums = [[_mm512_setzero_ps(); P]; NR];
    // SAFETY: the pages exist and have 8 lines of `d` words; the caller promises the rest.
    unsafe {
        let out = out_rd.as_mut_ptr().add(column);
        for t in 0..NR {
            let weight = _mm512_set1_ps(old_weight[t]);
            for p in 0..P {
                let before = _mm512_loadu_ps(out.add(t * d + p * BLOCK_TOKENS));
                sums[t][p] = _mm512_mul_ps(before, weight);
            }
        }
        for (i, &block) in blocks.iter().enumerate() {
            let page = view.values.as_ptr().add(block as usize * BLOCK_TOKENS * d);
            let lines = std::array::from_fn(|p| page.add(2 * (column + p * BLOCK_TOKENS)));
            let pairs = pairs.add(i * BLOCK_TOKENS / 2);
            accumulate::<E, M, P, NR>(&mut sums, lines, d, pairs, stride, BLOCK_TOKENS / 2);
        }
        for t in 0..NR {
            for p in 0..P {
                _mm512_storeu_ps(out.add(t * d + p * BLOCK_TOKENS), sums[t][p]);
            }
        }
    }
}

/// `sums[t][p] += sum over steps s of line s of p . pair s of row t`.
///
/// Lines are 16 words, `line_stride` words apart; rows are `stride` pairs apart.
///
/// # Safety
/// All of that must be readable, and the processor must have what the way to multiply needs.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn accumulate<E: Element, M: Multiply<E>, const P: usize, const NR: usize>(
    sums: &mut [[__m512; P]; NR],
    lines: [*const E; P],
    line_stride: usize,
    pairs: *const M::Pair,
    stride: usize,
    steps: usize,
) {
    let mut acc = *sums;
    for s in 0..steps {
        // SAFETY: promised by the caller.
        unsafe {
            let words = lines.map(|line| <E as Words>::load(line.add(s * 2 * line_stride)));
            M::multiply(&mut acc, words, pairs.add(s), stride);
        }
    }
    *sums = acc;
}

/// Turns the scores of a row into weights relative to its new largest score, and adds their sum.
/// Returns the factor that brings what was summed before to the same measure.
///
/// Keys outside `visible` get a weight of exactly zero, so how many of them there are changes
/// nothing.
///
/// # Safety
/// The processor must have the features of [`Level::Avx512`].
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512dq"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(super) unsafe fn softmax_row(
    scores: &mut [f32],
    visible: Range<usize>,
    cap: Option<f32>,
    max: &mut f32,
    sum: &mut f32,
) -> f32 {
    if visible.is_empty() {
        scores.fill(0.0);
        return 1.0;
    }
    if let Some(cap) = cap {
        for chunk in scores.as_chunks_mut::<16>().0 {
            // SAFETY: a chunk is 16 floats.
            unsafe {
                let capped = tanh(_mm512_loadu_ps(chunk.as_ptr()));
                _mm512_storeu_ps(chunk.as_mut_ptr(), _mm512_mul_ps(capped, _mm512_set1_ps(cap)));
            }
        }
    }
    scores[..visible.start].fill(MASKED);
    scores[visible.end..].fill(MASKED);
    let chunks = scores.as_chunks_mut::<16>().0;
    let mut largest = _mm512_set1_ps(*max);
    for chunk in &*chunks {
        // SAFETY: a chunk is 16 floats.
        largest = _mm512_max_ps(largest, unsafe { _mm512_loadu_ps(chunk.as_ptr()) });
    }
    let new_max = lanes(largest).into_iter().fold(MASKED, f32::max);
    let shift = _mm512_set1_ps(new_max);
    let mut sums = _mm512_setzero_ps();
    for chunk in chunks {
        // SAFETY: a chunk is 16 floats.
        unsafe {
            let weights = exp2(_mm512_sub_ps(_mm512_loadu_ps(chunk.as_ptr()), shift));
            sums = _mm512_add_ps(sums, weights);
            _mm512_storeu_ps(chunk.as_mut_ptr(), weights);
        }
    }
    let old_weight = lanes(exp2(_mm512_set1_ps(*max - new_max)))[0];
    *sum = *sum * old_weight + lanes(sums).into_iter().sum::<f32>();
    *max = new_max;
    old_weight
}

#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
fn lanes(v: __m512) -> [f32; 16] {
    let mut lanes = [0.0; 16];
    // SAFETY: sixteen floats.
    unsafe { _mm512_storeu_ps(lanes.as_mut_ptr(), v) };
    lanes
}

/// `2^x` for `x <= 0` within 2e-7; exactly 0 below -150.
///
/// The polynomial of degree 5 that is 1 at 0 and else has the least relative error over [0, 1), of
/// `x - floor(x)`, times `2^floor(x)`.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512dq"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
fn exp2(x: __m512) -> __m512 {
    let rest = _mm512_reduce_ps::<_MM_FROUND_TO_NEG_INF>(x);
    let mut poly = _mm512_set1_ps(1.867_119_1e-3);
    for coefficient in [9.017_054e-3, 5.579_989_8e-2, 0.240_164_46, 0.693_151_3, 1.0] {
        poly = _mm512_fmadd_ps(poly, rest, _mm512_set1_ps(coefficient));
    }
    _mm512_scalef_ps(poly, x)
}

/// `tanh(x) = (1 - e) / (1 + e)` with `e = exp(-2 |x|)`, and the sign of `x`; within 3e-7.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512dq"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
fn tanh(x: __m512) -> __m512 {
    let e = exp2(_mm512_mul_ps(_mm512_abs_ps(x), _mm512_set1_ps(-2.0 * LOG2_E)));
    let one = _mm512_set1_ps(1.0);
    let tanh = _mm512_div_ps(_mm512_sub_ps(one, e), _mm512_add_ps(one, e));
    let sign = _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(i32::MIN));
    _mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512(tanh), sign))
}
