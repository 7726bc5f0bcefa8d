//! What is learnt: each objective turns the samples of a step into gradients.
//!
//! An [`Objective`] owns its samples. It cuts a step into micro-steps of whole samples, runs the
//! model on them, and weighs every term by its share of the *step*, so that one large pass and many
//! small ones give the same gradient. Losses and their derivatives are pure functions of `loss`.
//!
//! | objective | samples | model's head |
//! |---|---|---|
//! | [`Sft`] | tokens with labels: pre-training and fine-tuning | language model |
//! | [`Preference`] | a chosen and a rejected completion | language model |
//! | [`Kto`] | completions that were liked or not | language model |
//! | [`Reward`] | a chosen and a rejected completion | one score |
//! | [`Classify`] | a text or a pair with labels, or a number | scores |
//! | [`TagTokens`] | tokens with labels | scores of tokens |
//! | [`Embed`] | an anchor, what it should be near, and what not; or two texts with a score | vectors |
//! | [`Rerank`] | a query's documents with their relevance | one score |

mod api;
mod classify;
mod embed;
mod kto;
mod preference;
mod reference;
mod rerank;
mod reward;
mod row;
mod sft;
mod tag_tokens;

pub use api::{Objective, Pass, Preparation, Purpose, Step};
pub use classify::{Classify, ClassifyLoss, ClassifySample, Target};
pub use embed::{Embed, EmbedLoss, EmbedSample};
pub use kto::{Kto, KtoSample};
pub use preference::{Preference, PreferenceSample};
pub use rerank::{Rerank, RerankLoss, RerankSample};
pub use reward::{Reward, RewardSample};
pub use row::{Sample, TextRow};
pub use sft::Sft;
pub use tag_tokens::TagTokens;
