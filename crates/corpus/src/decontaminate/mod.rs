//! Finding texts that hold items of an evaluation set.
//!
//! Runs of words of every benchmark item are indexed by a hash; a text is scanned once with
//! rolling hashes, and each hit is verified word by word before it counts.

mod check;
mod index;
mod options;
#[cfg(test)]
mod tests;

pub use check::{Contamination, Decontaminator};
pub use options::{BenchmarkItem, DecontaminationOptions};
