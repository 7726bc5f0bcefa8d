//! Attention at AVX2: pages widened in registers, up to 6 rows at a time.
//!
//! 6 rows of 16 keys are 12 sums: more than the 8 that hide the latency of two FMA units, and with
//! the widened words and one factor all 16 registers.

use std::arch::asm;
use std::arch::x86_64::{
    __m256, __m256i, _CMP_GE_OQ, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _mm_loadu_si128,
    _mm256_add_epi32, _mm256_add_ps, _mm256_and_ps, _mm256_and_si256, _mm256_andnot_ps,
    _mm256_castsi256_ps, _mm256_cmp_ps, _mm256_cvtepi8_epi16, _mm256_cvtepi32_ps,
    _mm256_cvtps_epi32, _mm256_div_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256,
    _mm256_max_ps, _mm256_mul_ps, _mm256_or_ps, _mm256_round_ps, _mm256_set1_epi32, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_slli_epi32, _mm256_srai_epi32, _mm256_storeu_ps, _mm256_sub_ps,
};
use std::f32::consts::LOG2_E;
use std::ops::Range;

use super::cache::BLOCK_TOKENS;
use super::planes::Element;
use super::segment::{Rows, Softmax};
use super::task::{KEYS, MASKED, MAX_ROWS, Operands, View};

/// 16 words of two values each, and the two values of every word as floats.
pub(in crate::kv) trait Words: Sized {
    /// The words as they are multiplied from.
    ///
    /// # Safety
    /// 32 values must be readable at `line`, and the processor must have AVX2.
    unsafe fn load(line: *const Self) -> [__m256i; 2];

    /// The first value of each word.
    ///
    /// # Safety
    /// The processor must have AVX2.
    unsafe fn low(words: __m256i) -> __m256;

    /// The second value of each word.
    ///
    /// # Safety
    /// The processor must have AVX2.
    unsafe fn high(words: __m256i) -> __m256;
}

