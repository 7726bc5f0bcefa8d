//! Parts that are a text or a conversation.

use super::conversation::messages;
use super::fields::Fields;
use super::layout::{Layout, Tags};
use super::reason::DropReason;
use catena_protocol::{ChatMessage, Content, Role};
use serde_json::Value;

/// `value` as text, as messages, or as one message alone; messages may be named in ShareGPT's
/// way.
pub(super) fn content(key: &str, value: &Value) -> Result<Content, DropReason> {
    let list = match value {
        Value::String(text) => return Ok(Content::Text(text.clone())),
        Value::Array(_) => value.clone(),
        Value::Object(_) => Value::Array(vec![value.clone()]),
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            return Err(DropReason::wrong_kind(key, value, "a text or messages"));
        }
    };
    let sharegpt = list.get(0).is_some_and(|turn| turn.get("from").is_some());
    let tags = if sharegpt { Tags::sharegpt() } else { Tags::openai() };
    let layout = Layout::default().with_tags(tags);
    Ok(Content::Messages(messages(key, &list, &layout)?))
}

/// The content of the column of `part`.
pub(super) fn need_content(
    row: Fields<'_>,
    layout: &Layout,
    part: &str,
) -> Result<Content, DropReason> {
    let key = layout.need(part);
    content(key, row.need(key)?)
}

/// The prompt and the one completion of a row.
pub(super) fn need_pair(
    row: Fields<'_>,
    layout: &Layout,
) -> Result<(Content, Content), DropReason> {
    let prompt = need_content(row, layout, "prompt")?;
    let (prompt, mut completions) = alike(prompt, vec![need_content(row, layout, "completion")?]);
    let completion = completions.pop().ok_or_else(|| DropReason::missing("completion"))?;
    Ok((prompt, completion))
}

/// Makes the parts of one sample alike: if one is a conversation, a text is a turn of it.
pub(super) fn alike(prompt: Content, completions: Vec<Content>) -> (Content, Vec<Content>) {
    let is_chat = |content: &Content| matches!(content, Content::Messages(_));
    if !is_chat(&prompt) && !completions.iter().any(is_chat) {
        return (prompt, completions);
    }
    let turn = |content, role| match content {
        Content::Text(text) if text.is_empty() => Content::Messages(Vec::new()),
        Content::Text(text) => Content::Messages(vec![ChatMessage::new(role, text)]),
        messages @ Content::Messages(_) => messages,
    };
    let completions = completions.into_iter().map(|one| turn(one, Role::Assistant)).collect();
    (turn(prompt, Role::User), completions)
}
