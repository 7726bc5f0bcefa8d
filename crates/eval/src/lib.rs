//! Evaluation: how good answers and retrieval are, as plain numbers.
//!
//! * [`token_f1`] compares an answer with its reference by their words.
//! * [`cites_correctly`] looks at an answer's first citation mark.
//! * [`evaluate_answers`] puts the two together over a set.
//! * [`score_requests`] and [`answer_loss`] measure how surprising the reference answers are to a
//!   model, through the engine's scoring.
//! * [`read_scenarios`] reads retrieval labels, [`retrieval_metrics`] scores rankings by them.
//!
//! **Invariant:** a metric is a pure function of its arguments: no model, index or file in it.

mod citation;
mod error;
mod f1;
mod loss;
mod quality;
mod retrieval;
mod scenario;

pub use citation::cites_correctly;
pub use error::EvalError;
pub use f1::token_f1;
pub use loss::{answer_loss, score_requests};
pub use quality::{AnswerScores, Answered, SampleScore, evaluate_answers};
pub use retrieval::{recall_at, reciprocal_rank, retrieval_metrics};
pub use scenario::{Scenario, check_required, read_scenarios};