impl Words for u16 {
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn load(line: *const Self) -> [__m256i; 2] {
        // SAFETY: promised by the caller.
        unsafe { [_mm256_loadu_si256(line.cast()), _mm256_loadu_si256(line.add(16).cast())] }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn low(words: __m256i) -> __m256 {
        _mm256_castsi256_ps(_mm256_slli_epi32::<16>(words))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn high(words: __m256i) -> __m256 {
        let high_half = _mm256_set1_epi32(0xffff_0000_u32 as i32);
        _mm256_castsi256_ps(_mm256_and_si256(words, high_half))
    }
}

impl Words for i8 {
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn load(line: *const Self) -> [__m256i; 2] {
        // SAFETY: promised by the caller.
        unsafe {
            [_mm_loadu_si128(line.cast()), _mm_loadu_si128(line.add(16).cast())]
                .map(|bytes| _mm256_cvtepi8_epi16(bytes))
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn low(words: __m256i) -> __m256 {
        _mm256_cvtepi32_ps(_mm256_srai_epi32::<16>(_mm256_slli_epi32::<16>(words)))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn high(words: __m256i) -> __m256 {
        _mm256_cvtepi32_ps(_mm256_srai_epi32::<16>(words))
    }
}

/// Runs `$product::<_, N>` over `$rows` rows from the first on, in groups of 6 and then the rest; each
/// row is computed alike in any group.
macro_rules! for_row_groups {
    ($rows:expr, |$row:ident| $product:ident($($arg:expr),* $(,)?)) => {
        let rows = $rows;
        let mut $row = 0;
        while $row < rows {
            match rows - $row {
                1 => $product::<E, 1>($($arg),*),
                2 => $product::<E, 2>($($arg),*),
                3 => $product::<E, 3>($($arg),*),
                4 => $product::<E, 4>($($arg),*),
                5 => $product::<E, 5>($($arg),*),
                _ => $product::<E, 6>($($arg),*),
            }
            $row += 6;
        }
    };
}

/// `scores = q K^T` for all rows and the keys of `blocks`.
///
/// # Safety
/// The processor must have the features of [`crate::Level::Avx2`]; the blocks must exist in the
/// planes, `head_dim` must be a multiple of 16, and the operands must hold the view's rows.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn scores<E: Element>(
    view: &View<'_, E>,
    blocks: &[u32],
    operands: &mut Operands<'_>,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        for_row_groups!(view.count, |row| score_rows(
            view,
            blocks,
            &operands.q_rd[row * view.head_dim..],
            &mut operands.scores[row * KEYS..],
        ));
    }
}

/// `out = out * old_weight + P V` for all rows and the keys of `blocks`.
///
/// # Safety
/// As [`scores`].
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn add_values<E: Element>(
    view: &View<'_, E>,
    blocks: &[u32],
    operands: &mut Operands<'_>,
    old_weight: &[f32; MAX_ROWS],
    out_rd: &mut [f32],
) {
    // SAFETY: passed on to the caller.
    unsafe {
        for_row_groups!(view.count, |row| add_value_rows(
            view,
            blocks,
            &operands.scores[row * KEYS..],
            &old_weight[row..],
            &mut out_rd[row * view.head_dim..],
        ));
    }
}

/// `scores = q K^T` for `NR` rows and the keys of `blocks`.
///
/// # Safety
/// As [`scores`].
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn score_rows<E: Element, const NR: usize>(
    view: &View<'_, E>,
    blocks: &[u32],
    q_rd: &[f32],
    scores: &mut [f32],
) {
    let d = view.head_dim;
    for (i, &block) in blocks.iter().enumerate() {
        let mut acc = [[_mm256_setzero_ps(); 2]; NR];
        // SAFETY: the page exists and has `d / 2` lines of 16 words; rows were checked by the caller.
        unsafe {
            let page = view.keys.as_ptr().add(block as usize * BLOCK_TOKENS * d);
            accumulate(&mut acc, page, BLOCK_TOKENS, q_rd.as_ptr(), d, d / 2);
            if E::SCALED {
                let scales = view.key_scales[block as usize * BLOCK_TOKENS..].as_ptr();
                for sums in &mut acc {
                    sums[0] = _mm256_mul_ps(sums[0], _mm256_loadu_ps(scales));
                    sums[1] = _mm256_mul_ps(sums[1], _mm256_loadu_ps(scales.add(8)));
                }
            }
            store(&acc, scores.as_mut_ptr().add(i * BLOCK_TOKENS), KEYS);
        }
    }
}

/// `out = out * old_weight + P V` for `NR` rows and the keys of `blocks`.
///
/// # Safety
/// As [`scores`].
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn add_value_rows<E: Element, const NR: usize>(
    view: &View<'_, E>,
    blocks: &[u32],
    weights: &[f32],
    old_weight: &[f32],
    out_rd: &mut [f32],
) {
    let d = view.head_dim;
    for column in (0..d).step_by(BLOCK_TOKENS) {
        // SAFETY: the pages exist and have 8 lines of `d` words; rows were checked by the caller.
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
                let weights = weights.as_ptr().add(i * BLOCK_TOKENS);
                let lines = page.add(2 * column);
                accumulate(&mut acc, lines, d, weights, KEYS, BLOCK_TOKENS / 2);
            }
            store(&acc, out, d);
        }
    }
}

