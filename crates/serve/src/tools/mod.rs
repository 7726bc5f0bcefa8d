//! Calls of tools, whatever protocol asks for them.
//!
//! [`Calling`] joins what a request says about tools with the form in which its model writes calls. It
//! words the prompt, gives the [`Constraint`](catena_engine::Constraint) that holds every call to the
//! schema of its tool, and reads the calls out of the answer as it comes ([`CallParser`]).
//!
//! **Invariant:** arguments that a client gets are JSON of the tool's schema, unless the answer ended
//! early (`length`, or a stop string). They are sent as they come, never written anew.

mod calling;
mod cursor;
mod grammar;
mod json;
mod parser;
mod plain;
#[cfg(test)]
mod tests;
mod tool;

pub(crate) use calling::Calling;
pub(crate) use parser::{CallIds, CallParser, Part};
pub(crate) use tool::{MAX_NAME_BYTES, MAX_TOOLS, Tool, ToolChoice, Tools};
