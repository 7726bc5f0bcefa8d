//! One segment of attention: blocks of 256 keys through an online softmax.

use std::ops::Range;

use super::cache::BLOCK_TOKENS;
use super::planes::Element;
use super::task::{KEY_PAGES, KEYS, MAX_ROWS, Operands, State, View};
use crate::Level;
#[cfg(target_arch = "x86_64")]
use crate::dense::multiplies_bf16;
use crate::dense::{DenseType, Source, words_of_rows};

/// What the levels need to know of the type of pages.
#[cfg(target_arch = "x86_64")]
pub(super) trait Lines: super::avx2::Words + super::avx512::Words {}
#[cfg(target_arch = "x86_64")]
impl<T: super::avx2::Words + super::avx512::Words> Lines for T {}

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

/// Rows of scores that become weights.
pub(super) struct Rows<'a> {
    /// `[row, KEYS]`.
    pub(super) scores: &'a mut [f32],
    /// `[row, KEYS / 2]`: where weights go that are rounded to bf16, two in a word.
    #[cfg_attr(target_arch = "aarch64", expect(dead_code, reason = "no product takes them"))]
    pub(super) words: &'a mut [u32],
    /// How many scores of a row count; a multiple of 32.
    pub(super) len: usize,
    /// What the weights are multiplied by once they are summed, if by anything.
    pub(super) scales: Option<&'a [f32; KEYS]>,
    /// The keys that each row sees; others get a weight of exactly zero, so how many of them there
    /// are changes nothing.
    pub(super) visible: &'a [Range<usize>],
    pub(super) cap: Option<f32>,
}

/// The largest score and the sum of the weights of all rows so far.
pub(super) type Softmax<'a> = (&'a mut [f32; MAX_ROWS], &'a mut [f32; MAX_ROWS]);

/// `(view, blocks, operands)`.
type Scores<E> = unsafe fn(&View<'_, E>, &[u32], &mut Operands<'_>);
/// `(rows, softmax)`: makes the scores weights relative to each row's new largest score, and adds their
/// sums. Returns the factors that bring what was summed before to the same measure.
type Weigh = unsafe fn(Rows<'_>, Softmax<'_>) -> [f32; MAX_ROWS];
/// `(view, blocks, operands, old_weight, out_rd)`.
type AddValues<E> =
    unsafe fn(&View<'_, E>, &[u32], &mut Operands<'_>, &[f32; MAX_ROWS], &mut [f32]);

/// The steps of a segment at one level.
///
/// # Safety
/// All of them ask for the processor features of their level, for blocks that exist, for a head
/// dimension that is a multiple of 16, and for operands that hold the view's rows.
pub(super) struct SegmentOps<E: Element> {
    scores: Scores<E>,
    weigh: Weigh,
    add_values: AddValues<E>,
    /// Whether products take the words of queries and weights.
    takes_words: bool,
}

impl<E: Element> SegmentOps<E> {
    /// The steps of `level`, or nothing for the scalar one, which has no segments. `exact`: see
    /// [`AttendParams`](super::AttendParams).
    #[cfg(target_arch = "x86_64")]
    pub(super) fn of(level: Level, exact: bool) -> Option<Self> {
        use super::{amx, avx2, avx512};
        match level {
            Level::Scalar | Level::Neon => None,
            Level::Avx2 => Some(Self::plain(avx2::scores::<E>, avx2::weigh, avx2::add_values::<E>)),
            Level::Amx if multiplies_bf16(level) && !exact => {
                Some(Self::rounded(amx::scores::<E>, amx::add_values::<E>))
            }
            Level::Avx512 if multiplies_bf16(level) && !exact => {
                Some(Self::rounded(avx512::scores_dot::<E>, avx512::add_values_dot::<E>))
            }
            Level::Avx512 | Level::Amx => {
                Some(Self::plain(avx512::scores::<E>, avx512::weigh, avx512::add_values::<E>))
            }
        }
    }

    /// Steps that take queries and weights rounded to bf16; keys and values are that or, exactly, become
    /// it.
    #[cfg(target_arch = "x86_64")]
    fn rounded(scores: Scores<E>, add_values: AddValues<E>) -> Self {
        Self { scores, weigh: super::avx512::weigh_words, add_values, takes_words: true }
    }

