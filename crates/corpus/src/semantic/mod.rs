//! Clusters and near duplicates by meaning, from embeddings that somebody else computes.
//!
//! Similarities are sums in a fixed order of f32, the same on every machine and for any number of
//! threads: what one processor calls a duplicate, another does too.

mod cosine;
mod dot;
mod embeddings;
mod kmeans;
mod pairs;
mod seeding;
mod semdedup;
#[cfg(test)]
mod tests;

pub use cosine::{MAX_PAIRS, cosine_pairs};
pub(crate) use dot::dot;
pub use embeddings::Embeddings;
pub use kmeans::{Clustering, KMeansOptions, spherical_kmeans};
pub use pairs::{Judge, SimilarPairs};
pub use semdedup::{KeepRule, semantic_pairs};
