//! Penalties on tokens that were seen before.

use crate::params::SamplingParams;
use std::collections::HashMap;

/// How often each token occurred, for a request that penalizes it.
#[derive(Debug)]
pub(crate) struct Penalties {
    /// Occurrences in the output by token; 0 for tokens of the prompt only.
    counts: HashMap<u32, u32>,
}

impl Penalties {
    /// The account of `prompt_tokens`, or nothing when `params` penalizes nothing.
    pub(crate) fn new(params: &SamplingParams, prompt_tokens: &[u32]) -> Option<Self> {
        let asked = params.repetition_penalty != 1.0
            || params.frequency_penalty != 0.0
            || params.presence_penalty != 0.0;
        asked.then(|| Self { counts: prompt_tokens.iter().map(|&token| (token, 0)).collect() })
    }

    /// Counts a generated token.
    pub(crate) fn record(&mut self, token: u32) {
        *self.counts.entry(token).or_insert(0) += 1;
    }

    /// Lowers the logits of tokens seen before.
    pub(crate) fn apply(&self, row_v: &mut [f32], params: &SamplingParams) {
        for (&token, &count) in &self.counts {
            let Some(logit) = row_v.get_mut(token as usize) else { continue };
            if *logit > 0.0 {
                *logit /= params.repetition_penalty;
            } else {
                *logit *= params.repetition_penalty;
            }
            if count > 0 {
                *logit -= params.frequency_penalty * count as f32 + params.presence_penalty;
            }
        }
    }
}
