//! Blocks as files hold them, taken apart into codes and scales.

use super::QuantFormat;
use super::format::SUPER_BLOCK;

/// Sub-blocks of a super-block at most.
const SUBS: usize = 16;

/// One block of a file: its codes in the order of the values, and what they are scaled by.
///
/// Codes are unsigned and not looked up yet. Of `codes`, the block's length counts; of the
/// integers per sub-block, as many as it has.
pub(super) struct Decoded {
    pub(super) codes: [u8; SUPER_BLOCK],
    /// Bits of an f16; of a bf16 for `MXFP4`.
    pub(super) d: u16,
    /// Bits of what is added to each weight; of `-dmin` for K-quants, so that it is always added.
    pub(super) m: u16,
    pub(super) sub_scales: [i8; SUBS],
    pub(super) sub_mins: [i8; SUBS],
}

impl Decoded {
    /// Nothing yet; one value serves all blocks of a row.
    pub(super) fn new() -> Self {
        Self { codes: [0; SUPER_BLOCK], d: 0, m: 0, sub_scales: [0; SUBS], sub_mins: [0; SUBS] }
    }

    /// Replaces the contents by those of a block.
    ///
    /// # Source
    /// ggml, the structures in `ggml-common.h` and the functions `dequantize_row_*` in
    /// `ggml-quants.c`; the gguf Python package, `quants.py`.
    pub(super) fn read(&mut self, format: QuantFormat, block: &[u8]) {
        assert!(block.len() == format.block_bytes(), "{} bytes of {format}", block.len());
        match format {
            QuantFormat::Q4_0 | QuantFormat::IQ4_NL => {
                self.d = u16_at(block, 0);
                self.nibbles(&block[2..]);
            }
            QuantFormat::Q4_1 => {
                (self.d, self.m) = (u16_at(block, 0), u16_at(block, 2));
                self.nibbles(&block[4..]);
            }
            QuantFormat::Q5_0 => {
                self.d = u16_at(block, 0);
                self.five_bits(&block[2..]);
            }
            QuantFormat::Q5_1 => {
                (self.d, self.m) = (u16_at(block, 0), u16_at(block, 2));
                self.five_bits(&block[4..]);
            }
            QuantFormat::Q8_0 => {
                self.d = u16_at(block, 0);
                for (code, &q) in self.codes.iter_mut().zip(&block[2..]) {
                    // Signed codes become unsigned, as the instruction wants its first operand.
                    *code = q.wrapping_add(128);
                }
            }
            QuantFormat::MXFP4 => {
                self.d = half_of_e8m0(block[0]);
                self.nibbles(&block[1..]);
            }
            QuantFormat::Q2_K => self.q2_k(block),
            QuantFormat::Q3_K => self.q3_k(block),
            QuantFormat::Q4_K => {
                self.six_bit_scales(block);
                self.nibbles_of_64s(&block[16..]);
            }
            QuantFormat::Q5_K => {
                self.six_bit_scales(block);
                self.nibbles_of_64s(&block[48..]);
                self.add_high_bits(&block[16..48], 4);
            }
            QuantFormat::Q6_K => self.q6_k(block),
        }
    }

    /// 16 bytes: codes 0 to 15 low, 16 to 31 high.
    fn nibbles(&mut self, bytes: &[u8]) {
        let (low, high) = self.codes.split_at_mut(16);
        for ((byte, low), high) in bytes.iter().zip(low).zip(high) {
            *low = byte & 15;
            *high = byte >> 4;
        }
    }

    /// 32 high bits, then nibbles.
    fn five_bits(&mut self, bytes: &[u8]) {
        let (high, low) = bytes.split_at(4);
        self.nibbles(low);
        for (byte, codes) in high.iter().zip(self.codes.chunks_exact_mut(8)) {
            for (i, code) in codes.iter_mut().enumerate() {
                *code |= (byte >> i & 1) << 4;
            }
        }
    }

