//! What makes a row the sample that it is, so that rows that differ in it are no copies.

use super::turns::{MAX_DEPTH, TURN_COLUMNS, TURN_PARTS};
use crate::dedup::{KeyOptions, Keys, content_key};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt::{self, Write};

/// Columns of a row of turns that tell where it is from, when it was written and what it is
/// called. All others are part of the sample.
const ABOUT_ROW: [&str; 28] = [
    "id",
    "_id",
    "doc_id",
    "document_id",
    "uuid",
    "guid",
    "uid",
    "conversation_id",
    "conversation_hash",
    "prompt_id",
    "hash",
    "index",
    "idx",
    "__index_level_0__",
    "source",
    "dataset",
    "split",
    "license",
    "lang",
    "language",
    "date",
    "time",
    "timestamp",
    "created",
    "created_at",
    "updated_at",
    "metadata",
    "meta",
];

/// The same of a turn.
const ABOUT_TURN: [&str; 7] =
    ["id", "message_id", "turn_id", "turn_identifier", "timestamp", "created", "created_at"];

/// Columns that make samples of rows with the same text, beside those of turns: what is shown
/// with the text, asked about it or said of it.
const BESIDE_TEXT: [&str; 15] = [
    "images",
    "image",
    "videos",
    "video",
    "audios",
    "audio",
    "tools",
    "functions",
    "tool_calls",
    "function_call",
    "label",
    "labels",
    "kto_tag",
    "choices",
    "options",
];

/// Answers of which the words alone do not tell which is which.
const ANSWERS_APART: [&str; 2] = ["chosen", "rejected"];

/// The columns of a row that make it the sample that it is.
///
/// Of a row of turns these are all but those that name it and tell its source and time: roles,
/// parts of contents, calls, tools, labels, answers. Of a row with a text they are the turns,
/// media, tools and labels beside it, and the text itself. Their order, empty values, and the
/// names that ShareGPT and the messages of OpenAI have for the same thing make no difference.
#[derive(Clone, Debug)]
pub struct Sample<'r> {
    columns: Vec<(&'r str, &'r Value)>,
    turns: bool,
}

impl<'r> Sample<'r> {
    /// Of a row of turns; the column `id_column` names it, beside those that do in any row.
    pub fn of_turns(row: &'r Map<String, Value>, id_column: Option<&str>) -> Self {
        let counts = |name: &str| !ABOUT_ROW.contains(&name) && Some(name) != id_column;
        Self { columns: sorted(row, counts, true), turns: true }
    }

    /// Of what stands beside a text.
    pub fn beside_text(row: &'r Map<String, Value>) -> Self {
        Self { columns: sorted(row, counts_beside, true), turns: false }
    }

    /// Whether nothing that counts stands beside a text, by the names in `json`, an object: the
    /// sample then has the [`content_key`] of the text, and the shape 0. False where only a look at
    /// the values tells.
    pub fn is_text_alone(json: &str) -> bool {
        json == "{}" || serde_json::from_str(json).is_ok_and(|Alone(alone)| alone)
    }

    /// What is the same for rows with the same sample, case and white space of texts aside; `text`
    /// is that of a row with a text. Of a text with nothing beside it, it is its
    /// [`content_key`].
    pub fn key(&self, text: &str) -> u128 {
        if !self.turns && self.columns.is_empty() {
            return content_key(text, KeyOptions::LOOSE);
        }
        let mut keys = Keys::new(KeyOptions::LOOSE);
        let mut all = self.written(|_, text, out| push_key(&mut keys, text, out));
        if !self.turns {
            push_key(&mut keys, text, &mut all);
        }
        content_key(&all, KeyOptions::STRICT)
    }

