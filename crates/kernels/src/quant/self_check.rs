//! A short comparison of a level with the plain one, before the level is taken into use.

use super::{QuantFormat, QuantMatrix};
use crate::{Level, MatmulScratch, Pool};

/// Outputs: a whole group of tiles and a part of one more.
const N: usize = 41;
/// Activation rows: whole steps of every level's kernel and a rest.
const ROWS: usize = 7;
/// The same rows again and again, as many as a kernel for many rows wants.
const MANY_ROWS: usize = 6 * ROWS;
/// Inputs: one super-block.
const K: usize = 256;

/// Whether products of every format have the bits of [`Level::Scalar`].
pub(crate) fn agrees(level: Level) -> bool {
    let pool = Pool::new(1);
    let mut scratch = MatmulScratch::new();
    let x: Vec<f32> =
        (0..MANY_ROWS * K).map(|i| f32::from(mixed(i % (ROWS * K))) / 64.0 - 2.0).collect();
    QuantFormat::ALL.into_iter().all(|format| {
        let row_bytes = format.row_bytes(K);
        // Without bit 6 no two bytes are an infinite or huge f16, whatever field they land in.
        let bytes: Vec<u8> = (0..N * row_bytes).map(|i| mixed(i + 7) & 0xbf).collect();
        let rows: Vec<&[u8]> = bytes.chunks_exact(row_bytes).collect();
        let Ok(matrix) = QuantMatrix::from_blocks(&pool, format, &rows, K) else { return false };
        let mut product = |level, rows: usize| {
            let mut out = vec![0.0f32; rows * N];
            let x = &x[..rows * K];
            matrix.matmul_at(level, &pool, x, &mut out, N, false, &mut scratch);
            out.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        let expected = product(Level::Scalar, ROWS);
        let of_many = product(level, MANY_ROWS);
        product(level, ROWS) == expected
            && product(level, 1) == expected[..N]
            && of_many.chunks_exact(ROWS * N).all(|rows| rows == expected)
    })
}

/// Bytes without a pattern.
fn mixed(i: usize) -> u8 {
    ((i as u32).wrapping_mul(0x9e37_79b1) >> 23) as u8
}
