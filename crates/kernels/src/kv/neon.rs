//! Attention at NEON: pages widened in registers, up to 5 rows at a time.
//!
//! 5 rows of 16 keys are 20 sums: more than the 16 that hide the latency of four multiplying pipes, and
//! few enough to leave registers for widening. Rows are multiplied from lanes, four values of each in a
//! register for two lines of a page.

use std::arch::aarch64::{
    float32x4_t, vabsq_f32, vaddq_s32, vaddvq_f32, vandq_u32, vbslq_f32, vcgeq_f32, vcvtq_f32_s32,
    vcvtq_n_f32_s32, vcvtq_s32_f32, vdupq_n_s32, vdupq_n_u32, vfmaq_laneq_f32, vld1_s8, vld1q_f32,
    vld1q_u16, vmaxnmvq_f32, vmovl_s8, vreinterpretq_f32_s32, vreinterpretq_f32_u32,
    vreinterpretq_s32_s16, vreinterpretq_u32_f32, vreinterpretq_u32_u16, vrndnq_f32, vshlq_n_s32,
    vshlq_n_u32, vshrq_n_s32,
};

use super::planes::Element;
use super::segment::{Rows, Softmax};
use super::softmax::{self, Exponential};
use super::task::{KEYS, MAX_ROWS, Operands, View};
use super::widened::{Sums, add_value_rows, score_rows, widened_steps};
use crate::span;
use crate::vector::register_functions;

/// 16 floats: the sums of a row, and what a softmax takes at a time, whose powers then do not wait for
/// each other.
type Sixteen = [float32x4_t; 4];

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

/// Groups of up to 5 rows, as equal as can be; each row is computed alike in any group.
macro_rules! in_equal_groups {
    ($rows:expr, |$row:ident| $product:ident [$sums:ty] ($($arg:expr),* $(,)?)) => {
        let groups = $rows.div_ceil(5);
        for group in 0..groups {
            let rows = span($rows, group, groups);
            let $row = rows.start;
            match rows.len() {
                1 => $product::<_, $sums, 1>($($arg),*),
                2 => $product::<_, $sums, 2>($($arg),*),
                3 => $product::<_, $sums, 3>($($arg),*),
                4 => $product::<_, $sums, 4>($($arg),*),
                _ => $product::<_, $sums, 5>($($arg),*),
            }
        }
    };
}

widened_steps!("neon", Sixteen, Sixteen, in_equal_groups);

impl<E: Element> Sums<E> for Sixteen {
    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn accumulate<const NR: usize>(
        sums: &mut [Self; NR],
        lines: *const E,
        line_stride: usize,
        rows: *const f32,
        row_stride: usize,
        steps: usize,
    ) {
        let mut acc = *sums;
        for s in (0..steps).step_by(2) {
            // SAFETY: promised by the caller.
            unsafe {
                let values: [float32x4_t; NR] =
                    std::array::from_fn(|t| vld1q_f32(rows.add(t * row_stride + 2 * s)));
                let line = lines.add(s * 2 * line_stride);
                multiply::<0, 1, E, NR>(&mut acc, &values, line);
                multiply::<2, 3, E, NR>(&mut acc, &values, line.add(2 * line_stride));
            }
        }
        *sums = acc;
    }
}

/// `sums[t] += values[t][LOW] * low(line) + values[t][HIGH] * high(line)`.
///
/// # Safety
/// 32 values must be readable at `line`.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn multiply<const LOW: i32, const HIGH: i32, E: Element, const NR: usize>(
    sums: &mut [Sixteen; NR],
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

impl Exponential for float32x4_t {
    register_functions! {
        [#[target_feature(enable = "neon")]]
        round(a) = vrndnq_f32(a);
        power(a) = {
            let exponent = vaddq_s32(vcvtq_s32_f32(a), vdupq_n_s32(127));
            vreinterpretq_f32_s32(vshlq_n_s32::<23>(exponent))
        };
        where_at_least(a, x, least) =
            vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a), vcgeq_f32(x, least)));
        abs(a) = vabsq_f32(a);
        with_sign_of(a, x) = vbslq_f32(vdupq_n_u32(0x8000_0000), x, a);
    }

    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        // SAFETY: the caller promises the features.
        unsafe { vmaxnmvq_f32(self) }
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: the caller promises the features.
        unsafe { vaddvq_f32(self) }
    }
}