/// `acc[t] += sum over steps of rows[t][2 s] * low(line s) + rows[t][2 s + 1] * high(line s)`.
///
/// A line is 16 words of two values, one word per lane; lines are `line_stride` words apart, rows
/// `row_stride` floats.
///
/// # Safety
/// All of that must be readable.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn accumulate<E: Element, const NR: usize>(
    acc: &mut [[__m256; 2]; NR],
    lines: *const E,
    line_stride: usize,
    rows: *const f32,
    row_stride: usize,
    steps: usize,
) {
    let mut sums = *acc;
    for s in 0..steps {
        // SAFETY: promised by the caller.
        unsafe {
            let line = lines.add(s * 2 * line_stride);
            let words = <E as Words>::load(line);
            let low = [<E as Words>::low(words[0]), <E as Words>::low(words[1])];
            for t in 0..NR {
                let x = _mm256_set1_ps(*rows.add(t * row_stride + 2 * s));
                for h in 0..2 {
                    sums[t][h] = _mm256_fmadd_ps(low[h], x, sums[t][h]);
                }
            }
            let words = <E as Words>::load(again(line));
            let high = [<E as Words>::high(words[0]), <E as Words>::high(words[1])];
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

/// The same address, of which the compiler does not know that it was read from: words that are read
/// again need no registers in between, where sums take all but four.
#[inline]
fn again<E>(line: *const E) -> *const E {
    let mut address = line.expose_provenance();
    // SAFETY: the block is empty.
    unsafe {
        asm!("/* {0} */", inout(reg) address, options(pure, nomem, nostack, preserves_flags));
    };
    std::ptr::with_exposed_provenance(address)
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

/// Turns the scores of all rows into weights.
///
/// # Safety
/// The processor must have the features of [`crate::Level::Avx2`]; rows must be there whole.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn weigh(rows: Rows<'_>, (max_r, sum_r): Softmax<'_>) -> [f32; MAX_ROWS] {
    let Rows { scores, len, scales, visible, cap, .. } = rows;
    let mut old_weight = [1.0; MAX_ROWS];
    for (row, (visible, scores)) in visible.iter().zip(scores.chunks_exact_mut(KEYS)).enumerate() {
        let (max, sum) = (&mut max_r[row], &mut sum_r[row]);
        old_weight[row] = softmax(&mut scores[..len], visible, cap, scales, max, sum);
    }
    old_weight
}

/// Turns the scores of a row into weights relative to its new largest score, and adds their sum.
/// Returns the factor that brings what was summed before to the same measure.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn softmax(
    scores: &mut [f32],
    visible: &Range<usize>,
    cap: Option<f32>,
    scales: Option<&[f32; KEYS]>,
    max: &mut f32,
    sum: &mut f32,
) -> f32 {
    if visible.is_empty() {
        scores.fill(0.0);
        return 1.0;
    }
    if let Some(cap) = cap {
        for chunk in scores.as_chunks_mut::<8>().0 {
            // SAFETY: a chunk is 8 floats.
            unsafe {
                let capped =
                    _mm256_mul_ps(tanh(_mm256_loadu_ps(chunk.as_ptr())), _mm256_set1_ps(cap));
                _mm256_storeu_ps(chunk.as_mut_ptr(), capped);
            }
        }
    }
    scores[..visible.start].fill(MASKED);
    scores[visible.end..].fill(MASKED);
    let chunks = scores.as_chunks_mut::<8>().0;
    let mut largest = _mm256_set1_ps(*max);
    for chunk in &*chunks {
        // SAFETY: a chunk is 8 floats.
        largest = _mm256_max_ps(largest, unsafe { _mm256_loadu_ps(chunk.as_ptr()) });
    }
    let new_max = lanes(largest).into_iter().fold(MASKED, f32::max);
    let shift = _mm256_set1_ps(new_max);
    let mut sums = _mm256_setzero_ps();
    for (i, chunk) in chunks.iter_mut().enumerate() {
        // SAFETY: a chunk is 8 floats, and there are as many scales: at most `KEYS`.
        unsafe {
            let mut weights = exp2(_mm256_sub_ps(_mm256_loadu_ps(chunk.as_ptr()), shift));
            sums = _mm256_add_ps(sums, weights);
            if let Some(scales) = scales {
                weights = _mm256_mul_ps(weights, _mm256_loadu_ps(scales.as_ptr().add(8 * i)));
            }
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

/// `tanh(x) = (1 - e) / (1 + e)` with `e = exp(-2 |x|)`, and the sign of `x`; within 3e-7.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn tanh(x: __m256) -> __m256 {
    let sign_bit = _mm256_set1_ps(-0.0);
    let magnitude = _mm256_andnot_ps(sign_bit, x);
    let e = exp2(_mm256_mul_ps(magnitude, _mm256_set1_ps(-2.0 * LOG2_E)));
    let one = _mm256_set1_ps(1.0);
    let tanh = _mm256_div_ps(_mm256_sub_ps(one, e), _mm256_add_ps(one, e));
    _mm256_or_ps(tanh, _mm256_and_ps(sign_bit, x))
}
