//! Products whose column operand is made while it is multiplied.
//!
//! A weight has one copy in memory, in whatever form it is held: trained f32 rows, packed bf16,
//! blocks of a file. Training needs it in two directions, `y = x W^T` and `dx = dy W`, so at least
//! one of them reads panels that do not exist. They are made a few panels and [`MADE_STEPS`] steps
//! at a time, in memory of the thread that multiplies them: never more than a tile of the dense
//! matrix, and for the hundreds of rows of a training step the making costs a few per cent.

use std::cell::RefCell;
use std::ops::Range;

use super::convert::DenseType;
#[cfg(target_arch = "x86_64")]
use super::micro::multiplies_bf16;
use super::operand::RowOperand;
use super::product::{ColView, Product, product_len, product_of};
use super::rows::RowView;
use crate::leveled::leveled;
use crate::share::SharedMut;
use crate::{AlignedBuf, Level, Pool, level, span};

/// Steps of the reduction that are made at once: three panels of them fill a part of a small
/// second-level cache. A multiple of every unit that quantized weights are unpacked in.
pub(crate) const MADE_STEPS: usize = 1024;
/// Panels that are multiplied together, at least: those of the widest kernel.
pub(crate) const PANELS: usize = 3;
/// Rows that are worth making panels for a second time, on another thread.
const MIN_ROWS: usize = 48;

thread_local! {
    static MADE: RefCell<AlignedBuf<u32>> = RefCell::default();
}

/// A column operand that does not stand in memory as panels.
pub(crate) trait Panels: Sync {
    /// Columns of the product, and elements of the reduction.
    fn shape(&self) -> (usize, usize);

    /// Panels that are made together.
    fn group(&self) -> usize {
        1
    }

    /// Writes a block, columns beyond the matrix zero.
    fn make(&self, block: &mut MadeBlock<'_>);
}

/// A few steps of a few panels.
pub(crate) struct MadeBlock<'a> {
    pub(crate) level: Level,
    pub(crate) dtype: DenseType,
    /// From a multiple of [`Panels::group`].
    pub(crate) panels: Range<usize>,
    /// From a multiple of [`MADE_STEPS`].
    pub(crate) steps: Range<usize>,
    /// `[panel][step][16]`.
    pub(crate) out: &'a mut [u32],
}

impl MadeBlock<'_> {
    /// The elements of a reduction of `len` that stand in the steps.
    pub(crate) fn elements(&self, len: usize) -> Range<usize> {
        let per_step = if self.dtype == DenseType::F32 { 1 } else { 2 };
        self.steps.start * per_step..len.min(self.steps.end * per_step)
    }

    /// Each panel with the words of its steps.
    pub(crate) fn by_panel(&mut self) -> impl Iterator<Item = (usize, &mut [u32])> {
        let len = self.steps.len() * 16;
        self.panels.clone().zip(self.out.chunks_exact_mut(len))
    }
}

/// A row operand with the panels it is multiplied by.
pub(crate) type MadeTerm<'a> = (&'a RowOperand, &'a dyn Panels);

