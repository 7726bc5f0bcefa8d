//! Losses beyond next-token prediction, as pure functions with their gradients.
//!
//! A loss takes what the model's forward pass gave (log-probabilities of sequences, scores, logits,
//! vectors) and returns the loss with its derivative by each of them, which starts the backward
//! pass. Everything inside is f64; nothing here knows the model.
//!
//! Means are taken over a whole optimizer step, not over what one micro-step holds: where a loss is
//! a mean of independent terms, `total` is the number of terms of the *step*, so the gradients of
//! its micro-steps add up to that of one large batch. Losses that compare samples with one another
//! (in-batch negatives, sorted batches) see what they are given and say so.
//!
//! | folder or file | what the model gives |
//! |---|---|
//! | `preference` | log-probabilities of a chosen and a rejected completion |
//! | `kto` | log-probability of one completion that was liked or not |
//! | `reward` | a score each for a chosen and a rejected completion |
//! | `classification` | logits of labels |
//! | `embedding` | vectors of texts |
//! | `rerank` | scores of a query's documents |

mod classification;
mod embedding;
mod kto;
mod preference;
mod rerank;
mod result;
mod reward;
mod scalar;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;

pub use classification::{
    CrossEntropyConfig, cross_entropy_weight, label_cross_entropy, multi_label_loss,
    regression_loss,
};
pub use embedding::{
    EmbeddingLoss, RankingConfig, Similarity, TripletConfig, TripletDistance, UnitVectors,
    cosent_loss, cosine_similarity_loss, ranking_loss, triplet_loss,
};
pub use kto::{KtoConfig, KtoExample, KtoKind, KtoLoss, KtoOutcome, kto_divergence, kto_loss};
pub use preference::{
    FDivergence, PairLogps, PairOutcome, PreferenceConfig, PreferenceKind, PreferenceLoss,
    PreferenceTerm, PreferenceTotals, ReferenceLogps, preference_loss,
};
pub use rerank::{
    ContrastiveConfig, PairwiseConfig, contrastive_loss, list_net_loss, pairwise_loss,
    pairwise_total, pointwise_loss,
};
pub use result::LossAndGrad;
pub use reward::{RewardConfig, RewardLoss, RewardPair, reward_loss};
