//! Penalties on tokens that were seen before.

use crate::params::SamplingParams;
use std::collections::{HashMap, VecDeque};

/// How often each token occurred, for a request that penalizes it.
#[derive(Clone, Debug)]
pub(super) struct Penalties {
    counts: HashMap<u32, Seen>,
    window: Option<Window>,
}

/// Occurrences of one token.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Seen {
    in_prompt: u32,
    in_output: u32,
}

/// The tokens that count, oldest first, and whether each is of the output.
#[derive(Clone, Debug)]
struct Window {
    last_n: usize,
    tokens: VecDeque<(u32, bool)>,
}

impl Penalties {
    /// The account of `prompt_tokens`, or nothing when `params` penalizes nothing.
    pub(super) fn new(params: &SamplingParams, prompt_tokens: &[u32]) -> Option<Self> {
        let asked = params.repetition_penalty != 1.0
            || params.frequency_penalty != 0.0
            || params.presence_penalty != 0.0;
        if !asked {
            return None;
        }
        let window = params.penalty_last_n.map(|last_n| Window { last_n, tokens: VecDeque::new() });
        let skipped =
            prompt_tokens.len().saturating_sub(params.penalty_last_n.unwrap_or(usize::MAX));
        let mut penalties = Self { counts: HashMap::new(), window };
        for &token in &prompt_tokens[skipped..] {
            penalties.count(token, false);
        }
        Some(penalties)
    }

    /// Counts a generated token.
    pub(super) fn record(&mut self, token: u32) {
        self.count(token, true);
    }

    fn count(&mut self, token: u32, in_output: bool) {
        *self.counts.entry(token).or_default().of(in_output) += 1;
        let Some(window) = &mut self.window else { return };
        window.tokens.push_back((token, in_output));
        if window.tokens.len() <= window.last_n {
            return;
        }
        if let Some((token, in_output)) = window.tokens.pop_front() {
            let seen = self.counts.entry(token).or_default();
            *seen.of(in_output) -= 1;
            if *seen == Seen::default() {
                self.counts.remove(&token);
            }
        }
    }

    /// Lowers the logits of tokens seen before.
    pub(super) fn apply(&self, row_v: &mut [f32], params: &SamplingParams) {
        for (&token, seen) in &self.counts {
            let Some(logit) = row_v.get_mut(token as usize) else { continue };
            if *logit > 0.0 {
                *logit /= params.repetition_penalty;
            } else {
                *logit *= params.repetition_penalty;
            }
            if seen.in_output > 0 {
                let frequency = params.frequency_penalty * seen.in_output as f32;
                *logit -= frequency + params.presence_penalty;
            }
        }
    }
}

impl Seen {
    fn of(&mut self, in_output: bool) -> &mut u32 {
        if in_output { &mut self.in_output } else { &mut self.in_prompt }
    }
}
