//! What a template is given, and what it gives.

use std::ops::Range;

use catena_protocol::ChatMessage;
use serde_json::{Map, Value, json};

/// A conversation with everything else that its template may read.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChatInput<'a> {
    /// The turns.
    pub messages: &'a [ChatMessage],
    /// Tools as JSON schemas; without any the template sees none.
    pub tools: &'a [Value],
    /// Further variables; one named like a special token replaces it.
    pub variables: Option<&'a Map<String, Value>>,
    /// Whether the text ends where the assistant's next turn begins.
    pub add_generation_prompt: bool,
}

impl<'a> ChatInput<'a> {
    /// The first `count` messages of the same conversation.
    #[must_use]
    pub fn first(self, count: usize, add_generation_prompt: bool) -> ChatInput<'a> {
        let messages = &self.messages[..count.min(self.messages.len())];
        ChatInput { messages, add_generation_prompt, ..self }
    }

    /// The messages as the template sees them: reasoning stands under both of its names, and what
    /// only training asks about is left out.
    pub(super) fn template_messages(&self) -> Vec<Map<String, Value>> {
        let see = |message: &ChatMessage| {
            let mut seen = Map::new();
            if let Some(thoughts) = &message.reasoning_content {
                seen.insert("thinking".to_owned(), json!(thoughts));
            }
            let Value::Object(parts) = json!(message) else { return seen };
            seen.extend(parts.into_iter().filter(|(key, _)| key != "train"));
            seen
        };
        self.messages.iter().map(see).collect()
    }
}

/// A rendered conversation and what the assistant wrote in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkedChat {
    /// The text, as [`ChatTemplate::render_chat`](crate::ChatTemplate::render_chat) gives it.
    pub text: String,
    /// Byte ranges that stood in `{% generation %}` blocks, in order.
    pub generated: Vec<Range<usize>>,
}
