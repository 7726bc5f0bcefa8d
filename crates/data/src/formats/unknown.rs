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
}

/// Counts keys that are not read.
#[derive(Debug)]
pub(crate) struct UnknownKeys {
    known: Vec<String>,
    message_keys: Vec<String>,
    counts: BTreeMap<String, usize>,
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
                self.count(key.clone());
                continue;
            }
            let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            let turns = list.iter().filter_map(Value::as_object);
            let turns = turns.filter(|turn| turn.contains_key("role") || turn.contains_key("from"));
            for (inner, value) in turns.flatten() {
                // Tables hold a column for a key of any row.
                if !self.message_keys.contains(inner) && !value.is_null() {
                    self.count(format!("{key}[].{inner}"));
                }
            }
        }
    }

    fn count(&mut self, key: String) {
        if self.counts.len() < MAX_KEYS || self.counts.contains_key(&key) {
            *self.counts.entry(key).or_default() += 1;
        }
    }

    /// Every key counted, with the known key most like it.
    pub(crate) fn finish(self) -> Vec<UnknownKey> {
        let Self { known, message_keys, counts } = self;
        let name = |(key, count): (String, usize)| {
            let nearest = match key.split_once("[].") {
                Some((_, inner)) => nearest(inner, message_keys.iter().map(String::as_str)),
                None => nearest(&key, known.iter().map(String::as_str)),
            };
            UnknownKey { key, count, nearest }
        };
        counts.into_iter().map(name).collect()
    }
}
