//! Dense matrix products in f32 and bf16 with f32 accumulation.
//!
//! Three products cover inference and training, and differ only in how their operands are laid out:
//!
//! | form | formula | column operand ([`DenseMatrix`]) | row operand ([`RowOperand`]) |
//! |---|---|---|---|
//! | NT | `y = x W^T` | [`DenseMatrix::pack`] of `W` | [`RowOperand::set`] of `x` |
//! | NN | `dx = dy W` | [`DenseMatrix::pack_transposed`] of `W` | [`RowOperand::set`] of `dy` |
//! | TN | `dW = dy^T x` | [`DenseMatrix::pack_transposed`] of `x` | [`RowOperand::set_transposed`] of `dy` |
//!
//! Both operands are arrays of 4-byte words, one per *step* of the reduction: an f32, or a pair of
//! bf16. The column operand stands in panels of 16 columns, `[col / 16][step][16]`, so that one
//! step of one panel is one 64-byte line. The row operand is read one broadcast word at a time: its
//! rows stand as they came, or in panels as tall as a register tile if they came as columns. One
//! micro-kernel per element type and level walks the steps in order for a tile of rows and panels
//! held in registers; there is no cache blocking of the steps, because measured to reduction
//! lengths of 4096 it only costs.
//!
//! Every output element is the same sequence of operations whatever the tile, the other rows or the
//! number of threads: products are batch-invariant and independent of the thread count, bit for
//! bit.

#[cfg(target_arch = "x86_64")]
mod bf16_avx512;
mod convert;
mod made;
mod matrix;
mod micro;
mod operand;
mod product;
mod rows;
mod self_check;
#[cfg(test)]
mod tests;
mod weight;
#[cfg(test)]
mod weight_tests;

#[cfg(target_arch = "x86_64")]
pub(crate) use bf16_avx512::{rounded as bf16_line, words as bf16_words};
pub use convert::DenseType;
pub use matrix::DenseMatrix;
pub use operand::RowOperand;
pub use weight::WeightRef;

pub(crate) use convert::{Source, bf16_bits, pack_columns, pack_rows, words_of_rows, zip_words};
pub(crate) use made::{MadeBlock, MadePart, PANELS, Panels, Square, place_transposed};
#[cfg(any(test, target_arch = "x86_64"))]
pub(crate) use micro::multiplies_bf16;
pub(crate) use micro::precise_type;
#[cfg(test)]
pub(crate) use micro::with_widened_bf16;
pub(crate) use product::{ColView, Product, product};
pub(crate) use rows::{RowLayout, RowView, pack_transposed_rows};
pub(crate) use self_check::agrees as dense_agrees;
#[cfg(test)]
pub(crate) use weight_tests::check_weight;
