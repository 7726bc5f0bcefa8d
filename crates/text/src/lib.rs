//! Text to tokens and back, and conversations to text.
//!
//! - [`Tokenizer`] reads a `tokenizer.json` or the vocabulary of a GGUF file ([`GgufVocab`]) and
//!   gives the ids that the reference implementation gives. [`TokenStream`] turns generated ids
//!   into text piece by piece and never splits a character.
//! - [`train_bpe`] learns a vocabulary from texts.
//! - [`ChatTemplate`] renders a conversation with the model's own Jinja template, and says which
//!   parts of it the assistant wrote where the template marks them.
//! - [`ToolSyntax`] is how the model writes calls of tools, read off that template.
//!
//! Vocabularies and templates come from strangers. **Invariant:** nothing here panics on them, runs
//! code of theirs outside the template language, or works without a bound on time and memory;
//! every limit is a public constant in [`limits`].

mod error;
pub mod limits;
mod template;
#[cfg(test)]
mod tests;
mod tokenizer;
mod tool_syntax;

pub use error::{TextError, ToolError};
pub use template::{ChatInput, ChatTemplate, MarkedChat};
pub use tokenizer::{
    BpeOptions, Frame, GgufVocab, SpecialTokens, TokenStream, TokenType, Tokenizer, TypedTokens,
    WordTokens, train_bpe,
};
pub use tool_syntax::{CALL_ID_CHARS, CallMark, ToolPiece, ToolSyntax};
