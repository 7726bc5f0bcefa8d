//! A request's tools and how its model calls them.

use super::grammar::{self, Calls};
use super::parser::{CallIds, CallParser};
use super::plain;
use super::tool::{Tool, ToolChoice, Tools};
use crate::error::ApiError;
use catena_engine::{ChatInput, Constraint, EngineError, PromptCodec, ToolSyntax};
use catena_protocol::{ChatMessage, Role};
use serde_json::{Map, Value};

/// Most calls of one turn.
const MAX_CALLS: usize = 32;

/// How one request's answer may call tools.
#[derive(Clone, Debug)]
pub(crate) struct Calling {
    tools: Tools,
    /// How the model writes calls.
    syntax: ToolSyntax,
    /// Whether the model's template knows that syntax; otherwise we describe it.
    is_native: bool,
}

impl Calling {
    /// What `codec`'s model makes of `tools`.
    pub(crate) fn new(tools: Tools, codec: &dyn PromptCodec) -> Self {
        let native = codec.tool_syntax();
        let syntax = native.cloned().unwrap_or_else(ToolSyntax::plain);
        Self { tools, syntax, is_native: native.is_some() }
    }

    /// Whether the answer may hold calls.
    pub(crate) fn is_offered(&self) -> bool {
        self.tools.are_offered()
    }

    /// The prompt of a conversation, with the tools.
    ///
    /// # Errors
    /// As [`PromptCodec::encode_chat`].
    pub(crate) fn encode(
        &self,
        codec: &dyn PromptCodec,
        messages: &[ChatMessage],
        variables: Option<&Map<String, Value>>,
    ) -> Result<Vec<u32>, EngineError> {
        let tools = if self.is_offered() { self.tools.list.as_slice() } else { &[] };
        if self.is_native {
            let tools: Vec<Value> = tools.iter().map(Tool::template_value).collect();
            return codec.encode_chat(&prompt(messages, &tools, variables));
        }
        let speaks_of_calls =
            |message: &ChatMessage| message.role == Role::Tool || !message.tool_calls.is_empty();
        if tools.is_empty() && !messages.iter().any(speaks_of_calls) {
            return codec.encode_chat(&prompt(messages, &[], variables));
        }
        let mut reworded = plain::reword(messages);
        if let Some(description) = plain::describe(tools) {
            let told = plain::tell_system(&reworded, &description);
            match codec.encode_chat(&prompt(&told, &[], variables)) {
                // Some templates take no message of the system.
                Err(EngineError::Text(_)) => plain::tell_user(&mut reworded, &description),
                encoded => return encoded,
            }
        }
        codec.encode_chat(&prompt(&reworded, &[], variables))
    }

    /// What holds the answer to the tools; `form` is the form of an answer without calls.
    ///
    /// # Errors
    /// [`ApiError::InvalidField`] if calls cannot be told from such an answer.
    pub(crate) fn constraint(
        &self,
        form: Option<Constraint>,
    ) -> Result<Option<Constraint>, ApiError> {
        if !self.is_offered() {
            return Ok(form);
        }
        let (only, required) = match &self.tools.choice {
            ToolChoice::Named(name) => (Some(name.as_str()), true),
            ToolChoice::Required => (None, true),
            ToolChoice::Auto | ToolChoice::None => (None, false),
        };
        let most = if self.tools.one_call || only.is_some() { 1 } else { MAX_CALLS };
        let calls = Calls { syntax: &self.syntax, tools: &self.tools.list, only, most };
        let composed =
            if required { grammar::required(&calls) } else { grammar::allowed(&calls, form)? };
        Ok(Some(Constraint::Composed(composed)))
    }

    /// Reads the calls out of one answer; `ids` names them.
    pub(crate) fn parser(&self, ids: CallIds) -> CallParser {
        let required = !matches!(self.tools.choice, ToolChoice::Auto | ToolChoice::None);
        CallParser::new(self.syntax.clone(), required, ids)
    }

    /// Whether the identities of calls must be as short as the model's template asks.
    pub(crate) fn has_short_ids(&self) -> bool {
        self.syntax.writes_ids()
    }
}

/// A conversation whose next turn is the assistant's.
fn prompt<'a>(
    messages: &'a [ChatMessage],
    tools: &'a [Value],
    variables: Option<&'a Map<String, Value>>,
) -> ChatInput<'a> {
    ChatInput { messages, tools, variables, add_generation_prompt: true }
}
