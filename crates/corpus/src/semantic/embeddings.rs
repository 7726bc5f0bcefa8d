//! Rows of numbers.

use super::dot::dot;
use crate::error::CorpusError;
use crate::quality::check_finite;
use std::ops::Range;

/// Embeddings, row by row.
#[derive(Clone, Copy, Debug)]
pub struct Embeddings<'a> {
    values: &'a [f32],
    dims: usize,
}

impl<'a> Embeddings<'a> {
    /// Rows of `dims` numbers each.
    ///
    /// # Errors
    /// [`CorpusError::Config`] for no dimensions, [`CorpusError::Lengths`] for a last row that is
    /// not whole, [`CorpusError::NotFinite`] for a number that is none,
    /// [`CorpusError::TooMany`] beyond 2^32 rows.
    pub fn new(values: &'a [f32], dims: usize) -> Result<Self, CorpusError> {
        if dims == 0 {
            return Err(CorpusError::Config { key: "dims", found: 0.0, expected: "at least 1" });
        }
        let rows = values.len() / dims;
        if !values.len().is_multiple_of(dims) {
            let (what, found) = ("embedding values", values.len());
            return Err(CorpusError::Lengths { what, found, expected: rows });
        }
        let limit = u64::from(u32::MAX);
        if rows as u64 > limit {
            return Err(CorpusError::TooMany { what: "embeddings", found: rows as u64, limit });
        }
        check_finite("embedding value", values)?;
        Ok(Self { values, dims })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.dims
    }

    /// The number of each row.
    pub(super) fn numbers(&self) -> Range<u32> {
        0..u32::try_from(self.rows()).expect("`new` refuses more")
    }

    /// Numbers of a row.
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// One row.
    pub fn row(&self, row: usize) -> &'a [f32] {
        &self.values[row * self.dims..][..self.dims]
    }

    /// All numbers, row by row.
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// All rows scaled to length 1; rows of zeros stay.
    pub fn normalized(&self) -> Vec<f32> {
        let mut values = self.values.to_vec();
        values.chunks_exact_mut(self.dims).for_each(scale_to_one);
        values
    }
}

/// Scales a row to length 1, unless it is all zeros.
pub(super) fn scale_to_one(row: &mut [f32]) {
    // The square of a great number is infinite in f32, so the row is brought near 1 first.
    let greatest = row.iter().fold(0.0f32, |greatest, value| greatest.max(value.abs()));
    if greatest == 0.0 {
        return;
    }
    for value in row.iter_mut() {
        *value /= greatest;
    }
    let norm = dot(row, row).sqrt();
    for value in row.iter_mut() {
        *value /= norm;
    }
}
