//! The product in plain Rust: the oracle of the SIMD versions, bit for bit.

use std::ops::Range;

use super::Activations;
use super::blocks::f16_at;
use super::format::BLOCK;
use super::matrix::Target;
use super::tile::{Packed, TILE, code};

/// `out[t, n] = sum over blocks of (sum q_w q_x - zero sum q_x) (d s) + m (s sum q_x)`
///
/// for the activation rows `rows` and the weight tiles `tiles`; the outer sum runs along `k` by
/// fused multiply-adds in f32, the inner sums are integers.
pub(super) fn product<P: Packed>(
    weights: &[u8],
    x: &Activations,
    rows: Range<usize>,
    tiles: Range<usize>,
    target: &Target<'_>,
) {
    let blocks = x.k / BLOCK;
    let tile_bytes = P::tile_bytes(blocks);
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
    x: &Activations,
    row: usize,
    block: usize,
    lane: usize,
) -> f32 {
    let at = row * (x.k / BLOCK) + block;
    let codes = &x.codes_tk[row * x.k + block * BLOCK..][..BLOCK];
    let products =
        codes.iter().enumerate().map(|(i, &q)| code::<P>(tile, block, lane, i) as i32 * q as i32);
    let dot = x.corrections_tb[at] + products.sum::<i32>();
    let d = f16_at(&tile[P::scales_at(block)..], lane);
    let sum = (dot as f32).mul_add(d * x.scales_tb[at], sum);
    if P::HAS_MIN {
        f16_at(&tile[P::mins_at(block)..], lane).mul_add(x.scaled_sums_tb[at], sum)
    } else {
        sum
    }
}
