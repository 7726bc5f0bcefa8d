//! One segment of attention: blocks of 256 keys through an online softmax.

use std::ops::Range;

use super::cache::BLOCK_TOKENS;
use super::planes::Element;
use super::task::{KEY_PAGES, KEYS, MAX_ROWS, State, View};
use crate::Level;
#[cfg(target_arch = "x86_64")]
use crate::dense::multiplies_bf16;

/// What the levels need to know of the type of pages.
#[cfg(target_arch = "x86_64")]
pub(super) trait Lines: super::avx2::Words + super::avx512::Words {
    /// The steps of a level where pages are multiplied as they stand, if there are such.
    fn steps_as_they_stand(level: Level) -> Option<SegmentOps<Self>>
    where
        Self: Element;
}

#[cfg(target_arch = "x86_64")]
impl Lines for u16 {
    fn steps_as_they_stand(level: Level) -> Option<SegmentOps<Self>> {
        use super::amx::{add_values, scores};
        use super::avx512::{add_values_dot, scores_dot, softmax_row};
        if level == Level::Amx {
            return Some(SegmentOps { scores, softmax_row, add_values });
        }
        Some(SegmentOps { scores: scores_dot, softmax_row, add_values: add_values_dot })
    }
}

#[cfg(target_arch = "x86_64")]
impl Lines for i8 {
    fn steps_as_they_stand(_level: Level) -> Option<SegmentOps<Self>> {
        None
    }
}

/// What the levels need to know of the type of pages.
#[cfg(target_arch = "aarch64")]
pub(super) trait Lines: super::neon::Words {}
#[cfg(target_arch = "aarch64")]
impl<T: super::neon::Words> Lines for T {}

/// What the levels need to know of the type of pages: nothing.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) trait Lines {}
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
impl<T> Lines for T {}

/// `(view, blocks, q_rd, words, scores)`.
type Scores<E> = unsafe fn(&View<'_, E>, &[u32], &[f32], &mut [u32], &mut [f32]);
/// `(scores, visible, cap, max, sum)`.
type Softmax = unsafe fn(&mut [f32], Range<usize>, Option<f32>, &mut f32, &mut f32) -> f32;
/// `(view, blocks, weights, words, old_weight, out_rd)`.
type AddValues<E> =
    unsafe fn(&View<'_, E>, &[u32], &[f32], &mut [u32], &[f32; MAX_ROWS], &mut [f32]);

/// The steps of a segment at one level.
///
/// # Safety
/// All of them ask for the processor features of their level, for blocks that exist, for a head
/// dimension that is a multiple of 16, and for slices that hold the view's rows.
pub(super) struct SegmentOps<E: Element> {
    scores: Scores<E>,
    softmax_row: Softmax,
    add_values: AddValues<E>,
}

impl<E: Element> SegmentOps<E> {
    /// The steps of `level`, or nothing for the scalar one, which has no segments. `exact`: see
    /// [`AttendParams`](super::AttendParams).
    #[cfg(target_arch = "x86_64")]
    pub(super) fn of(level: Level, exact: bool) -> Option<Self> {
        use super::{avx2, avx512};
        match level {
            Level::Scalar | Level::Neon => None,
            Level::Avx2 => Some(Self {
                scores: avx2::scores::<E>,
                softmax_row: avx2::softmax_row,
                add_values: avx2::add_values::<E>,
            }),
            Level::Avx512 | Level::Amx => {
                let rounds = multiplies_bf16(level) && !exact;
                let as_they_stand = rounds.then(|| E::steps_as_they_stand(level)).flatten();
                Some(as_they_stand.unwrap_or(Self {
                    scores: avx512::scores::<E>,
                    softmax_row: avx512::softmax_row,
                    add_values: avx512::add_values::<E>,
                }))
            }
        }
    }

    /// The steps of `level`, or nothing for the scalar one, which has no segments. Queries and weights
    /// stay f32.
    #[cfg(target_arch = "aarch64")]
    pub(super) fn of(level: Level, _exact: bool) -> Option<Self> {
        use super::neon::{add_values, scores, softmax_row};
        match level {
            Level::Neon => {
                Some(Self { scores: scores::<E>, softmax_row, add_values: add_values::<E> })
            }
            Level::Scalar | Level::Avx2 | Level::Avx512 | Level::Amx => None,
        }
    }

    /// No level but the scalar one runs here.
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub(super) fn of(_level: Level, _exact: bool) -> Option<Self> {
        None
    }

    /// Computes the softmax over the keys of `pages` from nothing into `state`.
    ///
    /// Blocks of keys begin at fixed positions, so a row's sums do not depend on the other rows of
    /// its task.
    ///
    /// # Safety
    /// The level must be in use, and all blocks of the table up to `pages.end` must exist.
    pub(super) unsafe fn segment(
        &self,
        view: &View<'_, E>,
        pages: Range<usize>,
        q_rd: &[f32],
        words: &mut [u32],
        scores: &mut [f32],
        state: &mut State<'_>,
    ) {
        let d = view.head_dim;
        assert!(view.count <= MAX_ROWS && d.is_multiple_of(BLOCK_TOKENS));
        assert!(q_rd.len() >= view.count * d && state.out_rd.len() >= view.count * d);
        assert!(scores.len() >= view.count * KEYS && words.len() >= view.count * d.max(KEYS) / 2);
        state.clear(view.count, d);
        let mut page = pages.start;
        while page < pages.end {
            let end = (page / KEY_PAGES + 1) * KEY_PAGES;
            let blocks = &view.block_table[page..end.min(pages.end)];
            let (first, keys) = (page * BLOCK_TOKENS, blocks.len() * BLOCK_TOKENS);
            let mut old_weight = [1.0f32; MAX_ROWS];
            // SAFETY: the sizes were checked above, level and blocks by the caller.
            unsafe {
                (self.scores)(view, blocks, q_rd, words, scores);
                for row in 0..view.count {
                    let visible = view.visible(row);
                    let visible = visible.start.saturating_sub(first).min(keys)
                        ..visible.end.saturating_sub(first).min(keys);
                    let weights = &mut scores[row * KEYS..][..keys];
                    let (max, sum) = (&mut state.max_r[row], &mut state.sum_r[row]);
                    old_weight[row] = (self.softmax_row)(weights, visible, view.cap, max, sum);
                    if E::SCALED {
                        scale_weights(weights, blocks, view.value_scales);
                    }
                }
                (self.add_values)(view, blocks, scores, words, &old_weight, state.out_rd);
            }
            page = end;
        }
    }
}

/// Multiplies the weights by the scales of the values that they are for.
fn scale_weights(weights: &mut [f32], blocks: &[u32], scales: &[f32]) {
    for (weights, &block) in weights.chunks_exact_mut(BLOCK_TOKENS).zip(blocks) {
        let scales = &scales[block as usize * BLOCK_TOKENS..][..BLOCK_TOKENS];
        for (weight, scale) in weights.iter_mut().zip(scales) {
            *weight *= scale;
        }
    }
}
