//! Guessing tokens ahead, so that one step of the model can accept several.
//!
//! A sequence's likely next tokens are run together with its last one. Each row is then sampled as
//! it would have been alone, from the same logits and the same random number, so a guess changes
//! how fast a text comes and never which text comes.

mod gain;
mod ngram;
mod proposer;

pub(crate) use gain::{CostModel, choose_length};
pub(crate) use ngram::NgramIndex;
pub(crate) use proposer::Proposer;

/// How tokens are guessed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speculation {
    /// Not at all.
    Off,
    /// By what followed the same words earlier in the prompt or the output: worth much where answers
    /// quote, repeat or rewrite their context, and free where they do not.
    #[default]
    Ngram,
}
