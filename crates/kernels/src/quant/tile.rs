//! The packed form: tiles of 16 output rows, blocks of 32 along `k` in pairs.
//!
//! For each pair of blocks: the codes of the first, the codes of the second, `d` of both as
//! `f16[16]`, and for formats with a minimum `m` of both. Every part starts on a 64-byte line. A
//! 64-byte vector `j` of codes holds for each of the 16 rows the four code bytes `4j..4j+4` of its
//! block, in the file's nibble order. Bytes per weight are those of the file; an odd last block is
//! followed by an unused one, and rows that fill up the last tile are zero.

use super::format::QuantFormat;

/// Output rows per tile: the f32 lanes of an AVX-512 register.
pub(super) const TILE: usize = 16;

/// Geometry of one format's tiles, known at compile time to the kernels.
pub(super) trait Packed: 'static {
    /// What an unsigned code is too large by.
    const ZERO: i32;
    /// Whether blocks have a minimum.
    const HAS_MIN: bool;
    /// 64-byte vectors of codes per block of 16 rows: 4 for 4-bit codes, 8 for 8-bit ones.
    const CODE_VECS: usize;
    /// Bytes of two blocks of 16 rows.
    const PAIR_BYTES: usize = 2 * (Self::CODE_VECS * 64 + 32 + if Self::HAS_MIN { 32 } else { 0 });

    /// Start of the codes of a block within a tile.
    fn codes_at(block: usize) -> usize {
        (block / 2) * Self::PAIR_BYTES + (block % 2) * Self::CODE_VECS * 64
    }

    /// Start of the 16 scales of a block within a tile.
    fn scales_at(block: usize) -> usize {
        (block / 2) * Self::PAIR_BYTES + 2 * Self::CODE_VECS * 64 + (block % 2) * 32
    }

    /// Start of the 16 minima of a block within a tile.
    fn mins_at(block: usize) -> usize {
        Self::scales_at(block) + 64
    }

    /// Bytes of a tile of `blocks` blocks along `k`.
    fn tile_bytes(blocks: usize) -> usize {
        blocks.div_ceil(2) * Self::PAIR_BYTES
    }
}

pub(super) struct Q4Zero;
pub(super) struct Q4Min;
pub(super) struct Q8Zero;

impl Packed for Q4Zero {
    const ZERO: i32 = 8;
    const HAS_MIN: bool = false;
    const CODE_VECS: usize = 4;
}

impl Packed for Q4Min {
    const ZERO: i32 = 0;
    const HAS_MIN: bool = true;
    const CODE_VECS: usize = 4;
}

impl Packed for Q8Zero {
    const ZERO: i32 = 128;
    const HAS_MIN: bool = false;
    const CODE_VECS: usize = 8;
}

/// Evaluates `$body` with the type `$packed` standing for the geometry of the format `$format`.
macro_rules! with_packed {
    ($format:expr, $packed:ident => $body:expr) => {
        match $format {
            $crate::QuantFormat::Q4_0 => {
                type $packed = $crate::quant::tile::Q4Zero;
                $body
            }
            $crate::QuantFormat::Q4_1 => {
                type $packed = $crate::quant::tile::Q4Min;
                $body
            }
            $crate::QuantFormat::Q8_0 => {
                type $packed = $crate::quant::tile::Q8Zero;
                $body
            }
        }
    };
}
pub(super) use with_packed;

/// The four code bytes `4j..4j+4` of a block lie side by side; this is where they start.
pub(super) fn code_group(row_in_tile: usize, j: usize) -> usize {
    j * 64 + row_in_tile * 4
}

/// Copies one row, blocks as in a file, into its place in a tile.
pub(super) fn pack_row<P: Packed>(
    format: QuantFormat,
    row: &[u8],
    row_in_tile: usize,
    tile: &mut [u8],
) {
    for (block, bytes) in row.chunks_exact(format.block_bytes()).enumerate() {
        let (header, codes) = bytes.split_at(format.header_bytes());
        let scale = P::scales_at(block) + 2 * row_in_tile;
        tile[scale..scale + 2].copy_from_slice(&header[..2]);
        if P::HAS_MIN {
            let min = P::mins_at(block) + 2 * row_in_tile;
            tile[min..min + 2].copy_from_slice(&header[2..]);
        }
        let start = P::codes_at(block);
        for (j, group) in codes.as_chunks::<4>().0.iter().enumerate() {
            let at = start + code_group(row_in_tile, j);
            // Signed 8-bit codes become unsigned, as the instruction wants its first operand.
            let group = if P::CODE_VECS == 8 { group.map(|c| c.wrapping_add(128)) } else { *group };
            tile[at..at + 4].copy_from_slice(&group);
        }
    }
}

/// The unsigned code of element `i` of a block, for one row of the tile.
pub(super) fn code<P: Packed>(tile: &[u8], block: usize, row_in_tile: usize, i: usize) -> u8 {
    let byte_of = |i: usize| tile[P::codes_at(block) + code_group(row_in_tile, i / 4) + i % 4];
    if P::CODE_VECS == 8 {
        byte_of(i)
    } else if i < 16 {
        byte_of(i) & 15
    } else {
        byte_of(i - 16) >> 4
    }
}
