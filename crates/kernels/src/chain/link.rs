//! What a chain is made of, and single products.

use super::part::{Packed, Part, Weights};
use super::work::{Behind, Input, Work, run};
use crate::row_blocks::RowMatrix;
use crate::share::SharedMut;
use crate::{Gate, Level, LogitsFinish, MatmulScratch, Pool, RowNorm, level};

/// A product of a chain: `to = finish(norm(from) W^T + b)`.
///
/// Matrices are named by their numbers in the call.
#[derive(Clone, Copy)]
pub struct Link<'a> {
    /// The matrix whose rows go in.
    pub from: usize,
    /// What they go through first; they stay as they are where they stand.
    pub norm: Option<RowNorm<'a>>,
    /// Up to three weights of the same inputs; their outputs stand side by side.
    pub weights: &'a [Packed],
    /// What is added to the outputs.
    pub bias: Option<&'a [f32]>,
    /// The matrix that the outputs go to.
    pub to: usize,
    /// What becomes of them.
    pub finish: Finish,
}

/// What becomes of a product.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Finish {
    /// It takes the place of what was there.
    Store,
    /// It is added to what was there: the residual connection.
    Add,
    /// `act(product)`.
    Activated(Gate),
    /// The first half of its columns, the gate, goes through the function and is multiplied with the
    /// second.
    Gated {
        /// The function.
        gate: Gate,
        /// The matrix that the result goes to.
        into: usize,
    },
    /// It is logits of one weight.
    Logits {
        /// What is done to them.
        finish: LogitsFinish,
        /// The matrix that the largest of each block of [`LOGITS_BLOCK`](crate::LOGITS_BLOCK) go to.
        maxima: usize,
    },
}

/// A matrix of a chain: its values, and how far rows are apart.
type Shared<'a> = (SharedMut<'a, f32>, usize);

impl Pool {
    /// Runs the links one after the other over `rows` rows of the matrices, as one job.
    ///
    /// A row's result depends on nothing but that row and the weights: not on the other rows, nor
    /// on the threads.
    ///
    /// # Shapes
    /// Row `i` of a matrix `(values, width)` is `values[i * width..]`; inputs and outputs are its first
    /// columns.
    ///
    /// # Panics
    /// If a link reads a matrix that it writes, or one is too narrow or too short: a caller's bug.
    pub fn run_chain<const M: usize, const N: usize>(
        &self,
        rows: usize,
        matrices: [RowMatrix<'_>; M],
        links: [Link<'_>; N],
        scratch: &mut MatmulScratch,
    ) {
        let matrices = matrices.map(|(values, width)| (SharedMut::new(values), width));
        let level = level();
        let works = links.map(|link| link.work(level, &matrices));
        run(level, self, rows, &works, scratch);
    }
}

impl<'a> Link<'a> {
    fn work<'m: 'a>(self, level: Level, matrices: &[Shared<'m>]) -> Work<'a> {
        let Self { from, norm, weights, bias, to, finish } = self;
        assert!(from != to, "a product is written where its input stands");
        let behind = match finish {
            Finish::Store => Behind::Nothing,
            Finish::Add => Behind::Addition,
            Finish::Activated(act) => Behind::Activation(act),
            Finish::Gated { gate, into } => {
                assert!(
                    into != from && into != to,
                    "a gate is written where something else stands"
                );
                Behind::Gate(gate, matrices[into])
            }
            Finish::Logits { finish, maxima } => {
                assert!(maxima != from && maxima != to, "maxima are written over something else");
                Behind::Logits(finish, matrices[maxima])
            }
        };
        let (input, width) = matrices[from];
        let input = (Input::Shared(input), width);
        Work::new(input, norm, (Weights::of(level, weights), bias), matrices[to], behind)
    }
}

/// `out = x W^T + b`, or `out += x W^T + b` if `accumulate`, for weights whose outputs stand side by
/// side.
///
/// A row's result depends on nothing but that row and the weights: not on the other rows, nor on the
/// threads.
///
/// # Shapes
/// `x_tk` `[t, k]`; `out` `(out_tn, ldo)`: `t` rows at distance `ldo >= n`, of which the first `n`
/// values are written.
///
/// # Panics
/// If `x_tk` is not whole rows, or `out_tn` is too short for them.
pub fn multiply(
    pool: &Pool,
    (weights, bias): (&[Packed], Option<&[f32]>),
    x_tk: &[f32],
    out: RowMatrix<'_>,
    accumulate: bool,
    scratch: &mut MatmulScratch,
) {
    let level = level();
    let weights = (Weights::of(level, weights), bias);
    multiply_weights(level, pool, weights, x_tk, out, accumulate, scratch);
}

/// [`multiply`] by one weight at a given level.
pub(crate) fn multiply_part(
    level: Level,
    pool: &Pool,
    part: Part<'_>,
    x_tk: &[f32],
    out: RowMatrix<'_>,
    accumulate: bool,
    scratch: &mut MatmulScratch,
) {
    let weights = (Weights::new(level, std::iter::once(part)), None);
    multiply_weights(level, pool, weights, x_tk, out, accumulate, scratch);
}

#[expect(clippy::large_types_passed_by_value, reason = "the work that is made of them holds them")]
fn multiply_weights(
    level: Level,
    pool: &Pool,
    weights: (Weights<'_>, Option<&[f32]>),
    x_tk: &[f32],
    (out_tn, ldo): RowMatrix<'_>,
    accumulate: bool,
    scratch: &mut MatmulScratch,
) {
    let k = weights.0.k;
    assert!(x_tk.len().is_multiple_of(k), "{} inputs in rows of {k}", x_tk.len());
    let behind = if accumulate { Behind::Addition } else { Behind::Nothing };
    let (input, output) = ((Input::Lent(x_tk), k), (SharedMut::new(out_tn), ldo));
    let work = Work::new(input, None, weights, output, behind);
    run(level, pool, x_tk.len() / k, &[work], scratch);
}
