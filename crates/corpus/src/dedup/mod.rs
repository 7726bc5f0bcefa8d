//! Duplicates: exact and near, in memory or among more documents than fit there.
//!
//! A text is cut into shingles, the shingles are hashed, and the least hashes of several functions
//! are its signature ([`Signer`]). Texts whose signatures agree in a band meet, and what met is
//! compared by its true similarity. [`NearIndex`] does this in memory, one text at a time;
//! [`NearDedup`] does it for whole corpora with sorted files. Exact duplicates go by content keys,
//! in memory or through [`ExactDedup`]; [`SubstringDedup`] finds repeated spans within texts.

mod config;
mod datatrove;
mod exact;
mod first;
mod hash;
mod join;
mod lanes;
mod loose;
mod mersenne_twister;
mod near;
mod plant;
mod shingles;
mod signer;
mod sorter;
mod spill;
mod substring;
mod union_find;
mod words;

pub use config::{Hashing, Linking, MinHashConfig, Shingle, ShingleHash, best_banding};
pub use datatrove::datatrove_text;
pub use exact::{KeyOptions, Keys, TextPart, Unrepeated, content_key, drop_repeated_parts};
pub use first::{ExactDedup, FirstOfEach, first_of_each};
pub use hash::mix;
pub use join::{JoinReport, NearDedup, NearDuplicate, NearDuplicates};
pub use near::{Duplicate, NearIndex};
pub use plant::near_copy;
pub use signer::Signer;
pub use spill::Scratch;
pub(crate) use spill::SpillFile;
pub use substring::{RepeatedSpans, SubstringDedup, SubstringReport, without_spans};

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
