//! Matrices of a model file, expanded to rows of floats.

use super::reader::Reader;
use crate::CorpusError;

/// Floats in one lane: a row is padded with zeros to whole lanes, so that sums over it are
/// straight vector code for any dimension.
const LANE: usize = 8;

/// Centroids of each subquantizer: a code is one byte.
const CENTROIDS: usize = 256;

/// A matrix may expand to this many times the file it came from. Two floats for each code byte
/// make 8; the rest is room for long sub-vectors.
const MAX_EXPANSION: usize = 64;

/// Eight floats side by side.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(32))]
pub(super) struct Lane(pub(super) [f32; LANE]);

/// Rows of floats.
#[derive(Debug)]
pub(super) struct Matrix {
    lanes: Vec<Lane>,
    lanes_per_row: usize,
    rows: usize,
}

/// Lanes that hold `dimension` floats.
pub(super) fn lanes_for(dimension: usize) -> usize {
    dimension.div_ceil(LANE)
}

impl Matrix {
    /// Reads a matrix of `dimension` columns, quantized or not.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        dimension: usize,
        quantized: bool,
    ) -> Result<Self, CorpusError> {
        if quantized {
            Self::read_quantized(reader, dimension)
        } else {
            Self::read_dense(reader, dimension)
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The lanes of one row.
    #[inline]
    pub(super) fn row(&self, row: usize) -> &[Lane] {
        &self.lanes[row * self.lanes_per_row..][..self.lanes_per_row]
    }

    /// Adds one row to `sum`.
    #[inline]
    pub(super) fn add_row(&self, row: usize, sum: &mut [Lane]) {
        add(sum, self.row(row));
    }

    /// The scalar product of one row and `vector`.
    pub(super) fn dot(&self, row: usize, vector: &[Lane]) -> f32 {
        let mut sum = Lane::default();
        for (left, right) in self.row(row).iter().zip(vector) {
            for at in 0..LANE {
                sum.0[at] += left.0[at] * right.0[at];
            }
        }
        sum.0.iter().sum()
    }

    fn zeros(reader: &Reader<'_>, rows: usize, dimension: usize) -> Result<Self, CorpusError> {
        let lanes_per_row = lanes_for(dimension);
        let limit = reader.file_len().saturating_mul(MAX_EXPANSION) / size_of::<Lane>();
        let count = rows.checked_mul(lanes_per_row).filter(|&count| count <= limit);
        let Some(count) = count else { return Err(reader.damaged("the size of a matrix")) };
        let mut lanes = Vec::new();
        if lanes.try_reserve_exact(count).is_err() {
            return Err(CorpusError::ModelTooLarge { bytes: count * size_of::<Lane>() });
        }
        lanes.resize(count, Lane::default());
        Ok(Self { lanes, lanes_per_row, rows })
    }

    fn set(&mut self, row: usize, column: usize, value: f32) {
        self.lanes[row * self.lanes_per_row + column / LANE].0[column % LANE] = value;
    }

    fn read_dense(reader: &mut Reader<'_>, dimension: usize) -> Result<Self, CorpusError> {
        let rows = reader.count64("the rows of a matrix")?;
        if reader.count64("the columns of a matrix")? != dimension {
            return Err(reader.damaged("the columns of a matrix"));
        }
        let len = rows.checked_mul(dimension).and_then(|count| count.checked_mul(4));
        let Some(len) = len else { return Err(reader.damaged("the size of a matrix")) };
        let bytes = reader.take(len, "the values of a matrix")?;
        let mut matrix = Self::zeros(reader, rows, dimension)?;
        for (row, values) in bytes.chunks_exact(dimension * 4).enumerate() {
            for (column, &value) in values.as_chunks::<4>().0.iter().enumerate() {
                let value = f32::from_le_bytes(value);
                if !value.is_finite() {
                    return Err(reader.damaged("a value of a matrix"));
                }
                matrix.set(row, column, value);
            }
        }
        Ok(matrix)
    }

    fn read_quantized(reader: &mut Reader<'_>, dimension: usize) -> Result<Self, CorpusError> {
        let has_norms = reader.flag("the norm flag of a matrix")?;
        let rows = reader.count64("the rows of a matrix")?;
        if reader.count64("the columns of a matrix")? != dimension {
            return Err(reader.damaged("the columns of a matrix"));
        }
        let num_codes = reader.count32("the codes of a matrix")?;
        let codes = reader.take(num_codes, "the codes of a matrix")?;
        let quantizer = Quantizer::read(reader, dimension)?;
        if rows.checked_mul(quantizer.num_parts) != Some(num_codes) {
            return Err(reader.damaged("the codes of a matrix"));
        }
        let norms = if has_norms {
            let codes = reader.take(rows, "the norms of a matrix")?;
            Some((codes, Quantizer::read(reader, 1)?))
        } else {
            None
        };
        let mut matrix = Self::zeros(reader, rows, dimension)?;
        for (row, parts) in codes.chunks_exact(quantizer.num_parts).enumerate() {
            let norm = norms.as_ref().map_or(1.0, |(codes, norms)| norms.part(0, codes[row])[0]);
            for (part, &code) in parts.iter().enumerate() {
                for (at, &value) in quantizer.part(part, code).iter().enumerate() {
                    matrix.set(row, part * quantizer.part_len + at, norm * value);
                }
            }
        }
        Ok(matrix)
    }
}

/// Adds `row` to `sum`, lane by lane.
#[inline]
pub(super) fn add(sum: &mut [Lane], row: &[Lane]) {
    for (left, right) in sum.iter_mut().zip(row) {
        for at in 0..LANE {
            left.0[at] += right.0[at];
        }
    }
}

/// Multiplies every float by `factor`.
pub(super) fn scale(sum: &mut [Lane], factor: f32) {
    for lane in sum {
        for value in &mut lane.0 {
            *value *= factor;
        }
    }
}

/// A product quantizer: a vector is cut into parts, and each part is the nearest of 256 centroids.
struct Quantizer {
    num_parts: usize,
    part_len: usize,
    last_len: usize,
    centroids: Vec<f32>,
}

impl Quantizer {
    fn read(reader: &mut Reader<'_>, dimension: usize) -> Result<Self, CorpusError> {
        let found = reader.count32("the dimension of a quantizer")?;
        let num_parts = reader.count32("the parts of a quantizer")?;
        let part_len = reader.count32("the part length of a quantizer")?;
        let last_len = reader.count32("the last part length of a quantizer")?;
        let whole = num_parts.checked_sub(1).and_then(|before| before.checked_mul(part_len));
        let fits = found == dimension
            && (1..=part_len).contains(&last_len)
            && whole.and_then(|whole| whole.checked_add(last_len)) == Some(dimension);
        let len = dimension.checked_mul(CENTROIDS).filter(|_| fits);
        let Some(len) = len else { return Err(reader.damaged("the shape of a quantizer")) };
        let centroids = reader.floats(len, "the centroids of a quantizer")?;
        Ok(Self { num_parts, part_len, last_len, centroids })
    }

    /// The centroid that `code` names for a part. Centroids of one part stand together, and the
    /// last part's are shorter.
    fn part(&self, part: usize, code: u8) -> &[f32] {
        let len = if part + 1 == self.num_parts { self.last_len } else { self.part_len };
        let start = part * CENTROIDS * self.part_len + usize::from(code) * len;
        &self.centroids[start..start + len]
    }
}
