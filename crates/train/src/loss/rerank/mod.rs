//! Losses of rerankers, which score a query with a document.
//!
//! Scores of several queries stand one after another; `list_lens` says how many documents each
//! query has.

mod contrastive;
mod list_net;
mod pairwise;
mod pointwise;
#[cfg(test)]
mod tests;

pub use contrastive::{ContrastiveConfig, contrastive_loss};
pub use list_net::list_net_loss;
pub use pairwise::{PairwiseConfig, pairwise_loss, pairwise_total};
pub use pointwise::pointwise_loss;
