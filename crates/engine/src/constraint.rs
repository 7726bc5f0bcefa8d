//! Constrained decoding: which tokens may come next, by llguidance.

use crate::error::EngineError;
use crate::request::Constraint;
use crate::vocabulary::Vocabulary;
use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use toktrie::{ApproximateTokEnv, SimpleVob, TokEnv, TokRxInfo, TokTrie};

/// Largest JSON schema or regex taken, in bytes of its text.
pub const MAX_CONSTRAINT_BYTES: usize = 64 * 1024;
/// Deepest nesting of a JSON schema.
pub const MAX_SCHEMA_LEVELS: usize = 64;
/// Compiled constraints kept for requests with the same one.
const CACHE_ENTRIES: usize = 16;
/// Regex nodes a compilation may build; about 20 ms.
const COMPILE_FUEL: u64 = 1_000_000;
/// Symbols a compiled grammar may have.
const MAX_GRAMMAR_SIZE: usize = 200_000;
/// Space between the elements of generated JSON: bounded, or a weak model emits it for ever.
const JSON_SPACE: &str = r"[ \n]{1,16}";

/// Compiles constraints over one vocabulary.
pub(crate) struct GrammarCompiler {
    factory: ParserFactory,
    /// Most recently used last.
    cache: Mutex<Vec<(Constraint, Matcher)>>,
}

impl GrammarCompiler {
    /// A compiler over `vocabulary`, or what its tokens lack.
    pub(crate) fn new(vocabulary: &Vocabulary) -> Result<Self, String> {
        let words: Vec<Vec<u8>> = (0..vocabulary.len())
            .map(|id| {
                let id = u32::try_from(id).expect("token ids are u32");
                let bytes = vocabulary.token_bytes(id);
                if vocabulary.is_special(id) {
                    [&[TokTrie::SPECIAL_TOKEN_MARKER], bytes].concat()
                } else {
                    bytes.to_vec()
                }
            })
            .collect();
        let vocab_size = u32::try_from(words.len()).expect("token ids are u32");
        let Some(&eos) = vocabulary.eos_tokens().first() else {
            return Err("it has no end-of-sequence token".to_owned());
        };
        if vocabulary.eos_tokens().iter().any(|&token| token >= vocab_size) {
            return Err("its end-of-sequence token is out of range".to_owned());
        }
        let trie = TokTrie::from(&TokRxInfo::new(vocab_size, eos), &words)
            .with_eos_tokens(vocabulary.eos_tokens());
        let env: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let mut factory = ParserFactory::new_simple(&env).map_err(|error| error.to_string())?;
        factory.quiet();
        let limits = factory.limits_mut();
        limits.initial_lexer_fuel = COMPILE_FUEL;
        limits.max_grammar_size = MAX_GRAMMAR_SIZE;
        limits.verbose_errors = false;
        Ok(Self { factory, cache: Mutex::new(Vec::new()) })
    }

    /// A fresh state of `constraint`.
    ///
    /// # Errors
    /// [`EngineError::ConstraintTooLarge`], [`EngineError::ConstraintInvalid`].
    pub(crate) fn compile(&self, constraint: &Constraint) -> Result<ConstraintState, EngineError> {
        if let Some(matcher) = self.cached(constraint) {
            return Ok(ConstraintState(matcher));
        }
        let (kind, grammar) = grammar_of(constraint)?;
        let parser = self.factory.create_parser(grammar);
        let matcher = Matcher::new(parser);
        if let Some(reason) = matcher.get_error() {
            return Err(EngineError::ConstraintInvalid { kind, reason: first_line(&reason) });
        }
        self.remember(constraint, &matcher);
        Ok(ConstraintState(matcher))
    }

    fn cached(&self, constraint: &Constraint) -> Option<Matcher> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let found = cache.iter().position(|(known, _)| known == constraint)?;
        let entry = cache.remove(found);
        let fresh = entry.1.deep_clone();
        cache.push(entry);
        Some(fresh)
    }

    fn remember(&self, constraint: &Constraint, matcher: &Matcher) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() == CACHE_ENTRIES {
            cache.remove(0);
        }
        cache.push((constraint.clone(), matcher.deep_clone()));
    }
}

/// Where one sequence stands in its constraint.
pub(crate) struct ConstraintState(Matcher);

impl ConstraintState {
    /// The tokens that may come next.
    pub(crate) fn allowed(&mut self) -> Result<SimpleVob, EngineError> {
        self.0.compute_mask_or_eos().map_err(|error| lost(&error.to_string()))
    }

    /// Advances by a sampled token.
    pub(crate) fn accept(&mut self, token: u32) -> Result<(), EngineError> {
        self.0.consume_token(token).map_err(|error| lost(&error.to_string()))
    }

    /// Whether the output is complete: nothing but the end of sequence may follow.
    pub(crate) fn is_complete(&self) -> bool {
        self.0.is_stopped()
    }
}

fn lost(reason: &str) -> EngineError {
    EngineError::ConstraintLost { reason: first_line(reason) }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn grammar_of(constraint: &Constraint) -> Result<(&'static str, TopLevelGrammar), EngineError> {
    match constraint {
        Constraint::JsonSchema(schema) => {
            let kind = "JSON schema";
            check_limit(kind, "levels", levels(schema), MAX_SCHEMA_LEVELS)?;
            check_limit(kind, "bytes", schema.to_string().len(), MAX_CONSTRAINT_BYTES)?;
            let Value::Object(mut object) = schema.clone() else {
                let reason = "it is not a JSON object".to_owned();
                return Err(EngineError::ConstraintInvalid { kind, reason });
            };
            object.insert("x-guidance".to_owned(), json_options());
            Ok((kind, TopLevelGrammar::from_json_schema(Value::Object(object))))
        }
        Constraint::JsonObject => {
            let schema = json!({"type": "object", "x-guidance": json_options()});
            Ok(("JSON schema", TopLevelGrammar::from_json_schema(schema)))
        }
        Constraint::Regex(pattern) => {
            check_limit("regex", "bytes", pattern.len(), MAX_CONSTRAINT_BYTES)?;
            Ok(("regex", TopLevelGrammar::from_regex(pattern)))
        }
    }
}

fn json_options() -> Value {
    json!({"whitespace_pattern": JSON_SPACE})
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
