//! From logits to tokens.
//!
//! # Order of the rules
//!
//! 1. **Penalties**: repetition, then frequency and presence; then **DRY**.
//! 2. **Bias**: what the request adds to single tokens.
//! 3. **Constraint**: everything that may not follow becomes impossible; then the end of sequence,
//!    while `min_new_tokens` holds it back and something else is left.
//! 4. **Temperature** 0 takes the largest logit here; any other divides the logits.
//! 5. **Filters**, each over what the one before it left: top-k, typical, top-p, min-p, XTC.
//! 6. **Draw** from what is left, in order of token id.
//!
//! Reported log-probabilities are those of the model itself, before any rule.
//!
//! Why so: rules that move logits come before those that read probabilities, so that every filter
//! sees the distribution that will be drawn from. The constraint comes after everything that adds
//! to logits, because no bias may bring back what the form forbids, and before all filters,
//! because a nucleus of forbidden tokens would leave nothing to draw. Temperature comes before the
//! filters, so that `top_p` 0.9 is nine tenths of what is drawn from. Typical comes before top-p
//! as it looks at the shape of the whole distribution, which top-p cuts off; min-p and XTC compare
//! single tokens and come last.
//!
//! How others do it:
//!
//! - llama.cpp: bias, penalties, DRY, top-k, typical, top-p, min-p, XTC, temperature, draw. Its
//!   grammar is asked about the drawn token first, and masks everything only if that one is wrong.
//! - vLLM: constraint, allowed tokens, minimal length and bias, penalties, temperature, min-p,
//!   top-k and top-p.
//! - transformers: penalties, minimal length, bias and constraint as processors; then temperature,
//!   top-k, top-p, min-p, typical.
//!
//! Ours gives the tokens of transformers wherever at most one filter is on, or only those that
//! come in the same order; of equal logits at the edge of top-k only the lower ids stay.
//!
//! # What may be relied on
//!
//! A choice depends on the row, the request's parameters and the state of its own sequence only.
//! Draws are addressed by the number of the output token, so neither preemption nor batching nor
//! speculation can shift them: several rows of one sequence are chosen in one step by calling
//! [`Sampler::choose`] and [`SamplingState::advance`] in turn. A [`Sampler`] holds scratch space
//! only; threads that choose for different sequences need one each.

mod bias;
mod candidates;
mod choose;
mod draw;
mod dry;
mod logprobs;
mod mask;
mod min_p;
mod penalties;
mod probe;
mod row;
mod state;
#[cfg(test)]
mod tests;
mod top_k;
mod top_p;
mod typical;
mod xtc;

pub(crate) use choose::{Choice, Sampler};
pub(crate) use logprobs::score;
pub use probe::SamplingProbe;
pub(crate) use state::SamplingState;
