//! Rows that have turns instead of a text: conversations, instructions and preferences.

use serde_json::{Map, Value};

/// Columns of turns, in the order in which they are read.
pub(super) const TURN_COLUMNS: [&str; 21] = [
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
pub(super) const TURN_PARTS: [&str; 6] =
    ["content", "value", "text", "human", "assistant", "completion"];

/// Lists and objects within each other in which turns are looked for.
pub(super) const MAX_DEPTH: usize = 4;

/// Whether a column of this name holds turns.
pub(crate) fn is_turn_column(name: &str) -> bool {
    TURN_COLUMNS.contains(&name)
}

/// Whether a part of a turn of this name is text.
pub(crate) fn is_turn_part(name: &str) -> bool {
    TURN_PARTS.contains(&name)
}

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
            let is_turn = depth.is_some();
            let changed = match json_in(text) {
                Some(inside) => changed_json(inside, is_turn, change),
                None => change(text, is_turn),
            };
            if let Some(changed) = changed {
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

/// The object or list that a text is as JSON, such as the arguments of a call.
fn json_in(text: &str) -> Option<Value> {
    let value =
        text.trim_start().starts_with(['{', '[']).then(|| serde_json::from_str(text).ok())?;
    value.filter(|value: &Value| value.is_object() || value.is_array())
}

/// The JSON with its texts and numbers changed, so that it is JSON after that too; none if all stay.
fn changed_json(
    mut value: Value,
    is_turn: bool,
    change: &mut impl FnMut(&str, bool) -> Option<String>,
) -> Option<String> {
    change_inside(&mut value, is_turn, change).then(|| value.to_string())
}

/// Whether something was changed.
fn change_inside(
    value: &mut Value,
    is_turn: bool,
    change: &mut impl FnMut(&str, bool) -> Option<String>,
) -> bool {
    let changed = match value {
        Value::String(text) => change(text, is_turn),
        Value::Number(number) => change(&number.to_string(), is_turn),
        Value::Array(values) => return change_all(values.iter_mut(), is_turn, change),
        Value::Object(fields) => return change_all(fields.values_mut(), is_turn, change),
        Value::Null | Value::Bool(_) => None,
    };
    let is_changed = changed.is_some();
    if let Some(changed) = changed {
        *value = Value::String(changed);
    }
    is_changed
}

fn change_all<'v>(
    values: impl Iterator<Item = &'v mut Value>,
    is_turn: bool,
    change: &mut impl FnMut(&str, bool) -> Option<String>,
) -> bool {
    let mut is_changed = false;
    for value in values {
        is_changed |= change_inside(value, is_turn, change);
    }
    is_changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_in_a_text_stays_json() {
        let row = |arguments: &str| {
            let call = serde_json::json!({"function": {"arguments": arguments}});
            let turn = serde_json::json!({"role": "assistant", "tool_calls": [call]});
            Map::from_iter([("messages".to_owned(), Value::Array(vec![turn]))])
        };
        let hide = |text: &str, _: bool| text.contains("42").then(|| text.replace("42", "[N]"));
        let mut changed = row(r#"{"to": 1342, "say": "\n42", "n": [true, null, "x"]}"#);
        change_texts(&mut changed, hide);
        let arguments = &changed["messages"][0]["tool_calls"][0]["function"]["arguments"];
        let value: Value = serde_json::from_str(arguments.as_str().unwrap()).unwrap();
        let expected = serde_json::json!({"to": "13[N]", "say": "\n[N]", "n": [true, null, "x"]});
        assert_eq!(value, expected);
        let same = row(r#"{ "to":  7 }"#);
        let mut kept = same.clone();
        change_texts(&mut kept, hide);
        assert_eq!(kept, same, "what nothing is done to keeps its spelling");
    }
}
