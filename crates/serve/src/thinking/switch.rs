//! Switching thoughts on and off.

use super::parser::OPEN;
use crate::error::ApiError;
use catena_engine::{PromptCodec, Vocabulary};
use serde_json::{Map, Value};

/// Variables by which templates switch thoughts on and off.
const SWITCHES: [&str; 2] = ["enable_thinking", "thinking"];
/// The variable by which templates tell the model how much to think.
const EFFORT: &str = "reasoning_effort";
/// Words that say how much to think, least first.
pub(crate) const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
/// Tokens at the end of a prompt among which that may stand.
const MAX_OPEN_TOKENS: usize = 16;

/// Whether `codec`'s template has a variable for thoughts.
pub(crate) fn can_switch(codec: &dyn PromptCodec) -> bool {
    codec.reads_variable(EFFORT) || SWITCHES.iter().any(|name| codec.reads_variable(name))
}

/// What a request says about thoughts before its answer, with the name of the field that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Thinking {
    field: &'static str,
    wish: Wish,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wish {
    Off,
    On,
    /// So much, in one of the words for it.
    Effort(&'static str),
}

impl Thinking {
    /// Thoughts, or none.
    pub(crate) fn switched(field: &'static str, is_on: bool) -> Self {
        Self { field, wish: if is_on { Wish::On } else { Wish::Off } }
    }

    /// As many thoughts as `word` says.
    ///
    /// # Errors
    /// [`ApiError::InvalidField`] if no template knows the word.
    pub(crate) fn effort(field: &'static str, word: &str) -> Result<Self, ApiError> {
        match EFFORTS.into_iter().find(|known| *known == word) {
            Some("none") => Ok(Self { field, wish: Wish::Off }),
            Some(word) => Ok(Self { field, wish: Wish::Effort(word) }),
            None => {
                let word: String = word.chars().take(40).collect();
                let known = EFFORTS.join(", ");
                let reason = format!("`{word}` is not known; known: {known}");
                Err(ApiError::InvalidField { field, reason })
            }
        }
    }

    /// Sets the variables of `codec`'s template that do what is wished, unless the client has set them itself;
    /// whether it has any.
    pub(crate) fn set(&self, codec: &dyn PromptCodec, variables: &mut Map<String, Value>) -> bool {
        let mut has_any = false;
        let mut set = |name: &str, value: Value| {
            if codec.reads_variable(name) {
                variables.entry(name).or_insert(value);
                has_any = true;
            }
        };
        for name in SWITCHES {
            set(name, Value::Bool(self.wish != Wish::Off));
        }
        if let Wish::Effort(word) = self.wish {
            set(EFFORT, Value::from(word));
        }
        has_any
    }

    /// Checks that it is done: `was_set` says whether the template has a variable for it, and
    /// `opens` whether the prompt ends where thoughts begin.
    ///
    /// # Errors
    /// [`ApiError::Unsupported`].
    pub(crate) fn check(&self, was_set: bool, opens: bool) -> Result<(), ApiError> {
        let is_done = match self.wish {
            Wish::Off => !opens,
            Wish::On => was_set || opens,
            Wish::Effort(_) => was_set,
        };
        if is_done {
            return Ok(());
        }
        let hint = " by this model; its chat template has no switch for it";
        Err(ApiError::Unsupported { field: self.field, hint })
    }
}

/// Whether `prompt` ends where the model's thoughts begin.
pub(crate) fn opens(vocabulary: &Vocabulary, prompt: &[u32]) -> bool {
    let last = &prompt[prompt.len().saturating_sub(MAX_OPEN_TOKENS)..];
    let bytes: Vec<u8> =
        last.iter().flat_map(|&token| vocabulary.token_bytes(token)).copied().collect();
    bytes.trim_ascii_end().ends_with(OPEN.as_bytes())
}