    /// The steps of `level`, or nothing for the scalar one, which has no segments. Queries and weights
    /// stay f32.
    #[cfg(target_arch = "aarch64")]
    pub(super) fn of(level: Level, _exact: bool) -> Option<Self> {
        use super::neon::{add_values, scores, weigh};
        match level {
            Level::Neon => Some(Self::plain(scores::<E>, weigh, add_values::<E>)),
            Level::Scalar | Level::Avx2 | Level::Avx512 | Level::Amx => None,
        }
    }

    /// No level but the scalar one runs here.
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub(super) fn of(_level: Level, _exact: bool) -> Option<Self> {
        None
    }

    /// Steps that take queries and weights as f32.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fn plain(scores: Scores<E>, weigh: Weigh, add_values: AddValues<E>) -> Self {
        Self { scores, weigh, add_values, takes_words: false }
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
        operands: &mut Operands<'_>,
        state: &mut State<'_>,
    ) {
        let (d, count) = (view.head_dim, view.count);
        assert!(count <= MAX_ROWS && d.is_multiple_of(BLOCK_TOKENS));
        assert!(operands.q_rd.len() >= count * d && state.out_rd.len() >= count * d);
        assert!(operands.q_words.len() >= count * d / 2 && operands.scores.len() >= count * KEYS);
        assert!(operands.weight_words.len() >= count * KEYS / 2);
        assert!(!E::SCALED || operands.pages.len() >= KEYS * d);
        if self.takes_words {
            round_queries(operands, count * d);
        }
        state.clear(count, d);
        let visible: [Range<usize>; MAX_ROWS] = std::array::from_fn(|row| view.visible(row));
        let mut page = pages.start;
        while page < pages.end {
            let end = (page / KEY_PAGES + 1) * KEY_PAGES;
            let blocks = &view.block_table[page..end.min(pages.end)];
            // SAFETY: the sizes were checked above, level and blocks by the caller.
            unsafe {
                (self.scores)(view, blocks, operands);
                let old_weight = self.weigh(view, &visible[..count], page, blocks, operands, state);
                (self.add_values)(view, blocks, operands, &old_weight, state.out_rd);
            }
            page = end;
        }
    }

    /// Turns the scores of all rows for the keys of `blocks`, the first of which is page `page`, into
    /// weights. Returns the factors of what the rows had before. `visible`: the positions that rows see.
    ///
    /// # Safety
    /// As `segment`.
    unsafe fn weigh(
        &self,
        view: &View<'_, E>,
        visible: &[Range<usize>],
        page: usize,
        blocks: &[u32],
        operands: &mut Operands<'_>,
        state: &mut State<'_>,
    ) -> [f32; MAX_ROWS] {
        let (first, keys) = (page * BLOCK_TOKENS, blocks.len() * BLOCK_TOKENS);
        if E::SCALED {
            collect_scales(blocks, view.value_scales, operands.value_scales);
        }
        let mut in_block: [Range<usize>; MAX_ROWS] = std::array::from_fn(|_| 0..0);
        for (in_block, visible) in in_block.iter_mut().zip(visible) {
            let of_block = |position: usize| position.saturating_sub(first).min(keys);
            *in_block = of_block(visible.start)..of_block(visible.end);
        }
        let rows = Rows {
            scores: operands.scores,
            words: operands.weight_words,
            // Scores behind the last page are keys that no row sees.
            len: keys.next_multiple_of(2 * BLOCK_TOKENS),
            scales: E::SCALED.then_some(&*operands.value_scales),
            visible: &in_block[..visible.len()],
            cap: view.cap,
        };
        // SAFETY: the level is the caller's promise, which `segment` has checked to hold the rows.
        unsafe { (self.weigh)(rows, (state.max_r, state.sum_r)) }
    }
}

/// The first `len` values of the queries as words.
fn round_queries(operands: &mut Operands<'_>, len: usize) {
    let source = Source { data: operands.q_rd, stride: len, rows: 1, len };
    let words = &mut operands.q_words[..len / 2];
    words_of_rows(Level::Avx512, DenseType::Bf16, source, 1.0, words);
}

/// The scales of the tokens of the blocks, one after the other.
fn collect_scales(blocks: &[u32], scales: &[f32], out: &mut [f32; KEYS]) {
    for (out, &block) in out.as_chunks_mut::<BLOCK_TOKENS>().0.iter_mut().zip(blocks) {
        out.copy_from_slice(&scales[block as usize * BLOCK_TOKENS..][..BLOCK_TOKENS]);
    }
}
