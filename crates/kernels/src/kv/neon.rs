//! Attention at NEON: pages widened in registers, up to 5 rows at a time.
//!
//! 5 rows of 16 keys are 20 sums: more than the 16 that hide the latency of four multiplying pipes, and
//! few enough to leave registers for widening. Rows are multiplied from lanes, four values of each in a
//! register for two lines of a page.

use std::arch::aarch64::{
    float32x4_t, vabsq_f32, vaddq_f32, vaddq_s32, vaddvq_f32, vandq_u32, vbslq_f32, vcgeq_f32,
    vcvtq_f32_s32, vcvtq_n_f32_s32, vcvtq_s32_f32, vdivq_f32, vdupq_n_f32, vdupq_n_s32,
    vdupq_n_u32, vfmaq_f32, vfmaq_laneq_f32, vld1_s8, vld1q_f32, vld1q_u16, vmaxnmq_f32,
    vmaxnmvq_f32, vmovl_s8, vmulq_f32, vmulq_n_f32, vreinterpretq_f32_s32, vreinterpretq_f32_u32,
    vreinterpretq_s32_s16, vreinterpretq_u32_f32, vreinterpretq_u32_u16, vrndnq_f32, vshlq_n_s32,
    vshlq_n_u32, vshrq_n_s32, vst1q_f32, vsubq_f32,
};
use std::f32::consts::LOG2_E;
use std::ops::Range;

use super::cache::BLOCK_TOKENS;
use super::planes::Element;
use super::segment::{Rows, Softmax};
use super::task::{KEYS, MASKED, MAX_ROWS, Operands, View};
use crate::span;

/// Sums of some rows by 16 keys or columns.
type Sums<const NR: usize> = [[float32x4_t; 4]; NR];

/// Values of pages, two to a word.
pub(in crate::kv) trait Words: Sized {
    /// The first and the second value of each of four words.
    ///
    /// # Safety
    /// 8 values must be readable at `words`.
    unsafe fn pairs(words: *const Self) -> [float32x4_t; 2];
}

impl Words for u16 {
    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn pairs(words: *const Self) -> [float32x4_t; 2] {
        // SAFETY: promised by the caller.
        let words = vreinterpretq_u32_u16(unsafe { vld1q_u16(words) });
        let high = vandq_u32(words, vdupq_n_u32(0xffff_0000));
        [vshlq_n_u32::<16>(words), high].map(|bits| vreinterpretq_f32_u32(bits))
    }
}

impl Words for i8 {
    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn pairs(words: *const Self) -> [float32x4_t; 2] {
        // SAFETY: promised by the caller.
        let words = vreinterpretq_s32_s16(vmovl_s8(unsafe { vld1_s8(words) }));
        // 16 bits of fraction are those that the shift brings in.
        let low = vcvtq_n_f32_s32::<16>(vshlq_n_s32::<16>(words));
        [low, vcvtq_f32_s32(vshrq_n_s32::<16>(words))]
    }
}

/// Runs `$product::<_, N>` over `$rows` rows in groups of up to 5, as equal as can be; each row is
/// computed alike in any group.
macro_rules! for_row_groups {
    ($rows:expr, |$row:ident| $product:ident($($arg:expr),* $(,)?)) => {
        let groups = $rows.div_ceil(5);
        for group in 0..groups {
            let rows = span($rows, group, groups);
            let $row = rows.start;
            match rows.len() {
                1 => $product::<E, 1>($($arg),*),
                2 => $product::<E, 2>($($arg),*),
                3 => $product::<E, 3>($($arg),*),
                4 => $product::<E, 4>($($arg),*),
                _ => $product::<E, 5>($($arg),*),
            }
        }
    };
}