/// `out = sum of x P`, or `out += sum of x P` if `accumulate`, over one term or more, on all threads.
///
/// The terms of an output element are taken in order, and so are the steps of each; sums that wait in
/// `out` for the next block of steps, or the next term, keep their bits there. So neither blocks nor
/// threads change a result, and several terms have the bits of one product after the other, without
/// another pass over `out`.
///
/// # Panics
/// If the shapes or types of operands disagree or `out` (row stride `ldo`) is too short.
pub(crate) fn multiply_made(
    pool: &Pool,
    terms: &[MadeTerm<'_>],
    out: &mut [f32],
    ldo: usize,
    accumulate: bool,
) {
    let (x, made) = terms[0];
    let (rows, dtype, cols) = (x.rows(), x.dtype(), made.shape().0);
    for (x, made) in terms {
        let (columns, reduction) = made.shape();
        assert_eq!(reduction, x.reduction(), "reduction of a product");
        assert_eq!((x.rows(), columns), (rows, cols), "rows and columns of a sum of products");
        assert_eq!(x.dtype(), dtype, "element types of a sum of products");
    }
    let needed = product_len(rows, cols, ldo);
    assert!(out.len() >= needed, "{} outputs of {needed}", out.len());
    if rows == 0 || cols == 0 {
        return;
    }
    let (num_panels, threads) = (cols.div_ceil(16), pool.threads());
    let per_task =
        terms.iter().fold(PANELS, |panels, term| panels.next_multiple_of(term.1.group()));
    let col_tasks = num_panels.div_ceil(per_task);
    let row_tasks = if col_tasks >= 2 * threads {
        1
    } else {
        (2 * threads).div_ceil(col_tasks).min(rows.div_ceil(MIN_ROWS))
    };
    let (level, out) = (level(), SharedMut::new(out));
    // Rows that came as columns stand in panels, which are not cut; all terms are cut alike.
    let height = terms.iter().map(|(x, _)| x.view().layout.height).max().unwrap_or(1);
    pool.for_each(col_tasks * row_tasks, &|_, task| {
        let first = task / row_tasks * per_task;
        let panels = first..num_panels.min(first + per_task);
        let rows = whole_panels(rows, height, task % row_tasks, row_tasks);
        for (term, (x, made)) in terms.iter().enumerate() {
            let task = MadePart {
                level,
                view: x.view(),
                made: *made,
                dtype,
                rows: rows.clone(),
                panels: panels.clone(),
                accumulate: accumulate || term > 0,
            };
            // SAFETY: the length was checked above; tasks differ in rows or in columns.
            unsafe { task.run(out.as_mut_ptr(), ldo) }
        }
    });
}

/// The part of `rows` that belongs to `part` of `parts`, in whole panels of rows.
fn whole_panels(rows: usize, height: usize, part: usize, parts: usize) -> Range<usize> {
    let panels = span(rows.div_ceil(height), part, parts);
    (panels.start * height).min(rows)..(panels.end * height).min(rows)
}

/// A few panels by a range of rows.
pub(crate) struct MadePart<'a> {
    pub(crate) level: Level,
    pub(crate) view: RowView<'a>,
    pub(crate) made: &'a dyn Panels,
    pub(crate) dtype: DenseType,
    pub(crate) rows: Range<usize>,
    pub(crate) panels: Range<usize>,
    pub(crate) accumulate: bool,
}

impl MadePart<'_> {
    /// # Safety
    /// `out` must cover the product, and nobody else may touch the part's rows and columns.
    pub(crate) unsafe fn run(&self, out: *mut f32, ldo: usize) {
        let (level, view) = (self.level, self.view);
        let (cols, reduction) = self.made.shape();
        let total = self.dtype.steps(reduction);
        let cols = (cols - self.panels.start * 16).min(self.panels.len() * 16);
        MADE.with_borrow_mut(|words| {
            for start in (0..total).step_by(MADE_STEPS) {
                let steps = start..total.min(start + MADE_STEPS);
                let panel_stride = steps.len() * 16;
                words.grow(self.panels.len() * panel_stride);
                let words = &mut words[..self.panels.len() * panel_stride];
                self.made.make(&mut MadeBlock {
                    level,
                    dtype: self.dtype,
                    panels: self.panels.clone(),
                    steps: steps.clone(),
                    out: words,
                });
                let product = Product {
                    level,
                    dtype: self.dtype,
                    rows: view.part(self.rows.clone(), start),
                    cols: ColView { words, cols, panel_stride },
                    steps: steps.len(),
                    accumulate: self.accumulate || start > 0,
                };
                let at = self.rows.start * ldo + self.panels.start * 16;
                // SAFETY: inside `out` by the caller's promise, and this part's alone.
                unsafe { product_of(&product, out.add(at), ldo) }
            }
        });
    }
}

/// A square of a weight: `[column of W][row of W]`.
pub(crate) type Square = [[f32; 16]; 16];

