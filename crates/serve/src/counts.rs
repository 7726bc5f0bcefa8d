//! Tokens of the answers to one HTTP request.

use crate::openapi::shapes::{count, object};
use catena_engine::Completion;
use serde_json::{Value, json};

/// Tokens of answers that ended. A prompt counts once, however many answers it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the protocols' own names")]
pub(crate) struct Counts {
    /// Tokens of the prompts.
    pub(crate) prompt_tokens: usize,
    /// Those of them that were computed before, for another request.
    pub(crate) cached_tokens: usize,
    /// Tokens generated.
    pub(crate) completion_tokens: usize,
    /// Those of them that were thoughts.
    pub(crate) reasoning_tokens: usize,
}

impl Counts {
    /// Takes an answer in.
    pub(crate) fn add(&mut self, completion: &Completion) {
        self.completion_tokens += completion.usage.completion_tokens;
        if completion.sample == 0 {
            self.prompt_tokens += completion.usage.prompt_tokens;
            self.cached_tokens += completion.cached_tokens;
        }
    }

    /// `usage` of OpenAI's completions.
    pub(crate) fn usage(&self) -> Value {
        let mut usage = json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": self.cached_tokens},
        });
        if self.reasoning_tokens > 0 {
            usage["completion_tokens_details"] = json!({"reasoning_tokens": self.reasoning_tokens});
        }
        usage
    }
}

/// The schema of `usage` of OpenAI's completions.
pub(crate) fn usage_shape() -> Value {
    object([
        ("prompt_tokens", count()),
        ("completion_tokens", count()),
        ("total_tokens", count()),
        ("prompt_tokens_details", object([("cached_tokens", count())])),
        ("completion_tokens_details?", object([("reasoning_tokens", count())])),
    ])
}
