//! From what a request asks for to a grammar, within limits of size.

use super::gbnf::{is_gbnf, to_lark};
use crate::error::EngineError;
use crate::request::{ComposedGrammar, Constraint, NamedSchema};
use llguidance::api::{GrammarWithLexer, TopLevelGrammar};
use serde_json::{Value, json};

/// Largest JSON schema or list of choices taken, in bytes of its text.
pub const MAX_CONSTRAINT_BYTES: usize = 64 * 1024;
/// Largest regex or grammar taken, and most bytes of all patterns of one JSON schema. Compiling
/// some takes quadratic time.
pub const MAX_PATTERN_BYTES: usize = 16 * 1024;
/// Deepest nesting of a JSON schema.
pub const MAX_SCHEMA_LEVELS: usize = 64;
/// Most open brackets at any place of a Lark grammar, those in strings and comments included.
pub const MAX_GRAMMAR_LEVELS: usize = 200;
/// Most rules of a Lark grammar: colons, those in strings and comments included.
pub const MAX_GRAMMAR_RULES: usize = 512;
/// Most texts of a choice.
pub const MAX_CHOICES: usize = 4096;
/// What errors call a composed grammar.
pub const COMPOSED_KIND: &str = "grammar of JSON schemas";
/// Most schemas of a composed grammar.
pub const MAX_SCHEMAS: usize = 256;
/// Largest composed grammar taken, in bytes of all its texts.
pub const MAX_COMPOSED_BYTES: usize = 256 * 1024;
/// Space between the elements of generated JSON: bounded, or a weak model emits it for ever.
const JSON_SPACE: &str = r"[ \n]{1,16}";

/// What a compiled constraint is known by: its kind and its text, order of keys included.
pub(super) type CacheKey = (&'static str, String);

/// A constraint's name, its key in the cache and its grammar.
pub(super) struct Source {
    pub(super) key: CacheKey,
    pub(super) grammar: TopLevelGrammar,
}

/// What kind of constraint it is, for messages.
pub(super) fn kind(constraint: &Constraint) -> &'static str {
    match constraint {
        Constraint::JsonSchema(_) | Constraint::JsonObject => "JSON schema",
        Constraint::Regex(_) => "regex",
        Constraint::Choice(_) => "choice",
        Constraint::Lark(_) => "Lark grammar",
        Constraint::Composed(_) => COMPOSED_KIND,
    }
}

/// Checks `constraint` against the limits and words it as a grammar.
///
/// # Errors
/// [`EngineError::ConstraintTooLarge`], [`EngineError::ConstraintInvalid`].
pub(super) fn source(constraint: &Constraint) -> Result<Source, EngineError> {
    let kind = kind(constraint);
    let invalid =
        |reason: &str| Err(EngineError::ConstraintInvalid { kind, reason: reason.to_owned() });
    let (text, grammar) = match constraint {
        Constraint::JsonSchema(schema) => {
            let text = schema.to_string();
            check_limit(kind, "bytes", text.len(), MAX_CONSTRAINT_BYTES)?;
            check_limit(kind, "bytes of patterns", pattern_bytes(schema), MAX_PATTERN_BYTES)?;
            (text, TopLevelGrammar::from_json_schema(optioned(kind, schema, false)?))
        }
        Constraint::JsonObject => {
            let schema = optioned(kind, &json!({"type": "object"}), false)?;
            (String::new(), TopLevelGrammar::from_json_schema(schema))
        }
        Constraint::Composed(grammar) => composed(kind, grammar)?,
        Constraint::Regex(pattern) => {
            check_limit(kind, "bytes", pattern.len(), MAX_PATTERN_BYTES)?;
            (pattern.clone(), TopLevelGrammar::from_regex(pattern))
        }
        Constraint::Choice(texts) => {
            check_limit(kind, "texts", texts.len(), MAX_CHOICES)?;
            let bytes = texts.iter().map(String::len).sum();
            check_limit(kind, "bytes", bytes, MAX_CONSTRAINT_BYTES)?;
            if texts.is_empty() || texts.iter().any(String::is_empty) {
                return invalid("it needs at least one text, and none may be empty");
            }
            // One terminal: its alternatives become one automaton. A JSON string is a Lark one.
            let quoted: Vec<String> = texts.iter().map(|text| json!(text).to_string()).collect();
            let grammar = format!("start: CHOICE\nCHOICE: {}", quoted.join(" | "));
            (quoted.join("\n"), TopLevelGrammar::from_lark(grammar))
        }
        Constraint::Lark(grammar) => {
            let rules = grammar.bytes().filter(|&byte| byte == b':').count();
            check_limit(kind, "rules", rules, MAX_GRAMMAR_RULES)?;
            check_grammar_size(kind, grammar)?;
            (grammar.clone(), TopLevelGrammar::from_lark(grammar.clone()))
        }
    };
    Ok(Source { key: (kind, text), grammar })
}

