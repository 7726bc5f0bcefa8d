//! Answers that are sent as they come.

mod events;
mod frames;

pub(crate) use frames::{Frame, Render, lines, sse, sse_with_ping};