/// Writes a square as steps of a panel whose columns are those of `W`: as many rows of `W` as
/// `out` has room for.
pub(crate) fn place_transposed(
    level: Level,
    dtype: DenseType,
    square: &Square,
    out: &mut [[u32; 16]],
) {
    match dtype {
        DenseType::F32 => turned(level, square, out),
        DenseType::Bf16 => transposed_pairs(level, square, out),
    }
}

/// [`place_transposed`] of a whole square that stands in rows `stride` apart, each a column of `W`'s
/// panel.
///
/// # Panics
/// If `rows` is too short, or `out` no whole square.
pub(super) fn place_rows_transposed(
    level: Level,
    dtype: DenseType,
    rows: &[f32],
    stride: usize,
    out: &mut [[u32; 16]],
) {
    let needed = 15 * stride + 16;
    assert!(rows.len() >= needed, "{} values of a square of {needed}", rows.len());
    assert_eq!(out.len(), dtype.steps(16), "steps of a square");
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    if dtype == DenseType::F32 && level != Level::Scalar {
        // SAFETY: every level above scalar has AVX2 or NEON; the lengths were checked.
        return unsafe { transposed_square(rows.as_ptr(), stride, out) };
    }
    #[cfg(target_arch = "x86_64")]
    if let (DenseType::Bf16, true, Ok(out)) =
        (dtype, multiplies_bf16(level), <&mut [[u32; 16]; 8]>::try_from(&mut *out))
    {
        // SAFETY: such levels have the instructions; the lengths were checked.
        return unsafe { super::bf16_avx512::transposed(rows.as_ptr(), stride, out) };
    }
    let mut square: Square = [[0.0; 16]; 16];
    for (values, row) in square.iter_mut().zip(rows.chunks(stride)) {
        values.copy_from_slice(&row[..16]);
    }
    place_transposed(level, dtype, &square, out);
}

/// `out[i][j] = square[j][i]`, for as many `i` as `out` has.
pub(super) fn turned(level: Level, square: &Square, out: &mut [[u32; 16]]) {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    if level != Level::Scalar && out.len() == 16 {
        // SAFETY: every level above scalar has AVX2 or NEON, and both sides are whole squares.
        return unsafe { transposed_square(square.as_ptr().cast(), 16, out) };
    }
    for (row, words) in out.iter_mut().enumerate() {
        for (word, column) in words.iter_mut().zip(square) {
            *word = column[row].to_bits();
        }
    }
}

/// Four blocks of eight by eight, each turned in registers.
///
/// # Safety
/// The processor must have AVX2; at `from` must be 16 rows of 16 values, `stride` apart, and `out` must
/// be 16 rows.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn transposed_square(from: *const f32, stride: usize, out: &mut [[u32; 16]]) {
    use std::arch::x86_64::{
        __m256, _mm256_loadu_ps, _mm256_permute2f128_ps, _mm256_shuffle_ps, _mm256_storeu_ps,
        _mm256_unpackhi_ps, _mm256_unpacklo_ps,
    };
    let to = out.as_mut_ptr().cast::<f32>();
    for (column, row) in [(0, 0), (0, 8), (8, 0), (8, 8)] {
        // SAFETY: eight rows of eight values from (column, row) are inside the square, and as many
        // from (row, column) inside the output.
        unsafe {
            let r: [__m256; 8] =
                std::array::from_fn(|i| _mm256_loadu_ps(from.add((column + i) * stride + row)));
            let low = |i: usize| _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
            let high = |i: usize| _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
            let pairs = [low(0), high(0), low(1), high(1), low(2), high(2), low(3), high(3)];
            // Quads of columns 0 to 3 and 4 to 7, four rows each in both lanes.
            let quad = |i: usize, j: usize| -> [__m256; 2] {
                [
                    _mm256_shuffle_ps::<0b01_00_01_00>(pairs[i], pairs[j]),
                    _mm256_shuffle_ps::<0b11_10_11_10>(pairs[i], pairs[j]),
                ]
            };
            let [a0, a1] = quad(0, 2);
            let [a2, a3] = quad(1, 3);
            let [b0, b1] = quad(4, 6);
            let [b2, b3] = quad(5, 7);
            for (i, (a, b)) in [(a0, b0), (a1, b1), (a2, b2), (a3, b3)].into_iter().enumerate() {
                let low = _mm256_permute2f128_ps::<0x20>(a, b);
                let high = _mm256_permute2f128_ps::<0x31>(a, b);
                _mm256_storeu_ps(to.add((row + i) * 16 + column), low);
                _mm256_storeu_ps(to.add((row + i + 4) * 16 + column), high);
            }
        }
    }
}

