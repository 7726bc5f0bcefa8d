//! What pages hold: keys and values of one type, with scales where the type needs them.

use std::ops::Range;

use bytemuck::Zeroable;

use super::cache::{BLOCK_TOKENS, KvShape};
use super::segment::Lines;
use super::write::{HeadRows, Touched, fill_bf16, fill_int8};
use crate::share::SharedMut;
use crate::{AlignedBuf, KernelError, Level};

/// Type of cached keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KvType {
    /// bf16, two bytes a value.
    #[default]
    Bf16,
    /// 8-bit integers with one f32 scale per token and head: half the memory and reading time of
    /// bf16, for a small loss of accuracy.
    Int8,
}

impl KvType {
    /// All types.
    pub const ALL: [KvType; 2] = [KvType::Bf16, KvType::Int8];

    /// The name in configurations and messages.
    pub fn name(self) -> &'static str {
        match self {
            KvType::Bf16 => "bf16",
            KvType::Int8 => "int8",
        }
    }

    /// Bytes of a key or value of one token and head.
    fn head_bytes(self, head_dim: usize) -> usize {
        match self {
            KvType::Bf16 => 2 * head_dim,
            KvType::Int8 => head_dim + size_of::<f32>(),
        }
    }
}

impl KvShape {
    /// Bytes of one block in every layer: keys and values of [`BLOCK_TOKENS`] tokens.
    pub fn block_bytes(&self, kv_type: KvType) -> u64 {
        let heads = self.num_layers as u64 * self.num_key_value_heads as u64;
        2 * heads * (BLOCK_TOKENS * kv_type.head_bytes(self.head_dim)) as u64
    }
}

/// One value of a page.
pub(super) trait Element: Lines + Copy + Zeroable + Send + Sync + 'static {
    /// Whether values count in units of their token's scale.
    const SCALED: bool;
    /// Writes keys and values of new tokens into a page of heads of so many dimensions.
    const FILL: Fill<Self>;

    /// The value in its unit.
    fn widen(self) -> f32;
}

/// `(level, page, k, v, head_dim, touched)`.
pub(super) type Fill<E> = fn(Level, Page<'_, E>, HeadRows<'_>, HeadRows<'_>, usize, Touched);

/// The bits of a bf16.
impl Element for u16 {
    const SCALED: bool = false;
    const FILL: Fill<Self> = fill_bf16;

    fn widen(self) -> f32 {
        f32::from_bits(u32::from(self) << 16)
    }
}

impl Element for i8 {
    const SCALED: bool = true;
    const FILL: Fill<Self> = fill_int8;

    fn widen(self) -> f32 {
        f32::from(self)
    }
}

/// Keys and values of all layers, heads and blocks.
pub(super) struct Planes<E: Element> {
    /// `[layer, g, block]` pages of keys.
    keys: AlignedBuf<E>,
    /// The same of values.
    values: AlignedBuf<E>,
    /// `[layer, g, block, BLOCK_TOKENS]`; empty for types without scales.
    key_scales: AlignedBuf<f32>,
    value_scales: AlignedBuf<f32>,
}

/// Planes while threads write and read them.
#[derive(Clone, Copy)]
pub(super) struct SharedPlanes<'a, E> {
    keys: SharedMut<'a, E>,
    values: SharedMut<'a, E>,
    key_scales: SharedMut<'a, f32>,
    value_scales: SharedMut<'a, f32>,
}

/// One page of one head, with room for scales if its type has them.
pub(super) struct Page<'a, E> {
    pub(super) keys: &'a mut [E],
    pub(super) values: &'a mut [E],
    pub(super) key_scales: &'a mut [f32],
    pub(super) value_scales: &'a mut [f32],
}

/// Pages that are read only.
pub(super) struct Pages<'a, E> {
    pub(super) keys: &'a [E],
    pub(super) values: &'a [E],
    pub(super) key_scales: &'a [f32],
    pub(super) value_scales: &'a [f32],
}

