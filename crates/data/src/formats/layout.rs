//! Which column holds which part, and how speakers are called.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How a conversation names its turns. `None` means that no turn is of that kind.
///
/// The names are those of LLaMA-Factory's `tags`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tags {
    /// Key of the speaker in a turn.
    pub role_tag: String,
    /// Key of the words in a turn.
    pub content_tag: String,
    /// The person.
    pub user_tag: Option<String>,
    /// The model.
    pub assistant_tag: Option<String>,
    /// The result of a tool.
    pub observation_tag: Option<String>,
    /// The model, when it calls a function.
    pub function_tag: Option<String>,
    /// Instructions for the whole conversation.
    pub system_tag: Option<String>,
}

impl Tags {
    /// `from` and `value`; `human`, `gpt`, `observation`, `function_call`, `system`.
    pub fn sharegpt() -> Self {
        let tag = |name: &str| Some(name.to_owned());
        Self {
            role_tag: "from".to_owned(),
            content_tag: "value".to_owned(),
            user_tag: tag("human"),
            assistant_tag: tag("gpt"),
            observation_tag: tag("observation"),
            function_tag: tag("function_call"),
            system_tag: tag("system"),
        }
    }

    /// `role` and `content`; `user`, `assistant`, `tool`, `function_call`, `system`.
    pub fn openai() -> Self {
        let tag = |name: &str| Some(name.to_owned());
        Self {
            role_tag: "role".to_owned(),
            content_tag: "content".to_owned(),
            user_tag: tag("user"),
            assistant_tag: tag("assistant"),
            observation_tag: tag("tool"),
            function_tag: tag("function_call"),
            system_tag: tag("system"),
        }
    }
}

impl Default for Tags {
    fn default() -> Self {
        Self::sharegpt()
    }
}

/// Which rule the turns of a conversation must keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TurnRule {
    /// None: the chat template is the judge.
    #[default]
    Free,
    /// LLaMA-Factory's for `sharegpt`: after a system message, the person or a tool and the model
    /// take turns, and the number of turns fits.
    Alternating,
    /// LLaMA-Factory's for `openai`: the same, where the results of several calls are one turn and
    /// results at the end, which nobody reads, are left out.
    AlternatingMerged,
}

/// Where a format finds its parts in a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Column of each part, by the part's name.
    pub(crate) columns: BTreeMap<String, String>,
    /// Names of turns.
    pub(crate) tags: Tags,
    /// Rule for the turns.
    pub(crate) turn_rule: TurnRule,
    /// Whether speakers have the names in `tags` only, not also those that all know.
    pub(crate) own_tags_only: bool,
}

impl Layout {
    /// A layout with these columns: part and column.
    pub(crate) fn of<'a>(columns: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let owned = |(part, column): (&str, &str)| (part.to_owned(), column.to_owned());
        Self { columns: columns.into_iter().map(owned).collect(), ..Self::default() }
    }

    /// A layout whose columns are called like the parts.
    pub(crate) fn named(parts: &[&str]) -> Self {
        Self::of(parts.iter().map(|part| (*part, *part)))
    }

    /// The same with other names of turns.
    pub(crate) fn with_tags(self, tags: Tags) -> Self {
        Self { tags, ..self }
    }

    /// The same with a rule for the turns.
    pub(crate) fn with_rule(self, turn_rule: TurnRule) -> Self {
        Self { turn_rule, ..self }
    }

    /// The column of `part`, if it has one.
    pub(crate) fn column(&self, part: &str) -> Option<&str> {
        self.columns.get(part).map(String::as_str)
    }

    /// The column of `part`; called like the part if nothing else is said.
    pub(crate) fn need<'l>(&'l self, part: &'l str) -> &'l str {
        self.column(part).unwrap_or(part)
    }
}

/// What the first rows of a file show: every column with its first value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peek<'r>(BTreeMap<&'r str, &'r Value>);

impl<'r> Peek<'r> {
    /// Looks at `rows`.
    pub(crate) fn new(rows: impl Iterator<Item = &'r Map<String, Value>>) -> Self {
        let mut first: BTreeMap<&str, &Value> = BTreeMap::new();
        for (key, value) in rows.flatten() {
            let seen = first.entry(key).or_insert(value);
            if seen.is_null() {
                *seen = value;
            }
        }
        Self(first)
    }

    /// Whether there is a column `key`.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// The first of `keys` that is a column.
    pub(crate) fn first<'k>(&self, keys: &[&'k str]) -> Option<&'k str> {
        keys.iter().copied().find(|key| self.has(key))
    }

    /// The first of `keys` whose value is a truth value, also in CSV's spelling.
    pub(crate) fn first_bool<'k>(&self, keys: &[&'k str]) -> Option<&'k str> {
        let spelt = |text: &str| ["true", "false"].contains(&text.to_ascii_lowercase().as_str());
        let is_bool = |value: &Value| value.is_boolean() || value.as_str().is_some_and(spelt);
        keys.iter().copied().find(|key| self.0.get(key).is_some_and(|value| is_bool(value)))
    }

    /// Whether `key` holds 0 or 1.
    pub(crate) fn is_zero_or_one(&self, key: &str) -> bool {
        let number = self.0.get(key).and_then(|value| value.as_f64());
        number.is_some_and(|number| number == 0.0 || number == 1.0)
    }

    /// Whether `key` holds a text.
    pub(crate) fn is_text(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|value| value.is_string())
    }

    /// Whether `key` holds a list.
    pub(crate) fn is_list(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|value| value.is_array())
    }

    /// Whether `key` holds an object.
    pub(crate) fn is_object(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|value| value.is_object())
    }

    /// Names of turns by the keys of the first turn of the conversation `key`.
    pub(crate) fn tags(&self, key: &str) -> Option<Tags> {
        let value = *self.0.get(key)?;
        let turn = match value.as_array() {
            Some(turns) => turns.first()?,
            None => value,
        };
        let has = |name: &str| turn.get(name).is_some();
        if has("from") && has("value") {
            Some(Tags::sharegpt())
        } else {
            has("role").then(Tags::openai)
        }
    }

    /// All columns, in the order of their names.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &'r str> {
        self.0.keys().copied()
    }
}
