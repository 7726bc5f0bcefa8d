//! Where the pages of some blocks are, and pages of bytes as pages of bf16, for tiles.

use std::array::from_fn;

use super::words::Words;
use crate::kv::cache::BLOCK_TOKENS;
use crate::kv::planes::Element;
use crate::kv::task::{KEY_PAGES, KEYS, View};
use crate::x86::{_mm512_loadu_ps, _mm512_mul_ps, _mm512_storeu_ps, _mm512_storeu_si512};

/// Keys or values of up to `KEYS` tokens.
#[derive(Clone, Copy)]
pub(in crate::kv) struct Pages<E> {
    /// The first value of each.
    starts: [*const E; KEY_PAGES],
    /// The scales of the tokens of each, for types that have them.
    pub(super) scales: Option<[*const f32; KEY_PAGES]>,
    count: usize,
}

impl<E: Element> Pages<E> {
    /// The keys of a view.
    ///
    /// # Safety
    /// The blocks must exist in the planes.
    pub(in crate::kv) unsafe fn of_keys(view: &View<'_, E>, blocks: &[u32]) -> Self {
        // SAFETY: passed on to the caller.
        unsafe { Self::of(view.keys, view.key_scales, blocks, view.head_dim) }
    }

    /// The values of a view.
    ///
    /// # Safety
    /// As [`Pages::of_keys`].
    pub(in crate::kv) unsafe fn of_values(view: &View<'_, E>, blocks: &[u32]) -> Self {
        // SAFETY: passed on to the caller.
        unsafe { Self::of(view.values, view.value_scales, blocks, view.head_dim) }
    }

    /// Pages of a plane.
    ///
    /// # Safety
    /// As [`Pages::of_keys`].
    unsafe fn of(plane: &[E], scales: &[f32], blocks: &[u32], head_dim: usize) -> Self {
        assert!(blocks.len() <= KEY_PAGES, "{} pages", blocks.len());
        let first = |i: usize| blocks.get(i).map_or(0, |&block| block as usize * BLOCK_TOKENS);
        // SAFETY: the blocks are in the planes, of whose pages and scales these are the first
        // values.
        unsafe {
            let starts = from_fn(|i| plane.as_ptr().add(first(i) * head_dim));
            let scales = E::SCALED.then(|| from_fn(|i| scales.as_ptr().add(first(i))));
            Self { starts, scales, count: blocks.len() }
        }
    }
}

impl<E> Pages<E> {
    pub(in crate::kv) fn starts(&self) -> &[*const E] {
        &self.starts[..self.count]
    }
}

/// Pages of bytes as pages of bf16 in `out`, which holds every byte exactly; their scales stay.
///
/// # Safety
/// The processor must have AVX-512 with bf16, and the pages must exist.
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bf16"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(super) unsafe fn widened(pages: &Pages<i8>, head_dim: usize, out: &mut [u16]) -> Pages<u16> {
    let page_len = BLOCK_TOKENS * head_dim;
    assert!(out.len() >= KEYS * head_dim && page_len.is_multiple_of(32));
    let out = out.as_mut_ptr();
    for (i, &page) in pages.starts().iter().enumerate() {
        for at in (0..page_len).step_by(32) {
            // SAFETY: a page is whole lines of 32 values, and `out` has as many pages.
            unsafe {
                let words = <i8 as Words>::load_bf16(page.add(at));
                _mm512_storeu_si512(out.add(i * page_len + at).cast(), words);
            }
        }
    }
    let starts = from_fn(|i| out.cast_const().wrapping_add(i * page_len));
    Pages { starts, scales: pages.scales, count: pages.count }
}

/// Multiplies the scores of `rows` rows by the scales of their keys, if those have any.
///
/// # Safety
/// The processor must have AVX-512; the pages must exist, and the rows at distance [`KEYS`].
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(in crate::kv) unsafe fn scale_scores<E>(pages: &Pages<E>, rows: usize, scores: &mut [f32]) {
    let Some(scales) = &pages.scales else { return };
    for scores in scores.chunks_exact_mut(KEYS).take(rows) {
        for (scores, &scales) in
            scores.as_chunks_mut::<BLOCK_TOKENS>().0.iter_mut().zip(&scales[..pages.count])
        {
            // SAFETY: both are 16 floats.
            unsafe {
                let scaled =
                    _mm512_mul_ps(_mm512_loadu_ps(scores.as_ptr()), _mm512_loadu_ps(scales));
                _mm512_storeu_ps(scores.as_mut_ptr(), scaled);
            }
        }
    }
}