/// `scores = q K^T` for all rows and the keys of `blocks`.
///
/// # Safety
/// The blocks must exist in the planes, `head_dim` must be a multiple of 16, and the operands must
/// hold the view's rows.
#[target_feature(enable = "neon")]
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
#[target_feature(enable = "neon")]
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
#[target_feature(enable = "neon")]
unsafe fn score_rows<E: Element, const NR: usize>(
    view: &View<'_, E>,
    blocks: &[u32],
    q_rd: &[f32],
    scores: &mut [f32],
) {
    let d = view.head_dim;
    for (i, &block) in blocks.iter().enumerate() {
        let mut acc: Sums<NR> = [[vdupq_n_f32(0.0); 4]; NR];
        // SAFETY: the page exists and has `d / 2` lines of 16 words; rows were checked by the caller.
        unsafe {
            let page = view.keys.as_ptr().add(block as usize * BLOCK_TOKENS * d);
            accumulate(&mut acc, page, BLOCK_TOKENS, q_rd.as_ptr(), d, d / 2);
            if E::SCALED {
                let scales = view.key_scales[block as usize * BLOCK_TOKENS..].as_ptr();
                for sums in &mut acc {
                    for (v, sum) in sums.iter_mut().enumerate() {
                        *sum = vmulq_f32(*sum, vld1q_f32(scales.add(4 * v)));
                    }
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
#[target_feature(enable = "neon")]
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
            let mut acc: Sums<NR> = std::array::from_fn(|t| {
                std::array::from_fn(|v| {
                    vmulq_n_f32(vld1q_f32(out.add(t * d + 4 * v)), old_weight[t])
                })
            });
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
/// All of that must be readable, and `steps` must be even.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn accumulate<E: Element, const NR: usize>(
    acc: &mut Sums<NR>,
    lines: *const E,
    line_stride: usize,
    rows: *const f32,
    row_stride: usize,
    steps: usize,
) {
    let mut sums = *acc;
    for s in (0..steps).step_by(2) {
        // SAFETY: promised by the caller.
        unsafe {
            let values: [float32x4_t; NR] =
                std::array::from_fn(|t| vld1q_f32(rows.add(t * row_stride + 2 * s)));
            let line = lines.add(s * 2 * line_stride);
            multiply::<0, 1, E, NR>(&mut sums, &values, line);
            multiply::<2, 3, E, NR>(&mut sums, &values, line.add(2 * line_stride));
        }
    }
    *acc = sums;
}

/// `sums[t] += values[t][LOW] * low(line) + values[t][HIGH] * high(line)`.
///
/// # Safety
/// 32 values must be readable at `line`.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn multiply<const LOW: i32, const HIGH: i32, E: Element, const NR: usize>(
    sums: &mut Sums<NR>,
    values: &[float32x4_t; NR],
    line: *const E,
) {
    for v in 0..4 {
        // SAFETY: promised by the caller.
        let [low, high] = unsafe { <E as Words>::pairs(line.add(8 * v)) };
        for (sums, values) in sums.iter_mut().zip(values) {
            sums[v] = vfmaq_laneq_f32::<LOW>(sums[v], low, *values);
        }
        for (sums, values) in sums.iter_mut().zip(values) {
            sums[v] = vfmaq_laneq_f32::<HIGH>(sums[v], high, *values);
        }
    }
}

/// # Safety
/// 16 floats must be writable at `out` and at each further row's distance `stride`.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn store<const NR: usize>(acc: &Sums<NR>, out: *mut f32, stride: usize) {
    for (t, sums) in acc.iter().enumerate() {
        for (v, sum) in sums.iter().enumerate() {
            // SAFETY: promised by the caller.
            unsafe { vst1q_f32(out.add(t * stride + 4 * v), *sum) };
        }
    }
}

/// Turns the scores of all rows into weights.
///
/// # Safety
/// Rows must be there whole.
#[target_feature(enable = "neon")]
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
#[target_feature(enable = "neon")]
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
        for chunk in scores.as_chunks_mut::<16>().0 {
            put(chunk, quarters(chunk).map(|scores| vmulq_n_f32(tanh(scores), cap)));
        }
    }
    scores[..visible.start].fill(MASKED);
    scores[visible.end..].fill(MASKED);
    let chunks = scores.as_chunks_mut::<16>().0;
    let mut largest = [vdupq_n_f32(*max); 4];
    for chunk in &*chunks {
        for (largest, scores) in largest.iter_mut().zip(quarters(chunk)) {
            *largest = vmaxnmq_f32(*largest, scores);
        }
    }
    let [a, b, c, d] = largest;
    let new_max = vmaxnmvq_f32(vmaxnmq_f32(vmaxnmq_f32(a, b), vmaxnmq_f32(c, d)));
    let shift = vdupq_n_f32(new_max);
    let mut sums = [vdupq_n_f32(0.0); 4];
    for (i, chunk) in chunks.iter_mut().enumerate() {
        let mut weights = quarters(chunk).map(|scores| exp2(vsubq_f32(scores, shift)));
        for (sum, weights) in sums.iter_mut().zip(weights) {
            *sum = vaddq_f32(*sum, weights);
        }
        if let Some(scales) = scales {
            for (weights, scales) in weights.iter_mut().zip(quarters(&scales.as_chunks().0[i])) {
                *weights = vmulq_f32(*weights, scales);
            }
        }
        put(chunk, weights);
    }
    let old_weight = (*max - new_max).exp2();
    let [a, b, c, d] = sums;
    *sum = *sum * old_weight + vaddvq_f32(vaddq_f32(vaddq_f32(a, b), vaddq_f32(c, d)));
    *max = new_max;
    old_weight
}

