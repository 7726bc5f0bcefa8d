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

mod convert;
mod lark;
mod parse;

pub(super) use convert::{is_gbnf, to_lark};
