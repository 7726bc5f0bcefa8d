//! f32 to blocks as files hold them, exactly as ggml does it.

use half::f16;

use super::QuantFormat;
use super::format::BLOCK;

/// Appends the blocks of `x` to `out`, bit for bit what ggml's reference quantizers write.
///
/// - `Q4_0`: `d = extreme / -8`, `extreme` being the value of largest magnitude with its sign,
///   `q = min(15, trunc(x / d + 8.5))`
/// - `Q4_1`: `d = (max - min) / 15`, `m = min`, `q = min(15, trunc((x - min) / d + 0.5))`
/// - `Q5_0`, `Q5_1`: the same with 16 for 8, 31 for 15
/// - `Q8_0`: `d = max|x| / 127`, `q = round(x / d)`, halves away from zero
///
/// Division is by multiplication with `1 / d` in f32 before `d` is rounded to f16, as there.
///
/// # Panics
/// If `x.len()` is not a multiple of the block length, or the format is one that we only read
/// ([`QuantFormat::can_quantize`]).
///
/// # Source
/// ggml, `quantize_row_q4_0_ref`, `quantize_row_q4_1_ref`, `quantize_row_q5_0_ref`,
/// `quantize_row_q5_1_ref`, `quantize_row_q8_0_ref` in `ggml-quants.c`.
pub fn quantize_blocks(format: QuantFormat, x: &[f32], out: &mut Vec<u8>) {
    assert!(format.can_quantize(), "{format} is only read");
    assert!(x.len().is_multiple_of(BLOCK), "{} values in blocks of {BLOCK}", x.len());
    out.reserve(format.row_bytes(x.len()));
    for block in x.as_chunks::<BLOCK>().0 {
        match format {
            QuantFormat::Q4_0 => {
                let codes = around_zero(block, 8, out);
                push_nibbles(&codes, out);
            }
            QuantFormat::Q4_1 => {
                let codes = from_minimum(block, 15, out);
                push_nibbles(&codes, out);
            }
            QuantFormat::Q5_0 => {
                let codes = around_zero(block, 16, out);
                push_high_bits(&codes, out);
                push_nibbles(&codes, out);
            }
            QuantFormat::Q5_1 => {
                let codes = from_minimum(block, 31, out);
                push_high_bits(&codes, out);
                push_nibbles(&codes, out);
            }
            QuantFormat::Q8_0 => quantize_q8_0(block, out),
            QuantFormat::Q2_K
            | QuantFormat::Q3_K
            | QuantFormat::Q4_K
            | QuantFormat::Q5_K
            | QuantFormat::Q6_K
            | QuantFormat::IQ4_NL
            | QuantFormat::MXFP4 => unreachable!("{format} is only read"),
        }
    }
}

/// Codes `0..2 * half` for `x / d + half`; appends `d`.
fn around_zero(x: &[f32; BLOCK], half: u8, out: &mut Vec<u8>) -> [u8; BLOCK] {
    let mut extreme = 0.0f32;
    for &v in x {
        if v.abs() > extreme.abs() {
            extreme = v;
        }
    }
    let d = extreme / -f32::from(half);
    out.extend(f16::from_f32(d).to_le_bytes());
    let (inverse, shift) = (inverse(d), f32::from(half) + 0.5);
    x.map(|v| ((v * inverse + shift) as i8).min(2 * half as i8 - 1) as u8)
}

/// Codes `0..=largest` for `(x - m) / d`; appends `d` and `m`.
fn from_minimum(x: &[f32; BLOCK], largest: u8, out: &mut Vec<u8>) -> [u8; BLOCK] {
    let mut min = f32::MAX;
    let mut max = f32::MIN;
    for &v in x {
        // As ggml compares: a NaN changes neither.
        min = if v < min { v } else { min };
        max = if v > max { v } else { max };
    }
    let d = (max - min) / f32::from(largest);
    out.extend(f16::from_f32(d).to_le_bytes());
    out.extend(f16::from_f32(min).to_le_bytes());
    let inverse = inverse(d);
    x.map(|v| (((v - min) * inverse + 0.5) as i8).min(largest as i8) as u8)
}

fn quantize_q8_0(x: &[f32; BLOCK], out: &mut Vec<u8>) {
    let mut largest = 0.0f32;
    for &v in x {
        largest = largest.max(v.abs());
    }
    let d = largest / 127.0;
    out.extend(f16::from_f32(d).to_le_bytes());
    let inverse = inverse(d);
    out.extend(x.iter().map(|v| (v * inverse).round() as i8 as u8));
}

fn inverse(d: f32) -> f32 {
    if d == 0.0 { 0.0 } else { 1.0 / d }
}

/// The low four bits: codes 0 to 15 low, 16 to 31 high.
fn push_nibbles(codes: &[u8; BLOCK], out: &mut Vec<u8>) {
    let (low, high) = codes.split_at(BLOCK / 2);
    out.extend(low.iter().zip(high).map(|(low, high)| low & 15 | high << 4));
}

/// The fifth bits, as a little-endian number whose bit `i` belongs to code `i`.
fn push_high_bits(codes: &[u8; BLOCK], out: &mut Vec<u8>) {
    let bits = codes.iter().rev().fold(0u32, |bits, code| bits << 1 | u32::from(code >> 4 & 1));
    out.extend(bits.to_le_bytes());
}
