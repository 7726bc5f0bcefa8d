//! From rows of f32 to the words that the kernels read.

#[cfg(target_arch = "x86_64")]
use super::bf16_avx512;
use super::made::place_rows_transposed;
use super::micro::{multiplies_bf16, precise_type};
use crate::level;
use crate::leveled::leveled;

/// Element type of a product's operands; sums are f32 in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenseType {
    /// Four bytes, 24 bits of precision: for references, goldens and small models.
    F32,
    /// Two bytes, 8 bits of precision, rounded to nearest even: half the memory, and twice the
    /// speed or more where the machine multiplies it natively.
    Bf16,
}

impl DenseType {
    /// The type in which this machine multiplies fastest, of those that keep 8 bits or more.
    pub fn fastest() -> Self {
        precise_type(level())
    }

    /// Words (and steps) that a reduction of `len` elements takes.
    pub(crate) fn steps(self, len: usize) -> usize {
        match self {
            DenseType::F32 => len,
            DenseType::Bf16 => len.div_ceil(2),
        }
    }

    /// Elements of so many whole steps.
    pub(crate) fn elements(self, steps: usize) -> usize {
        match self {
            DenseType::F32 => steps,
            DenseType::Bf16 => 2 * steps,
        }
    }
}

/// Rounds to bf16 (nearest even) and returns the bits in the low half. A NaN stays a NaN.
#[inline(always)]
pub(crate) fn bf16_bits(value: f32) -> u32 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    if value.is_nan() { 0x7fc0 } else { rounded }
}

#[inline(always)]
pub(super) fn pair(low: f32, high: f32) -> u32 {
    bf16_bits(low) | (bf16_bits(high) << 16)
}

/// Values of a word's elements, in order of the reduction.
pub(crate) fn word_values(dtype: DenseType, word: u32) -> [f32; 2] {
    match dtype {
        DenseType::F32 => [f32::from_bits(word), 0.0],
        DenseType::Bf16 => [f32::from_bits(word << 16), f32::from_bits(word & 0xffff_0000)],
    }
}

/// A block of rows inside a larger row-major array: row `i` is `data[i * stride..][..len]`.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) stride: usize,
    pub(crate) rows: usize,
    pub(crate) len: usize,
}

impl<'a> Source<'a> {
    pub(crate) fn row(&self, row: usize) -> &'a [f32] {
        &self.data[row * self.stride..][..self.len]
    }
}

/// Row operand whose rows are the source's rows: `out[row * steps + step]`, values times `scale`.
pub(crate) fn words_of_rows(
    level: crate::Level,
    dtype: DenseType,
    src: Source<'_>,
    scale: f32,
    out: &mut [u32],
) {
    let steps = dtype.steps(src.len);
    for (row, words) in out.chunks_exact_mut(steps).take(src.rows).enumerate() {
        match dtype {
            DenseType::F32 => scaled_f32(level, src.row(row), scale, words),
            DenseType::Bf16 => scaled_words(level, src.row(row), scale, words),
        }
    }
}

leveled! {
    fn scaled_f32(values: &[f32], scale: f32, words: &mut [u32]) {
        for (word, value) in words.iter_mut().zip(values) {
            *word = (value * scale).to_bits();
        }
    }
}

fn scaled_words(level: crate::Level, values: &[f32], scale: f32, words: &mut [u32]) {
    #[cfg(target_arch = "x86_64")]
    if multiplies_bf16(level) {
        assert!(words.len() >= values.len().div_ceil(2));
        // SAFETY: such levels have the instructions.
        return unsafe { bf16_avx512::scaled(values, scale, words) };
    }
    scaled_bf16(level, values, scale, words);
}

leveled! {
    fn scaled_bf16(values: &[f32], scale: f32, words: &mut [u32]) {
        let (pairs, rest) = values.as_chunks::<2>();
        for (word, &[low, high]) in words.iter_mut().zip(pairs) {
            *word = pair(low * scale, high * scale);
        }
        if let [low] = rest {
            words[pairs.len()] = pair(low * scale, 0.0);
        }
    }
}

