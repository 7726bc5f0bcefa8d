//! The protocol of Hugging Face's text-embeddings-inference: vectors, ranks and labels of texts.
//!
//! Its requests name no model. The first that fits is taken; a field `model` of ours chooses another.

mod embed;
mod embed_all;
mod error;
pub(crate) mod operations;
mod predict;
mod rerank;
mod similarity;
mod texts;

pub(crate) use embed::{EmbedRequest, embed, embed_fields};
pub(crate) use embed_all::{embed_all, embed_sparse};
pub(crate) use error::error;
pub(crate) use predict::{PredictRequest, predict, predict_fields};
pub(crate) use rerank::{RerankRequest, rerank, rerank_fields};
pub(crate) use similarity::{SimilarityRequest, similarity, similarity_fields};
