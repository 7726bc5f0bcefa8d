//! Attention over pages widened to f32 in registers, page by page.

use super::cache::BLOCK_TOKENS;
use super::planes::Element;
use super::task::{KEYS, View};
use crate::vector::Vector;

/// The sums of a row by 16 keys or columns at one level, and how that level adds products to them.
pub(in crate::kv) trait Sums<E>: Vector {
    /// `sums[t] += sum over steps of rows[t][2 s] * low(line s) + rows[t][2 s + 1] * high(line s)`.
    ///
    /// A line is 16 words of two values, one word per lane; lines are `line_stride` words apart, rows
    /// `row_stride` floats.
    ///
    /// # Safety
    /// All of that must be readable, and `steps` must be even; the processor must have the features of
    /// the level.
    unsafe fn accumulate<const NR: usize>(
        sums: &mut [Self; NR],
        lines: *const E,
        line_stride: usize,
        rows: *const f32,
        row_stride: usize,
        steps: usize,
    );
}

/// Defines the steps of a segment at a level: its features, its [`Sums`], what its softmax takes at a time,
/// and the macro that cuts rows into groups.
macro_rules! widened_steps {
    ($features:literal, $sums:ty, $at_a_time:ty, $for_row_groups:ident) => {
        /// `scores = q K^T` for all rows and the keys of `blocks`.
        ///
        /// # Safety
        /// The processor must have the features of the level; the blocks must exist in the planes,
        /// `head_dim` must be a multiple of 16, and the operands must hold the view's rows.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn scores<E: Element>(
            view: &View<'_, E>,
            blocks: &[u32],
            operands: &mut Operands<'_>,
        ) {
            // SAFETY: passed on to the caller.
            unsafe {
                $for_row_groups!(view.count, |row| score_rows[$sums](
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
        #[target_feature(enable = $features)]
        pub(super) unsafe fn add_values<E: Element>(
            view: &View<'_, E>,
            blocks: &[u32],
            operands: &mut Operands<'_>,
            old_weight: &[f32; MAX_ROWS],
            out_rd: &mut [f32],
        ) {
            // SAFETY: passed on to the caller.
            unsafe {
                $for_row_groups!(view.count, |row| add_value_rows[$sums](
                    view,
                    blocks,
                    &operands.scores[row * KEYS..],
                    &old_weight[row..],
                    &mut out_rd[row * view.head_dim..],
                ));
            }
        }

        /// Turns the scores of all rows into weights.
        ///
        /// # Safety
        /// The processor must have the features of the level; rows must be there whole.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn weigh(rows: Rows<'_>, state: Softmax<'_>) -> [f32; MAX_ROWS] {
            // SAFETY: passed on to the caller.
            unsafe { softmax::weigh::<$at_a_time>(rows, state) }
        }
    };
}
pub(super) use widened_steps;

/// `scores = q K^T` for `NR` rows and the keys of `blocks`.
///
/// # Safety
/// The processor must have the features of the level; the blocks must exist in the planes, `head_dim`
/// must be a multiple of 16, and the slices must hold the rows, those of scores [`KEYS`] apart.
#[inline(always)]
pub(super) unsafe fn score_rows<E: Element, S: Sums<E>, const NR: usize>(
    view: &View<'_, E>,
    blocks: &[u32],
    q_rd: &[f32],
    scores: &mut [f32],
) {
    let d = view.head_dim;
    for (i, &block) in blocks.iter().enumerate() {
        // SAFETY: the page exists and has `d / 2` lines of 16 words; rows were checked by the caller.
        unsafe {
            let mut sums = [S::splat(0.0); NR];
            let page = view.keys.as_ptr().add(block as usize * BLOCK_TOKENS * d);
            S::accumulate(&mut sums, page, BLOCK_TOKENS, q_rd.as_ptr(), d, d / 2);
            if E::SCALED {
                let scales = S::load(view.key_scales[block as usize * BLOCK_TOKENS..].as_ptr());
                for sum in &mut sums {
                    *sum = sum.mul(scales);
                }
            }
            store(&sums, scores.as_mut_ptr().add(i * BLOCK_TOKENS), KEYS);
        }
    }
}

/// `out = out * old_weight + P V` for `NR` rows and the keys of `blocks`.
///
/// # Safety
/// As [`score_rows`]; rows of weights are [`KEYS`] apart.
#[inline(always)]
pub(super) unsafe fn add_value_rows<E: Element, S: Sums<E>, const NR: usize>(
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
            let mut sums = [S::splat(0.0); NR];
            for t in 0..NR {
                sums[t] = S::load(out.add(t * d)).mul(S::splat(old_weight[t]));
            }
            for (i, &block) in blocks.iter().enumerate() {
                let page = view.values.as_ptr().add(block as usize * BLOCK_TOKENS * d);
                let weights = weights.as_ptr().add(i * BLOCK_TOKENS);
                let lines = page.add(2 * column);
                S::accumulate(&mut sums, lines, d, weights, KEYS, BLOCK_TOKENS / 2);
            }
            store(&sums, out, d);
        }
    }
}

/// # Safety
/// The processor must have the features of the level; 16 floats must be writable at `out` and at each
/// further row's distance `stride`.
#[inline(always)]
unsafe fn store<S: Vector, const NR: usize>(sums: &[S; NR], out: *mut f32, stride: usize) {
    for t in 0..NR {
        // SAFETY: promised by the caller.
        unsafe { sums[t].store(out.add(t * stride)) };
    }
}
