//! Attention over packed sequences without a cache, forward and backward.
//!
//! The flash scheme: query rows go in blocks, the scores of one block against all visible keys live
//! in a strip of thread-local memory, and the backward pass recomputes them from the saved
//! log-sum-exp. Nothing of size `t x t` exists. Keys and values of a head are packed once per
//! sequence into panels, and all products run on the dense micro-kernel. Work is dealt by
//! (sequence, head), and no task depends on another, so results do not depend on the number of
//! threads.
//!
//! A learned prefix ([`AttentionPrefix`]) is keys and values that all sequences share, as if tokens
//! stood before theirs.

mod backward;
mod forward;
mod prefix;
mod products;
mod rows;
mod scratch;
mod shape;

pub use backward::{attention_backward, prefixed_attention_backward};
pub use forward::{attention_forward, prefixed_attention_forward};
pub use prefix::AttentionPrefix;
pub use scratch::AttentionScratch;
pub use shape::{AttentionMask, AttentionShape};
