//! Why a row gave no sample.

/// What is wrong with one row. The row is dropped and counted; the others are read on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DropReason {
    /// A value that the format needs is not there.
    #[error("`{key}` is missing")]
    Missing {
        /// Its column.
        key: String,
    },
    /// A value is of another kind than the format says.
    #[error("`{key}` is {found}, expected {expected}")]
    WrongKind {
        /// Its column.
        key: String,
        /// What stands there.
        found: &'static str,
        /// What should.
        expected: &'static str,
    },
    /// The conversation has no turns.
    #[error("the conversation has no turns")]
    NoTurns,
    /// Turns do not alternate between the person (or a tool) and the model.
    #[error("turn {turn} is of `{found}`, expected {expected}")]
    WrongTurn {
        /// The turn, from 1, not counting a system message.
        turn: usize,
        /// Who speaks.
        found: String,
        /// Who should, as the data set calls them.
        expected: String,
    },
    /// The conversation ends with the wrong speaker.
    #[error("the conversation has {turns} turns, expected an {expected} number")]
    TurnCount {
        /// Turns without a system message.
        turns: usize,
        /// `even` or `odd`.
        expected: &'static str,
    },
    /// A role that no format knows.
    #[error("turn {turn} is of `{found}`, which is no known role")]
    UnknownRole {
        /// The turn, from 1.
        turn: usize,
        /// The name found.
        found: String,
    },
    /// A function call is not JSON with a name.
    #[error("the function call in turn {turn} is not JSON with a `name`")]
    FunctionCall {
        /// The turn, from 1.
        turn: usize,
    },
    /// The list of tools is not JSON.
    #[error("`{key}` is not a JSON list of tools")]
    Tools {
        /// Its column.
        key: String,
    },
    /// Something other than text.
    #[error("{what} in `{key}` cannot be trained on")]
    NotText {
        /// `an image`, `a video`, …
        what: &'static str,
        /// Its column.
        key: String,
    },
    /// The two completions are not after one prompt.
    #[error("chosen and rejected share no prompt")]
    NoPrompt,
    /// Words and labels do not match.
    #[error("{words} words have {labels} labels")]
    LabelCount {
        /// Words.
        words: usize,
        /// Labels.
        labels: usize,
    },
}

impl DropReason {
    /// A stable name of the rule that dropped the row.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing-value",
            Self::WrongKind { .. } => "wrong-kind",
            Self::NoTurns => "no-turns",
            Self::WrongTurn { .. } => "wrong-turn",
            Self::TurnCount { .. } => "turn-count",
            Self::UnknownRole { .. } => "unknown-role",
            Self::FunctionCall { .. } => "function-call",
            Self::Tools { .. } => "tools",
            Self::NotText { .. } => "not-text",
            Self::NoPrompt => "no-prompt",
            Self::LabelCount { .. } => "label-count",
        }
    }

    /// `key` is missing.
    pub(super) fn missing(key: &str) -> Self {
        Self::Missing { key: key.to_owned() }
    }

    /// `key` holds `value` and should hold `expected`.
    pub(super) fn wrong_kind(key: &str, value: &serde_json::Value, expected: &'static str) -> Self {
        Self::WrongKind { key: key.to_owned(), found: kind_of(value), expected }
    }
}

/// What a value is, in words.
fn kind_of(value: &serde_json::Value) -> &'static str {
    use serde_json::Value as V;
    match value {
        V::Null => "null",
        V::Bool(_) => "a truth value",
        V::Number(_) => "a number",
        V::String(_) => "a text",
        V::Array(_) => "a list",
        V::Object(_) => "an object",
    }
}
