//! Choosing documents: by scores, by what they add to each other, by likeness to a target, and
//! the order in which a model meets them.
//!
//! Scores are columns of numbers, one for each document, from wherever they come; what is chosen
//! is a list of row numbers in ascending order, or, where the order matters, in that order.

mod budget;
mod curriculum;
mod diverse;
mod facility;
mod hashed;
mod importance;
mod rank;
mod scores;
#[cfg(test)]
mod tests;

pub use budget::Budget;
pub use curriculum::{Curriculum, curriculum_order};
pub use diverse::{Diversity, select_diverse};
pub use hashed::hashed_embeddings;
pub use importance::{ImportanceModel, ImportanceOptions, gumbel_top_k};
pub use rank::{Order, select_percentile, select_top};
pub use scores::{ScoreKind, TEXT_SCORES, UnigramCounts, text_scorer};
