//! The request of a response.

use super::input::{Input, read_items};
use crate::body::{ApiRequest, Refused, from_object, from_some_object, is_empty, is_one};
use crate::chat::{FunctionTool, word_choice};
use crate::error::ApiError;
use crate::sampling::random_seed;
use crate::thinking::{EFFORTS, Thinking};
use crate::tools::{MAX_TOOLS, Tool, ToolChoice, Tools};
use crate::turn::{TurnRequest, check_messages};
use catena_engine::{Constraint, MAX_TOP_LOGPROBS, SamplingParams};
use catena_protocol::{ChatMessage, Role};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What a client sends.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(crate) struct ResponseRequest {
    pub(crate) model: String,
    #[serde(default)]
    pub(crate) input: Input,
    pub(crate) instructions: Option<String>,
    #[schemars(range(min = 1))]
    max_output_tokens: Option<usize>,
    #[schemars(range(min = 0.0, max = 10.0))]
    temperature: Option<f32>,
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0))]
    top_p: Option<f32>,
    #[schemars(range(max = MAX_TOP_LOGPROBS))]
    top_logprobs: Option<usize>,
    #[serde(default)]
    #[schemars(schema_with = "additions")]
    include: Vec<String>,
    seed: Option<i64>,
    #[schemars(range(min = -2.0, max = 2.0))]
    frequency_penalty: Option<f32>,
    #[schemars(range(min = -2.0, max = 2.0))]
    presence_penalty: Option<f32>,
    #[serde(default)]
    #[schemars(with = "Vec<WireTool>", length(max = MAX_TOOLS))]
    pub(crate) tools: Vec<Value>,
    #[serde(default)]
    #[schemars(schema_with = "choice")]
    pub(crate) tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    #[serde(default, deserialize_with = "from_some_object")]
    text: Option<TextOptions>,
    #[serde(default)]
    pub(crate) stream: bool,
    #[serde(default)]
    pub(crate) background: bool,
    store: Option<bool>,
    pub(crate) previous_response_id: Option<String>,
    pub(crate) metadata: Option<Map<String, Value>>,
    #[serde(default, deserialize_with = "from_some_object")]
    reasoning: Option<Reasoning>,
    #[serde(default)]
    priority: i32,
}

/// How much the model thinks before it answers.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ResponseReasoning")]
struct Reasoning {
    #[schemars(extend("enum" = EFFORTS))]
    effort: Option<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ResponseText")]
struct TextOptions {
    format: Option<TextFormat>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schemars(rename = "ResponseTextFormat")]
enum TextFormat {
    Text,
    JsonObject,
    /// The schema is held to as a whole, whether or not `strict` asks for it.
    JsonSchema {
        schema: Value,
        name: Option<String>,
        strict: Option<bool>,
    },
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ResponseTool")]
struct WireTool {
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["function"]))]
    kind: String,
    #[serde(flatten)]
    function: Option<FunctionTool>,
}

impl ApiRequest for ResponseRequest {
    const KNOWN: &'static [&'static str] = &[
        "model",
        "input",
        "instructions",
        "max_output_tokens",
        "temperature",
        "top_p",
        "top_logprobs",
        "include",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "text",
        "stream",
        "background",
        "store",
        "previous_response_id",
        "metadata",
        "reasoning",
        "priority",
    ];
    const REFUSED: &'static [Refused] = &[
        Refused {
            field: "conversation",
            is_neutral: is_empty,
            hint: "; use `previous_response_id`",
        },
        Refused {
            field: "prompt",
            is_neutral: is_empty,
            hint: "; send its text as `instructions`",
        },
        Refused {
            field: "truncation",
            is_neutral: |value| value == "disabled",
            hint: "; a prompt is never cut: what does not fit is an error",
        },
        Refused { field: "max_tool_calls", is_neutral: is_empty, hint: "" },
        // Those of chat completions, which have other names here or none.
        Refused { field: "messages", is_neutral: is_empty, hint: "; use `input`" },
        Refused { field: "max_tokens", is_neutral: is_empty, hint: "; use `max_output_tokens`" },
        Refused {
            field: "max_completion_tokens",
            is_neutral: is_empty,
            hint: "; use `max_output_tokens`",
        },
        Refused { field: "response_format", is_neutral: is_empty, hint: "; use `text.format`" },
        Refused {
            field: "reasoning_effort",
            is_neutral: is_empty,
            hint: "; use `reasoning.effort`",
        },
        Refused { field: "logprobs", is_neutral: is_empty, hint: "; use `top_logprobs`" },
        Refused { field: "n", is_neutral: is_one, hint: "; a response has one answer" },
        Refused { field: "stop", is_neutral: is_empty, hint: ELSEWHERE },
        Refused { field: "logit_bias", is_neutral: is_empty, hint: ELSEWHERE },
        Refused { field: "top_k", is_neutral: takes_all, hint: ELSEWHERE },
        Refused { field: "min_p", is_neutral: is_empty, hint: ELSEWHERE },
        Refused { field: "repetition_penalty", is_neutral: is_one, hint: ELSEWHERE },
        Refused { field: "structured_outputs", is_neutral: is_empty, hint: ELSEWHERE },
    ];
}

