//! Turns token prompts into tokens: scheduling, paged KV blocks, sampling, constrained decoding.
//!
//! `Engine::step` is one scheduling round. Batch jobs call `Engine::run_all`; a server moves
//! the engine onto its own thread and talks to it through an `EngineHandle`.
//!
//! **Invariant:** no file, network, environment or clock is read here. A sequence's output depends
//! on its own request only, never on what runs beside it, nor on preemption.

mod error;
mod params;
mod request;
mod runner;

pub use error::{EngineError, RunnerError};
pub use params::{MAX_STOP_BYTES, MAX_STOP_STRINGS, MAX_TOP_LOGPROBS, SamplingParams};
pub use request::{Completion, Constraint, Event, Request, RequestId, TokenEvent, TokenLogprob};
pub use runner::{BLOCK_TOKENS, LogitsFor, Runner, SeqInput};
