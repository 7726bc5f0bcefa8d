//! Scores into weights, in passes over all rows.
//!
//! A row's weights wait for its largest score, which takes many steps one after another; another row's
//! do not, so all rows' are found first. Weights are summed in one vector, page after page: pages before
//! those that a row sees, as many as the first row of its task needs, then change nothing.

use std::f32::consts::LOG2_E;
use std::ops::Range;

use crate::dense::bf16_line;
use crate::kv::segment::{Rows, Softmax};
use crate::kv::task::{KEYS, MASKED, MAX_ROWS};
use crate::x86::{
    __m512, _MM_FROUND_TO_NEG_INF, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_max_ps, _mm_max_ss,
    _mm_movehdup_ps, _mm_movehl_ps, _mm512_abs_ps, _mm512_add_ps, _mm512_and_si512,
    _mm512_castps_si512, _mm512_castps512_ps128, _mm512_castsi512_ps, _mm512_div_ps,
    _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_max_ps, _mm512_mul_ps, _mm512_or_si512,
    _mm512_reduce_ps, _mm512_scalef_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_shuffle_i32x4, _mm512_storeu_ps, _mm512_storeu_si512, _mm512_sub_ps,
};

/// Turns the scores of all rows into weights.
///
/// # Safety
/// The processor must have the features of [`crate::Level::Avx512`]; rows must be there whole.
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512dq"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(in crate::kv) unsafe fn weigh(
    mut rows: Rows<'_>,
    (max_r, sum_r): Softmax<'_>,
) -> [f32; MAX_ROWS] {
    let old_weight = maxima(&mut rows, max_r);
    let Rows { scores, len, scales, visible, .. } = rows;
    let of_rows = visible.iter().zip(scores.as_chunks_mut::<KEYS>().0);
    for (row, (visible, scores)) in of_rows.enumerate() {
        let scores = &mut scores[..len];
        if visible.is_empty() {
            scores.fill(0.0);
            continue;
        }
        let shift = _mm512_set1_ps(max_r[row]);
        let mut sums = _mm512_setzero_ps();
        let start = scores.as_mut_ptr();
        for at in (0..len).step_by(32) {
            // SAFETY: 32 scores follow, and as many scales.
            unsafe {
                for half in 0..2 {
                    let at = at + 16 * half;
                    let mut weights = exp2(_mm512_sub_ps(_mm512_loadu_ps(start.add(at)), shift));
                    sums = _mm512_add_ps(sums, weights);
                    if let Some(scales) = scales {
                        weights = _mm512_mul_ps(weights, _mm512_loadu_ps(scales.as_ptr().add(at)));
                    }
                    _mm512_storeu_ps(start.add(at), weights);
                }
            }
        }
        sum_r[row] = sum_r[row] * old_weight[row] + sum(sums);
    }
    old_weight
}

/// As [`weigh`], but the weights are rounded to bf16 and go into the rows' words.
///
/// # Safety
/// As [`weigh`], and the processor must have the instructions for bf16.
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512dq,avx512bf16"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(in crate::kv) unsafe fn weigh_words(
    mut rows: Rows<'_>,
    (max_r, sum_r): Softmax<'_>,
) -> [f32; MAX_ROWS] {
    let old_weight = maxima(&mut rows, max_r);
    let Rows { scores, words, len, scales, visible, .. } = rows;
    let of_rows = scores.as_chunks::<KEYS>().0.iter().zip(words.as_chunks_mut::<{ KEYS / 2 }>().0);
    for (row, (visible, (scores, words))) in visible.iter().zip(of_rows).enumerate() {
        let (scores, words) = (&scores[..len], &mut words[..len / 2]);
        if visible.is_empty() {
            words.fill(0);
            continue;
        }
        let shift = _mm512_set1_ps(max_r[row]);
        let mut sums = _mm512_setzero_ps();
        let (start, out) = (scores.as_ptr(), words.as_mut_ptr());
        for at in (0..len).step_by(32) {
            let mut weights = [_mm512_setzero_ps(); 2];
            // SAFETY: 32 scores follow, as many scales, and 16 words.
            unsafe {
                for half in 0..2 {
                    let at = at + 16 * half;
                    weights[half] =
                        coarse_exp2(_mm512_sub_ps(_mm512_loadu_ps(start.add(at)), shift));
                    sums = _mm512_add_ps(sums, weights[half]);
                    if let Some(scales) = scales {
                        let scales = _mm512_loadu_ps(scales.as_ptr().add(at));
                        weights[half] = _mm512_mul_ps(weights[half], scales);
                    }
                }
                let line = bf16_line(weights[0], weights[1]);
                _mm512_storeu_si512(out.add(at / 2).cast(), line);
            }
        }
        sum_r[row] = sum_r[row] * old_weight[row] + sum(sums);
    }
    old_weight
}

