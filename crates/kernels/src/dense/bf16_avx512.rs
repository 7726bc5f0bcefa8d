//! Rounding to bf16, and turning squares of it, with AVX-512's own instruction.
//!
//! It rounds as `bf16_bits` does, but that subnormal numbers become zero: the products of bf16
//! take them for zero as well.

use super::convert::{Source, pair};
use crate::x86::{
    __m512, __m512bh, __m512i, _mm512_cvtne2ps_pbh, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_mul_ps, _mm512_permutexvar_epi16, _mm512_permutexvar_epi32, _mm512_set1_ps,
    _mm512_shuffle_i32x4, _mm512_storeu_si512, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

/// Elements 0 and 16, 1 and 17 and so on.
static INTERLEAVED: [u16; 32] = {
    let mut order = [0; 32];
    let mut i = 0;
    while i < 32 {
        order[i] = (i / 2 + i % 2 * 16) as u16;
        i += 1;
    }
    order
};

/// The lower elements of all pairs, then the upper ones.
static PARTED: [u16; 32] = {
    let mut order = [0; 32];
    let mut i = 0;
    while i < 32 {
        order[i] = (i % 16 * 2 + i / 16) as u16;
        i += 1;
    }
    order
};

/// Where columns stand after [`turned`] if its vectors hold columns next to each other.
static NEIGHBOURS: [u32; 16] = [0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15];

/// 32 values rounded, those of `low` first.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bf16"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(crate) fn rounded(low: __m512, high: __m512) -> __m512i {
    // SAFETY: both types are 64 plain bytes.
    unsafe { std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low)) }
}

/// Words of the lanes of two vectors, `low` in the lower halves.
///
/// # Safety
/// The processor must have AVX-512 with bf16.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw,avx512bf16"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(crate) unsafe fn words(low: __m512, high: __m512) -> __m512i {
    // SAFETY: the list is a vector.
    let order = unsafe { _mm512_loadu_si512(INTERLEAVED.as_ptr().cast()) };
    _mm512_permutexvar_epi16(order, rounded(low, high))
}

/// `words = values * scale`, two values in each; an odd last one has a zero beside it.
///
/// # Safety
/// The processor must have AVX-512 with bf16.
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bf16"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(super) unsafe fn scaled(values: &[f32], scale: f32, words: &mut [u32]) {
    let factor = _mm512_set1_ps(scale);
    let (lines, rest) = values.as_chunks::<32>();
    let (out, out_rest) = words.split_at_mut(lines.len() * 16);
    for (line, out) in lines.iter().zip(out.as_chunks_mut::<16>().0) {
        // SAFETY: a line is two vectors of values, and one of words.
        unsafe {
            let low = _mm512_mul_ps(_mm512_loadu_ps(line.as_ptr()), factor);
            let high = _mm512_mul_ps(_mm512_loadu_ps(line.as_ptr().add(16)), factor);
            _mm512_storeu_si512(out.as_mut_ptr().cast(), rounded(low, high));
        }
    }
    let (pairs, last) = rest.as_chunks::<2>();
    for (word, &[low, high]) in out_rest.iter_mut().zip(pairs) {
        *word = pair(low * scale, high * scale);
    }
    if let [low] = last {
        out_rest[pairs.len()] = pair(low * scale, 0.0);
    }
}

/// Words of the values of two rows, `low` in the lower halves.
///
/// # Safety
/// The processor must have AVX-512 with bf16.
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw,avx512bf16"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(super) unsafe fn zipped(low: &[f32], high: &[f32], out: &mut [u32]) {
    let (low_lines, low_rest) = low.as_chunks::<16>();
    let (high_lines, high_rest) = high.as_chunks::<16>();
    let (out, out_rest) = out.as_chunks_mut::<16>();
    for ((low, high), out) in low_lines.iter().zip(high_lines).zip(out) {
        // SAFETY: each is a vector.
        unsafe {
            let both = words(_mm512_loadu_ps(low.as_ptr()), _mm512_loadu_ps(high.as_ptr()));
            _mm512_storeu_si512(out.as_mut_ptr().cast(), both);
        }
    }
    for ((word, &low), &high) in out_rest.iter_mut().zip(low_rest).zip(high_rest) {
        *word = pair(low, high);
    }
}