/// Words of one step over the source's rows, for `words.len()` columns from `first`; columns beyond
/// the source are zero.
pub(super) fn step_of_rows(
    level: crate::Level,
    dtype: DenseType,
    src: Source<'_>,
    step: usize,
    first: usize,
    words: &mut [u32],
) {
    let cols = (src.len - first).min(words.len());
    let (words, padding) = words.split_at_mut(cols);
    padding.fill(0);
    match dtype {
        DenseType::F32 => scaled_f32(level, &src.row(step)[first..][..cols], 1.0, words),
        DenseType::Bf16 if 2 * step + 1 < src.rows => {
            let (low, high) = (src.row(2 * step), src.row(2 * step + 1));
            zip_words(level, &low[first..][..cols], &high[first..][..cols], words);
        }
        DenseType::Bf16 => {
            for (word, &low) in words.iter_mut().zip(&src.row(2 * step)[first..]) {
                *word = pair(low, 0.0);
            }
        }
    }
}

/// Words of the values of two rows, `low` in the lower halves.
pub(crate) fn zip_words(level: crate::Level, low: &[f32], high: &[f32], words: &mut [u32]) {
    #[cfg(target_arch = "x86_64")]
    if multiplies_bf16(level) {
        // SAFETY: such levels have the instructions.
        return unsafe { bf16_avx512::zipped(low, high, words) };
    }
    zip_bf16(level, low, high, words);
}

leveled! {
    fn zip_bf16(low: &[f32], high: &[f32], words: &mut [u32]) {
        for ((word, &low), &high) in words.iter_mut().zip(low).zip(high) {
            *word = pair(low, high);
        }
    }
}

/// One panel whose 16 columns are the source's rows from `first`, reduction along the rows:
/// `out[step][16]`; columns beyond the source are zero.
pub(crate) fn pack_columns(
    level: crate::Level,
    dtype: DenseType,
    src: Source<'_>,
    first: usize,
    out: &mut [u32],
) {
    let cols = (src.rows - first).min(16);
    if cols < 16 {
        out.fill(0);
    }
    // Squares are turned in registers where there is code for that.
    let turns = dtype == DenseType::F32 || multiplies_bf16(level);
    let whole = if cols == 16 && turns { src.len / 16 * 16 } else { 0 };
    let steps = dtype.steps(16);
    let (squares, out) = out.split_at_mut(dtype.steps(whole) * 16);
    let data = src.data.get(first * src.stride..).unwrap_or_default();
    for (place, words) in squares.as_chunks_mut::<16>().0.chunks_exact_mut(steps).enumerate() {
        place_rows_transposed(level, dtype, &data[place * 16..], src.stride, words);
    }
    let src = Source { data: &src.data[whole..], len: src.len - whole, ..src };
    for lane in 0..cols {
        match dtype {
            DenseType::F32 => lane_f32(level, src.row(first + lane), lane, out),
            DenseType::Bf16 => lane_bf16(level, src.row(first + lane), lane, out),
        }
    }
}

leveled! {
    fn lane_f32(values: &[f32], lane: usize, out: &mut [u32]) {
        for (words, value) in out.as_chunks_mut::<16>().0.iter_mut().zip(values) {
            words[lane] = value.to_bits();
        }
    }
}

leveled! {
    fn lane_bf16(values: &[f32], lane: usize, out: &mut [u32]) {
        let (pairs, rest) = values.as_chunks::<2>();
        let words = out.as_chunks_mut::<16>().0;
        for (word, &[low, high]) in words.iter_mut().zip(pairs) {
            word[lane] = pair(low, high);
        }
        if let [low] = rest {
            words[pairs.len()][lane] = pair(*low, 0.0);
        }
    }
}

