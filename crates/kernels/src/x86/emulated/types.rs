//! The vectors: arrays of lanes, bit for bit what the registers hold.

use bytemuck::{Pod, Zeroable};

/// Sixteen `f32` lanes.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(64))]
pub(crate) struct __m512(pub(super) [f32; 16]);

/// 64 bytes of integers, whose width is the instruction's.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(64))]
pub(crate) struct __m512i(pub(super) [i32; 16]);

/// 32 lanes of bf16.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(64))]
pub(crate) struct __m512bh(pub(super) [u16; 32]);
