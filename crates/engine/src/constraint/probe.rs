//! Constraints without a model, for measurements.

use super::state::ConstraintState;
use crate::error::EngineError;
use crate::request::Constraint;
use crate::vocabulary::Vocabulary;

/// One constraint, walked token by token. A benchmark times [`ConstraintProbe::mask`].
pub struct ConstraintProbe {
    state: ConstraintState,
}

impl ConstraintProbe {
    /// Compiles `constraint` over `vocabulary`.
    ///
    /// # Errors
    /// As [`Intake::prepare`](crate::Intake::prepare) for the constraint of a request.
    pub fn new(vocabulary: &Vocabulary, constraint: &Constraint) -> Result<Self, EngineError> {
        Ok(Self { state: vocabulary.grammars()?.compile(constraint)? })
    }

    /// Computes the mask of the next token, as a step does, and counts the tokens in it.
    ///
    /// # Errors
    /// [`EngineError::ConstraintLost`].
    pub fn mask(&mut self) -> Result<usize, EngineError> {
        Ok(self.state.allowed()?.num_set())
    }

    /// The tokens that may come next, in order.
    ///
    /// # Errors
    /// [`EngineError::ConstraintLost`].
    pub fn allowed(&mut self) -> Result<Vec<u32>, EngineError> {
        Ok(self.state.allowed()?.to_list())
    }

    /// How many of `tokens` may follow one after the other, as a speculated draft is checked.
    ///
    /// # Errors
    /// [`EngineError::ConstraintLost`].
    pub fn valid_prefix(&mut self, tokens: &[u32]) -> Result<usize, EngineError> {
        self.state.valid_prefix(tokens)
    }

    /// Goes on by `token`. Says whether more may follow.
    ///
    /// # Errors
    /// [`EngineError::ConstraintLost`] if it may not follow.
    pub fn advance(&mut self, token: u32) -> Result<bool, EngineError> {
        self.state.accept(token)?;
        Ok(!self.state.is_complete())
    }
}