/// Steps from `first_step` of the panel whose 16 columns are the source's columns from `first`,
/// reduction over the source's rows.
pub(crate) fn pack_rows(
    level: crate::Level,
    dtype: DenseType,
    src: Source<'_>,
    first: usize,
    first_step: usize,
    out: &mut [u32],
) {
    let steps = out.as_chunks_mut::<16>().0;
    let per_step = if dtype == DenseType::F32 { 1 } else { 2 };
    let whole = (src.rows / per_step - first_step).min(steps.len());
    let together = first + 16 <= src.len && (dtype == DenseType::F32 || multiplies_bf16(level));
    let (whole, rest) = steps.split_at_mut(if together { whole } else { 0 });
    for (i, words) in rest.iter_mut().enumerate() {
        step_of_rows(level, dtype, src, first_step + whole.len() + i, first, words);
    }
    match dtype {
        DenseType::F32 => whole_steps(level, src, first, first_step, whole),
        #[cfg(target_arch = "x86_64")]
        DenseType::Bf16 if together => {
            // SAFETY: such levels have the instructions.
            unsafe { bf16_avx512::zipped_steps(src, first, first_step, whole) }
        }
        DenseType::Bf16 => {}
    }
}

/// As [`pack_rows`], of rows of `len` values that are bf16 already.
pub(super) fn pack_half_rows(
    level: crate::Level,
    (halves, len): (&[u16], usize),
    first: usize,
    first_step: usize,
    out: &mut [u32],
) {
    let cols = (len - first).min(16);
    for (words, step) in out.as_chunks_mut::<16>().0.iter_mut().zip(first_step..) {
        let (words, padding) = words.split_at_mut(cols);
        padding.fill(0);
        let (low, high) = (2 * step * len + first, (2 * step + 1) * len + first);
        let low = &halves[low..low + cols];
        // An odd number of rows ends in a pair of which half is padding.
        match halves.get(high..high + cols) {
            Some(high) => zip_halves(level, low, high, words),
            None => words.iter_mut().zip(low).for_each(|(word, low)| *word = u32::from(*low)),
        }
    }
}

leveled! {
    fn zip_halves(low: &[u16], high: &[u16], words: &mut [u32]) {
        for ((word, low), high) in words.iter_mut().zip(low).zip(high) {
            *word = u32::from(*low) | u32::from(*high) << 16;
        }
    }
}

leveled! {
    fn whole_steps(src: Source<'_>, first: usize, first_step: usize, out: &mut [[u32; 16]]) {
        for (i, words) in out.iter_mut().enumerate() {
            words.copy_from_slice(bytemuck::cast_slice(&src.row(first_step + i)[first..][..16]));
        }
    }
}

leveled! {
    /// A bf16 panel of rows, `[step][height]` of pairs, as an f32 panel of twice the steps.
    pub(super) fn widen_row_panel(words: &[u32], height: usize, out: &mut [u32]) {
        if height == 1 {
            for ([low, high], word) in out.as_chunks_mut::<2>().0.iter_mut().zip(words) {
                (*low, *high) = (word << 16, word & 0xffff_0000);
            }
            return;
        }
        for (out, words) in out.chunks_exact_mut(2 * height).zip(words.chunks_exact(height)) {
            let (low, high) = out.split_at_mut(height);
            for ((low, high), word) in low.iter_mut().zip(high).zip(words) {
                (*low, *high) = (word << 16, word & 0xffff_0000);
            }
        }
    }
}

leveled! {
    /// A bf16 panel `[step][16]` of pairs as an f32 panel of twice the steps.
    pub(super) fn widen_panel(words: &[u32], out: &mut [u32]) {
        let steps = out.as_chunks_mut::<32>().0;
        for (out, words) in steps.iter_mut().zip(words.as_chunks::<16>().0) {
            let (low, high) = out.split_at_mut(16);
            for ((low, high), word) in low.iter_mut().zip(high).zip(words) {
                (*low, *high) = (word << 16, word & 0xffff_0000);
            }
        }
    }
}
