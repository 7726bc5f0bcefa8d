//! The products of attention: queries by keys, weights by values.

use super::pages::Pages;
use super::words::Words;
use crate::kv::cache::BLOCK_TOKENS;
use crate::kv::planes::Element;
use crate::kv::row_groups::for_row_groups;
use crate::kv::task::{KEYS, MAX_ROWS, Operands, View};
use crate::x86::{
    __m512, __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mul_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_storeu_ps,
};

/// How the words of a line are multiplied by the rows.
///
/// # Safety
/// `multiply` needs the features of [`crate::Level::Avx512`], for [`Dot`] with bf16, and a pair to read at
/// `pairs` and at each further row's distance `stride`.
trait Multiply<E> {
    /// The two values of a row that a word is multiplied by.
    type Pair;

    /// Vectors that are multiplied together; words that are widened need registers of their own.
    const WIDTH: usize;

    /// The words at `line` as they are multiplied, 32 values of which must be readable.
    unsafe fn load(line: *const E) -> __m512i;

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

/// Both in bf16, by one instruction; bytes become that, which holds them exactly.
struct Dot;

impl<E: Words> Multiply<E> for Widened {
    type Pair = [f32; 2];
    const WIDTH: usize = 2;

    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn load(line: *const E) -> __m512i {
        // SAFETY: promised by the caller.
        unsafe { E::load(line) }
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

impl<E: Words> Multiply<E> for Dot {
    type Pair = u32;
    const WIDTH: usize = 4;

    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bf16"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn load(line: *const E) -> __m512i {
        // SAFETY: promised by the caller.
        unsafe { E::load_bf16(line) }
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

/// Runs `$body` for groups of pages from the first on, as many of `$count` as there are, then the next.
/// All rows go over a group of pages while it is in the first-level cache.
macro_rules! for_page_groups {
    ($pages:expr, $($count:literal)*, |$first:ident, $name:ident| $body:block) => {
        let num_pages = $pages.starts().len();
        let mut $first = 0;
        $(while num_pages - $first >= $count {
            const $name: usize = $count;
            $body
            $first += $count;
        })*
    };
}

/// Defines the products of attention in one way to multiply: the pages and the rows that are multiplied
/// together, and the field of the operands that has the pairs.
macro_rules! products {
    (
        $way:ident, $features:literal, pages $($pages:literal)*, rows $group:literal: $($rest:literal)*,
        $(#[$scores_meta:meta])* $scores:ident of $queries:ident,
        $(#[$values_meta:meta])* $add_values:ident of $weights:ident $(,)?
    ) => {
        $(#[$scores_meta])*
        #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = $features))]
        #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
        pub(in crate::kv) unsafe fn $scores<E: Element>(
            view: &View<'_, E>,
            blocks: &[u32],
            operands: &mut Operands<'_>,
        ) {
            let d = view.head_dim;
            let q = operands.$queries.as_ptr().cast::<<$way as Multiply<E>>::Pair>();
            let scores = operands.scores.as_mut_ptr();
            // SAFETY: passed on to the caller.
            unsafe {
                let pages = Pages::of_keys(view, blocks);
                for_page_groups!(pages, $($pages)*, |first, P| {
                    for_row_groups!(view.count, $group: $($rest)*, |row| score_tile [$way, P] (
                        &pages,
                        first,
                        d,
                        q.add(row * d / 2),
                        scores.add(row * KEYS),
                    ));
                });
            }
        }

        $(#[$values_meta])*
        #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = $features))]
        #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
        pub(in crate::kv) unsafe fn $add_values<E: Element>(
            view: &View<'_, E>,
            blocks: &[u32],
            operands: &mut Operands<'_>,
            old_weight: &[f32; MAX_ROWS],
            out_rd: &mut [f32],
        ) {
            let d = view.head_dim;
            let weights = operands.$weights.as_ptr().cast::<<$way as Multiply<E>>::Pair>();
            // SAFETY: passed on to the caller.
            unsafe {
                let pages = Pages::of_values(view, blocks);
                for_row_groups!(view.count, $group: $($rest)*, |row| add_value_rows [$way] (
                    pages.starts(),
                    d,
                    weights.add(row * KEYS / 2),
                    &old_weight[row..],
                    &mut out_rd[row * d..],
                ));
            }
        }
    };
}

products! {
    Widened, "avx512f,avx512bw", pages 2 1, rows 8: 1 2 3 4 5 6 7,
    /// `scores = q K^T` for all rows and the keys of `blocks`, with pages widened.
    ///
    /// # Safety
    /// The processor must have the features of [`crate::Level::Avx512`]; the blocks must exist in the
    /// planes, `head_dim` must be a multiple of 16, and the operands must hold the view's rows.
    scores of q_rd,
    /// `out = out * old_weight + P V` for all rows and the keys of `blocks`, with pages widened.
    ///
    /// # Safety
    /// As [`scores`].
    add_values of scores,
}
products! {
    Dot, "avx512f,avx512bf16", pages 4 2 1, rows 6: 1 2 3 4 5,
    /// As [`scores`], with queries rounded to bf16.
    ///
    /// # Safety
    /// As [`scores`], and the processor must have the instructions for bf16.
    scores_dot of q_words,
    /// As [`add_values`], with weights rounded to bf16.
    ///
    /// # Safety
    /// As [`scores_dot`].
    add_values_dot of weight_words,
}

/// `scores = q K^T` for `NR` rows and `P` pages from `first` on.
///
/// # Safety
/// As [`scores_dot`]; the rows' pairs must be readable at distance `d / 2` and their scores writable at
/// distance [`KEYS`].
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn score_tile<E: Words, M: Multiply<E>, const P: usize, const NR: usize>(
    pages: &Pages<E>,
    first: usize,
    d: usize,
    pairs: *const M::Pair,
    scores: *mut f32,
) {
    let lines: [*const E; P] = std::array::from_fn(|p| pages.starts()[first + p]);
    let mut sums = [[_mm512_setzero_ps(); P]; NR];
    // SAFETY: the pages exist and have `d / 2` lines of 16 words; the caller promises the rest.
    unsafe {
        accumulate::<E, M, P, NR>(&mut sums, lines, BLOCK_TOKENS, pairs, d / 2, d / 2);
        if let Some(scales) = &pages.scales {
            for p in 0..P {
                let scales = _mm512_loadu_ps(scales[first + p]);
                for sums in &mut sums {
                    sums[p] = _mm512_mul_ps(sums[p], scales);
                }
            }
        }
        for (t, sums) in sums.iter().enumerate() {
            for (p, sum) in sums.iter().enumerate() {
                _mm512_storeu_ps(scores.add(t * KEYS + (first + p) * BLOCK_TOKENS), *sum);
            }
        }
    }
}

/// `out = out * old_weight + P V` for `NR` rows and the keys of the pages.
///
/// # Safety
/// As [`scores_dot`]; the rows' pairs must be readable at distance `KEYS / 2`.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn add_value_rows<E: Words, M: Multiply<E>, const NR: usize>(
    pages: &[*const E],
    d: usize,
    pairs: *const M::Pair,
    old_weight: &[f32],
    out_rd: &mut [f32],
) {
    let mut column = 0;
    // SAFETY: passed on to the caller.
    unsafe {
        macro_rules! columns {
            ($count:literal) => {
                while column + $count * BLOCK_TOKENS <= d {
                    let out = &mut out_rd[column..];
                    add_value_columns::<E, M, $count, NR>(pages, d, pairs, old_weight, out, column);
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
/// As [`add_value_rows`], for `P` vectors of columns from `column` on, where `out` begins.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn add_value_columns<E: Words, M: Multiply<E>, const P: usize, const NR: usize>(
    pages: &[*const E],
    d: usize,
    pairs: *const M::Pair,
    old_weight: &[f32],
    out: &mut [f32],
    column: usize,
) {
    let mut sums = [[_mm512_setzero_ps(); P]; NR];
    let out = out.as_mut_ptr();
    // SAFETY: the pages exist and have 8 lines of `d` words; the caller promises the rest.
    unsafe {
        for t in 0..NR {
            let weight = _mm512_set1_ps(old_weight[t]);
            for p in 0..P {
                let before = _mm512_loadu_ps(out.add(t * d + p * BLOCK_TOKENS));
                sums[t][p] = _mm512_mul_ps(before, weight);
            }
        }
        for (i, page) in pages.iter().enumerate() {
            let lines = std::array::from_fn(|p| page.add(2 * (column + p * BLOCK_TOKENS)));
            let pairs = pairs.add(i * BLOCK_TOKENS / 2);
            accumulate::<E, M, P, NR>(&mut sums, lines, d, pairs, KEYS / 2, BLOCK_TOKENS / 2);
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
unsafe fn accumulate<E: Words, M: Multiply<E>, const P: usize, const NR: usize>(
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
            let mut words = [_mm512_setzero_si512(); P];
            for p in 0..P {
                words[p] = M::load(lines[p].add(s * 2 * line_stride));
            }
            M::multiply(&mut acc, words, pairs.add(s), stride);
        }
    }
    *sums = acc;
}
