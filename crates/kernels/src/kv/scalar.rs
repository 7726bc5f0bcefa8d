//! Attention as its formula: all scores, softmax, weighted sum.

use super::cache::BLOCK_TOKENS;
use super::planes::Element;
use super::task::View;

/// `out = softmax2(q K^T) V` for each row of the task, `softmax2` with powers of two.
pub(super) fn attend<E: Element>(view: &View<'_, E>, q_rd: &[f32], out_rd: &mut [f32]) {
    let d = view.head_dim;
    for (row, (q, out)) in
        q_rd.chunks_exact(d).zip(out_rd.chunks_exact_mut(d)).take(view.count).enumerate()
    {
        let visible = view.visible(row);
        let scores: Vec<f32> = visible.clone().map(|pos| score(view, q, pos)).collect();
        let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f32> = scores.iter().map(|score| (score - max).exp2()).collect();
        let sum: f32 = weights.iter().sum();
        out.fill(0.0);
        for (pos, weight) in visible.zip(&weights) {
            for (i, out) in out.iter_mut().enumerate() {
                *out += weight / sum * value(view, pos, i);
            }
        }
    }
}

fn score<E: Element>(view: &View<'_, E>, q: &[f32], pos: usize) -> f32 {
    let dot: f32 = q.iter().enumerate().map(|(i, q)| q * key(view, pos, i)).sum();
    view.cap.map_or(dot, |cap| cap * dot.tanh())
}

fn key<E: Element>(view: &View<'_, E>, pos: usize, i: usize) -> f32 {
    let (block, slot) = place(view, pos);
    let at = block * BLOCK_TOKENS * view.head_dim + (i / 2) * 2 * BLOCK_TOKENS + 2 * slot + i % 2;
    scaled(view.keys[at], view.key_scales, block, slot)
}

fn value<E: Element>(view: &View<'_, E>, pos: usize, i: usize) -> f32 {
    let ((block, slot), d) = (place(view, pos), view.head_dim);
    let at = block * BLOCK_TOKENS * d + (slot / 2) * 2 * d + 2 * i + slot % 2;
    scaled(view.values[at], view.value_scales, block, slot)
}

fn scaled<E: Element>(element: E, scales: &[f32], block: usize, slot: usize) -> f32 {
    let value = element.widen();
    if E::SCALED { value * scales[block * BLOCK_TOKENS + slot] } else { value }
}

/// The block of a position, and its slot in there.
fn place<E: Element>(view: &View<'_, E>, pos: usize) -> (usize, usize) {
    (view.block_table[pos / BLOCK_TOKENS] as usize, pos % BLOCK_TOKENS)
}
