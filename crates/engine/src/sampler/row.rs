//! A row of logits, read block by block.

use super::candidates::Candidates;
use crate::logits::LogitsRow;
use catena_kernels::{LOGITS_BLOCK, block_maxima, block_weights, softmax_weights};

/// A row of logits with the temperature it is read at. A token's weight is
/// `exp((logit - largest) * scale)`, its unnormalized probability.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) logits_v: &'a [f32],
    /// The largest logit of each block.
    pub(super) maxima: &'a [f32],
    pub(super) largest: f32,
    pub(super) scale: f32,
}

impl<'a> Row<'a> {
    /// Reads `row` at a positive `temperature`; nothing if no logit is finite. `found` is for the
    /// maxima if they are not known.
    pub(super) fn read(
        row: LogitsRow<'a>,
        temperature: f32,
        found: &'a mut Vec<f32>,
    ) -> Option<Self> {
        let logits_v = row.logits_v;
        let maxima = if let Some(maxima) = row.maxima {
            maxima
        } else {
            found.resize(logits_v.len().div_ceil(LOGITS_BLOCK), 0.0);
            block_maxima(logits_v, found);
            &found[..]
        };
        let largest = maxima.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        // A tiny temperature is greedy, not a division that gives no number.
        let scale = temperature.recip().min(f32::MAX);
        largest.is_finite().then_some(Self { logits_v, maxima, largest, scale })
    }

    /// The sum of all weights of each block.
    pub(super) fn block_sums(&self, sums: &mut Vec<f32>) {
        sums.resize(self.maxima.len(), 0.0);
        block_weights(self.logits_v, self.largest, self.scale, sums);
    }

    /// Replaces `candidates` by the tokens whose logit is at least `lowest`, with their weights.
    pub(super) fn collect(&self, lowest: f32, candidates: &mut Candidates) {
        self.gather(lowest, candidates);
        candidates.list_gathered();
    }

    /// Gathers the tokens whose logit is at least `lowest` into the scratch of `candidates`, for
    /// [`Candidates::list_gathered`], and returns the sum of their weights.
    pub(super) fn gather(&self, lowest: f32, candidates: &mut Candidates) -> f64 {
        let lowest = lowest.max(f32::MIN);
        let Candidates { tokens, weights, num_gathered, .. } = candidates;
        // Room for a whole block behind the last token.
        tokens.resize(self.logits_v.len() + LOGITS_BLOCK, 0);
        weights.resize(self.logits_v.len() + LOGITS_BLOCK, 0.0);
        let mut count = 0;
        let mut first_token = 0;
        for (block, &maximum) in self.logits_v.chunks(LOGITS_BLOCK).zip(self.maxima) {
            if maximum >= lowest {
                let tokens = &mut tokens[count..count + LOGITS_BLOCK];
                let weights = &mut weights[count..count + LOGITS_BLOCK];
                let mut kept = 0;
                for (token, &logit) in (first_token..).zip(block) {
                    // Written always and kept sometimes: no branch to mispredict. The remainder
                    // changes nothing, it only shows that the place exists.
                    tokens[kept % LOGITS_BLOCK] = token;
                    weights[kept % LOGITS_BLOCK] = logit;
                    kept += usize::from(logit >= lowest);
                }
                count += kept;
            }
            first_token += token_id(LOGITS_BLOCK);
        }
        *num_gathered = count;
        let weights = &mut weights[..count];
        softmax_weights(weights, self.largest, self.scale);
        weights.chunks(LOGITS_BLOCK).map(|part| f64::from(part.iter().sum::<f32>())).sum()
    }
}

/// A place in a row as the token's id.
pub(super) fn token_id(place: usize) -> u32 {
    u32::try_from(place).expect("token ids are u32")
}
