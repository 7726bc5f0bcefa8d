//! What a step is given.

use crate::optim::norm::num_square_sums;

/// Values per partial sum where there are no rows.
pub(super) const BLOCK: usize = 4096;

/// `batches` matrices of `rows` times `cols`, one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdafactorShape {
    /// Product of all axes but the last two.
    pub batches: usize,
    /// The last axis but one.
    pub rows: usize,
    /// The last axis.
    pub cols: usize,
}

impl AdafactorShape {
    /// The shape of a tensor with two axes or more; `None` for vectors, which are not factored.
    pub fn of(shape: &[usize]) -> Option<Self> {
        let [leading @ .., rows, cols] = shape else { return None };
        Some(AdafactorShape { batches: leading.iter().product(), rows: *rows, cols: *cols })
    }

    /// Length of the row means.
    pub fn num_row_means(self) -> usize {
        self.batches * self.rows
    }

    /// Length of the column means.
    pub fn num_col_means(self) -> usize {
        self.batches * self.cols
    }

    /// Number of values.
    pub fn num_values(self) -> usize {
        self.batches * self.rows * self.cols
    }
}

/// The second moment of one tensor.
pub enum AdafactorMoment<'a> {
    /// Means of squared gradients over each row and each column.
    Factored {
        /// The matrices.
        shape: AdafactorShape,
        /// One mean per row.
        rows: &'a mut [f32],
        /// One mean per column of each matrix.
        cols: &'a mut [f32],
    },
    /// One value per value of the tensor.
    Full(&'a mut [f32]),
}

/// The constants of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdafactorFactors {
    /// Learning rate, before it is scaled by the root mean square of the values.
    pub learning_rate: f64,
    /// Scale the rate by the root mean square of the values, but by no less than this.
    pub smallest_scale: Option<f64>,
    /// Decay of the second moment in this step.
    pub beta2: f64,
    /// Added to squared gradients.
    pub eps: f64,
    /// Largest root mean square of an update.
    pub clip_threshold: f64,
    /// Decay of the first moment, used when there is one.
    pub beta1: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Factor of every gradient.
    pub grad_scale: f32,
}

/// Memory of a step, enough for the largest tensor.
#[derive(Clone, Debug, Default)]
pub struct AdafactorScratch {
    pub(super) sums: Vec<f64>,
    pub(super) row_factors: Vec<f32>,
    pub(super) col_factors: Vec<f32>,
}

impl AdafactorScratch {
    /// Makes room for a tensor of `len` values.
    pub fn reserve(&mut self, len: usize, shape: Option<AdafactorShape>) {
        let mut sums = num_square_sums(len).max(len.div_ceil(BLOCK));
        if let Some(shape) = shape {
            sums = sums.max(shape.num_row_means()).max(shape.cols);
            grow(&mut self.row_factors, shape.num_row_means());
            grow(&mut self.col_factors, shape.num_col_means());
        }
        grow(&mut self.sums, sums);
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.sums.len() * size_of::<f64>()
            + (self.row_factors.len() + self.col_factors.len()) * size_of::<f32>()
    }
}

fn grow<T: Clone + Default>(buffer: &mut Vec<T>, len: usize) {
    if buffer.len() < len {
        buffer.resize(len, T::default());
    }
}