#[inline]
#[target_feature(enable = "neon")]
fn quarters(chunk: &[f32; 16]) -> [float32x4_t; 4] {
    // SAFETY: four times four floats.
    [0, 4, 8, 12].map(|at| unsafe { vld1q_f32(chunk.as_ptr().add(at)) })
}

#[inline]
#[target_feature(enable = "neon")]
fn put(chunk: &mut [f32; 16], quarters: [float32x4_t; 4]) {
    for (v, values) in quarters.into_iter().enumerate() {
        // SAFETY: four times four floats.
        unsafe { vst1q_f32(chunk.as_mut_ptr().add(4 * v), values) };
    }
}

/// `2^x` for `x <= 0` within 2e-7; exactly 0 below -126.
///
/// Nearest integer into the exponent; Taylor polynomial of degree 6 for the rest in [-0.5, 0.5].
#[inline]
#[target_feature(enable = "neon")]
fn exp2(x: float32x4_t) -> float32x4_t {
    let least = vdupq_n_f32(-126.0);
    let in_range = vcgeq_f32(x, least);
    let x = vmaxnmq_f32(x, least);
    let whole = vrndnq_f32(x);
    let rest = vsubq_f32(x, whole);
    let mut poly = vdupq_n_f32(1.540_353e-4);
    for coefficient in
        [1.333_355_8e-3, 9.618_129e-3, 5.550_411e-2, 0.240_226_5, std::f32::consts::LN_2, 1.0]
    {
        poly = vfmaq_f32(vdupq_n_f32(coefficient), poly, rest);
    }
    let exponent = vaddq_s32(vcvtq_s32_f32(whole), vdupq_n_s32(127));
    let power = vreinterpretq_f32_s32(vshlq_n_s32::<23>(exponent));
    let result = vreinterpretq_u32_f32(vmulq_f32(poly, power));
    vreinterpretq_f32_u32(vandq_u32(result, in_range))
}

/// `tanh(x) = (1 - e) / (1 + e)` with `e = exp(-2 |x|)`, and the sign of `x`; within 3e-7.
#[inline]
#[target_feature(enable = "neon")]
fn tanh(x: float32x4_t) -> float32x4_t {
    let e = exp2(vmulq_n_f32(vabsq_f32(x), -2.0 * LOG2_E));
    let one = vdupq_n_f32(1.0);
    let tanh = vdivq_f32(vsubq_f32(one, e), vaddq_f32(one, e));
    vbslq_f32(vdupq_n_u32(0x8000_0000), x, tanh)
}
