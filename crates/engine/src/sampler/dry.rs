//! DRY: a token that would go on repeating earlier text is penalized.

use crate::params::DryParams;
use crate::vocabulary::Vocabulary;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// What the rule remembers of one sequence.
///
/// With `len` the length of the longest end of the text that also stands earlier, right before an
/// occurrence of token `x`, the logit of `x` falls by `multiplier * base^(len - allowed_length)`
/// if `len >= allowed_length`. No repetition reaches back over a sequence breaker.
///
/// # Source
/// The rule of text-generation-webui (pull request 5677) in the form of llama.cpp. We look for
/// breakers in the bytes of the tokens: a breaker counts however it was cut into tokens, where
/// llama.cpp knows its own tokenization of the rest only. As there, a token that holds a whole
/// breaker is never penalized.
#[derive(Clone, Debug)]
pub(super) struct Dry {
    params: DryParams,
    vocabulary: Arc<Vocabulary>,
    /// The tokens that count, newest first.
    history: VecDeque<u32>,
    /// Tokens after the last breaker.
    since_breaker: usize,
    /// The newest bytes, as many as may begin a breaker.
    tail: Vec<u8>,
    /// Longest repetition that ends at each place of `history`; scratch.
    lengths: Vec<usize>,
}

impl Dry {
    /// The memory of `prompt_tokens`.
    pub(super) fn new(
        params: &DryParams,
        prompt_tokens: &[u32],
        vocabulary: &Arc<Vocabulary>,
    ) -> Self {
        let mut dry = Self {
            params: params.clone(),
            vocabulary: vocabulary.clone(),
            history: VecDeque::new(),
            since_breaker: 0,
            tail: Vec::new(),
            lengths: Vec::new(),
        };
        let skipped = prompt_tokens.len().saturating_sub(params.last_n.unwrap_or(usize::MAX));
        prompt_tokens[skipped..].iter().for_each(|&token| dry.record(token));
        dry
    }

    /// Remembers a token.
    pub(super) fn record(&mut self, token: u32) {
        self.history.push_front(token);
        self.history.truncate(self.params.last_n.unwrap_or(usize::MAX));
        let begun = self.tail.len();
        self.tail.extend_from_slice(self.vocabulary.token_bytes(token));
        let ends_breaker = |breaker: &String| {
            // One that ends before the new bytes was seen when they were new.
            let from = (begun + 1).saturating_sub(breaker.len());
            holds(&self.tail[from..], breaker.as_bytes())
        };
        let broken = self.params.sequence_breakers.iter().any(ends_breaker);
        self.since_breaker = if broken { 0 } else { self.since_breaker + 1 };
        let longest = self.params.sequence_breakers.iter().map(String::len).max().unwrap_or(1);
        let surplus = self.tail.len().saturating_sub(longest - 1);
        self.tail.drain(..surplus);
    }

    /// Lowers the logits of tokens that would go on with a repetition.
    pub(super) fn apply(&mut self, row_v: &mut [f32]) {
        let DryParams { multiplier, base, allowed_length, .. } = self.params;
        let limit = self.since_breaker.min(self.history.len());
        if limit < allowed_length {
            return;
        }
        repeats(self.history.make_contiguous(), &mut self.lengths);
        let mut longest: HashMap<u32, usize> = HashMap::new();
        for (age, &length) in self.lengths.iter().enumerate().skip(1) {
            if length >= allowed_length {
                // The token that followed that earlier occurrence.
                let known = longest.entry(self.history[age - 1]).or_default();
                *known = (*known).max(length.min(limit));
            }
        }
        for (token, length) in longest {
            let Some(logit) = row_v.get_mut(token as usize) else { continue };
            let bytes = self.vocabulary.token_bytes(token);
            let breaks = |breaker: &String| holds(bytes, breaker.as_bytes());
            if !self.params.sequence_breakers.iter().any(breaks) {
                let exponent = (length - allowed_length) as f32;
                *logit -= (multiplier * base.powf(exponent)).min(f32::MAX);
            }
        }
    }
}

/// For each place of `newest_first`, how many tokens from it on equal those from the start on.
///
/// The Z algorithm: linear time, since no token is compared twice as part of a match.
fn repeats(newest_first: &[u32], lengths: &mut Vec<usize>) {
    let count = newest_first.len();
    lengths.clear();
    lengths.resize(count, 0);
    let (mut left, mut right) = (0, 0);
    for at in 1..count {
        let mut length = if at < right { lengths[at - left].min(right - at) } else { 0 };
        while at + length < count && newest_first[length] == newest_first[at + length] {
            length += 1;
        }
        lengths[at] = length;
        if at + length > right {
            (left, right) = (at, at + length);
        }
    }
}

/// Whether `needle` stands in `bytes`.
fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}
