//! A grammar of one kind becomes one of the other.

use super::{lark, parse};
use crate::constraint::source::check_grammar_size;
use crate::error::EngineError;

/// What errors call such a grammar.
const KIND: &str = "GBNF grammar";

/// Whether `text` is GBNF and not Lark: whether a line begins with a name and `::=`.
pub(in crate::constraint) fn is_gbnf(text: &str) -> bool {
    text.lines().any(|line| {
        let rule = line.trim_start().trim_start_matches(parse::is_of_name);
        rule.len() < line.trim_start().len() && rule.trim_start().starts_with("::=")
    })
}

/// The Lark grammar of a GBNF one.
///
/// # Errors
/// [`EngineError::ConstraintInvalid`] with the line, [`EngineError::ConstraintTooLarge`].
pub(in crate::constraint) fn to_lark(text: &str) -> Result<String, EngineError> {
    check_grammar_size(KIND, text)?;
    let grammar = parse::parse(text).and_then(|rules| lark::write(&rules));
    grammar.map_err(|reason| EngineError::ConstraintInvalid { kind: KIND, reason })
}