/// What is said of fields that only the other route has.
const ELSEWHERE: &str = "; `/v1/chat/completions` takes it";

/// Nothing, or as many tokens as there are.
fn takes_all(value: &Value) -> bool {
    value.as_i64().is_some_and(|k| k == 0 || k == -1)
}

/// The schema of `include`.
fn additions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"enum": [LOGPROBS]}})
}

/// The schema of `tool_choice`.
fn choice(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"anyOf": [
        {"enum": ["none", "auto", "required", null]},
        {
            "type": "object",
            "properties": {
                "type": {"enum": ["function", "allowed_tools", "none", "auto", "required"]},
                "name": {},
                "mode": {},
                "tools": {},
            },
            "required": ["type"],
        },
    ]})
}

/// The one addition to an answer that can be asked for.
const LOGPROBS: &str = "message.output_text.logprobs";

impl ResponseRequest {
    /// Whether the response is remembered.
    pub(crate) fn is_stored(&self) -> bool {
        self.store.unwrap_or(true)
    }

    /// Whether log-probabilities were asked for.
    pub(crate) fn with_logprobs(&self) -> bool {
        self.top_logprobs.is_some() || self.include.iter().any(|name| name == LOGPROBS)
    }

    /// Whether the answer may hold several calls.
    pub(crate) fn parallel_tool_calls(&self) -> bool {
        self.parallel_tool_calls.unwrap_or(true)
    }

    /// The turn after `earlier`, the conversation of the response that this one goes on from.
    ///
    /// # Errors
    /// [`ApiError::InvalidField`], [`ApiError::Unsupported`].
    pub(crate) fn turn(
        &self,
        default_temperature: f32,
        max_messages: usize,
        earlier: &[ChatMessage],
    ) -> Result<(TurnRequest, Vec<ChatMessage>), ApiError> {
        if let Some(name) = self.include.iter().find(|name| *name != LOGPROBS) {
            let name: String = name.chars().take(60).collect();
            let reason = format!("`{name}` cannot be included; known: {LOGPROBS}");
            return Err(ApiError::InvalidField { field: "include", reason });
        }
        let mut conversation = earlier.to_vec();
        conversation.extend(read_items(&self.input)?);
        check_messages("input", conversation.len(), max_messages)?;
        let instructions =
            self.instructions.iter().map(|text| ChatMessage::new(Role::System, text.clone()));
        let messages = instructions.chain(conversation.iter().cloned()).collect();
        let base = SamplingParams::default();
        let params = SamplingParams {
            temperature: self.temperature.unwrap_or(default_temperature),
            top_p: self.top_p.unwrap_or(base.top_p),
            seed: self.seed.map_or_else(random_seed, i64::cast_unsigned),
            frequency_penalty: self.frequency_penalty.unwrap_or(base.frequency_penalty),
            presence_penalty: self.presence_penalty.unwrap_or(base.presence_penalty),
            logprobs: self.with_logprobs().then(|| self.top_logprobs.unwrap_or(0)),
            ..base
        };
        let turn = TurnRequest {
            tools: self.tools()?,
            max_tokens: self.max_output_tokens.map(|tokens| ("max_output_tokens", tokens)),
            form: self.form(),
            thinking: self.effort().map(|word| Thinking::effort("reasoning", word)).transpose()?,
            priority: self.priority,
            ..TurnRequest::new(self.model.clone(), messages, params)
        };
        Ok((turn, conversation))
    }

