//! Guessing tokens ahead, so that one step of the model can accept several.
//!
//! A sequence's likely next tokens are run together with its last one. Each row is then sampled as
//! it would have been alone, from the same logits and the same random number, so a guess changes
//! how fast a text comes and never which text comes.

mod gain;
mod kind;
mod ngram;
mod proposer;

pub use kind::Speculation;

pub(crate) use gain::{CostModel, choose_length};
pub(crate) use ngram::NgramIndex;
pub(crate) use proposer::Proposer;
