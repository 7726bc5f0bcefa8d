//! Factors of what the base's products give.

use super::pack::Part;
use crate::adapter::Change;
use crate::linear::Linear;

/// `y_j = f_j y_j + c_j` for some columns of a product.
pub(super) struct Scale {
    pub(super) first_column: usize,
    pub(super) factors: Vec<f32>,
    /// What gives a bias back that magnitudes do not scale.
    pub(super) shifts: Vec<f32>,
}

impl Scale {
    /// Scales its columns of rows that are `ldo` apart.
    pub(super) fn apply(&self, rows: usize, out: &mut [f32], ldo: usize) {
        for row in out.chunks_mut(ldo).take(rows) {
            let columns = &mut row[self.first_column..][..self.factors.len()];
            for ((y, f), c) in columns.iter_mut().zip(&self.factors).zip(&self.shifts) {
                *y = *y * f + c;
            }
        }
    }
}

/// `m_i / ||W_i + s B_i A||` of the rows of a part, with `W` as the decoder holds it.
///
/// # Source
/// Liu et al. 2024, arXiv:2402.09353, eq. 5; biases are not scaled, as in PEFT.
#[expect(clippy::cast_possible_truncation, reason = "summed wide, used as f32")]
pub(super) fn magnitudes(base: &Linear, part: &Part, change: Change<'_>) -> Scale {
    let first_column = part.columns.first;
    let mut scale = Scale { first_column, factors: Vec::new(), shifts: Vec::new() };
    let Change::Pair { a, b, scale: of_pair, magnitude: Some(magnitude) } = change else {
        return scale;
    };
    let (rank, k) = (a.shape[0], a.shape[1]);
    let (mut row, mut sums) = (vec![0.0; k], vec![0.0f64; k]);
    for (own, &place) in part.rows.iter().enumerate() {
        base.row(first_column + own, &mut row);
        sums.iter_mut().zip(&row).for_each(|(sum, &w)| *sum = f64::from(w));
        for (&b, a_k) in b.data[place * rank..][..rank].iter().zip(a.data.chunks_exact(k)) {
            let factor = of_pair * f64::from(b);
            sums.iter_mut().zip(a_k).for_each(|(sum, &a)| *sum += factor * f64::from(a));
        }
        let norm = sums.iter().map(|x| x * x).sum::<f64>().sqrt();
        let factor = f64::from(magnitude.data[place]) / norm.max(f64::MIN_POSITIVE);
        let bias = base.bias().map_or(0.0, |bias| f64::from(bias[first_column + own]));
        scale.factors.push(factor as f32);
        scale.shifts.push(((1.0 - factor) * bias) as f32);
    }
    scale
}
