//! Keys that nobody reads.

use super::format::Format;
use super::layout::Layout;
use super::message::MESSAGE_KEYS;
use catena_corpus::nearest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Keys of a row that every format reads.
const ROW_KEYS: [&str; 1] = ["chat_template_kwargs"];
/// Most different keys that are counted; a file with more has data in its keys.
const MAX_KEYS: usize = 1000;

/// A key in rows that no part of the format has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownKey {
    /// The key; `messages[].wieght` for one inside a message.
    pub key: String,
    /// Rows, or messages, that have it.
    pub count: usize,
    /// The known key that is most like it, if one is.
    pub nearest: Option<String>,
    /// Those of the rows, or messages, that lack that one: what they say under this key is lost.
    pub alone: usize,
}

/// Where a key was found.
#[derive(Debug, Default)]
struct Found {
    times: usize,
    nearest: Option<String>,
    alone: usize,
}

/// Counts keys that are not read.
#[derive(Debug)]
pub(crate) struct UnknownKeys {
    known: Vec<String>,
    message_keys: Vec<String>,
    counts: BTreeMap<String, Found>,
}

impl UnknownKeys {
    /// Counts for `format` with `layout`.
    pub(crate) fn new(format: &dyn Format, layout: &Layout) -> Self {
        let columns = format.parts().iter().filter_map(|part| layout.column(part));
        let known = columns.chain(ROW_KEYS).map(ToOwned::to_owned).collect();
        let tags = [layout.tags.role_tag.as_str(), layout.tags.content_tag.as_str()];
        let message_keys = tags.into_iter().chain(["from", "value"]).chain(MESSAGE_KEYS);
        let message_keys = message_keys.map(ToOwned::to_owned).collect();
        Self { known, message_keys, counts: BTreeMap::new() }
    }

    /// Counts the keys of one row.
    pub(crate) fn look(&mut self, row: &Map<String, Value>) {
        for (key, value) in row {
            if !self.known.contains(key) {
                count(&mut self.counts, key.clone(), key, row, &self.known);
                continue;
            }
            let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            let turns = list.iter().filter_map(Value::as_object);
            let turns = turns.filter(|turn| turn.contains_key("role") || turn.contains_key("from"));
            for turn in turns {
                // Tables hold a column for a key of any row.
                let said = turn.iter().filter(|(_, value)| !value.is_null()).map(|(key, _)| key);
                for inner in said.filter(|inner| !self.message_keys.contains(inner)) {
                    let name = format!("{key}[].{inner}");
                    count(&mut self.counts, name, inner, turn, &self.message_keys);
                }
            }
        }
    }

    /// Every key counted, with the known key most like it.
    pub(crate) fn finish(self) -> Vec<UnknownKey> {
        let name = |(key, Found { times, nearest, alone })| UnknownKey {
            key,
            count: times,
            nearest,
            alone,
        };
        self.counts.into_iter().map(name).collect()
    }
}

/// Counts `key`, told as `name`, of a row or a message.
fn count(
    counts: &mut BTreeMap<String, Found>,
    name: String,
    key: &str,
    object: &Map<String, Value>,
    known: &[String],
) {
    if counts.len() >= MAX_KEYS && !counts.contains_key(&name) {
        return;
    }
    let found = counts.entry(name).or_insert_with(|| Found {
        nearest: nearest(key, known.iter().map(String::as_str)),
        ..Found::default()
    });
    found.times += 1;
    let lacks = |near: &String| object.get(near).is_none_or(Value::is_null);
    found.alone += usize::from(found.nearest.as_ref().is_some_and(lacks));
}
