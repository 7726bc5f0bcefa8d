//! Losses of text embeddings.
//!
//! Inputs are matrices of vectors as the model pools them, not normalized; where a loss is about
//! angles it normalizes itself, and its gradient is by the vectors as given. Every loss is a mean
//! over the rows it is given; those that draw negatives from the batch see that batch only.

mod cosent;
mod cosine_similarity;
mod ranking;
mod result;
#[cfg(test)]
mod tests;
mod triplet;
mod unit;
mod vectors;

pub use cosent::cosent_loss;
pub use cosine_similarity::cosine_similarity_loss;
pub use ranking::{RankingConfig, Similarity, ranking_loss};
pub use result::EmbeddingLoss;
pub use triplet::{TripletConfig, TripletDistance, triplet_loss};
pub use unit::UnitVectors;
