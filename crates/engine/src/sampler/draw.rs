//! The random draw.

use super::candidates::Candidates;
use super::row::{Row, token_id};
use catena_kernels::{LOGITS_BLOCK, softmax_weights};
use rand::RngCore;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What a random number decides; each has a stream of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// Which token is drawn.
    Token,
    /// Whether XTC acts.
    Xtc,
}

/// Number `draw_idx` of the stream of `seed`, in `[0, 1)`. Addressed by position, so preemption,
/// batching and speculation cannot shift it.
pub(super) fn uniform(seed: u64, purpose: Purpose, draw_idx: usize) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(match purpose {
        Purpose::Token => 0,
        Purpose::Xtc => 1,
    });
    rng.set_word_pos(2 * draw_idx as u128);
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// The candidate at `share` (in `[0, 1)`) of the total weight; nothing if no weight is positive.
pub(super) fn from_candidates(candidates: &Candidates, share: f64) -> Option<u32> {
    let target = share * candidates.total();
    let mut reached = 0.0;
    let mut last = None;
    for candidate in candidates.list.iter().filter(|candidate| candidate.weight > 0.0) {
        reached += f64::from(candidate.weight);
        last = Some(candidate.token);
        if reached > target {
            break;
        }
    }
    last
}

/// The token at `share` of the weight of a whole row: the block first, then the place in it.
pub(super) fn from_row(row: &Row<'_>, share: f64, sums: &mut Vec<f32>) -> Option<u32> {
    row.block_sums(sums);
    let target = share * sums.iter().map(|&sum| f64::from(sum)).sum::<f64>();
    let mut before = 0.0;
    let mut found = None;
    for (block_idx, &sum) in sums.iter().enumerate().filter(|&(_, &sum)| sum > 0.0) {
        found = Some((block_idx, before));
        before += f64::from(sum);
        if before > target {
            break;
        }
    }
    let (block_idx, mut reached) = found?;
    let first = block_idx * LOGITS_BLOCK;
    let block = &row.logits_v[first..row.logits_v.len().min(first + LOGITS_BLOCK)];
    let mut weights = [0.0; LOGITS_BLOCK];
    let weights = &mut weights[..block.len()];
    weights.copy_from_slice(block);
    softmax_weights(weights, row.largest, row.scale);
    let mut last = None;
    for (offset, &weight) in weights.iter().enumerate().filter(|&(_, &weight)| weight > 0.0) {
        reached += f64::from(weight);
        last = Some(token_id(first + offset));
        if reached > target {
            break;
        }
    }
    last
}
