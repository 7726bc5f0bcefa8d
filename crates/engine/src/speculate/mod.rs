//! Guessing tokens ahead, so that one step of the model can accept several.
//!
//! A sequence's likely next tokens are run together with its last one. Each row is then sampled as
//! it would have been alone, from the same logits and the same random number, so a guess changes
//! how fast a text comes and never which text comes.

mod drafter;
mod gain;
mod kind;
mod ngram;
mod proposer;
mod speculator;

pub use gain::MAX_GUESS;
pub use kind::Speculation;

pub(crate) use drafter::Drafter;
pub(crate) use gain::CostModel;
pub(crate) use ngram::NgramIndex;
pub(crate) use proposer::Proposer;
pub(crate) use speculator::Speculator;
