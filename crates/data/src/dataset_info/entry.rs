//! One entry of the file, every key checked.

use crate::error::DataError;
use crate::formats::{Layout, Tags, TurnRule};
use camino::Utf8Path;
use catena_corpus::nearest;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Keys of an entry.
const KEYS: [&str; 14] = [
    "file_name",
    "hf_hub_url",
    "ms_hub_url",
    "om_hub_url",
    "script_url",
    "cloud_file_name",
    "formatting",
    "ranking",
    "subset",
    "split",
    "folder",
    "num_samples",
    "columns",
    "tags",
];

/// Keys that name a place on the network, or code to run.
const REMOTE: [&str; 5] =
    ["hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name"];

/// Keys of `columns`.
const COLUMNS: [&str; 13] = [
    "prompt", "query", "response", "history", "messages", "system", "tools", "images", "videos",
    "audios", "chosen", "rejected", "kto_tag",
];

/// Columns of what is not text.
const MEDIA: [&str; 3] = ["images", "videos", "audios"];

/// Keys of `tags`.
const TAGS: [&str; 7] = [
    "role_tag",
    "content_tag",
    "user_tag",
    "assistant_tag",
    "observation_tag",
    "function_tag",
    "system_tag",
];

/// One data set.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// Its file or folder, below the folder of `dataset_info.json`.
    pub(super) file_name: String,
    /// Name of the format.
    pub(super) format: String,
    /// Columns and tags.
    pub(super) layout: Layout,
    /// Part of the rows, as `train[:10%]`.
    pub(super) split: String,
    /// Rows to draw.
    pub(super) num_samples: Option<usize>,
    /// What was passed over, in words.
    pub(super) notes: Vec<String>,
}

/// Reads the keys of one entry and names the place in every error.
pub(super) struct EntryReader<'a> {
    pub(super) path: &'a Utf8Path,
    pub(super) dataset: &'a str,
    pub(super) map: &'a Map<String, Value>,
}

