//! Products one after the other in one job, with the small steps around them.
//!
//! A token that is generated meets four products a layer, of a few microseconds each: a dispatch for
//! every product, norm, rounding, gate and addition costs as much as their arithmetic, and steps too
//! small to be shared leave the other threads waiting. Here a [`Link`] is a product with the norm
//! before it and what becomes of its outputs, and a chain of links is one job with barriers between
//! them. In a link
//!
//! - rows are normed and brought into the form that the weights are multiplied by: a single row by each
//!   thread for itself, which takes less than waiting for another's; of several rows each thread some;
//! - outputs are cut into pieces of as equal numbers of weight bytes as groups of columns allow, one
//!   for each thread; of large products smaller ones are dealt to whoever is free;
//! - bias, addition, activation, gate, and what is done to logits follow in the piece that they are
//!   for, by the thread that has it in its cache;
//! - and while a thread waits at the barrier, it fetches the first weights of its next piece.
//!
//! An output is the same sequence of operations whatever the pieces, and so are its bits.

mod cut;
mod link;
mod operand;
mod part;
mod work;

#[cfg(test)]
mod tests;

pub(crate) use link::multiply_part;
pub use link::{Finish, Link, multiply};
pub(crate) use operand::OperandSet;
pub use part::Packed;
pub(crate) use part::Part;
