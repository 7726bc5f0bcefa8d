//! One turn of a conversation, whatever protocol it is asked in.
//!
//! A protocol turns its body into a [`TurnRequest`], calls [`start`], and renders the [`TurnEvent`]s of
//! the [`Turn`] as they come or takes its [`Answer`]s whole. Retrieval, prompts, tools, forms and
//! counts are the same for all of them.

mod choice;
mod events;
mod messages;
mod request;
mod start;
mod whole;

pub(crate) use events::{Delta, End, EndReason, Turn, TurnEvent};
pub(crate) use messages::{check_messages, role};
pub(crate) use request::TurnRequest;
pub(crate) use start::{count_tokens, language_model, start};
pub(crate) use whole::{Answer, AnswerCall};
