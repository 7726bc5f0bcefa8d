//! Adafactor: second moments as row and column means, steps relative to the size of the values.
//!
//! A step walks over the gradients of one tensor several times: for the means of its rows, for those
//! of its columns, for the length of the update, and to apply it. Nothing as large as the tensor is
//! kept between the passes.

mod apply;
mod directions;
mod inputs;
mod step;

pub use inputs::{AdafactorFactors, AdafactorMoment, AdafactorScratch, AdafactorShape};
pub use step::adafactor_step;