/// Sixteen blocks of four by four, each turned in registers.
///
/// # Safety
/// At `from` must be 16 rows of 16 values, `stride` apart, and `out` must be 16 rows.
#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
unsafe fn transposed_square(from: *const f32, stride: usize, out: &mut [[u32; 16]]) {
    use std::arch::aarch64::{
        float64x2_t, vld1q_f32, vreinterpretq_f32_f64, vreinterpretq_f64_f32, vst1q_f32,
        vtrn1q_f32, vtrn1q_f64, vtrn2q_f32, vtrn2q_f64,
    };
    let to = out.as_mut_ptr().cast::<f32>();
    for row in (0..16).step_by(4) {
        for column in (0..16).step_by(4) {
            // SAFETY: four rows of four values from (column, row) are inside the square, and as many
            // from (row, column) inside the output.
            unsafe {
                let r = |i: usize| vld1q_f32(from.add((column + i) * stride + row));
                let pairs = |i: usize| -> [float64x2_t; 2] {
                    let (a, b) = (r(i), r(i + 1));
                    [vtrn1q_f32(a, b), vtrn2q_f32(a, b)].map(|pairs| vreinterpretq_f64_f32(pairs))
                };
                let ([a0, a1], [b0, b1]) = (pairs(0), pairs(2));
                let rows = [
                    vtrn1q_f64(a0, b0),
                    vtrn1q_f64(a1, b1),
                    vtrn2q_f64(a0, b0),
                    vtrn2q_f64(a1, b1),
                ];
                for (i, values) in rows.into_iter().enumerate() {
                    vst1q_f32(to.add((row + i) * 16 + column), vreinterpretq_f32_f64(values));
                }
            }
        }
    }
}

fn transposed_pairs(level: Level, square: &Square, out: &mut [[u32; 16]]) {
    #[cfg(target_arch = "x86_64")]
    if let (true, Ok(out)) = (multiplies_bf16(level), <&mut [[u32; 16]; 8]>::try_from(&mut *out)) {
        // SAFETY: such levels have the instructions.
        return unsafe { super::bf16_avx512::transposed(square.as_ptr().cast(), 16, out) };
    }
    transposed_bf16(level, square, out);
}

/// Eight steps of a panel of bf16 as steps of the transposed matrix, if the level has code for that.
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(unused_variables, reason = "no level of other processors has such code")
)]
pub(super) fn transpose_words(level: Level, steps: &[[u32; 16]], out: &mut [[u32; 16]]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if let (true, Ok(steps), Ok(out)) = (
        multiplies_bf16(level),
        <&[[u32; 16]; 8]>::try_from(steps),
        <&mut [[u32; 16]; 8]>::try_from(out),
    ) {
        // SAFETY: such levels have the instructions.
        unsafe { super::bf16_avx512::transposed_words(steps, out) };
        return true;
    }
    false
}

leveled! {
    fn transposed_bf16(square: &Square, out: &mut [[u32; 16]]) {
        for (pair, words) in out.iter_mut().enumerate() {
            for (word, column) in words.iter_mut().zip(square) {
                let (low, high) = (column[2 * pair], column[2 * pair + 1]);
                *word = super::bf16_bits(low) | super::bf16_bits(high) << 16;
            }
        }
    }
}
