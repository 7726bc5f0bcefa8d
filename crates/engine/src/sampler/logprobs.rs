//! Log-probabilities under the model's own distribution.

use super::row::token_id;
use crate::request::TokenLogprob;
use catena_kernels::{LOGITS_BLOCK, argmax, block_maxima, log_softmax_at};

/// The log-probability of `token`, and the `count` most likely tokens, best first.
pub(crate) fn score(row_v: &[f32], token: u32, count: usize) -> (f32, Vec<TokenLogprob>) {
    if count == 0 {
        return (log_softmax_at(row_v, token), Vec::new());
    }
    let best = argmax(row_v);
    let log_total = row_v[best as usize] - log_softmax_at(row_v, best);
    (row_v[token as usize] - log_total, most_likely(row_v, count, log_total))
}

fn most_likely(row_v: &[f32], count: usize, log_total: f32) -> Vec<TokenLogprob> {
    let mut maxima = vec![0.0; row_v.len().div_ceil(LOGITS_BLOCK)];
    block_maxima(row_v, &mut maxima);
    let mut best: Vec<TokenLogprob> = Vec::with_capacity(count + 1);
    for (block_idx, (block, &maximum)) in row_v.chunks(LOGITS_BLOCK).zip(&maxima).enumerate() {
        let is_beaten = |logit: f32, best: &[TokenLogprob]| {
            best.len() == count && best.last().is_none_or(|last| logit - log_total <= last.logprob)
        };
        if is_beaten(maximum, &best) {
            continue;
        }
        for (offset, &logit) in block.iter().enumerate() {
            if is_beaten(logit, &best) || logit.is_nan() {
                continue;
            }
            let logprob = logit - log_total;
            let at = best.partition_point(|other| other.logprob >= logprob);
            let token = token_id(block_idx * LOGITS_BLOCK + offset);
            best.insert(at, TokenLogprob { token, logprob });
            best.truncate(count);
        }
    }
    best
}
