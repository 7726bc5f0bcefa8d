//! The numeric operations of Catena on slices: what a language model computes, forward and back.
//!
//! # Rules that every op keeps
//!
//! - Plain functions over row-major slices; the caller owns inputs and outputs.
//! - A scalar version reads like the formula and is the test oracle; SIMD versions are picked once
//!   per process by [`level`].
//! - **Batch invariance**: a row's result is the same sequence of operations whatever rows share
//!   its batch and however many threads work, so it is the same bits. Greedy decoding alone, in a
//!   batch, after preemption and with a cached prefix then agree exactly.
//! - Wrong sizes between arguments are a caller's bug and panic with both numbers. Sizes and bytes
//!   that come from files are checked where objects are built, and give a [`KernelError`].
//!
//! # Axes
//!
//! Tensors carry their axes as a lower-case suffix, outermost first (`q_thd`):
//!
//! | letter | axis | | letter | axis |
//! |---|---|---|---|---|
//! | `b` | batch | | `c` | hidden |
//! | `t` | query tokens | | `f` | MLP width |
//! | `s` | cached tokens | | `v` | vocabulary |
//! | `h` | query heads | | `e` | experts |
//! | `g` | key/value heads | | `r` | adapter rank |
//! | `d` | head dim | | `n`, `k` | outputs and inputs of a product `x_tk W_nk^T` |
//!
//! # Map
//!
//! [`Level`] and [`Pool`] say how to compute, [`AlignedBuf`] holds it, cut from an [`Arena`] where
//! uses take turns; [`QuantMatrix`] multiplies 2- to 8-bit weights by 8-bit activations; [`KvCache`]
//! stores keys and values in pages and attends over them; `ops` has the small elementwise steps
//! between; `dense` has bf16 and f32 products, `train_ops` the backward passes, and `optim` the
//! steps of optimizers.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "kernels convert between integer codes and floats whose ranges the formats fix"
)]
#![cfg_attr(
    feature = "emulate-avx512",
    expect(clippy::used_underscore_items, reason = "emulated instructions keep their names")
)]

mod arena;
mod buffer;
mod chain;
mod dense;
mod error;
mod kv;
mod level;
mod leveled;
mod math;
#[cfg(target_arch = "aarch64")]
mod neon;
mod ops;
mod optim;
mod peak;
mod pool;
mod quant;
mod row_blocks;
mod scratch;
mod share;
mod team;
#[cfg(test)]
mod test_close;
#[cfg(test)]
mod test_rng;
#[cfg(test)]
mod test_twins;
#[cfg(test)]
mod test_values;
mod train_ops;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

use dense::dense_agrees;
use quant::quant_agrees;

pub use arena::Arena;
pub use buffer::AlignedBuf;
pub use chain::{Finish, Link, Packed, multiply};
pub use dense::*;
pub use error::KernelError;
pub use kv::*;
pub use level::{Level, LevelChoice, level, select_level};
pub use ops::*;
pub use optim::*;
pub use peak::{Peaks, measure_peaks, measure_read};
pub use pool::{Pool, span};
pub use quant::*;
pub use row_blocks::{RowBlockParts, RowMatrix};
pub use scratch::MatmulScratch;
pub use train_ops::*;
