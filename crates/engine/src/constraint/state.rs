//! Where one sequence stands in its constraint.

use crate::error::EngineError;
use llguidance::Matcher;
use toktrie::SimpleVob;

/// The state of one sequence's constraint.
pub(crate) struct ConstraintState {
    matcher: Box<Matcher>,
    /// The tokens that may come next, when they were computed ahead.
    ahead: Option<SimpleVob>,
}

impl Clone for ConstraintState {
    /// An independent copy: what one learns of the grammar does not change the other's work.
    fn clone(&self) -> Self {
        Self { matcher: Box::new(self.matcher.deep_clone()), ahead: self.ahead.clone() }
    }
}

impl ConstraintState {
    /// The state that `matcher` is in.
    pub(super) fn new(matcher: Matcher) -> Self {
        Self { matcher: Box::new(matcher), ahead: None }
    }

    /// Whether [`ConstraintState::allowed`] has its answer already.
    pub(super) fn is_ahead(&self) -> bool {
        self.ahead.is_some()
    }

    /// Computes the answer of [`ConstraintState::allowed`]. An error shows when that is asked for.
    pub(super) fn compute_ahead(&mut self) {
        if self.ahead.is_none() {
            self.ahead = self.matcher.compute_mask_or_eos().ok();
        }
    }

    /// The tokens that may come next.
    ///
    /// # Errors
    /// [`EngineError::ConstraintLost`].
    pub(crate) fn allowed(&mut self) -> Result<SimpleVob, EngineError> {
        match self.ahead.take() {
            Some(allowed) => Ok(allowed),
            None => self.matcher.compute_mask_or_eos().map_err(|error| lost(&error.to_string())),
        }
    }

    /// How many of `tokens` may follow one after the other: a draft is worth running that far.
    ///
    /// # Errors
    /// [`EngineError::ConstraintLost`].
    pub(crate) fn valid_prefix(&mut self, tokens: &[u32]) -> Result<usize, EngineError> {
        self.matcher.validate_tokens(tokens).map_err(|error| lost(&error.to_string()))
    }

    /// Advances by a sampled token.
    ///
    /// # Errors
    /// [`EngineError::ConstraintLost`] if it may not follow.
    pub(crate) fn accept(&mut self, token: u32) -> Result<(), EngineError> {
        self.ahead = None;
        self.matcher.consume_token(token).map_err(|error| lost(&error.to_string()))
    }

    /// Whether the output is complete: nothing but the end of sequence may follow.
    pub(crate) fn is_complete(&self) -> bool {
        self.matcher.is_stopped()
    }
}

fn lost(reason: &str) -> EngineError {
    EngineError::ConstraintLost { reason: first_line(reason) }
}

/// The first line: what follows is a dump of the parser.
pub(super) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
