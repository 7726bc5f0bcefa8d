//! One token from one row of logits.

use super::candidates::Candidates;
use super::draw::{Purpose, from_candidates, from_row, uniform};
use super::logprobs::score;
use super::row::Row;
use super::state::SamplingState;
use super::{mask, min_p, top_k, top_p, typical, xtc};
use crate::error::EngineError;
use crate::logits::LogitsRow;
use crate::params::SamplingParams;
use crate::request::TokenLogprob;

/// A chosen token.
#[derive(Debug, PartialEq)]
pub(crate) struct Choice {
    /// The token.
    pub(crate) token: u32,
    /// Its log-probability, when asked for.
    pub(crate) logprob: Option<f32>,
    /// The most likely tokens, best first, when asked for.
    pub(crate) top_logprobs: Vec<TokenLogprob>,
}

/// Chooses tokens; holds only scratch space.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    row_v: Vec<f32>,
    filter: Filter,
}

/// Scratch space of the rules that work on probabilities.
#[derive(Debug, Default)]
pub(super) struct Filter {
    maxima: Vec<f32>,
    sums: Vec<f32>,
    candidates: Candidates,
}

impl Sampler {
    /// The next token of the sequence in `state` from its logits. The state stays where it is:
    /// the caller advances it by the token, or not.
    ///
    /// # Errors
    /// [`EngineError::ConstraintLost`].
    pub(crate) fn choose(
        &mut self,
        row_v: &[f32],
        params: &SamplingParams,
        state: &mut SamplingState,
    ) -> Result<Choice, EngineError> {
        self.choose_from(row_v.into(), params, state)
    }

    /// As [`Sampler::choose`], from logits of which something may be known.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn choose_from(
        &mut self,
        row: LogitsRow<'_>,
        params: &SamplingParams,
        state: &mut SamplingState,
    ) -> Result<Choice, EngineError> {
        let token = self.token(row, params, state)?;
        let (logprob, top_logprobs) = match params.logprobs {
            None => (None, Vec::new()),
            Some(count) => {
                let (logprob, top_logprobs) = score(row.logits_v, token, count);
                (Some(logprob), top_logprobs)
            }
        };
        Ok(Choice { token, logprob, top_logprobs })
    }

    /// What draw number `draw_idx` would give if `row_v` were the sequence's logits and no rule but
    /// temperature and filters were on: a guess.
    pub(crate) fn guess(&mut self, row_v: &[f32], params: &SamplingParams, draw_idx: usize) -> u32 {
        self.filter.pick(row_v.into(), params, draw_idx)
    }

    fn token(
        &mut self,
        row: LogitsRow<'_>,
        params: &SamplingParams,
        state: &mut SamplingState,
    ) -> Result<u32, EngineError> {
        let allowed = state.allowed()?;
        if allowed.is_none() && !state.changes_logits(params) {
            return Ok(self.filter.pick(row, params, state.num_generated()));
        }
        let row_v = row.logits_v;
        let only = allowed.as_ref().and_then(|allowed| mask::only_one(allowed, row_v.len()));
        if let Some(token) = only {
            return Ok(token);
        }
        self.row_v.clear();
        self.row_v.extend_from_slice(row_v);
        state.adjust(&mut self.row_v, params, allowed.as_ref())?;
        let row = LogitsRow::from(&self.row_v[..]);
        Ok(self.filter.pick(row, params, state.num_generated()))
    }
}

impl Filter {
    /// Applies temperature and filters to `logits` and makes draw number `draw_idx`.
    fn pick(&mut self, logits: LogitsRow<'_>, params: &SamplingParams, draw_idx: usize) -> u32 {
        if params.temperature == 0.0 {
            return logits.argmax();
        }
        let Some(row) = Row::read(logits, params.temperature, &mut self.maxima) else {
            return logits.argmax();
        };
        let share = uniform(params.seed, Purpose::Token, draw_idx);
        let filters = filter(&row, params, draw_idx, &mut self.sums, &mut self.candidates);
        let drawn = if filters {
            from_candidates(&self.candidates, share)
        } else {
            from_row(&row, share, &mut self.sums)
        };
        drawn.unwrap_or_else(|| logits.argmax())
    }

    /// The tokens that the filters leave of `row_v`, with unnormalized probabilities.
    #[cfg(test)]
    pub(super) fn kept(&mut self, row_v: &[f32], params: &SamplingParams) -> Vec<(u32, f32)> {
        let row = Row::read(row_v.into(), params.temperature, &mut self.maxima);
        let row = row.expect("finite logits");
        if !filter(&row, params, 0, &mut self.sums, &mut self.candidates) {
            row.collect(f32::MIN, &mut self.candidates);
        }
        self.candidates.list.iter().map(|c| (c.token, c.weight)).collect()
    }
}

/// Leaves in `candidates` what the filters keep of `row`; says whether any filter is on. The first
/// that is on gathers its tokens straight from the row.
fn filter(
    row: &Row<'_>,
    params: &SamplingParams,
    draw_idx: usize,
    sums: &mut Vec<f32>,
    candidates: &mut Candidates,
) -> bool {
    if let Some(k) = params.top_k.filter(|&k| k < row.logits_v.len()) {
        top_k::collect(row, k, sums, candidates);
    } else if params.typical_p < 1.0 || params.xtc.is_some() {
        row.collect(f32::MIN, candidates);
    } else if params.top_p < 1.0 {
        top_p::collect(row, params.top_p, sums, candidates);
        min_p::keep(params.min_p, candidates);
        return true;
    } else if params.min_p > 0.0 {
        min_p::collect(row, params.min_p, candidates);
        return true;
    } else {
        return false;
    }
    typical::keep(params.typical_p, candidates);
    top_p::keep(params.top_p, candidates);
    min_p::keep(params.min_p, candidates);
    if let Some(xtc) = params.xtc {
        xtc::keep(xtc, uniform(params.seed, Purpose::Xtc, draw_idx), candidates);
    }
    true
}
