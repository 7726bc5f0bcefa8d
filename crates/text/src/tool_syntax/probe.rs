//! Renders made-up calls and reads what stands around them.

use super::pieces::Specials;
use super::{ToolPiece, ToolSyntax};
use crate::template::{ChatInput, ChatTemplate};
use catena_protocol::{ChatMessage, Role, ToolCall};
use serde_json::{Value, json};

/// Words that no template holds, and what they begin with.
const MARK: &str = "zqx";
const QUESTION: &str = "zqx question";
const ANSWER: &str = "zqx answer";
const NAMES: [&str; 2] = ["zqx_first", "zqx_second"];
const IDS: [&str; 2] = ["zqx4call1", "zqx4call2"];
const KEY: &str = "zqx_key";

/// The syntax that `template` shows.
pub(super) fn read(template: &ChatTemplate, specials: &Specials) -> Option<ToolSyntax> {
    let tools = [tool(NAMES[0]), tool(NAMES[1])];
    let before = render(template, &tools, &[question()], false)?;
    let one = turn(template, &tools, &before, 1)?;
    let header = header(template, &tools, &before, &one)?;
    let first = Call::find(&one[header..], 0)?;
    let (open, rest) = (&one[header..][..first.name], &one[header..]);
    let middle = &rest[first.name + NAMES[0].len()..first.arguments];
    let close = specials.turn(specials.cut(&rest[first.end..], IDS[0]))?;
    if close.iter().any(|piece| matches!(piece, ToolPiece::Text(text) if text.contains(MARK))) {
        // The turn has no end of its own: the tool's answer stands in what should close it.
        return None;
    }
    let syntax = ToolSyntax {
        open: specials.cut(open, IDS[0]),
        middle: specials.cut(middle, IDS[0]),
        next: next(template, &tools, &before, specials),
        close,
    };
    syntax.mark().map(|_| syntax)
}

/// From the first of two calls' arguments to the name of the second.
fn next(
    template: &ChatTemplate,
    tools: &[Value],
    before: &str,
    specials: &Specials,
) -> Option<Vec<ToolPiece>> {
    let two = turn(template, tools, before, 2)?;
    let (first, second) = (Call::find(&two, 0)?, Call::find(&two, 1)?);
    let between = two.get(first.end..second.name)?;
    // The first call's identity ends it, the second one's would begin the next.
    let cut = specials.cut(&between.replace(IDS[1], IDS[0]), IDS[0]);
    (!cut.is_empty()).then_some(cut)
}

/// Where a call stands in a text.
struct Call {
    name: usize,
    arguments: usize,
    end: usize,
}

impl Call {
    /// Finds the call of the made-up tool `idx` whose arguments follow its name as JSON.
    fn find(text: &str, idx: usize) -> Option<Self> {
        let name = text.find(NAMES[idx])?;
        let after = name + NAMES[idx].len();
        let arguments = after + text[after..].find('{')?;
        let mut values = serde_json::Deserializer::from_str(&text[arguments..]).into_iter();
        let value: Value = values.next()?.ok()?;
        (value == given(idx)).then(|| Self {
            name,
            arguments,
            end: arguments + values.byte_offset(),
        })
    }
}

/// Bytes of what stands before everything the assistant says: the end of the prompt, or what stands
/// before an answer in words.
fn header(template: &ChatTemplate, tools: &[Value], before: &str, turn: &str) -> Option<usize> {
    let prompt = render(template, tools, &[question()], true);
    let prompt = prompt.as_ref().and_then(|text| text.strip_prefix(before));
    let said = [question(), ChatMessage::new(Role::Assistant, ANSWER)];
    let said = render(template, tools, &said, false);
    let said = said.as_ref().and_then(|text| text.strip_prefix(before));
    let said = said.and_then(|text| Some(&text[..text.find(ANSWER)?]));
    let fits = |header: &&str| turn.starts_with(*header);
    [prompt, said].into_iter().flatten().filter(fits).map(str::len).max()
}

/// What follows the question when the assistant answers it with `count` calls.
fn turn(template: &ChatTemplate, tools: &[Value], before: &str, count: usize) -> Option<String> {
    let calls = (0..count).map(|idx| ToolCall {
        id: Some(IDS[idx].to_owned()),
        ..ToolCall::new(NAMES[idx], given(idx))
    });
    let mut messages = vec![question(), ChatMessage::calls(None, calls.collect())];
    for idx in 0..count {
        messages.push(ChatMessage {
            tool_call_id: Some(IDS[idx].to_owned()),
            name: Some(NAMES[idx].to_owned()),
            ..ChatMessage::new(Role::Tool, "42")
        });
    }
    messages.push(ChatMessage::new(Role::Assistant, ANSWER));
    let text = render(template, tools, &messages, false).or_else(|| {
        // Some templates join the content to other text and want one.
        messages[1].content = Some(String::new());
        render(template, tools, &messages, false)
    })?;
    text.strip_prefix(before).map(str::to_owned)
}

fn render(
    template: &ChatTemplate,
    tools: &[Value],
    messages: &[ChatMessage],
    add_generation_prompt: bool,
) -> Option<String> {
    let input = ChatInput { messages, tools, variables: None, add_generation_prompt };
    template.render_chat(&input).ok()
}

fn question() -> ChatMessage {
    ChatMessage::new(Role::User, QUESTION)
}

fn given(idx: usize) -> Value {
    json!({KEY: format!("zqx value {idx}")})
}

fn tool(name: &str) -> Value {
    json!({"type": "function", "function": {
        "name": name,
        "description": "zqx description",
        "parameters": {
            "type": "object",
            "properties": {KEY: {"type": "string", "description": "zqx key"}},
            "required": [KEY],
        },
    }})
}
