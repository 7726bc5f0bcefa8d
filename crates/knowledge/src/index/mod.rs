//! The index of one collection in a folder, and searching it.
//!
//! ```text
//! index/
//!   CURRENT              the name of the generation to read
//!   gen-1f2e3d4c/
//!     manifest.json      format version, embedder, counts, length and CRC-32C of every file
//!     chunks.jsonl       one chunk a line; the line number is the chunk's ordinal
//!     vectors.f32        header and unit vectors, little-endian, row by row
//!     keyword/           a tantivy index over title and text
//! ```
//!
//! A build writes a new generation beside the old one and then renames `CURRENT` over it, so a
//! reader sees the old index or the new one and a killed build leaves the old one in place.
//! Opening checks every file against the manifest.

mod build;
mod dense;
mod files;
mod fuse;
mod keyword;
mod manifest;
mod search;
mod similarity;

pub use build::{BuildReport, embed_texts};
pub use search::{DocumentHit, Index, Method};

#[cfg(test)]
mod tests;