/// Steps of the panel whose 16 columns are the source's columns from `first`, two rows in each.
///
/// # Safety
/// The processor must have AVX-512 with bf16.
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw,avx512bf16"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(super) unsafe fn zipped_steps(
    src: Source<'_>,
    first: usize,
    first_step: usize,
    out: &mut [[u32; 16]],
) {
    for (i, out) in out.iter_mut().enumerate() {
        let row = 2 * (first_step + i);
        let (low, high) = (&src.row(row)[first..][..16], &src.row(row + 1)[first..][..16]);
        // SAFETY: each is a vector.
        unsafe {
            let both = words(_mm512_loadu_ps(low.as_ptr()), _mm512_loadu_ps(high.as_ptr()));
            _mm512_storeu_si512(out.as_mut_ptr().cast(), both);
        }
    }
}

/// As `made::place_transposed`, for a whole square.
///
/// # Safety
/// The processor must have AVX-512 with bf16; at `from` must be 16 rows of 16 values, `stride` apart.
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bf16"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(super) unsafe fn transposed(from: *const f32, stride: usize, out: &mut [[u32; 16]; 8]) {
    // Columns 0 and 4, 1 and 5, and so on; 8 words each.
    let columns = std::array::from_fn(|i| {
        let first = i / 4 * 8 + i % 4;
        // SAFETY: a column is a vector.
        unsafe {
            rounded(
                _mm512_loadu_ps(from.add(first * stride)),
                _mm512_loadu_ps(from.add((first + 4) * stride)),
            )
        }
    });
    for (out, words) in out.iter_mut().zip(turned(&columns)) {
        // SAFETY: a line is a vector.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), words) };
    }
}

/// Eight steps of a panel, pairs along the reduction, as eight steps of the transposed matrix: its
/// columns are the reduction, its pairs the panel's columns.
///
/// # Safety
/// The processor must have AVX-512.
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(super) unsafe fn transposed_words(steps: &[[u32; 16]; 8], out: &mut [[u32; 16]; 8]) {
    // SAFETY: each is a vector.
    unsafe {
        let parted = _mm512_loadu_si512(PARTED.as_ptr().cast());
        let order = _mm512_loadu_si512(NEIGHBOURS.as_ptr().cast());
        let columns = std::array::from_fn(|i| {
            let words = _mm512_loadu_si512(steps[i].as_ptr().cast());
            _mm512_permutexvar_epi16(parted, words)
        });
        for (out, words) in out.iter_mut().zip(turned(&columns)) {
            let words = _mm512_permutexvar_epi32(order, words);
            _mm512_storeu_si512(out.as_mut_ptr().cast(), words);
        }
    }
}

/// Vector `i` holds 8 words of each of two columns: the result's vector `w` is word `w` of all 16. Of
/// the first four vectors the first columns come first, then their second ones; then the others'.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
fn turned(columns: &[__m512i; 8]) -> [__m512i; 8] {
    // In each quarter of a vector, four words of four columns.
    let turn = |a, b, c, d| -> [__m512i; 4] {
        let (ab_low, ab_high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let (cd_low, cd_high) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        [
            _mm512_unpacklo_epi64(ab_low, cd_low),
            _mm512_unpackhi_epi64(ab_low, cd_low),
            _mm512_unpacklo_epi64(ab_high, cd_high),
            _mm512_unpackhi_epi64(ab_high, cd_high),
        ]
    };
    let [a, b, c, d, e, f, g, h] = *columns;
    let (first, second) = (turn(a, b, c, d), turn(e, f, g, h));
    std::array::from_fn(|word| {
        let (first, second) = (first[word % 4], second[word % 4]);
        if word < 4 {
            _mm512_shuffle_i32x4::<0b10_00_10_00>(first, second)
        } else {
            _mm512_shuffle_i32x4::<0b11_01_11_01>(first, second)
        }
    })
}
