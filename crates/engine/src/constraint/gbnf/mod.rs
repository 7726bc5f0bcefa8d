//! llama.cpp's GBNF, which vLLM takes as EBNF: read, and written as a Lark grammar.
//!
//! A rule is `name ::= alternatives`, the whole text is `root`. Symbols are texts in quotes, classes in
//! brackets, `.`, names and groups in parentheses, each with `*`, `+`, `?` or `{m,n}` behind it; `#`
//! begins a comment. Single tokens in angle brackets are not read.
//!
//! What GBNF derives character by character, llguidance cuts into lexemes: a rule that does not lead back
//! to itself becomes one, and of several that may follow the longest is taken. So every text that comes
//! is one that the grammar derives, but where a lexeme could also have ended earlier, only the longest
//! comes.

mod lark;
mod parse;

use crate::error::EngineError;

/// What errors call such a grammar.
const KIND: &str = "GBNF grammar";

/// Whether `text` is GBNF and not Lark: whether a line begins with a name and `::=`.
pub(super) fn is_gbnf(text: &str) -> bool {
    text.lines().any(|line| {
        let rule = line.trim_start().trim_start_matches(parse::is_of_name);
        rule.len() < line.trim_start().len() && rule.trim_start().starts_with("::=")
    })
}

/// The Lark grammar of a GBNF one.
///
/// # Errors
/// [`EngineError::ConstraintInvalid`] with the line, [`EngineError::ConstraintTooLarge`].
pub(super) fn to_lark(text: &str) -> Result<String, EngineError> {
    super::source::check_grammar_size(KIND, text)?;
    let grammar = parse::parse(text).and_then(|rules| lark::write(&rules));
    grammar.map_err(|reason| EngineError::ConstraintInvalid { kind: KIND, reason })
}
