//! What is asked.

use crate::thinking::Thinking;
use crate::tools::Tools;
use catena_engine::{Constraint, SamplingParams};
use catena_protocol::{ChatMessage, Passage};
use serde_json::{Map, Value};

/// A conversation whose next turn is wanted.
#[derive(Clone, Debug)]
pub(crate) struct TurnRequest {
    /// The model's name.
    pub(crate) model: String,
    /// The turns so far.
    pub(crate) messages: Vec<ChatMessage>,
    /// Passages that the client has brought along, to be answered from.
    pub(crate) documents: Vec<Passage>,
    /// What the model may call.
    pub(crate) tools: Tools,
    /// How to sample; `max_new_tokens` is set from `max_tokens`.
    pub(crate) params: SamplingParams,
    /// Most tokens of an answer, with the name of the field that says so.
    pub(crate) max_tokens: Option<(&'static str, usize)>,
    /// Let an answer without a limit take what is left of the context.
    pub(crate) fills_context: bool,
    /// The form of an answer in words.
    pub(crate) form: Option<Constraint>,
    /// Further variables of the chat template.
    pub(crate) variables: Option<Map<String, Value>>,
    /// What is said of thoughts before the answer.
    pub(crate) thinking: Option<Thinking>,
    /// How urgent it is, lower first.
    pub(crate) priority: i32,
}

impl TurnRequest {
    /// A request with nothing special about it.
    pub(crate) fn new(model: String, messages: Vec<ChatMessage>, params: SamplingParams) -> Self {
        Self {
            model,
            messages,
            documents: Vec::new(),
            tools: Tools::default(),
            params,
            max_tokens: None,
            fills_context: false,
            form: None,
            variables: None,
            thinking: None,
            priority: 0,
        }
    }
}
