//! The packed form: tiles of 16 output rows, blocks of 32 along `k`.
//!
//! A block's codes come in eight steps of four; a *step* is what one instruction multiplies: for
//! each of the 16 rows, codes `4s..4s+4`. The low parts of `b` bits take `b` vectors of 64 bytes:
//! four bytes per row, each with the parts of `8 / b` steps, first step lowest; high parts follow in
//! the same way. So a step is a shift and a mask of a vector, once more for high parts.
//!
//! Formats with one scale per block come as pairs of blocks: the codes of both, `d` of both as
//! `f16[16]`, `m` of both if there is one. K-quants come as super-blocks of eight: the codes, the
//! integers `[block][sub-block][16]` that multiply `d`, those of the minimum, `d` and `-dmin` as
//! `f16[16]`. Every vector starts on a 64-byte line. Bytes per weight are those of the file or up to
//! 6 % more; an odd last block is followed by an unused one, and rows that fill up the last tile
//! are zero.

use super::QuantFormat;
use super::decode::Decoded;
use super::format::{BLOCK, SUPER_BLOCK};
use super::geometry::{Geometry, Packed, Scales, TILE, VECTOR};

/// Puts one row, blocks as in a file, into its place in a tile.
pub(super) fn pack_row<P: Packed>(format: QuantFormat, row: &[u8], lane: usize, tile: &mut [u8]) {
    let g = P::G;
    let mut decoded = Decoded::new();
    let own_blocks = format.block_len() / BLOCK;
    for (i, bytes) in row.chunks_exact(format.block_bytes()).enumerate() {
        decoded.read(format, bytes);
        let first = i * own_blocks;
        for j in 0..own_blocks {
            let codes = decoded.codes[j * BLOCK..].first_chunk().expect("a block has its codes");
            pack_codes::<P>(codes, lane, &mut tile[g.codes_at(first + j)..]);
        }
        pack_scales(&g, &decoded, first, lane, tile);
    }
}

fn pack_codes<P: Packed>(codes: &[u8; BLOCK], lane: usize, out: &mut [u8]) {
    let g = P::G;
    let low_mask = u32::from_le_bytes([(u8::MAX as u32 >> (8 - g.low_bits)) as u8; 4]);
    let mut vectors = [0u32; 8];
    for (step, four) in codes.as_chunks::<4>().0.iter().enumerate() {
        let four = u32::from_le_bytes(*four);
        let (vector, shift) = g.low(step);
        vectors[vector] |= (four & low_mask) << shift;
        if g.high_bits > 0 {
            let (vector, shift) = g.high(step);
            vectors[vector] |= ((four & !low_mask) >> g.low_bits) << shift;
        }
    }
    for (vector, word) in vectors[..g.low_bits + g.high_bits].iter().enumerate() {
        out[vector * VECTOR + 4 * lane..][..4].copy_from_slice(&word.to_le_bytes());
    }
}

/// The scales of a block of a file, which is block `first` of the tile and perhaps seven more.
fn pack_scales(g: &Geometry, from: &Decoded, first: usize, lane: usize, tile: &mut [u8]) {
    let mut put = |at: usize, bits: u16| {
        tile[at + 2 * lane..][..2].copy_from_slice(&bits.to_le_bytes());
    };
    put(g.d_at(first), from.d);
    if g.has_min {
        put(g.m_at(first), from.m);
    }
    if !g.is_super() {
        return;
    }
    for j in 0..SUPER_BLOCK / BLOCK * g.subs {
        let (block, sub) = (first + j / g.subs, j % g.subs);
        let (scale, min) = (from.sub_scales[j] as u8, from.sub_mins[j] as u8);
        let at = g.sub_scales_at(block, sub) + lane;
        if g.scales == Scales::Nibbles {
            tile[at] = scale | min << 4;
        } else {
            tile[at] = scale;
            if g.has_min {
                tile[g.sub_mins_at(block, sub) + lane] = min;
            }
        }
    }
}

/// The weights of all rows, `[k][16]`.
pub(super) fn unpack<P: Packed>(tile: &[u8], out_k16: &mut [f32]) {
    let g = P::G;
    let sub_len = BLOCK / g.subs;
    for (i, out) in out_k16.chunks_exact_mut(sub_len * TILE).enumerate() {
        let (block, sub) = (i / g.subs, i % g.subs);
        for lane in 0..TILE {
            let scale = scale(&g, tile, block, sub, lane);
            let min = g.has_min.then(|| min(&g, tile, block, sub, lane));
            for (i, row) in out.as_chunks_mut::<TILE>().0.iter_mut().enumerate() {
                let code = code(&g, tile, block, lane, sub * sub_len + i);
                let scaled = g.value(code) as f32 * scale;
                row[lane] = min.map_or(scaled, |min| scaled + min);
            }
        }
    }
}

/// The code of element `i` of a block, not looked up, for one row of the tile.
pub(super) fn code(g: &Geometry, tile: &[u8], block: usize, lane: usize, i: usize) -> u8 {
    let start = g.codes_at(block) + 4 * lane + i % 4;
    let (vector, shift) = g.low(i / 4);
    let low = tile[start + vector * VECTOR] >> shift & (u8::MAX >> (8 - g.low_bits));
    if g.high_bits == 0 {
        return low;
    }
    let (vector, shift) = g.high(i / 4);
    let high = tile[start + vector * VECTOR] >> shift & (u8::MAX >> (8 - g.high_bits));
    low | high << g.low_bits
}

/// The scale of a sub-block, for one row of the tile.
pub(super) fn scale(g: &Geometry, tile: &[u8], block: usize, sub: usize, lane: usize) -> f32 {
    let factor = match g.scales {
        Scales::F16 | Scales::Bf16 => 1,
        Scales::Bytes => tile[g.sub_scales_at(block, sub) + lane] as i8,
        Scales::Nibbles => (tile[g.sub_scales_at(block, sub) + lane] & 15) as i8,
    };
    g.scale(half_at(tile, g.d_at(block), lane), factor)
}

/// What is added to each weight of a sub-block, for one row of the tile; only if there is such.
pub(super) fn min(g: &Geometry, tile: &[u8], block: usize, sub: usize, lane: usize) -> f32 {
    let factor = match g.scales {
        Scales::F16 | Scales::Bf16 => 1,
        Scales::Bytes => tile[g.sub_mins_at(block, sub) + lane] as i8,
        Scales::Nibbles => (tile[g.sub_scales_at(block, sub) + lane] >> 4) as i8,
    };
    g.min(half_at(tile, g.m_at(block), lane), factor)
}

fn half_at(tile: &[u8], at: usize, lane: usize) -> u16 {
    u16::from_le_bytes([tile[at + 2 * lane], tile[at + 2 * lane + 1]])
}
