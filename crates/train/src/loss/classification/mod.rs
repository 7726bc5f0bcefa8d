//! Losses of labels: one of several, several at once, or numbers.
//!
//! Logits come as rows, one per text (or per token, for token classification).

mod cross_entropy;
mod multi_label;
mod regression;
#[cfg(test)]
mod tests;

pub use cross_entropy::{CrossEntropyConfig, cross_entropy_weight, label_cross_entropy};
pub use multi_label::multi_label_loss;
pub use regression::regression_loss;
