//! Scores that need nothing but the texts.

mod compression;
mod flesch;
mod length;
mod rarity;
mod registry;
mod text_score;
mod type_token;

pub use rarity::UnigramCounts;
pub use registry::{ScoreKind, TEXT_SCORES, text_scorer};