impl<'a, E: Element> SharedPlanes<'a, E> {
    /// A page, by its number, of heads of `d` dimensions.
    ///
    /// # Safety
    /// Nobody else may touch it meanwhile.
    pub(super) unsafe fn page(&self, number: usize, d: usize) -> Page<'a, E> {
        let (own, scales) = (places(number..number + 1, d), scales::<E>(number..number + 1));
        // SAFETY: promised by the caller.
        unsafe {
            Page {
                keys: self.keys.range(own.clone()),
                values: self.values.range(own),
                key_scales: self.key_scales.range(scales.clone()),
                value_scales: self.value_scales.range(scales),
            }
        }
    }

    /// Some pages, by their numbers, of heads of `d` dimensions.
    ///
    /// # Safety
    /// Nobody may write to them while the result lives.
    pub(super) unsafe fn pages(&self, numbers: Range<usize>, d: usize) -> Pages<'a, E> {
        let (own, scales) = (places(numbers.clone(), d), scales::<E>(numbers));
        // SAFETY: promised by the caller.
        unsafe {
            Pages {
                keys: self.keys.read(own.clone()),
                values: self.values.read(own),
                key_scales: self.key_scales.read(scales.clone()),
                value_scales: self.value_scales.read(scales),
            }
        }
    }
}

/// Where the values of pages stand.
fn places(numbers: Range<usize>, d: usize) -> Range<usize> {
    let page_len = BLOCK_TOKENS * d;
    numbers.start * page_len..numbers.end * page_len
}

/// Where their scales stand, if the type has them.
fn scales<E: Element>(numbers: Range<usize>) -> Range<usize> {
    let page_len = if E::SCALED { BLOCK_TOKENS } else { 0 };
    numbers.start * page_len..numbers.end * page_len
}

impl<E: Element> Planes<E> {
    /// Empty planes of `pages` pages.
    pub(super) fn new(pages: usize, head_dim: usize) -> Result<Self, KernelError> {
        let len = pages.saturating_mul(BLOCK_TOKENS * head_dim);
        let scales = if E::SCALED { pages.saturating_mul(BLOCK_TOKENS) } else { 0 };
        Ok(Self {
            keys: AlignedBuf::try_zeroed(len, "the key cache")?,
            values: AlignedBuf::try_zeroed(len, "the value cache")?,
            key_scales: AlignedBuf::try_zeroed(scales, "scales of the key cache")?,
            value_scales: AlignedBuf::try_zeroed(scales, "scales of the value cache")?,
        })
    }

    pub(super) fn share(&mut self) -> SharedPlanes<'_, E> {
        SharedPlanes {
            keys: SharedMut::new(&mut self.keys),
            values: SharedMut::new(&mut self.values),
            key_scales: SharedMut::new(&mut self.key_scales),
            value_scales: SharedMut::new(&mut self.value_scales),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let scales = self.key_scales.bytes() + self.value_scales.bytes();
        self.keys.bytes() + self.values.bytes() + scales
    }
}

/// Planes of either type.
pub(super) enum AnyPlanes {
    Bf16(Planes<u16>),
    Int8(Planes<i8>),
}

impl AnyPlanes {
    pub(super) fn new(kv_type: KvType, pages: usize, head_dim: usize) -> Result<Self, KernelError> {
        Ok(match kv_type {
            KvType::Bf16 => Self::Bf16(Planes::new(pages, head_dim)?),
            KvType::Int8 => Self::Int8(Planes::new(pages, head_dim)?),
        })
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Bf16(planes) => planes.bytes(),
            Self::Int8(planes) => planes.bytes(),
        }
    }

    pub(super) fn kv_type(&self) -> KvType {
        match self {
            Self::Bf16(_) => KvType::Bf16,
            Self::Int8(_) => KvType::Int8,
        }
    }
}
