//! Rows of vectors: products, unit lengths, and the way back through them.

/// Vectors shorter than this are divided by it, so that zero stays zero.
const SMALLEST_NORM: f64 = 1e-12;

/// Dot product in eight lanes, which the compiler vectorizes.
pub(super) fn dot(x: &[f64], y: &[f64]) -> f64 {
    let mut lanes = [0.0f64; 8];
    let (x_chunks, x_rest) = x.as_chunks::<8>();
    let (y_chunks, y_rest) = y.as_chunks::<8>();
    for (x, y) in x_chunks.iter().zip(y_chunks) {
        for (lane, (x, y)) in lanes.iter_mut().zip(x.iter().zip(y)) {
            *lane += x * y;
        }
    }
    for (lane, (x, y)) in lanes.iter_mut().zip(x_rest.iter().zip(y_rest)) {
        *lane += x * y;
    }
    lanes.iter().sum()
}

/// `to += factor * from`.
pub(super) fn add_scaled(to: &mut [f64], factor: f64, from: &[f64]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += factor * from;
    }
}

/// Rows scaled to unit length.
pub(super) struct UnitRows {
    pub(super) rows: Vec<f64>,
    norms: Vec<f64>,
    width: usize,
}

impl UnitRows {
    pub(super) fn new(vectors: &[f64], width: usize) -> Self {
        let norms: Vec<f64> = vectors
            .chunks_exact(width)
            .map(|row| dot(row, row).sqrt().max(SMALLEST_NORM))
            .collect();
        let rows = vectors.chunks_exact(width).zip(&norms);
        let rows = rows.flat_map(|(row, norm)| row.iter().map(move |x| x / norm)).collect();
        Self { rows, norms, width }
    }

    /// From the gradient by the unit rows to that by the vectors: what points along a row cannot
    /// change its direction.
    pub(super) fn backward(&self, grad: &mut [f64]) {
        let rows = grad.chunks_exact_mut(self.width).zip(self.rows.chunks_exact(self.width));
        for ((grad, unit), norm) in rows.zip(&self.norms) {
            let along = if *norm > SMALLEST_NORM { dot(grad, unit) } else { 0.0 };
            for (grad, unit) in grad.iter_mut().zip(unit) {
                *grad = (*grad - along * unit) / norm;
            }
        }
    }
}

/// Cosines of the rows of two matrices, row by row, and the way back from a gradient by them.
pub(super) struct RowCosines {
    a: UnitRows,
    b: UnitRows,
    pub(super) cosines: Vec<f64>,
}

impl RowCosines {
    pub(super) fn new(a: &[f64], b: &[f64], width: usize) -> Self {
        let (a, b) = (UnitRows::new(a, width), UnitRows::new(b, width));
        let rows = a.rows.chunks_exact(width).zip(b.rows.chunks_exact(width));
        let cosines = rows.map(|(a, b)| dot(a, b)).collect();
        Self { a, b, cosines }
    }

    /// Gradients by both matrices for the gradient `slopes` by each cosine.
    pub(super) fn backward(&self, slopes: &[f64]) -> [Vec<f64>; 2] {
        let scaled = |rows: &[f64]| -> Vec<f64> {
            let rows = rows.chunks_exact(self.a.width).zip(slopes);
            rows.flat_map(|(row, slope)| row.iter().map(move |x| slope * x)).collect()
        };
        let (mut grad_a, mut grad_b) = (scaled(&self.b.rows), scaled(&self.a.rows));
        self.a.backward(&mut grad_a);
        self.b.backward(&mut grad_b);
        [grad_a, grad_b]
    }
}

/// Asserts that a matrix is whole rows, and returns how many.
pub(super) fn num_rows(vectors: &[f32], width: usize) -> usize {
    assert!(width > 0 && vectors.len().is_multiple_of(width), "rows of {width} values");
    vectors.len() / width
}
