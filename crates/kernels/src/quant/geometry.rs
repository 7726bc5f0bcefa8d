//! What the codes of a format mean and how its tiles are laid out: constants to the kernels.

use half::{bf16, f16};

use super::QuantFormat;

/// Output rows per tile: the f32 lanes of an AVX-512 register.
pub(super) const TILE: usize = 16;
/// Bytes of one code vector: four codes, or parts of codes, for each row of a tile.
pub(super) const VECTOR: usize = 64;
/// Groups of four codes per block of 32.
pub(super) const STEPS: usize = 8;

/// The values of `IQ4_NL` plus 128. Source: ggml, `kvalues_iq4nl` in `ggml-common.h`.
const IQ4_NL: [u8; 16] = [1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241];
/// Twice the values of an e2m1 float, plus 12. Source: ggml, `kvalues_mxfp4` in `ggml-common.h`.
const MXFP4: [u8; 16] = [12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0];

/// How a tile holds the scales of its blocks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scales {
    /// One f16 per row and block.
    F16,
    /// One bf16 per row and block: the range of an 8-bit exponent, which f16 lacks.
    Bf16,
    /// One f16 per row and super-block, times a signed byte per sub-block.
    Bytes,
    /// As `Bytes`, but 4 bits unsigned, with those of the minimum in the upper half of the byte.
    Nibbles,
}

/// One format's codes and tiles.
#[derive(Clone, Copy)]
pub(super) struct Geometry {
    /// Bits of a code's low part: 2, 4 or 8.
    pub(super) low_bits: usize,
    /// Bits of its high part: 0, 1 or 2.
    pub(super) high_bits: usize,
    /// What a code is an index to, if it is one.
    pub(super) table: Option<&'static [u8; 16]>,
    /// What an unsigned code is too large by, after the table.
    pub(super) zero: i32,
    /// The largest unsigned code, after the table.
    pub(super) max_code: i32,
    pub(super) scales: Scales,
    /// Whether something is added to `scale * (code - zero)`.
    pub(super) has_min: bool,
    /// Runs of a block of 32 that have a scale of their own: 1 or 2.
    pub(super) subs: usize,
}

impl Geometry {
    pub(super) const fn of(format: QuantFormat) -> Self {
        match format {
            QuantFormat::Q4_0 => Self::plain(4, 0, 8),
            QuantFormat::Q4_1 => Self::plain(4, 0, 0).with_min(),
            QuantFormat::Q5_0 => Self::plain(4, 1, 16),
            QuantFormat::Q5_1 => Self::plain(4, 1, 0).with_min(),
            QuantFormat::Q8_0 => Self::plain(8, 0, 128),
            QuantFormat::Q2_K => Self::plain(2, 0, 0).with_min().scaled(Scales::Nibbles, 2),
            QuantFormat::Q3_K => Self::plain(2, 1, 4).scaled(Scales::Bytes, 2),
            QuantFormat::Q4_K => Self::plain(4, 0, 0).with_min().scaled(Scales::Bytes, 1),
            QuantFormat::Q5_K => Self::plain(4, 1, 0).with_min().scaled(Scales::Bytes, 1),
            QuantFormat::Q6_K => Self::plain(4, 2, 32).scaled(Scales::Bytes, 2),
            QuantFormat::IQ4_NL => Self::looked_up(&IQ4_NL, 128, 241),
            QuantFormat::MXFP4 => Self::looked_up(&MXFP4, 12, 24).scaled(Scales::Bf16, 1),
        }
    }

    const fn plain(low_bits: usize, high_bits: usize, zero: i32) -> Self {
        let max_code = (1 << (low_bits + high_bits)) - 1;
        let (table, scales, has_min, subs) = (None, Scales::F16, false, 1);
        Self { low_bits, high_bits, table, zero, max_code, scales, has_min, subs }
    }

    const fn looked_up(table: &'static [u8; 16], zero: i32, max_code: i32) -> Self {
        Self { table: Some(table), max_code, ..Self::plain(4, 0, zero) }
    }

    const fn with_min(self) -> Self {
        Self { has_min: true, ..self }
    }

    const fn scaled(self, scales: Scales, subs: usize) -> Self {
        Self { scales, subs, ..self }
    }

    /// Whether scales are an f16 per super-block times integers per sub-block.
    pub(super) const fn is_super(&self) -> bool {
        matches!(self.scales, Scales::Bytes | Scales::Nibbles)
    }

    /// Blocks whose codes come before their scales: a pair, or a super-block.
    pub(super) const fn unit_blocks(&self) -> usize {
        if self.is_super() { 8 } else { 2 }
    }

    /// Bytes of a block's codes.
    pub(super) const fn code_bytes(&self) -> usize {
        // Eight steps of `b` bits in bytes are `b` vectors.
        (self.low_bits + self.high_bits) * VECTOR
    }

    /// Bytes of the integers that multiply a super-block's `d` (and as many for its `dmin`).
    const fn sub_scale_bytes(&self) -> usize {
        if self.is_super() { self.unit_blocks() * self.subs * TILE } else { 0 }
    }

