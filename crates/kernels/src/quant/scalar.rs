//! The product in plain Rust: the oracle of the SIMD versions, bit for bit.

use std::ops::Range;

use super::Activations;
use super::format::BLOCK;
use super::geometry::{Packed, TILE};
use super::matrix::Target;
use super::tile::{code, min, scale};

/// `out[t, n] = sum over sub-blocks of (sum q_w q_x - zero sum q_x) (d s) + m (s sum q_x)`
///
/// for the activation rows `rows` and the weight tiles `tiles`; the outer sum runs along `k` by
/// fused multiply-adds in f32, the inner sums are integers. `d` and `m` are f32: for K-quants the
/// product of an f16 with an integer of at most 8 bits, which f32 holds exactly.
pub(super) fn product<P: Packed>(
    weights: &[u8],
    x: &Activations<'_>,
    rows: Range<usize>,
    tiles: Range<usize>,
    target: &Target<'_>,
) {
    let blocks = x.k / BLOCK;
    let tile_bytes = P::G.tile_bytes(blocks);
    for tile_idx in tiles {
        let tile = &weights[tile_idx * tile_bytes..(tile_idx + 1) * tile_bytes];
        let lanes = TILE.min(target.n - tile_idx * TILE);
        for row in rows.clone() {
            // SAFETY: this call alone writes these rows of these tiles (see `Target`).
            let out = unsafe { target.lanes(row, tile_idx * TILE, lanes) };
            for (lane, out) in out.iter_mut().enumerate() {
                let sum =
                    (0..blocks).fold(0.0, |sum, b| add_block::<P>(sum, tile, x, row, b, lane));
                *out = if target.accumulate { *out + sum } else { sum };
            }
        }
    }
}

fn add_block<P: Packed>(
    sum: f32,
    tile: &[u8],
    x: &Activations<'_>,
    row: usize,
    block: usize,
    lane: usize,
) -> f32 {
    let (g, sub_len) = (P::G, BLOCK / P::G.subs);
    let at = row * (x.k / BLOCK) + block;
    let codes = &x.codes_tk[row * x.k + block * BLOCK..][..BLOCK];
    codes.chunks_exact(sub_len).enumerate().fold(sum, |sum, (sub, codes)| {
        let first = sub * sub_len;
        let products = codes.iter().enumerate().map(|(i, &q)| {
            (g.value(code(&g, tile, block, lane, first + i)) + g.zero) * i32::from(q)
        });
        let dot = x.corrections_tbs[at * g.subs + sub] + products.sum::<i32>();
        let scale = scale(&g, tile, block, sub, lane) * x.scales_tb[at];
        let sum = (dot as f32).mul_add(scale, sum);
        if g.has_min {
            min(&g, tile, block, sub, lane).mul_add(x.scaled_sums_tbs[at * g.subs + sub], sum)
        } else {
            sum
        }
    })
}
