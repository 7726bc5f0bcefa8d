//! Mixing sources by weight.
//!
//! A plan says how much of each source is taken; then documents are drawn, as often as the plan
//! repeats them, and put in one order that keeps the shares even all along.

mod draw;
mod interleave;
mod plan;
#[cfg(test)]
mod tests;

pub use draw::draw_documents;
pub use interleave::{Interleave, Interleaving};
pub use plan::{MixOptions, MixPlan, MixRow, MixSource, Shortfall, plan_mix};