    const fn has_sub_mins(&self) -> bool {
        self.has_min && matches!(self.scales, Scales::Bytes)
    }

    const fn unit_bytes(&self) -> usize {
        let halves = if self.is_super() { 2 } else { 2 + 2 * self.has_min as usize };
        self.halves_at() + halves * 2 * TILE
    }

    /// Start of the f16 numbers within a unit.
    const fn halves_at(&self) -> usize {
        let sub_scales = if self.has_sub_mins() { 2 } else { 1 } * self.sub_scale_bytes();
        self.unit_blocks() * self.code_bytes() + sub_scales
    }

    pub(super) const fn unit_at(&self, block: usize) -> usize {
        block / self.unit_blocks() * self.unit_bytes()
    }

    /// Bytes of a tile of `blocks` blocks along `k`.
    pub(super) const fn tile_bytes(&self, blocks: usize) -> usize {
        blocks.div_ceil(self.unit_blocks()) * self.unit_bytes()
    }

    /// Start of the codes of a block within a tile.
    pub(super) const fn codes_at(&self, block: usize) -> usize {
        self.unit_at(block) + block % self.unit_blocks() * self.code_bytes()
    }

    /// Start of the 16 values of `d` for a block.
    pub(super) const fn d_at(&self, block: usize) -> usize {
        let own = if self.is_super() { 0 } else { block % 2 };
        self.unit_at(block) + self.halves_at() + own * 2 * TILE
    }

    /// Start of the 16 values of the minimum's factor for a block.
    pub(super) const fn m_at(&self, block: usize) -> usize {
        self.d_at(block) + if self.is_super() { 2 * TILE } else { 4 * TILE }
    }

    /// Start of the 16 integers that multiply `d` for a sub-block.
    pub(super) const fn sub_scales_at(&self, block: usize, sub: usize) -> usize {
        let codes = self.unit_blocks() * self.code_bytes();
        self.unit_at(block) + codes + (block % self.unit_blocks() * self.subs + sub) * TILE
    }

    /// Start of the 16 integers that multiply the minimum's factor for a sub-block.
    pub(super) const fn sub_mins_at(&self, block: usize, sub: usize) -> usize {
        self.sub_scales_at(block, sub) + self.sub_scale_bytes()
    }

    /// Vector of a block that holds the low parts of a step, and how far they are shifted in it.
    pub(super) const fn low(&self, step: usize) -> (usize, usize) {
        place(self.low_bits, step)
    }

    /// As [`Geometry::low`], for the high parts.
    pub(super) const fn high(&self, step: usize) -> (usize, usize) {
        let (vector, shift) = place(self.high_bits, step);
        (self.low_bits + vector, shift)
    }

    /// The weight without its scale: `table[code] - zero`.
    pub(super) fn value(&self, code: u8) -> i32 {
        self.table.map_or(code, |table| table[usize::from(code)]) as i32 - self.zero
    }

    /// The scale that the bits of `d` and a sub-block's integer stand for; exact.
    pub(super) fn scale(&self, d: u16, sub: i8) -> f32 {
        match self.scales {
            Scales::F16 => f16::from_bits(d).to_f32(),
            Scales::Bf16 => bf16::from_bits(d).to_f32(),
            Scales::Bytes | Scales::Nibbles => f16::from_bits(d).to_f32() * f32::from(sub),
        }
    }

    /// What is added to each weight; exact.
    pub(super) fn min(&self, m: u16, sub: i8) -> f32 {
        let m = f16::from_bits(m).to_f32();
        if self.is_super() { m * f32::from(sub) } else { m }
    }
}

/// Where the `bits` bits of step `step` are: vector and shift.
const fn place(bits: usize, step: usize) -> (usize, usize) {
    let steps = 8 / bits;
    (step / steps, bits * (step % steps))
}

/// A geometry as a type, so that kernels are compiled for each.
pub(super) trait Packed: 'static {
    const G: Geometry;
}

/// One type per format, under its name.
#[expect(non_camel_case_types, reason = "the names are ggml's own")]
pub(super) mod packed {
    use super::{Geometry, Packed, QuantFormat};

    macro_rules! types {
        ($($name:ident),*) => {
            $(
                pub(in crate::quant) struct $name;

                impl Packed for $name {
                    const G: Geometry = Geometry::of(QuantFormat::$name);
                }
            )*
        };
    }
    types!(Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, MXFP4);
}

/// Evaluates `$body` with the type `$packed` standing for the geometry of the format `$format`.
macro_rules! with_packed {
    ($format:expr, $packed:ident => $body:expr) => {
        with_packed!(
            $format, $packed => $body,
            Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL MXFP4
        )
    };
    ($format:expr, $packed:ident => $body:expr, $($name:ident)*) => {
        match $format {
            $($crate::QuantFormat::$name => {
                type $packed = $crate::quant::geometry::packed::$name;
                $body
            })*
        }
    };
}
pub(super) use with_packed;
