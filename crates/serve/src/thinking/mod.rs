//! Thoughts before an answer: what a request says about them, and how they are told from the answer.
//!
//! Chat templates have switches of their own for thoughts, as variables ([`Thinking`]). A wish that a
//! model's template has no switch for is refused, unless the model does what is wished anyway.
//!
//! Thoughts stand between `<think>` and `</think>`. They have begun where the prompt ends with the first mark
//! ([`opens`]) or the answer begins with it ([`ThoughtParser`]); a form of the answer then holds from the
//! second mark on ([`behind_thoughts`]).

mod grammar;
mod parser;
mod switch;
#[cfg(test)]
mod tests;
mod wire;

pub(crate) use grammar::behind_thoughts;
pub(crate) use parser::{ThoughtParser, mark_text};
pub(crate) use switch::{EFFORTS, Thinking, can_switch, opens};
pub(crate) use wire::WireThinking;
