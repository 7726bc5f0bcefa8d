//! Thoughts before an answer: what a request says about them.
//!
//! Chat templates have switches of their own for it, as variables ([`Thinking`]). A wish that a model's
//! template has no switch for is refused, unless the model does what is wished anyway.

mod switch;
#[cfg(test)]
mod tests;
mod wire;

pub(crate) use switch::{EFFORTS, Thinking, opens};
pub(crate) use wire::WireThinking;
