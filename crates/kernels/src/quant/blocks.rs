//! The formats as files hold them: blocks of bytes to and from f32, exactly as ggml does it.

use half::f16;

use super::QuantFormat;
use super::format::BLOCK;

/// Appends the blocks of `x` to `out`, bit for bit what ggml's reference quantizers write.
///
/// - `Q4_0`: `d = extreme / -8`, `extreme` being the value of largest magnitude with its sign,
///   `q = min(15, trunc(x / d + 8.5))`
/// - `Q4_1`: `d = (max - min) / 15`, `m = min`, `q = min(15, trunc((x - min) / d + 0.5))`
/// - `Q8_0`: `d = max|x| / 127`, `q = round(x / d)`, halves away from zero
///
/// Division is by multiplication with `1 / d` in f32 before `d` is rounded to f16, as there.
///
/// # Panics
/// If `x.len()` is not a multiple of the block length.
///
/// # Source
/// ggml, `quantize_row_q4_0_ref`, `quantize_row_q4_1_ref`, `quantize_row_q8_0_ref` in
/// `ggml-quants.c`.
pub fn quantize_blocks(format: QuantFormat, x: &[f32], out: &mut Vec<u8>) {
    assert!(x.len().is_multiple_of(BLOCK), "{} values in blocks of {BLOCK}", x.len());
    out.reserve(format.row_bytes(x.len()));
    for block in x.as_chunks::<BLOCK>().0 {
        match format {
            QuantFormat::Q4_0 => quantize_q4_0(block, out),
            QuantFormat::Q4_1 => quantize_q4_1(block, out),
            QuantFormat::Q8_0 => quantize_q8_0(block, out),
        }
    }
}

/// Writes the values of `bytes`, blocks as in a file, to `out`.
///
/// The formulas are those of [`QuantFormat`]; f16 scales become f32 exactly.
///
/// # Panics
/// If the lengths of `bytes` and `out` do not belong to the same number of blocks.
///
/// # Source
/// ggml, `dequantize_row_q4_0`, `dequantize_row_q4_1`, `dequantize_row_q8_0` in `ggml-quants.c`.
pub fn dequantize_blocks(format: QuantFormat, bytes: &[u8], out: &mut [f32]) {
    assert!(
        out.len().is_multiple_of(BLOCK) && bytes.len() == format.row_bytes(out.len()),
        "{} bytes of {format} for {} values",
        bytes.len(),
        out.len()
    );
    for (block, out) in bytes.chunks_exact(format.block_bytes()).zip(out.as_chunks_mut::<BLOCK>().0)
    {
        let (header, codes) = block.split_at(format.header_bytes());
        let d = f16_at(header, 0);
        match format {
            QuantFormat::Q4_0 => nibbles(codes, out, |q| (q as i32 - 8) as f32 * d),
            QuantFormat::Q4_1 => {
                let m = f16_at(header, 1);
                nibbles(codes, out, |q| q as f32 * d + m);
            }
            QuantFormat::Q8_0 => {
                for (y, &q) in out.iter_mut().zip(codes) {
                    *y = q as i8 as f32 * d;
                }
            }
        }
    }
}

/// The `i`-th f16 of little-endian bytes.
pub(super) fn f16_at(bytes: &[u8], i: usize) -> f32 {
    f16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]]).to_f32()
}

fn nibbles(codes: &[u8], out: &mut [f32; BLOCK], value: impl Fn(u8) -> f32) {
    let (low, high) = out.split_at_mut(BLOCK / 2);
    for ((&byte, low), high) in codes.iter().zip(low).zip(high) {
        *low = value(byte & 15);
        *high = value(byte >> 4);
    }
}

fn quantize_q4_0(x: &[f32; BLOCK], out: &mut Vec<u8>) {
    let mut extreme = 0.0f32;
    for &v in x {
        if v.abs() > extreme.abs() {
            extreme = v;
        }
    }
    let d = extreme / -8.0;
    out.extend(f16::from_f32(d).to_le_bytes());
    let inverse = inverse(d);
    push_nibbles(out, |i| ((x[i] * inverse + 8.5) as i8).min(15) as u8);
}

fn quantize_q4_1(x: &[f32; BLOCK], out: &mut Vec<u8>) {
    let mut min = f32::MAX;
    let mut max = f32::MIN;
    for &v in x {
        // As ggml compares: a NaN changes neither.
        min = if v < min { v } else { min };
        max = if v > max { v } else { max };
    }
    let d = (max - min) / 15.0;
    out.extend(f16::from_f32(d).to_le_bytes());
    out.extend(f16::from_f32(min).to_le_bytes());
    let inverse = inverse(d);
    push_nibbles(out, |i| (((x[i] - min) * inverse + 0.5) as i8).min(15) as u8);
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

fn push_nibbles(out: &mut Vec<u8>, code: impl Fn(usize) -> u8) {
    out.extend((0..BLOCK / 2).map(|i| (code(i) & 15) | (code(i + BLOCK / 2) << 4)));
}
