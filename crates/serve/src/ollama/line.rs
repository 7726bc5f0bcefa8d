//! One line of an answer.

use crate::clock::now_rfc3339;
use serde::Serialize;
use serde_json::Value;

/// Where the words stand in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In a message.
    Chat,
    /// In `response`.
    Generate,
}

/// What a line carries.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Content {
    pub(super) thoughts: String,
    pub(super) text: String,
    pub(super) calls: Vec<Value>,
    pub(super) logprobs: Option<Vec<Value>>,
}

/// The account of an answer, in its last line.
#[derive(Debug, Serialize)]
pub(super) struct Totals {
    pub(super) done_reason: &'static str,
    pub(super) total_duration: u64,
    pub(super) load_duration: u64,
    pub(super) prompt_eval_count: usize,
    pub(super) prompt_eval_duration: u64,
    pub(super) eval_count: usize,
    pub(super) eval_duration: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) citations: Option<Value>,
}

/// A line as it is written.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    model: &'a str,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    thinking: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<&'a [Value]>,
    done: bool,
    /// Why, where that is all there is to say.
    #[serde(rename = "done_reason", skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(flatten)]
    totals: Option<&'a Totals>,
}

#[derive(Debug, Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    thinking: &'a str,
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    tool_calls: &'a [Value],
}

impl<'a> Line<'a> {
    /// A line about `model` that others follow.
    pub(super) fn new(model: &'a str, form: Form, content: &'a Content) -> Self {
        let Content { thoughts, text, calls, logprobs } = content;
        let (response, thinking, message) = match form {
            Form::Generate => (Some(text.as_str()), thoughts.as_str(), None),
            Form::Chat => {
                let message = Message {
                    role: "assistant",
                    content: text,
                    thinking: thoughts,
                    tool_calls: calls,
                };
                (None, "", Some(message))
            }
        };
        Self {
            model,
            created_at: now_rfc3339(),
            response,
            thinking,
            message,
            logprobs: logprobs.as_deref(),
            done: false,
            reason: None,
            totals: None,
        }
    }

    /// The only line of an answer that says nothing but why it ends.
    pub(super) fn only(model: &'a str, form: Form, reason: &'static str) -> Self {
        const NOTHING: &Content = &Content {
            thoughts: String::new(),
            text: String::new(),
            calls: Vec::new(),
            logprobs: None,
        };
        Self { done: true, reason: Some(reason), ..Self::new(model, form, NOTHING) }
    }

    /// The same as the last line.
    pub(super) fn ended(self, totals: &'a Totals) -> Self {
        Self { done: true, totals: Some(totals), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The members in the order in which Ollama has them.
    #[test]
    fn lines_have_their_members_in_order() {
        let text = |line: &Line<'_>| {
            let mut value = json!(line);
            assert_eq!(serde_json::to_string(line).expect("JSON"), value.to_string());
            value["created_at"] = json!("now");
            value.to_string()
        };
        let content = Content {
            thoughts: "Hm.".to_owned(),
            text: "So".to_owned(),
            calls: vec![json!({"function": {"name": "fee", "arguments": {}}})],
            logprobs: Some(vec![json!(1)]),
        };
        assert_eq!(
            text(&Line::new("m", Form::Generate, &content)),
            r#"{"model":"m","created_at":"now","response":"So","thinking":"Hm.","logprobs":[1],"done":false}"#
        );
        assert_eq!(
            text(&Line::new("m", Form::Chat, &content)),
            r#"{"model":"m","created_at":"now","message":{"role":"assistant","content":"So","thinking":"Hm.","tool_calls":[{"function":{"name":"fee","arguments":{}}}]},"logprobs":[1],"done":false}"#
        );
        let totals = Totals {
            done_reason: "stop",
            total_duration: 3,
            load_duration: 0,
            prompt_eval_count: 4,
            prompt_eval_duration: 1,
            eval_count: 5,
            eval_duration: 2,
            citations: None,
        };
        let nothing = Content::default();
        assert_eq!(
            text(&Line::new("m", Form::Chat, &nothing).ended(&totals)),
            r#"{"model":"m","created_at":"now","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","total_duration":3,"load_duration":0,"prompt_eval_count":4,"prompt_eval_duration":1,"eval_count":5,"eval_duration":2}"#
        );
        assert_eq!(
            text(&Line::only("m", Form::Generate, "load")),
            r#"{"model":"m","created_at":"now","response":"","done":true,"done_reason":"load"}"#
        );
    }
}
