//! Calls for models whose templates know none: everything about tools is put into words.

use super::tool::Tool;
use catena_protocol::{ChatMessage, Role};
use serde_json::json;

/// What a model is told of `tools`; nothing if there are none.
pub(super) fn describe(tools: &[Tool]) -> Option<String> {
    if tools.is_empty() {
        return None;
    }
    let lines: Vec<String> =
        tools.iter().map(|tool| tool.template_value()["function"].to_string()).collect();
    Some(format!(
        "You can call functions. Each line between the tags is one of them, with the JSON schema of \
         its arguments:\n<tools>\n{}\n</tools>\n\nTo call a function, write its name and arguments \
         as JSON between tags like these, once for each call:\n<tool_call>\n{{\"name\": \"the name\", \
         \"arguments\": {{}}}}\n</tool_call>\nWhat it gives comes back between <tool_response> and \
         </tool_response>.",
        lines.join("\n")
    ))
}

/// The conversation without anything but words: calls stand in the assistant's text, and what tools
/// gave is told by the user.
pub(super) fn reword(messages: &[ChatMessage]) -> Vec<ChatMessage> {
    let mut reworded: Vec<ChatMessage> = Vec::new();
    let mut told_by_tool = false;
    for message in messages {
        let was_told_by_tool = std::mem::replace(&mut told_by_tool, message.role == Role::Tool);
        let (role, text) = match message.role {
            Role::Tool => {
                (Role::User, format!("<tool_response>\n{}\n</tool_response>", message.text()))
            }
            Role::Assistant => (Role::Assistant, with_calls(message)),
            Role::System | Role::User => (message.role, message.text().to_owned()),
        };
        // Templates want roles to alternate.
        match reworded.last_mut().filter(|last| was_told_by_tool && last.role == role) {
            Some(last) => last.content.get_or_insert_default().push_str(&format!("\n{text}")),
            None => reworded.push(ChatMessage::new(role, text)),
        }
    }
    reworded
}

/// What the assistant said, with its calls.
fn with_calls(message: &ChatMessage) -> String {
    let mut parts = vec![message.text().to_owned()];
    parts.retain(|text| !text.is_empty());
    for call in &message.tool_calls {
        let call = json!({"name": call.function.name, "arguments": call.function.arguments});
        parts.push(format!("<tool_call>\n{call}\n</tool_call>"));
    }
    parts.join("\n")
}

/// The conversation with `description` in the words of the system.
pub(super) fn tell_system(messages: &[ChatMessage], description: &str) -> Vec<ChatMessage> {
    let mut told = messages.to_vec();
    match told.first_mut().filter(|first| first.role == Role::System) {
        Some(system) => append(system, description),
        None => told.insert(0, ChatMessage::new(Role::System, description)),
    }
    told
}

/// Puts `description` before what the user says first.
pub(super) fn tell_user(messages: &mut Vec<ChatMessage>, description: &str) {
    match messages.iter_mut().find(|message| message.role == Role::User) {
        Some(user) => user.content = Some(format!("{description}\n\n{}", user.text())),
        None => messages.insert(0, ChatMessage::new(Role::User, description)),
    }
}

fn append(message: &mut ChatMessage, text: &str) {
    let content = message.content.get_or_insert_default();
    if !content.is_empty() {
        content.push_str("\n\n");
    }
    content.push_str(text);
}
