//! Sampling without a model, for measurements.

use super::choose::Sampler;
use super::state::SamplingState;
use crate::error::EngineError;
use crate::params::SamplingParams;
use crate::vocabulary::Vocabulary;
use std::sync::Arc;

/// One sequence that is sampled from rows of the caller's. A benchmark times
/// [`SamplingProbe::choose`].
pub struct SamplingProbe {
    params: SamplingParams,
    state: SamplingState,
    sampler: Sampler,
}

impl SamplingProbe {
    /// The sequence of a request with `params` after `prompt_tokens`.
    ///
    /// # Errors
    /// As [`SamplingParams::validate`].
    pub fn new(
        params: SamplingParams,
        prompt_tokens: &[u32],
        vocabulary: &Arc<Vocabulary>,
    ) -> Result<Self, EngineError> {
        params.validate()?;
        let state = SamplingState::new(&params, prompt_tokens, None, vocabulary);
        Ok(Self { params, state, sampler: Sampler::default() })
    }

    /// Chooses the next token from its logits, as a step does, and goes on by it.
    ///
    /// # Errors
    /// [`EngineError::ConstraintLost`]: never, there is no constraint.
    pub fn choose(&mut self, row_v: &[f32]) -> Result<u32, EngineError> {
        let choice = self.sampler.choose(row_v, &self.params, &mut self.state)?;
        self.state.advance(choice.token)?;
        Ok(choice.token)
    }
}
