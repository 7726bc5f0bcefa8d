//! What sampling remembers of one sequence.

use super::dry::Dry;
use super::penalties::Penalties;
use super::{bias, mask};
use crate::constraint::ConstraintState;
use crate::error::EngineError;
use crate::params::SamplingParams;
use crate::vocabulary::Vocabulary;
use std::sync::Arc;
use toktrie::SimpleVob;

/// Everything the choice of a sequence's next token depends on beside its logits and parameters.
///
/// It moves forward token by token and never back: rows of tokens that may be thrown away (a
/// speculated draft) are chosen from while the tokens before them are accepted one after the
/// other, and choosing stops at the first that differs.
///
/// A request with `n` samples becomes `n` sequences: sample `i` takes a clone of the fresh state
/// and the parameters [`SamplingParams::of_sample`] of `i`.
#[derive(Clone)]
pub(crate) struct SamplingState {
    num_generated: usize,
    penalties: Option<Penalties>,
    dry: Option<Dry>,
    constraint: Option<ConstraintState>,
    /// Tokens that may not come before `min_new_tokens` are there.
    held_back: Vec<u32>,
}

impl SamplingState {
    /// The state before the first token.
    pub(crate) fn new(
        params: &SamplingParams,
        prompt_tokens: &[u32],
        constraint: Option<ConstraintState>,
        vocabulary: &Arc<Vocabulary>,
    ) -> Self {
        let mut held_back = Vec::new();
        if params.min_new_tokens > 0 {
            held_back.extend_from_slice(&params.stop_tokens);
            held_back.extend_from_slice(vocabulary.eos_tokens());
        }
        Self {
            num_generated: 0,
            penalties: Penalties::new(params, prompt_tokens),
            dry: params.dry.as_ref().map(|dry| Dry::new(dry, prompt_tokens, vocabulary)),
            constraint,
            held_back,
        }
    }

    /// Tokens generated so far; the number of the next draw.
    pub(crate) fn num_generated(&self) -> usize {
        self.num_generated
    }

    /// Goes on by a chosen token.
    ///
    /// # Errors
    /// [`EngineError::ConstraintLost`] if the constraint does not allow it.
    pub(crate) fn advance(&mut self, token: u32) -> Result<(), EngineError> {
        self.num_generated += 1;
        if let Some(penalties) = &mut self.penalties {
            penalties.record(token);
        }
        if let Some(dry) = &mut self.dry {
            dry.record(token);
        }
        self.constraint.as_mut().map_or(Ok(()), |constraint| constraint.accept(token))
    }

    /// Whether the form is complete: nothing but the end of sequence may follow.
    pub(crate) fn is_complete(&self) -> bool {
        self.constraint.as_ref().is_some_and(ConstraintState::is_complete)
    }

    /// The constraint, if there is one: its mask may be computed ahead, and drafts checked.
    pub(crate) fn constraint_mut(&mut self) -> &mut Option<ConstraintState> {
        &mut self.constraint
    }

    /// The tokens that the constraint lets follow; nothing without a constraint.
    pub(super) fn allowed(&mut self) -> Result<Option<SimpleVob>, EngineError> {
        self.constraint.as_mut().map(ConstraintState::allowed).transpose()
    }

    /// Whether any rule other than the constraint changes logits.
    pub(super) fn changes_logits(&self, params: &SamplingParams) -> bool {
        self.penalties.is_some()
            || self.dry.is_some()
            || !params.logit_bias.is_empty()
            || self.holds_back(params)
    }

    fn holds_back(&self, params: &SamplingParams) -> bool {
        self.num_generated < params.min_new_tokens
    }

    /// Applies, in order, every rule that changes logits.
    pub(super) fn adjust(
        &mut self,
        row_v: &mut [f32],
        params: &SamplingParams,
        allowed: Option<&SimpleVob>,
    ) -> Result<(), EngineError> {
        if let Some(penalties) = &self.penalties {
            penalties.apply(row_v, params);
        }
        if let Some(dry) = &mut self.dry {
            dry.apply(row_v);
        }
        bias::apply(row_v, &params.logit_bias);
        allowed.map_or(Ok(()), |allowed| mask::constrain(row_v, allowed))?;
        if self.holds_back(params) {
            mask::hold_back(row_v, &self.held_back);
        }
        Ok(())
    }
}
