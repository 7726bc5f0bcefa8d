//! Answers that are sent as they come.
//!
//! What comes of an answer ([`Items`]) is written by a protocol ([`Render`]) into the bytes that go to
//! the client ([`Out`]): there is nothing between the two. What is ready at once goes in one write
//! ([`batches`]), and messages of which only a text changes keep their other bytes ([`Template`]).

mod batches;
mod body;
mod out;
mod template;

pub(crate) use batches::{Render, batches};
pub(crate) use body::{COMMENT, events, lines, sse};
pub(crate) use out::{Form, Out};
pub(crate) use template::Template;