    /// What must be the same in rows that are compared by the words of their texts, since their
    /// Jaccard similarity does not see it: every structure, label, call and medium; which of two
    /// answers was chosen; and each text of a turn so short beside the others that the similarity
    /// may reach `threshold` whatever it says. 0 for a text with nothing beside it.
    ///
    /// A text that is the share `s` of all leaves a similarity of about `(1 - s) / (1 + s)` when
    /// it is replaced by another of its length, which reaches the threshold `t` if
    /// `s <= (1 - t) / (1 + t)`: at 0.8 a ninth. Shares are those of bytes.
    pub fn shape(&self, threshold: f64) -> u64 {
        if self.columns.is_empty() {
            return 0;
        }
        let mut bytes = 0;
        self.written(|_, text, _| bytes += text.len());
        let unseen = (1.0 - threshold) / (1.0 + threshold) * bytes as f64;
        let mut keys = Keys::new(KeyOptions::LOOSE);
        let all = self.written(|column, text, out| {
            let is_seen = self.turns && !ANSWERS_APART.contains(&column);
            if is_seen && text.len() as f64 > unseen {
                out.push('~');
            } else {
                push_key(&mut keys, text, out);
            }
        });
        let key = content_key(&all, KeyOptions::STRICT) & u128::from(u64::MAX);
        u64::try_from(key).expect("64 bits are left").max(1)
    }

    /// The columns as one text; `text` is given the column, each text of its turns, and the text
    /// so far to write to.
    fn written(&self, mut text: impl FnMut(&str, &str, &mut String)) -> String {
        let mut out = String::new();
        for (column, value) in &self.columns {
            let _ = write!(out, "{column:?}:");
            let depth = TURN_COLUMNS.contains(column).then_some(0);
            write_value(value, depth, &mut out, &mut |string, out| text(column, string, out));
        }
        out
    }
}

fn push_key(keys: &mut Keys, text: &str, out: &mut String) {
    let _ = write!(out, "{:032x}", keys.key(text));
}

/// Whether a column with this name makes samples of rows with the same text.
fn counts_beside(name: &str) -> bool {
    TURN_COLUMNS.contains(&name) || BESIDE_TEXT.contains(&name)
}

/// Whether no name of an object counts beside a text.
struct Alone(bool);

/// Whether a name counts beside a text.
struct Counts(bool);

impl<'de> Deserialize<'de> for Alone {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Alone;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Alone, A::Error> {
                let mut alone = true;
                while let Some((Counts(counts), IgnoredAny)) = map.next_entry()? {
                    alone &= !counts;
                }
                Ok(Alone(alone))
            }
        }
        from.deserialize_map(Names)
    }
}

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Counts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E>(self, name: &str) -> Result<Counts, E> {
                Ok(Counts(counts_beside(name)))
            }
        }
        from.deserialize_str(Name)
    }
}