impl EntryReader<'_> {
    /// The entry.
    pub(super) fn read(&self) -> Result<Entry, DataError> {
        self.check_keys("", self.map, &KEYS)?;
        let mut notes = Vec::new();
        let file_name = self.file_name(&mut notes)?;
        for key in ["subset", "folder"] {
            if self.text(key)?.is_some() {
                notes.push(format!("`{key}` says nothing about a local file"));
            }
        }
        let mut columns = self.columns()?;
        let ranking = self.flag("ranking")?;
        let formatting = self.text("formatting")?.unwrap_or("alpaca");
        let judged = columns.contains_key("kto_tag");
        let (mut format, turn_rule) = self.format(formatting, ranking, judged)?;
        let prompt_alone = columns.len() == 1 && columns.contains_key("prompt");
        if format == "alpaca"
            && prompt_alone
            && let Some(text) = columns.remove("prompt")
        {
            // A prompt without an answer is a text to pre-train on.
            "text".clone_into(&mut format);
            columns.insert("text".to_owned(), text);
        }
        let layout = Layout { columns, tags: self.tags()?, turn_rule, own_tags_only: true };
        let split = self.text("split")?.unwrap_or("train").to_owned();
        let num_samples = self.count("num_samples")?;
        Ok(Entry { file_name, format, layout, split, num_samples, notes })
    }

    /// The local file; an entry without one lies elsewhere.
    fn file_name(&self, notes: &mut Vec<String>) -> Result<String, DataError> {
        let file = self.text("file_name")?;
        let mut remote = None;
        for key in REMOTE {
            remote = remote.or(self.text(key)?.map(|source| (key, source)));
        }
        match (file, remote) {
            (Some(file), remote) => {
                if let Some((key, _)) = remote {
                    notes.push(format!("the local file is read, not `{key}`"));
                }
                Ok(file.to_owned())
            }
            (None, Some((key, source))) => {
                let (dataset, address) = (self.dataset.to_owned(), source.to_owned());
                Err(DataError::RemoteDataset { dataset, key, address })
            }
            (None, None) => Err(self.bad_value("file_name", "missing", "the name of a file")),
        }
    }

    /// The format of `formatting`, and the rule for its turns.
    fn format(
        &self,
        formatting: &str,
        ranking: bool,
        judged: bool,
    ) -> Result<(String, TurnRule), DataError> {
        let rule = match formatting {
            "alpaca" => TurnRule::Free,
            "sharegpt" => TurnRule::Alternating,
            "openai" => TurnRule::AlternatingMerged,
            other => {
                let expected = "`alpaca`, `sharegpt` or `openai`";
                return Err(self.bad_value("formatting", other, expected));
            }
        };
        // What is ranked is judged by its rank, as in LLaMA-Factory's stages.
        let goal = match (ranking, judged) {
            (true, _) => "_ranking",
            (false, true) => "_kto",
            (false, false) => "",
        };
        Ok((format!("{formatting}{goal}"), rule))
    }

    /// Columns by part. Where an entry names some, LLaMA-Factory takes the others for missing.
    fn columns(&self) -> Result<BTreeMap<String, String>, DataError> {
        let Some(given) = self.object("columns")? else {
            let usual = [
                ("prompt", "instruction"),
                ("query", "input"),
                ("response", "output"),
                ("messages", "conversations"),
            ];
            return Ok(Layout::of(usual).columns);
        };
        self.check_keys("columns.", given, &COLUMNS)?;
        let mut columns = BTreeMap::new();
        for (part, value) in given {
            let key = format!("columns.{part}");
            let Some(column) = self.text_of(&key, value)? else { continue };
            if MEDIA.contains(&part.as_str()) {
                return Err(self.bad_value(&key, column, "nothing: text alone can be trained on"));
            }
            columns.insert(part.clone(), column.to_owned());
        }
        Ok(columns)
    }

    /// Names of turns. Where an entry names some, the kinds of turns that it leaves out do not
    /// occur, except that there must be names of speaker and words.
    fn tags(&self) -> Result<Tags, DataError> {
        let usual = Tags::sharegpt();
        let Some(given) = self.object("tags")? else { return Ok(usual) };
        self.check_keys("tags.", given, &TAGS)?;
        let tag = |key: &str| -> Result<Option<String>, DataError> {
            let Some(value) = given.get(key) else { return Ok(None) };
            Ok(self.text_of(&format!("tags.{key}"), value)?.map(ToOwned::to_owned))
        };
        Ok(Tags {
            role_tag: tag("role_tag")?.unwrap_or(usual.role_tag),
            content_tag: tag("content_tag")?.unwrap_or(usual.content_tag),
            user_tag: tag("user_tag")?,
            assistant_tag: tag("assistant_tag")?,
            observation_tag: tag("observation_tag")?,
            function_tag: tag("function_tag")?,
            system_tag: tag("system_tag")?,
        })
    }

    fn check_keys(
        &self,
        prefix: &str,
        map: &Map<String, Value>,
        known: &[&str],
    ) -> Result<(), DataError> {
        match map.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => Err(DataError::UnknownName {
                what: "key",
                name: format!("{prefix}{key}"),
                place: format!(" of data set `{}` in {}", self.dataset, self.path),
                nearest: nearest(key, known.iter().copied()),
                known: known.join(", "),
            }),
        }
    }

    fn text(&self, key: &str) -> Result<Option<&str>, DataError> {
        self.map.get(key).map_or(Ok(None), |value| self.text_of(key, value))
    }

    fn text_of<'v>(&self, key: &str, value: &'v Value) -> Result<Option<&'v str>, DataError> {
        match value {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text)),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                Err(self.bad_value(key, &value.to_string(), "a text"))
            }
        }
    }

    fn flag(&self, key: &str) -> Result<bool, DataError> {
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.bad_value(key, &other.to_string(), "true or false")),
        }
    }

    fn count(&self, key: &str) -> Result<Option<usize>, DataError> {
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
                let count = count.filter(|count| *count > 0);
                let wrong = || self.bad_value(key, &value.to_string(), "a whole number from 1");
                count.map(Some).ok_or_else(wrong)
            }
        }
    }

    fn object(&self, key: &str) -> Result<Option<&Map<String, Value>>, DataError> {
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(other) => Err(self.bad_value(key, &other.to_string(), "an object")),
        }
    }

    fn bad_value(&self, key: &str, found: &str, expected: &'static str) -> DataError {
        DataError::BadValue {
            key: key.to_owned(),
            place: format!(" of data set `{}` in {}", self.dataset, self.path),
            found: found.chars().take(80).collect(),
            expected,
        }
    }
}

/// Format and layout of one entry, for tests of formats.
#[cfg(test)]
pub(crate) fn entry_of(
    dataset: &str,
    map: &Map<String, Value>,
) -> Result<(&'static dyn crate::formats::Format, Layout), DataError> {
    let path = Utf8Path::new("dataset_info.json");
    let entry = EntryReader { path, dataset, map }.read()?;
    Ok((crate::formats::format_named(&entry.format)?, entry.layout))
}
