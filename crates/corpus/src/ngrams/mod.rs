//! Words for comparison, and hashes of runs of them.
//!
//! Two spellings of words are known: our plain one and DataTrove's. Both are read in one pass
//! that either hashes each word where it stands or writes it out, so a hash can be verified.

mod datatrove;
mod plain;
mod rolling;
mod sink;
mod spelling;
#[cfg(test)]
mod tests;

pub(crate) use rolling::RunHasher;
pub(crate) use sink::{HashSink, TextSink, WordPlace, hash_word};
pub use spelling::Spelling;