/// Writes a value; `depth` is none where it is no part of a turn.
fn write_value(
    value: &Value,
    depth: Option<usize>,
    out: &mut String,
    text: &mut dyn FnMut(&str, &mut String),
) {
    let inner = depth.filter(|depth| *depth < MAX_DEPTH).map(|depth| depth + 1);
    match value {
        Value::String(string) if depth.is_some() => text(string, out),
        Value::Array(values) => {
            out.push('[');
            for value in values {
                write_value(value, inner, out, text);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            let is_turn = depth.is_some();
            let counts = |name: &str| !(is_turn && ABOUT_TURN.contains(&name));
            for (name, value) in sorted(fields, counts, is_turn) {
                let _ = write!(out, "{name:?}:");
                if let (true, "role", Value::String(role)) = (is_turn, name, value) {
                    out.push_str(of_role(role));
                } else {
                    let depth = inner.filter(|_| TURN_PARTS.contains(&name));
                    write_value(value, depth, out, text);
                }
                out.push(',');
            }
            out.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let _ = write!(out, "{value}");
        }
    }
}

/// The fields that count and are not empty, in the order of their names; with `unify` each under
/// one name.
fn sorted(
    fields: &Map<String, Value>,
    counts: impl Fn(&str) -> bool,
    unify: bool,
) -> Vec<(&str, &Value)> {
    let counts = |name: &str, value: &Value| counts(name) && !is_empty(value);
    let mut all: Vec<(&str, &Value)> = fields
        .iter()
        .filter(|(name, value)| counts(name, value))
        .map(|(name, value)| (if unify { unified(name) } else { name.as_str() }, value))
        .collect();
    all.sort_by_key(|(name, _)| *name);
    all
}

/// One name for columns and fields that are the same in other formats.
fn unified(name: &str) -> &str {
    match name {
        "conversations" | "conversation" | "dialog" | "dialogue" => "messages",
        "from" => "role",
        "value" => "content",
        other => other,
    }
}

/// The same of roles.
fn of_role(role: &str) -> &str {
    match role {
        "human" => "user",
        "gpt" => "assistant",
        other => other,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The key and the shape, at 0.8, of a row of turns.
    fn of(row: Value) -> (u128, u64) {
        let Value::Object(row) = row else { panic!("no object") };
        let sample = Sample::of_turns(&row, Some("name"));
        (sample.key(""), sample.shape(0.8))
    }

    #[test]
    fn every_part_of_a_sample_counts() {
        let call = json!([{"function": {"name": "rate", "arguments": "{\"to\": \"EUR\"}"}}]);
        let base = json!({
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "What is this?"}]},
                {"role": "assistant", "content": "A cat.", "tool_calls": call},
            ],
            "images": ["a.png"], "tools": "[]", "label": true, "chosen": "Yes.", "rejected": "No.",
        });
        let other = |path: &str, value: Value| {
            let mut row = base.clone();
            *row.pointer_mut(path).unwrap() = value;
            of(row)
        };
        let changed = [
            other("/images/0", json!("b.png")),
            other("/tools", json!("[{}]")),
            other("/label", json!(false)),
            other("/chosen", json!("No.")),
            other("/messages/0/role", json!("system")),
            other("/messages/0/content/0/type", json!("image")),
            other("/messages/1/tool_calls/0/function/name", json!("rates")),
        ];
        let (key, shape) = of(base.clone());
        for (at, (other, other_shape)) in changed.into_iter().enumerate() {
            assert!(other != key && other_shape != shape, "{at}");
        }
        // A long text is what the similarity looks at.
        let text = other("/messages/0/content/0/text", json!("What is that?"));
        assert!(text.0 != key && text.1 == shape);
    }

    #[test]
    fn names_order_case_and_other_formats_make_no_difference() {
        let (key, shape) = of(json!({
            "id": 1, "name": "x", "source": "a",
            "conversations": [
                {"from": "human", "value": "Hello\n there"}, {"from": "gpt", "value": "Good day."},
            ],
        }));
        let same = of(json!({
            "tools": [], "system": null, "timestamp": 7, "id": 2, "name": "y",
            "messages": [
                {"content": "hello there", "role": "user", "id": "m1"},
                {"content": "Good  day.", "role": "assistant", "name": ""},
            ],
        }));
        assert_eq!(same, (key, shape));
    }

    #[test]
    fn short_texts_beside_long_ones_belong_to_the_shape() {
        let row = |context: &str, question: &str| {
            let context = format!("{context} {}", "of the long history of a town".repeat(20));
            of(json!({"instruction": question, "input": context, "output": "Yes."})).1
        };
        let first = row("The first part", "Is it old?");
        assert_ne!(first, row("The first part", "Is it new?"));
        assert_eq!(first, row("The other part", "Is it OLD?"), "the similarity sees the long one");
    }

    #[test]
    fn a_text_alone_has_the_key_of_its_content() {
        let of = |row: Value, text: &str| {
            let Value::Object(row) = row else { panic!("no object") };
            let sample = Sample::beside_text(&row);
            let told = (sample.key(text), sample.shape(0.8));
            if Sample::is_text_alone(&serde_json::to_string(&row).unwrap()) {
                assert_eq!(told, (content_key(text, KeyOptions::LOOSE), 0));
            }
            told
        };
        assert!(Sample::is_text_alone(r#"{"url": "a", "deep": {"label": [1]}}"#));
        assert!(!Sample::is_text_alone(r#"{"url": "a", "l\u0061bel": 1}"#));
        let plain = of(json!({"url": "a", "date": "b"}), "A text");
        assert_eq!(plain, (content_key("a  text", KeyOptions::LOOSE), 0));
        let captioned = of(json!({"images": ["a.png"]}), "A text");
        assert_eq!(captioned, of(json!({"images": ["a.png"], "url": "b"}), "a text"));
        assert_ne!(captioned, of(json!({"images": ["b.png"]}), "A text"));
        assert_ne!(captioned.1, of(json!({"images": ["b.png"]}), "A text").1);
        assert_ne!(captioned.0, of(json!({"images": ["a.png"]}), "A word").0);
        assert_ne!(of(json!({"label": 0}), "A text"), of(json!({"label": 1}), "A text"));
    }
}
