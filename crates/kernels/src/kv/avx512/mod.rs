//! Attention at AVX-512: 6 rows by 4 vectors of keys, or of columns of the values, at a time, or 8 by 2.
//!
//! Where the processor multiplies bf16, pages of bf16 are operands as they stand, those of bytes
//! become bf16 in registers, which holds every byte, and queries and weights are rounded to it.
//! Otherwise pages are widened to f32 in registers.

mod pages;
mod products;
mod softmax;
mod words;

pub(super) use pages::{Pages, scale_scores};
pub(super) use products::{add_values, add_values_dot, scores, scores_dot};
pub(super) use softmax::{weigh, weigh_words};
pub(super) use words::Words;
