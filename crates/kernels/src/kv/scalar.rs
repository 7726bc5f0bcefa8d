//! Attention as its formula: all scores, softmax, weighted sum.

use super::cache::BLOCK_TOKENS;
use super::task::View;

/// `out = softmax2(q K^T) V` for each row of the task, `softmax2` with powers of two.
pub(super) fn attend(view: &View<'_>, q_rd: &[f32], out_rd: &mut [f32]) {
    let d = view.head_dim;
    for (row, (q, out)) in
        q_rd.chunks_exact(d).zip(out_rd.chunks_exact_mut(d)).take(view.count).enumerate()
    {
        let visible = view.visible(row);
        let scores: Vec<f32> = (0..visible).map(|pos| dot(view, q, pos)).collect();
        let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f32> = scores.iter().map(|score| (score - max).exp2()).collect();
        let sum: f32 = weights.iter().sum();
        out.fill(0.0);
        for (pos, weight) in weights.iter().enumerate() {
            let page = page_start(view, pos);
            let slot = pos % BLOCK_TOKENS;
            for (i, out) in out.iter_mut().enumerate() {
                *out += weight / sum
                    * f32_of(view.values[page + (slot / 2) * 2 * d + 2 * i + slot % 2]);
            }
        }
    }
}

fn dot(view: &View<'_>, q: &[f32], pos: usize) -> f32 {
    let (page, slot) = (page_start(view, pos), pos % BLOCK_TOKENS);
    let key = |i: usize| view.keys[page + (i / 2) * 2 * BLOCK_TOKENS + 2 * slot + i % 2];
    q.iter().enumerate().map(|(i, q)| q * f32_of(key(i))).sum()
}

fn page_start(view: &View<'_>, pos: usize) -> usize {
    view.block_table[pos / BLOCK_TOKENS] as usize * BLOCK_TOKENS * view.head_dim
}

fn f32_of(bf16: u16) -> f32 {
    f32::from_bits(u32::from(bf16) << 16)
}