impl Constraint {
    /// Text that a grammar derives which is written in llguidance's variant of Lark or in llama.cpp's
    /// GBNF, which vLLM takes as EBNF: the latter has rules with `::=`, and becomes Lark here.
    ///
    /// # Errors
    /// [`EngineError::ConstraintInvalid`], [`EngineError::ConstraintTooLarge`] for GBNF.
    pub fn of_grammar(text: &str) -> Result<Self, EngineError> {
        let grammar = if is_gbnf(text) { to_lark(text)? } else { text.to_owned() };
        Ok(Self::Lark(grammar))
    }
}

/// Checks the size of a grammar, whose parser takes time by its bytes and recurses by its levels.
pub(super) fn check_grammar_size(kind: &'static str, grammar: &str) -> Result<(), EngineError> {
    check_limit(kind, "bytes", grammar.len(), MAX_PATTERN_BYTES)?;
    check_limit(kind, "levels", open_brackets(grammar), MAX_GRAMMAR_LEVELS)
}

/// The text and the grammar of schemas inside Lark. Its sizes are bounded as those of one schema; the
/// Lark around them is ours, but for names.
fn composed(
    kind: &'static str,
    grammar: &ComposedGrammar,
) -> Result<(String, TopLevelGrammar), EngineError> {
    check_limit(kind, "schemas", grammar.schemas.len(), MAX_SCHEMAS)?;
    let mut text = grammar.lark.clone();
    let mut grammars = vec![GrammarWithLexer::from_lark(grammar.lark.clone())];
    let mut patterns = 0;
    for NamedSchema { name, schema, lenient } in &grammar.schemas {
        text.push_str(&format!("\n{name} {lenient} {schema}"));
        patterns += pattern_bytes(schema);
        let mut schema = GrammarWithLexer::from_json_schema(optioned(kind, schema, *lenient)?);
        schema.name = Some(name.clone());
        grammars.push(schema);
    }
    check_limit(kind, "bytes", text.len(), MAX_COMPOSED_BYTES)?;
    check_limit(kind, "bytes of patterns", patterns, MAX_PATTERN_BYTES)?;
    Ok((text, TopLevelGrammar { grammars, max_tokens: None }))
}

/// `schema` with our options, if it is an object of bounded depth.
fn optioned(kind: &'static str, schema: &Value, lenient: bool) -> Result<Value, EngineError> {
    check_limit(kind, "levels", levels(schema), MAX_SCHEMA_LEVELS)?;
    let Value::Object(mut object) = schema.clone() else {
        let reason = "it is not a JSON object".to_owned();
        return Err(EngineError::ConstraintInvalid { kind, reason });
    };
    let options = json!({"whitespace_pattern": JSON_SPACE, "lenient": lenient});
    object.insert("x-guidance".to_owned(), options);
    Ok(Value::Object(object))
}

fn check_limit(
    kind: &'static str,
    unit: &'static str,
    actual: usize,
    limit: usize,
) -> Result<(), EngineError> {
    if actual > limit {
        return Err(EngineError::ConstraintTooLarge { kind, unit, actual, limit });
    }
    Ok(())
}

/// Nesting depth of `value`, counted without recursion since the value is foreign.
fn levels(value: &Value) -> usize {
    let mut deepest = 0;
    let mut open = vec![(value, 1)];
    while let Some((value, level)) = open.pop() {
        deepest = deepest.max(level);
        match value {
            Value::Array(items) => open.extend(items.iter().map(|item| (item, level + 1))),
            Value::Object(fields) => open.extend(fields.values().map(|item| (item, level + 1))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    deepest
}

/// Bytes of all regular expressions in a schema, counted without recursion.
fn pattern_bytes(schema: &Value) -> usize {
    let mut bytes = 0;
    let mut open = vec![schema];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => {
                let pattern = fields.get("pattern").and_then(Value::as_str).map_or(0, str::len);
                let keys = fields.get("patternProperties").and_then(Value::as_object);
                bytes += pattern + keys.map_or(0, |keys| keys.keys().map(String::len).sum());
                open.extend(fields.values());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    bytes
}

/// Most brackets that are open at once. Strings and comments are not told apart, so that nothing
/// can hide in what looks like one: the grammar's parser recurses into brackets.
fn open_brackets(grammar: &str) -> usize {
    let mut open = 0_usize;
    let mut most = 0;
    for byte in grammar.bytes() {
        match byte {
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}
