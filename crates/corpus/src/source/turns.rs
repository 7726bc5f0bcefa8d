//! Rows that have turns instead of a text: conversations, instructions and preferences.

use serde_json::{Map, Value};

/// Columns of turns, in the order in which they are read.
const TURN_COLUMNS: [&str; 21] = [
    "system",
    "history",
    "prompt",
    "instruction",
    "question",
    "query",
    "problem",
    "input",
    "messages",
    "conversations",
    "conversation",
    "dialog",
    "dialogue",
    "chosen",
    "completion",
    "completions",
    "output",
    "response",
    "answer",
    "solution",
    "rejected",
];

/// Parts of a turn that are text; ShareGPT says `value`, swift `human` and `assistant`.
const TURN_PARTS: [&str; 6] = ["content", "value", "text", "human", "assistant", "completion"];

/// Lists and objects within each other in which turns are looked for.
const MAX_DEPTH: usize = 4;

/// The texts of a row's turns, parted by blank lines; none if it has none.
pub fn join_turns(row: &Map<String, Value>) -> Option<String> {
    let mut texts = Vec::new();
    for name in TURN_COLUMNS {
        collect(row.get(name), 0, &mut texts);
    }
    (!texts.is_empty()).then(|| texts.join("\n\n"))
}

fn collect<'v>(value: Option<&'v Value>, depth: usize, texts: &mut Vec<&'v str>) {
    match value {
        Some(Value::String(text)) if !text.trim().is_empty() => texts.push(text),
        Some(Value::Array(values)) if depth < MAX_DEPTH => {
            for value in values {
                collect(Some(value), depth + 1, texts);
            }
        }
        Some(Value::Object(turn)) if depth < MAX_DEPTH => {
            for part in TURN_PARTS {
                collect(turn.get(part), depth + 1, texts);
            }
        }
        _ => {}
    }
}

/// Puts what `change` makes of each text that [`join_turns`] joins in its place; none: it stays.
pub fn change_turns(row: &mut Map<String, Value>, mut change: impl FnMut(&str) -> Option<String>) {
    change_texts(row, |text, is_turn| if is_turn { change(text) } else { None });
}

/// Puts what `change` makes of each text of a row in its place; none: it stays. It is told whether
/// [`join_turns`] would join the text. Blank texts and the names of columns and parts stay.
pub fn change_texts(
    row: &mut Map<String, Value>,
    mut change: impl FnMut(&str, bool) -> Option<String>,
) {
    for (name, value) in row.iter_mut() {
        let depth = TURN_COLUMNS.contains(&name.as_str()).then_some(0);
        visit(value, depth, &mut change);
    }
}

/// `depth` is none where the value is no part of a turn.
fn visit(
    value: &mut Value,
    depth: Option<usize>,
    change: &mut impl FnMut(&str, bool) -> Option<String>,
) {
    let inner = depth.filter(|depth| *depth < MAX_DEPTH).map(|depth| depth + 1);
    match value {
        Value::String(text) if text.trim().is_empty() => {}
        Value::String(text) => {
            if let Some(changed) = change(text, depth.is_some()) {
                *text = changed;
            }
        }
        Value::Array(values) => {
            for value in values {
                visit(value, inner, change);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                let is_text = TURN_PARTS.contains(&name.as_str());
                visit(value, inner.filter(|_| is_text), change);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
