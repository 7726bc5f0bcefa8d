//! The form of an answer whose thoughts have begun.

use super::parser::CLOSE;
use crate::error::ApiError;
use catena_engine::{ComposedGrammar, Constraint, MAX_PATTERN_BYTES, NamedSchema, Vocabulary};
use serde_json::{Value, json};

/// Name of the schema of an answer that is JSON.
const FORM: &str = "form";

/// Whatever thoughts are, and the space behind them.
const TERMINALS: &str = "THOUGHT: /(.|\\n)*/\nSPACE: /[ \\t\\r\\n]{1,4}/\n";

/// Holds an answer to `constraint` from the end of its thoughts on.
///
/// # Errors
/// [`ApiError::InvalidField`] for a grammar of the client's own, which cannot be put into another one.
pub(crate) fn behind_thoughts(
    constraint: Constraint,
    vocabulary: &Vocabulary,
) -> Result<Constraint, ApiError> {
    let ComposedGrammar { lark, schemas } = match constraint {
        Constraint::Composed(grammar) => grammar,
        Constraint::JsonSchema(schema) => json_form(schema),
        Constraint::JsonObject => json_form(json!({"type": "object"})),
        // The engine says what is too long.
        Constraint::Regex(pattern) if pattern.len() > MAX_PATTERN_BYTES => {
            return Ok(Constraint::Regex(pattern));
        }
        Constraint::Regex(pattern) => text_form(&format!("/{}/", in_slashes(&pattern))),
        Constraint::Choice(texts) if texts.is_empty() || texts.iter().any(String::is_empty) => {
            return Ok(Constraint::Choice(texts));
        }
        Constraint::Choice(texts) => {
            let quoted: Vec<String> = texts.iter().map(|text| json!(text).to_string()).collect();
            text_form(&quoted.join(" | "))
        }
        Constraint::Lark(_) => {
            let reason =
                "this model thinks before it answers, and a grammar holds from the beginning; \
                          switch its thoughts off"
                    .to_owned();
            return Err(ApiError::InvalidField { field: "structured_outputs", reason });
        }
    };
    let answer = lark.replacen("start:", "answer:", 1);
    let thoughts = match special(vocabulary) {
        Some(token) => format!("thoughts: THOUGHT <[{token}]>"),
        None => format!("thoughts[lazy]: THOUGHT {}", json!(CLOSE)),
    };
    let lark = format!("start: thoughts SPACE? answer\n{thoughts}\n{TERMINALS}{answer}");
    Ok(Constraint::Composed(ComposedGrammar { lark, schemas }))
}

fn json_form(schema: Value) -> ComposedGrammar {
    let schema = NamedSchema { name: FORM.to_owned(), schema, lenient: false };
    ComposedGrammar { lark: format!("start: @{FORM}\n"), schemas: vec![schema] }
}

fn text_form(terminal: &str) -> ComposedGrammar {
    ComposedGrammar { lark: format!("start: FORM\nFORM: {terminal}\n"), schemas: Vec::new() }
}

/// A pattern as it stands between slashes.
fn in_slashes(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut is_escaped = false;
    for c in pattern.chars() {
        match c {
            '/' if !is_escaped => text.push_str("\\/"),
            '\n' if is_escaped => text.push('n'),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    text
}

/// The control token that ends thoughts, in vocabularies where that is one.
fn special(vocabulary: &Vocabulary) -> Option<u32> {
    let mut tokens = 0..u32::try_from(vocabulary.len()).unwrap_or(u32::MAX);
    tokens.find(|&token| {
        vocabulary.is_special(token) && vocabulary.token_bytes(token) == CLOSE.as_bytes()
    })
}
