//! How a model writes calls of tools, read off its own chat template.
//!
//! A template shows a past call as the model would have written it. Rendering one made-up call, and
//! two, therefore tells what stands before a call's name, between name and arguments, between two
//! calls, and behind the last: no list of families is needed. What cannot be read this way (arguments
//! that are not JSON, calls that nothing introduces) has no [`ToolSyntax`], and its caller describes a
//! form in words instead.

mod pieces;
mod probe;
mod syntax;
#[cfg(test)]
mod tests;

pub use pieces::ToolPiece;
pub use syntax::{CALL_ID_CHARS, CallMark, ToolSyntax};