    fn effort(&self) -> Option<&str> {
        self.reasoning.as_ref()?.effort.as_deref()
    }

    fn form(&self) -> Option<Constraint> {
        match self.text.as_ref()?.format.as_ref()? {
            TextFormat::Text => None,
            TextFormat::JsonObject => Some(Constraint::JsonObject),
            TextFormat::JsonSchema { schema, .. } => Some(Constraint::JsonSchema(schema.clone())),
        }
    }

    fn tools(&self) -> Result<Tools, ApiError> {
        let mut list: Vec<Tool> = Vec::new();
        for (idx, tool) in self.tools.iter().enumerate() {
            let wire: Option<WireTool> = from_object(tool.clone()).ok();
            let Some(function) =
                wire.filter(|tool| tool.kind == "function").and_then(|tool| tool.function)
            else {
                let kind =
                    tool["type"].as_str().unwrap_or("none").chars().take(40).collect::<String>();
                let reason = format!(
                    "tool {idx} is of the type `{kind}`; taken: `function` with its `name`"
                );
                return Err(ApiError::InvalidField { field: "tools", reason });
            };
            list.push(function.read());
        }
        let choice = match &self.tool_choice {
            None => ToolChoice::default(),
            Some(choice) => read_choice(choice, &mut list)?,
        };
        Ok(Tools { list, choice, one_call: !self.parallel_tool_calls() })
    }
}

/// `tool_choice`; cuts `tools` to those that it allows.
fn read_choice(choice: &Value, tools: &mut Vec<Tool>) -> Result<ToolChoice, ApiError> {
    if let Some(word) = choice.as_str() {
        return word_choice(word);
    }
    match (choice["type"].as_str(), choice["name"].as_str()) {
        (Some("function"), Some(name)) => Ok(ToolChoice::Named(name.to_owned())),
        (Some("allowed_tools"), _) => {
            let allowed = choice["tools"].as_array().map_or(&[][..], Vec::as_slice);
            tools.retain(|tool| allowed.iter().any(|one| one["name"] == tool.name.as_str()));
            word_choice(choice["mode"].as_str().unwrap_or("auto"))
        }
        (kind, _) => word_choice(kind.unwrap_or("nothing")),
    }
}

/// The request's fields as the response repeats them.
pub(crate) fn echoed(request: &ResponseRequest, params: &SamplingParams) -> Map<String, Value> {
    let format = match request.text.as_ref().and_then(|text| text.format.as_ref()) {
        None | Some(TextFormat::Text) => json!({"type": "text"}),
        Some(TextFormat::JsonObject) => json!({"type": "json_object"}),
        Some(TextFormat::JsonSchema { schema, name, strict }) => json!({
            "type": "json_schema",
            "name": name.as_deref().unwrap_or("schema"),
            "schema": schema,
            "strict": strict.unwrap_or(true),
        }),
    };
    let fields = json!({
        "background": request.background,
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": null,
        "metadata": request.metadata.clone().unwrap_or_default(),
        "parallel_tool_calls": request.parallel_tool_calls(),
        "previous_response_id": request.previous_response_id,
        "reasoning": {"effort": request.effort(), "summary": null},
        "service_tier": "default",
        "store": request.is_stored(),
        "temperature": params.temperature,
        "text": {"format": format},
        "tool_choice": request.tool_choice.clone().unwrap_or_else(|| json!("auto")),
        "tools": request.tools,
        "top_logprobs": request.top_logprobs.unwrap_or(0),
        "top_p": params.top_p,
        "truncation": "disabled",
        "user": null,
        "frequency_penalty": params.frequency_penalty,
        "presence_penalty": params.presence_penalty,
        "safety_identifier": null,
        "prompt_cache_key": null,
    });
    let Value::Object(fields) = fields else { return Map::new() };
    fields
}