/// Takes the scores of all rows into account in their largest ones, masking those that a row does not
/// see. Returns the factors that bring what was summed before to the new measure.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512dq"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
fn maxima(rows: &mut Rows<'_>, max_r: &mut [f32; MAX_ROWS]) -> [f32; MAX_ROWS] {
    let (before, len) = (*max_r, rows.len);
    let of_rows = rows.scores.as_chunks_mut::<KEYS>().0.iter_mut().zip(rows.visible);
    for ((scores, visible), max) in of_rows.zip(max_r.iter_mut()) {
        if !visible.is_empty() {
            let scores = &mut scores[..len];
            prepare(scores, visible, rows.cap);
            *max = largest(scores, *max);
        }
    }
    let mut old_weight = [1.0; MAX_ROWS];
    // The last 16 rows overlap the first.
    for at in [0, MAX_ROWS - 16] {
        // SAFETY: 16 rows follow.
        unsafe {
            let before = _mm512_loadu_ps(before.as_ptr().add(at));
            let after = _mm512_loadu_ps(max_r.as_ptr().add(at));
            let factors = exp2(_mm512_sub_ps(before, after));
            _mm512_storeu_ps(old_weight.as_mut_ptr().add(at), factors);
        }
    }
    old_weight
}

/// Caps the scores, if there is a cap, and masks those that are not visible.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512dq"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
fn prepare(scores: &mut [f32], visible: &Range<usize>, cap: Option<f32>) {
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
}

/// The largest of the scores and `max`.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
fn largest(scores: &[f32], max: f32) -> f32 {
    let mut largest = [_mm512_set1_ps(max); 4];
    let (fours, rest) = scores.as_chunks::<64>();
    for chunk in fours {
        for (i, largest) in largest.iter_mut().enumerate() {
            // SAFETY: a chunk is four times 16 floats.
            *largest =
                _mm512_max_ps(*largest, unsafe { _mm512_loadu_ps(chunk.as_ptr().add(16 * i)) });
        }
    }
    for chunk in rest.as_chunks::<16>().0 {
        // SAFETY: a chunk is 16 floats.
        largest[0] = _mm512_max_ps(largest[0], unsafe { _mm512_loadu_ps(chunk.as_ptr()) });
    }
    let [a, b, c, d] = largest;
    let v = _mm512_max_ps(_mm512_max_ps(a, b), _mm512_max_ps(c, d));
    let v = _mm512_max_ps(v, halves_swapped(v));
    let v = _mm512_castps512_ps128(_mm512_max_ps(v, quarters_swapped(v)));
    let v = _mm_max_ps(v, _mm_movehl_ps(v, v));
    _mm_cvtss_f32(_mm_max_ss(v, _mm_movehdup_ps(v)))
}

/// The sum of all lanes.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
fn sum(v: __m512) -> f32 {
    let v = _mm512_add_ps(v, halves_swapped(v));
    let v = _mm512_castps512_ps128(_mm512_add_ps(v, quarters_swapped(v)));
    let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
    _mm_cvtss_f32(_mm_add_ss(v, _mm_movehdup_ps(v)))
}

#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
fn halves_swapped(v: __m512) -> __m512 {
    let v = _mm512_castps_si512(v);
    _mm512_castsi512_ps(_mm512_shuffle_i32x4::<0b01_00_11_10>(v, v))
}

#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
fn quarters_swapped(v: __m512) -> __m512 {
    let v = _mm512_castps_si512(v);
    _mm512_castsi512_ps(_mm512_shuffle_i32x4::<0b10_11_00_01>(v, v))
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

/// As [`exp2`], within 3e-6, a thousandth of what rounding to bf16 changes.
///
/// The polynomial of degree 4 that is 1 at 0 and else has the least relative error over [0, 1).
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512dq"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
fn coarse_exp2(x: __m512) -> __m512 {
    let rest = _mm512_reduce_ps::<_MM_FROUND_TO_NEG_INF>(x);
    let mut poly = _mm512_set1_ps(1.342_668_4e-2);
    for coefficient in [5.224_247_2e-2, 0.241_280_2, 0.693_044_84, 1.0] {
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
