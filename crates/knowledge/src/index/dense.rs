//! Exact cosine search over unit vectors.

use super::files::{read, write};
use super::manifest::check;
use crate::error::KnowledgeError;
use camino::Utf8Path;

const MAGIC: u64 = u64::from_le_bytes(*b"CATVECS1");
const HEADER_BYTES: usize = 24;

/// The vectors of all chunks, by ordinal.
#[derive(Debug)]
pub(super) struct DenseIndex {
    dim: usize,
    vectors: Vec<f32>,
}

/// Writes `vectors` as magic, dimension, count (u64 each), then f32, all little-endian.
pub(super) fn write_vectors(
    path: &Utf8Path,
    dim: usize,
    vectors: &[f32],
) -> Result<(), KnowledgeError> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + size_of_val(vectors));
    for word in [MAGIC, dim as u64, (vectors.len() / dim.max(1)) as u64] {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    for value in vectors {
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    write(path, &bytes)
}

impl DenseIndex {
    /// Reads what [`write_vectors`] wrote, which must hold `count` vectors of `dim`.
    pub(super) fn open(path: &Utf8Path, dim: usize, count: usize) -> Result<Self, KnowledgeError> {
        let bytes = read(path)?;
        let expected = HEADER_BYTES as u64 + (dim as u64 * count as u64) * 4;
        check(path, "length", bytes.len() as u64, expected)?;
        let word = |i: usize| {
            u64::from_le_bytes(bytes[i * 8..][..8].try_into().expect("the header is whole"))
        };
        check(path, "magic number", word(0), MAGIC)?;
        check(path, "dimension", word(1), dim as u64)?;
        check(path, "vector count", word(2), count as u64)?;
        let float = |four: &[u8]| f32::from_le_bytes(four.try_into().expect("chunks of four"));
        let vectors = bytes[HEADER_BYTES..].chunks_exact(4).map(float).collect();
        Ok(Self { dim, vectors })
    }

    /// Cosine of the unit vector `query` with every vector.
    pub(super) fn scores(&self, query: &[f32]) -> Vec<f32> {
        self.vectors.chunks_exact(self.dim).map(|row| dot(row, query)).collect()
    }
}

/// Dot product in eight running sums, so that the compiler can use SIMD; the order is fixed.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (a_eights, b_eights) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail: f32 = a_eights.remainder().iter().zip(b_eights.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_eights.zip(b_eights) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + tail
}
