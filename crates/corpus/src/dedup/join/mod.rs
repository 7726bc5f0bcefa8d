//! Near duplicates among more documents than fit in memory.
//!
//! Documents are signed as they come: their shingle sets go to one file, a record per band to an
//! external sorter. In the end equal sets are joined, the sorted bands are read bucket by bucket,
//! the pairs that met are sorted, so that each is compared once, and compared by their sets. What
//! is as similar as asked for is joined, and the first document of a cluster stands for it; or
//! each document is held against the earlier ones that are kept.
//!
//! **Invariant:** which pairs are compared depends on the documents and the configuration alone.

mod buckets;
mod compare;
mod dedup;
mod finish;
mod meet;
mod result;
mod sets;

pub use dedup::NearDedup;
pub use result::{JoinReport, NearDuplicate, NearDuplicates};

#[cfg(test)]
mod tests;
