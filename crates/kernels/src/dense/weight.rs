//! A weight in whatever form it is held, multiplied in both directions.

use super::convert::{DenseType, Source, pack_columns, pack_rows, widen_panel};
use super::made::{MadeBlock, Panels, Square, multiply_made, place_transposed, transpose_words};
use super::matrix::DenseMatrix;
use super::operand::RowOperand;
use crate::{Pool, QuantMatrix};

/// A matrix `W [n, k]` in the one form in which it is held.
#[derive(Clone, Copy)]
pub enum WeightRef<'a> {
    /// Rows of f32, as an optimizer changes them.
    Floats {
        /// `[n, k]`, row-major.
        w_nk: &'a [f32],
        /// Outputs.
        n: usize,
        /// Inputs.
        k: usize,
    },
    /// Packed f32 or bf16.
    Dense(&'a DenseMatrix),
    /// Packed blocks.
    Quant(&'a QuantMatrix),
}

impl WeightRef<'_> {
    /// Outputs.
    pub fn n(&self) -> usize {
        match self {
            Self::Floats { n, .. } => *n,
            Self::Dense(matrix) => matrix.n(),
            Self::Quant(matrix) => matrix.n(),
        }
    }

    /// Inputs.
    pub fn k(&self) -> usize {
        match self {
            Self::Floats { k, .. } => *k,
            Self::Dense(matrix) => matrix.k(),
            Self::Quant(matrix) => matrix.k(),
        }
    }

    /// `y = x W^T`, or `y += x W^T` if `accumulate`, in the operand's element type.
    ///
    /// # Shapes
    /// `x` holds `t` rows of `k`; `out_tn` `[t, n]` with rows `ldo` apart.
    ///
    /// # Panics
    /// If the reductions differ or `out_tn` is too short.
    pub fn matmul(
        &self,
        pool: &Pool,
        x: &RowOperand,
        out_tn: &mut [f32],
        ldo: usize,
        accumulate: bool,
    ) {
        match *self {
            Self::Dense(matrix) if matrix.dtype() == x.dtype() => {
                matrix.matmul_operand(pool, x, out_tn, ldo, accumulate);
            }
            Self::Dense(_) | Self::Floats { .. } | Self::Quant(_) => {
                self.with_panels(false, &mut |made| {
                    multiply_made(pool, &[(x, made)], out_tn, ldo, accumulate);
                });
            }
        }
    }

    /// `y = x W^T + x' W'^T`, or that added: the bits of [`Self::matmul`] of the first and then of the
    /// second, in one pass over `y`.
    ///
    /// # Panics
    /// As there, or if the second product has another shape or type.
    pub fn matmul_beside(
        &self,
        pool: &Pool,
        x: &RowOperand,
        (beside, x_beside): (WeightRef<'_>, &RowOperand),
        out_tn: &mut [f32],
        ldo: usize,
        accumulate: bool,
    ) {
        self.with_panels(false, &mut |made| {
            beside.with_panels(false, &mut |made_beside| {
                let terms = [(x, made), (x_beside, made_beside)];
                multiply_made(pool, &terms, out_tn, ldo, accumulate);
            });
        });
    }

    /// `dx = dy W`, or `dx += dy W` if `accumulate`, in the operand's element type.
    ///
    /// # Shapes
    /// `dy` holds `t` rows of `n`; `out_tk` `[t, k]` with rows `ldo` apart.
    ///
    /// # Panics
    /// If the reductions differ or `out_tk` is too short.
    pub fn matmul_transposed(
        &self,
        pool: &Pool,
        dy: &RowOperand,
        out_tk: &mut [f32],
        ldo: usize,
        accumulate: bool,
    ) {
        self.with_panels(true, &mut |made| {
            multiply_made(pool, &[(dy, made)], out_tk, ldo, accumulate);
        });
    }

    /// `dx = dy W + dy' W'`, or that added, as [`Self::matmul_beside`].
    ///
    /// # Panics
    /// As there.
    pub fn matmul_transposed_beside(
        &self,
        pool: &Pool,
        dy: &RowOperand,
        (beside, dy_beside): (WeightRef<'_>, &RowOperand),
        out_tk: &mut [f32],
        ldo: usize,
        accumulate: bool,
    ) {
        self.with_panels(true, &mut |made| {
            beside.with_panels(true, &mut |made_beside| {
                let terms = [(dy, made), (dy_beside, made_beside)];
                multiply_made(pool, &terms, out_tk, ldo, accumulate);
            });
        });
    }

    /// Lends its panels, or those of the other direction.
    fn with_panels(&self, transposed: bool, then: &mut dyn FnMut(&dyn Panels)) {
        match *self {
            Self::Floats { w_nk, n, k } => {
                assert_eq!(w_nk.len(), n * k, "matrix [{n}, {k}]");
                let source = Source { data: w_nk, stride: k, rows: n, len: k };
                if transposed { then(&Columns(source)) } else { then(&Rows(source)) }
            }
            Self::Dense(matrix) if transposed => then(&Transposed(matrix)),
            Self::Dense(matrix) => then(&Widened(matrix)),
            Self::Quant(matrix) if transposed => then(&matrix.transposed_panels()),
            Self::Quant(matrix) => then(&matrix.panels()),
        }
    }

    /// Writes row `row`: an embedding look-up.
    ///
    /// # Panics
    /// If there is no such row or `out_k` is not `k` long.
    pub fn row(&self, row: usize, out_k: &mut [f32]) {
        match *self {
            Self::Floats { w_nk, k, .. } => out_k.copy_from_slice(&w_nk[row * k..][..k]),
            Self::Dense(matrix) => matrix.row(row, out_k),
            Self::Quant(matrix) => matrix.dequantize_row(row, out_k),
        }
    }
}

/// Panels whose columns are the source's rows.
struct Rows<'a>(Source<'a>);

impl Panels for Rows<'_> {
    fn shape(&self) -> (usize, usize) {
        (self.0.rows, self.0.len)
    }

    fn make(&self, block: &mut MadeBlock<'_>) {
        let MadeBlock { level, dtype, .. } = *block;
        let part = block.elements(self.0.len);
        let data = &self.0.data[part.start..];
        let source = Source { data, len: part.len(), ..self.0 };
        for (panel, words) in block.by_panel() {
            pack_columns(level, dtype, source, panel * 16, words);
        }
    }
}

