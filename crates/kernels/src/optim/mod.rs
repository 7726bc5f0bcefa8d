//! One step of an optimizer over flat vectors of values and gradients.
//!
//! Every function takes the state it changes as slices that the caller owns, and its constants as
//! *factors*: computed once a step in f64 and rounded once to f32, so a rate of 2e-5 or a decay of
//! 0.999 loses nothing to the order of operations. Gradients are read as `grad_scale * grad`:
//! clipping by norm needs no pass of its own.
//!
//! Bodies are written once and compiled for every level with separate multiplications and
//! additions; sums run in blocks of fixed size. So all levels and any number of threads give the
//! same bits, except in the products of [`NewtonSchulz`], whose levels differ in the last ones.

mod adafactor;
mod adamw;
mod adamw_8bit;
mod dynamic_map;
mod lion;
mod muon;
mod norm;
mod sgd;
mod split;
#[cfg(test)]
mod tests;

pub use adafactor::{
    AdafactorFactors, AdafactorMoment, AdafactorScratch, AdafactorShape, adafactor_step,
};
pub use adamw::{AdamW, AdamWFactors, adamw_step, adamw_update};
pub use adamw_8bit::{BLOCK_8BIT, Moment8bit, adamw_update_8bit};
pub use dynamic_map::DynamicMap;
pub use lion::{LionFactors, lion_update};
pub use muon::{MuonFactors, NewtonSchulz, muon_apply, muon_momentum};
pub use norm::{num_square_sums, sum_of_squares, sum_of_squares_in};
pub use sgd::{SgdFactors, sgd_update};
