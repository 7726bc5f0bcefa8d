//! Paged key/value cache and the attention over it.
//!
//! A page holds [`BLOCK_TOKENS`] tokens of one key/value head of one layer, in bf16 or in 8 bits with
//! a scale per token, laid out so that it already is a packed operand of both products: keys
//! `[d / 2][16 tokens][2]`, values `[8 token pairs][d][2]`. A sequence owns pages through its block
//! table, in any order.
//!
//! The query heads that share a key/value head are folded into rows (`token * group + head`), and
//! rows are taken in blocks through an online softmax over 256 keys at a time. Keys are cut into
//! segments of 512 at fixed positions; a segment starts a fresh softmax and is merged into the
//! total in order. Segments may therefore run on different threads without changing a bit, and a
//! row's result depends only on its own query and the keys it sees.

mod attend;
mod cache;
mod params;
mod planes;
mod scalar;
mod segment;
mod task;
mod turn;
mod write;

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod row_groups;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod softmax;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod widened;

#[cfg(test)]
mod extreme_tests;
#[cfg(test)]
mod tests;

pub use cache::{BLOCK_TOKENS, KvCache, KvShape, SeqSpan};
pub use params::{AttendParams, QkvRows};
pub use planes::KvType;
pub use turn::{HeadNorms, Turn};