/// Panels whose columns are the source's columns.
struct Columns<'a>(Source<'a>);

impl Panels for Columns<'_> {
    fn shape(&self) -> (usize, usize) {
        (self.0.len, self.0.rows)
    }

    fn make(&self, block: &mut MadeBlock<'_>) {
        let MadeBlock { level, dtype, .. } = *block;
        let first = block.steps.start;
        for (panel, words) in block.by_panel() {
            pack_rows(level, dtype, self.0, panel * 16, first, words);
        }
    }
}

/// The panels of a packed matrix, perhaps in another element type than it is packed in.
struct Widened<'a>(&'a DenseMatrix);

impl Panels for Widened<'_> {
    fn shape(&self) -> (usize, usize) {
        (self.0.n(), self.0.k())
    }

    fn make(&self, block: &mut MadeBlock<'_>) {
        let MadeBlock { level, dtype, .. } = *block;
        let (steps, part) = (block.steps.clone(), block.elements(self.0.k()));
        for (panel, words) in block.by_panel() {
            match (self.0.dtype(), dtype) {
                (DenseType::Bf16, DenseType::F32) => {
                    // An odd reduction ends in a pair of which half is padding.
                    let pairs = part.start / 2..part.end.div_ceil(2);
                    let held = self.0.panel(panel, &pairs);
                    let whole = part.len() / 2 * 32;
                    widen_panel(level, held, &mut words[..whole]);
                    if part.len() % 2 == 1 {
                        let last = &held[held.len() - 16..];
                        for (word, pair) in words[whole..].iter_mut().zip(last) {
                            *word = pair << 16;
                        }
                    }
                }
                (DenseType::F32, DenseType::Bf16) => {
                    let held = self.0.panel(panel, &part);
                    for (words, two) in
                        words.as_chunks_mut::<16>().0.iter_mut().zip(held.chunks(32))
                    {
                        for (lane, word) in words.iter_mut().enumerate() {
                            let high = two.get(16 + lane).map_or(0, |&bits| bf16_of(bits));
                            *word = bf16_of(two[lane]) | high << 16;
                        }
                    }
                }
                _ => words.copy_from_slice(self.0.panel(panel, &steps)),
            }
        }
    }
}

fn bf16_of(bits: u32) -> u32 {
    super::bf16_bits(f32::from_bits(bits))
}

/// The panels of a packed matrix in the other direction.
struct Transposed<'a>(&'a DenseMatrix);

impl Panels for Transposed<'_> {
    fn shape(&self) -> (usize, usize) {
        (self.0.k(), self.0.n())
    }

    fn make(&self, block: &mut MadeBlock<'_>) {
        let MadeBlock { level, dtype, .. } = *block;
        let rows = block.elements(self.0.n());
        let steps_of_square = dtype.steps(16);
        let mut square: Square = [[0.0; 16]; 16];
        for (panel, words) in block.by_panel() {
            let tiles = rows.start / 16..rows.end.div_ceil(16);
            let places = words.as_chunks_mut::<16>().0.chunks_mut(steps_of_square);
            for (tile, place) in tiles.zip(places) {
                if (self.0.dtype(), dtype) == (DenseType::Bf16, DenseType::Bf16)
                    && transpose_words(level, self.0.steps_of_square(tile, panel), place)
                {
                    continue;
                }
                self.0.square(tile, panel, &mut square);
                place_transposed(level, dtype, &square, place);
            }
        }
    }
}