    /// Runs of 32 bytes, each 32 codes low and the next 32 high.
    fn nibbles_of_64s(&mut self, bytes: &[u8]) {
        for (bytes, codes) in bytes.chunks_exact(32).zip(self.codes.chunks_exact_mut(64)) {
            let (low, high) = codes.split_at_mut(32);
            for ((byte, low), high) in bytes.iter().zip(low).zip(high) {
                *low = byte & 15;
                *high = byte >> 4;
            }
        }
    }

    /// Runs of 32 bytes, each four times 32 codes of two bits, lowest bits first.
    fn two_bits_of_128s(&mut self, bytes: &[u8]) {
        for (bytes, codes) in bytes.chunks_exact(32).zip(self.codes.chunks_exact_mut(128)) {
            for (i, codes) in codes.chunks_exact_mut(32).enumerate() {
                for (byte, code) in bytes.iter().zip(codes) {
                    *code = byte >> (2 * i) & 3;
                }
            }
        }
    }

    /// 32 bytes; bit `b` of byte `l` belongs to code `32 b + l`, above its `low_bits` low bits.
    fn add_high_bits(&mut self, bytes: &[u8], low_bits: usize) {
        for (b, codes) in self.codes.chunks_exact_mut(32).enumerate() {
            for (code, byte) in codes.iter_mut().zip(bytes) {
                *code |= (byte >> b & 1) << low_bits;
            }
        }
    }

    /// `d`, `dmin` and 12 bytes with a scale and a minimum of 6 bits for each of 8 sub-blocks.
    fn six_bit_scales(&mut self, block: &[u8]) {
        (self.d, self.m) = (u16_at(block, 0), negated(u16_at(block, 2)));
        let s = &block[4..16];
        for j in 0..4 {
            self.sub_scales[j] = (s[j] & 63) as i8;
            self.sub_mins[j] = (s[j + 4] & 63) as i8;
            self.sub_scales[j + 4] = (s[j + 8] & 15 | s[j] >> 6 << 4) as i8;
            self.sub_mins[j + 4] = (s[j + 8] >> 4 | s[j + 4] >> 6 << 4) as i8;
        }
    }

    fn q2_k(&mut self, block: &[u8]) {
        (self.d, self.m) = (u16_at(block, 80), negated(u16_at(block, 82)));
        for (j, &byte) in block[..SUBS].iter().enumerate() {
            self.sub_scales[j] = (byte & 15) as i8;
            self.sub_mins[j] = (byte >> 4) as i8;
        }
        self.two_bits_of_128s(&block[16..80]);
    }

    fn q3_k(&mut self, block: &[u8]) {
        self.d = u16_at(block, 108);
        self.two_bits_of_128s(&block[32..96]);
        self.add_high_bits(&block[..32], 2);
        let s = &block[96..108];
        for j in 0..SUBS {
            let low = s[j % 8] >> (4 * (j / 8)) & 15;
            let high = s[8 + j % 4] >> (2 * (j / 4)) & 3;
            self.sub_scales[j] = (low | high << 4) as i8 - 32;
        }
    }

    fn q6_k(&mut self, block: &[u8]) {
        let (low, rest) = block.split_at(128);
        let (high, rest) = rest.split_at(64);
        self.two_bits_of_128s(high);
        for (low, codes) in low.chunks_exact(64).zip(self.codes.chunks_exact_mut(128)) {
            for (i, codes) in codes.chunks_exact_mut(64).enumerate() {
                for (byte, code) in low.iter().zip(codes) {
                    *code = *code << 4 | byte >> (4 * i) & 15;
                }
            }
        }
        for (scale, &byte) in self.sub_scales.iter_mut().zip(rest) {
            *scale = byte as i8;
        }
        self.d = u16_at(block, 208);
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// The f16 of opposite sign.
fn negated(half: u16) -> u16 {
    half ^ 0x8000
}

/// `2^(e - 128)` as bits of a bf16: half of what the exponent stands for, as the values are doubled.
///
/// # Source
/// ggml, `ggml_e8m0_to_fp32_half` in `ggml-impl.h`; the two smallest are subnormal.
fn half_of_e8m0(e: u8) -> u16 {
    if e < 2 { 0x20 << e } else { u16::from(e - 1) << 7 }
}
