//! Tokens in files that training programs read, and sequences of one length made of documents.
//!
//! Files are written beside their place and renamed when they are whole, so a shard is there
//! complete or not at all; an index comes before its tokens do, and a reader that finds one finds
//! the other.

mod atomic;
mod best_fit;
mod concat;
mod datatrove;
mod dolma;
mod formats;
mod megatron;
mod numpy;
mod reader;
mod sequences;
mod shard;
mod shards;
#[cfg(test)]
mod tests;
mod tokenize;
mod width;
mod window;

pub use best_fit::{PackPlan, PackReport, Piece, best_fit};
pub use concat::ConcatPacker;
pub use datatrove::{DataTroveWriter, open_datatrove};
pub use dolma::DolmaWriter;
pub use formats::{SHARD_FORMATS, ShardFormat, shard_writer};
pub use megatron::{MegatronWriter, open_megatron};
pub use numpy::NumpyWriter;
pub use reader::TokenShard;
pub use sequences::{Packing, SequenceOptions, SequenceReport, Sequences};
pub use shard::{ShardInfo, ShardWriter};
pub use shards::{ShardOptions, ShardSet, WrittenShard};
pub use tokenize::{DocumentEnds, document_tokens};
pub use width::TokenWidth;
pub use window::shuffle_windows;
