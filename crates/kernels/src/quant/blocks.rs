//! Blocks as files hold them to f32, exactly as ggml does it.

use super::QuantFormat;
use super::decode::Decoded;
use super::format::BLOCK;
use super::geometry::Geometry;

/// Writes the values of `bytes`, blocks as in a file, to `out`.
///
/// The formulas are those of [`QuantFormat`]; f16 scales become f32 exactly, and so does the
/// product of a super-block's scale with the integer of a sub-block.
///
/// # Panics
/// If the lengths of `bytes` and `out` do not belong to the same number of blocks.
///
/// # Source
/// ggml, the functions `dequantize_row_*` in `ggml-quants.c`.
pub fn dequantize_blocks(format: QuantFormat, bytes: &[u8], out: &mut [f32]) {
    let block_len = format.block_len();
    assert!(
        out.len().is_multiple_of(block_len) && bytes.len() == format.row_bytes(out.len()),
        "{} bytes of {format} for {} values",
        bytes.len(),
        out.len()
    );
    let g = Geometry::of(format);
    let sub_len = BLOCK / g.subs;
    let mut block = Decoded::new();
    let blocks = bytes.chunks_exact(format.block_bytes());
    for (bytes, out) in blocks.zip(out.chunks_exact_mut(block_len)) {
        block.read(format, bytes);
        let subs = out.chunks_exact_mut(sub_len).zip(block.codes.chunks_exact(sub_len));
        for (sub, (out, codes)) in subs.enumerate() {
            let scale = g.scale(block.d, block.sub_scales[sub]);
            let min = g.has_min.then(|| g.min(block.m, block.sub_mins[sub]));
            for (y, &code) in out.iter_mut().zip(codes) {
                let scaled = g.value(code) as f32 * scale;
                *y = min.map_or(scaled, |min| scaled + min);
            }
        }
    }
}
