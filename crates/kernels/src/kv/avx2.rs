//! Attention at AVX2: pages widened in registers, up to 6 rows at a time.
//!
//! 6 rows of 16 keys are 12 sums: more than the 8 that hide the latency of two FMA units, and with
//! the widened words and one factor all 16 registers.

use std::arch::asm;
use std::arch::x86_64::{
    __m256, __m256i, _CMP_GE_OQ, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _mm_loadu_si128,
    _mm256_add_epi32, _mm256_and_ps, _mm256_and_si256, _mm256_andnot_ps, _mm256_castsi256_ps,
    _mm256_cmp_ps, _mm256_cvtepi8_epi16, _mm256_cvtepi32_ps, _mm256_cvtps_epi32, _mm256_fmadd_ps,
    _mm256_loadu_si256, _mm256_or_ps, _mm256_round_ps, _mm256_set1_epi32, _mm256_set1_ps,
    _mm256_slli_epi32, _mm256_srai_epi32, _mm256_storeu_ps,
};

use super::planes::Element;
use super::row_groups::for_row_groups;
use super::segment::{Rows, Softmax};
use super::softmax::{self, Exponential};
use super::task::{KEYS, MASKED, MAX_ROWS, Operands, View};
use super::widened::{Sums, add_value_rows, score_rows, widened_steps};
use crate::vector::register_functions;

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

/// Six rows at a time, then the rest.
macro_rules! in_sixes {
    ($rows:expr, |$row:ident| $product:ident $generic:tt $args:tt) => {
        for_row_groups!($rows, 6: 1 2 3 4 5, |$row| $product $generic $args);
    };
}

widened_steps!("avx2,fma", [__m256; 2], __m256, in_sixes);

impl<E: Element> Sums<E> for [__m256; 2] {
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn accumulate<const NR: usize>(
        sums: &mut [Self; NR],
        lines: *const E,
        line_stride: usize,
        rows: *const f32,
        row_stride: usize,
        steps: usize,
    ) {
        let mut acc = *sums;
        for s in 0..steps {
            // SAFETY: promised by the caller.
            unsafe {
                let line = lines.add(s * 2 * line_stride);
                let words = <E as Words>::load(line);
                let low = [<E as Words>::low(words[0]), <E as Words>::low(words[1])];
                for t in 0..NR {
                    let x = _mm256_set1_ps(*rows.add(t * row_stride + 2 * s));
                    for h in 0..2 {
                        acc[t][h] = _mm256_fmadd_ps(low[h], x, acc[t][h]);
                    }
                }
                let words = <E as Words>::load(again(line));
                let high = [<E as Words>::high(words[0]), <E as Words>::high(words[1])];
                for t in 0..NR {
                    let x = _mm256_set1_ps(*rows.add(t * row_stride + 2 * s + 1));
                    for h in 0..2 {
                        acc[t][h] = _mm256_fmadd_ps(high[h], x, acc[t][h]);
                    }
                }
            }
        }
        *sums = acc;
    }
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

impl Exponential for __m256 {
    register_functions! {
        [#[target_feature(enable = "avx2")]]
        round(a) = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a);
        power(a) = {
            let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(a), _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
        };
        where_at_least(a, x, least) = _mm256_and_ps(a, _mm256_cmp_ps::<_CMP_GE_OQ>(x, least));
        abs(a) = _mm256_andnot_ps(_mm256_set1_ps(-0.0), a);
        with_sign_of(a, x) = _mm256_or_ps(a, _mm256_and_ps(_mm256_set1_ps(-0.0), x));
    }

    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        // SAFETY: the caller promises the features.
        unsafe { lanes(self) }.into_iter().fold(MASKED, f32::max)
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: the caller promises the features.
        unsafe { lanes(self) }.into_iter().sum()
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn lanes(v: __m256) -> [f32; 8] {
    let mut lanes = [0.0; 8];
    // SAFETY: eight floats.
    unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), v) };
    lanes
}
