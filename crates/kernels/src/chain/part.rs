//! Packed weights as the parts of a product.

use std::ops::Range;

use super::operand::{Form, MAX_PARTS, Operand};
use crate::dense::{MadePart, PANELS, precise_type};
use crate::quant::GROUP_COLUMNS;
use crate::share::SharedMut;
use crate::{DenseMatrix, Level, QuantMatrix};

/// Bytes of weights that a thread fetches before its piece begins: what memory delivers to one core
/// in the time that it takes to answer, and some more.
const FETCHED_BYTES: usize = 4096;
/// Bytes of a cache line.
const LINE: usize = 64;

/// A packed weight, and what it is multiplied by.
pub enum Packed {
    /// Blocks, by activations rounded to 8 bits.
    Integer(QuantMatrix),
    /// Blocks that are unpacked as they are multiplied, by activations as bf16 or f32.
    Precise(QuantMatrix),
    /// Floats, by activations of their own type.
    Dense(DenseMatrix),
}

impl Packed {
    /// Outputs.
    pub fn n(&self) -> usize {
        self.part().n()
    }

    /// Inputs.
    pub fn k(&self) -> usize {
        self.part().k()
    }

    /// Bytes of the packed form.
    pub fn bytes(&self) -> usize {
        self.part().bytes()
    }

    /// Writes the weights of one output: an embedding look-up.
    ///
    /// # Panics
    /// If there is no such row or `out_k` is not `k` long.
    pub fn row(&self, row: usize, out_k: &mut [f32]) {
        match self {
            Self::Integer(matrix) | Self::Precise(matrix) => matrix.dequantize_row(row, out_k),
            Self::Dense(matrix) => matrix.row(row, out_k),
        }
    }

    fn part(&self) -> Part<'_> {
        match self {
            Self::Integer(matrix) => Part::Integer(matrix),
            Self::Precise(matrix) => Part::Precise(matrix),
            Self::Dense(matrix) => Part::Dense(matrix),
        }
    }
}

/// A [`Packed`] weight that stands elsewhere.
#[derive(Clone, Copy)]
pub(crate) enum Part<'a> {
    Integer(&'a QuantMatrix),
    Precise(&'a QuantMatrix),
    Dense(&'a DenseMatrix),
}

impl Part<'_> {
    pub(super) fn n(self) -> usize {
        match self {
            Self::Integer(matrix) | Self::Precise(matrix) => matrix.n(),
            Self::Dense(matrix) => matrix.n(),
        }
    }

    pub(super) fn k(self) -> usize {
        match self {
            Self::Integer(matrix) | Self::Precise(matrix) => matrix.k(),
            Self::Dense(matrix) => matrix.k(),
        }
    }

    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Integer(matrix) | Self::Precise(matrix) => matrix.bytes(),
            Self::Dense(matrix) => matrix.bytes(),
        }
    }

    /// What activations are brought into for it.
    pub(super) fn form(self, level: Level) -> Form {
        match self {
            Self::Integer(matrix) => Form::Codes(matrix.sums()),
            Self::Precise(_) => Form::Words(precise_type(level)),
            Self::Dense(matrix) => Form::Words(matrix.dtype()),
        }
    }

    /// Columns that its kernel takes together; all of them begin at multiples of 16.
    pub(super) fn group_columns(self, level: Level) -> usize {
        match self {
            Self::Integer(_) => GROUP_COLUMNS,
            Self::Precise(_) => 16 * PANELS,
            Self::Dense(matrix) => matrix.group_columns(level),
        }
    }

    /// Fetches the first weights of the columns from `column` on into the caches.
    pub(super) fn fetch(self, column: usize) {
        let packed = match self {
            Self::Integer(matrix) | Self::Precise(matrix) => matrix.packed_from(column),
            Self::Dense(matrix) => bytemuck::cast_slice(matrix.packed_from(column)),
        };
        for line in packed[..packed.len().min(FETCHED_BYTES)].chunks(LINE) {
            fetch_line(line);
        }
    }

    /// Writes or adds some rows and columns of the product.
    ///
    /// # Panics
    /// If operand or output do not cover the product, or columns do not begin at a multiple of 16.
    ///
    /// # Safety
    /// No other thread may touch these rows of these columns.
    pub(super) unsafe fn multiply(
        self,
        level: Level,
        x: &Operand<'_>,
        (rows, columns): (Range<usize>, Range<usize>),
        (out, ldo): (SharedMut<'_, f32>, usize),
        accumulate: bool,
    ) {
        match (self, x) {
            (Self::Integer(matrix), Operand::Codes(x)) => {
                // SAFETY: passed on to the caller.
                unsafe { matrix.multiply(level, x, (rows, columns), (out, ldo), accumulate) }
            }
            (Self::Dense(matrix), Operand::Words(_, x)) => {
                // SAFETY: passed on to the caller.
                unsafe { matrix.multiply(level, *x, (rows, columns), (out, ldo), accumulate) }
            }
            (Self::Precise(matrix), &Operand::Words(dtype, view)) => {
                let panels = columns.start / 16..columns.end.div_ceil(16);
                assert!(columns.start.is_multiple_of(16), "columns from {} on", columns.start);
                assert!(rows.end <= view.rows && columns.end <= matrix.n());
                assert!((view.rows - 1) * ldo + matrix.n() <= out.len() && matrix.n() <= ldo);
                let (made, rows) = (&matrix.panels(), &rows);
                for first in panels.clone().step_by(PANELS) {
                    let (panels, rows) = (first..panels.end.min(first + PANELS), rows.clone());
                    let part = MadePart { level, view, made, dtype, rows, panels, accumulate };
                    // SAFETY: the sizes were checked above; the rest is passed on to the caller.
                    unsafe { part.run(out.as_mut_ptr(), ldo) }
                }
            }
            (Self::Integer(_), Operand::Words(..))
            | (Self::Precise(_) | Self::Dense(_), Operand::Codes(_)) => {
                unreachable!("an operand has the form that its weights asked for")
            }
        }
    }
}

/// One of the weights of a link, with what follows from the level and from those before it: looked up
/// once, by the thread that asks for the product.
#[derive(Clone, Copy)]
pub(super) struct Placed<'a> {
    pub(super) part: Part<'a>,
    /// The first of its columns.
    pub(super) first: usize,
    /// One past the last.
    pub(super) end: usize,
    pub(super) bytes: usize,
    /// Columns at whose multiples it may be cut.
    pub(super) group: usize,
    pub(super) form: Form,
    /// The operand that it reads: that of the first part with the same form.
    pub(super) operand: usize,
}

/// The weights of a link: their outputs stand side by side.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    parts: [Placed<'a>; MAX_PARTS],
    count: usize,
    /// Inputs.
    pub(super) k: usize,
}

impl<'a> Weights<'a> {
    /// # Panics
    /// If there are none, more than there is room for, or some with other inputs.
    pub(super) fn new(level: Level, parts: impl ExactSizeIterator<Item = Part<'a>>) -> Self {
        let count = parts.len();
        assert!((1..=MAX_PARTS).contains(&count), "{count} weights of one product");
        let mut placed: Option<[Placed<'a>; MAX_PARTS]> = None;
        for (idx, part) in parts.enumerate() {
            let first = placed.map_or(0, |placed| placed[idx - 1].end);
            let form = part.form(level);
            let before = placed.iter().flatten().take(idx);
            let same = before.map(|placed| placed.form).position(|before| before == form);
            let one = Placed {
                part,
                first,
                end: first + part.n(),
                bytes: part.bytes(),
                group: part.group_columns(level),
                form,
                operand: same.unwrap_or(idx),
            };
            placed.get_or_insert([one; MAX_PARTS])[idx] = one;
        }
        let parts = placed.expect("there are weights");
        let k = parts[0].part.k();
        let same = parts[..count].iter().all(|placed| placed.part.k() == k);
        assert!(same, "weights of {k} inputs and others");
        Self { parts, count, k }
    }

    /// Weights that stand side by side.
    pub(super) fn of(level: Level, packed: &'a [Packed]) -> Self {
        Self::new(level, packed.iter().map(Packed::part))
    }

    pub(super) fn parts(&self) -> &[Placed<'a>] {
        &self.parts[..self.count]
    }

    /// Outputs.
    pub(super) fn n(&self) -> usize {
        self.parts[self.count - 1].end
    }
}

/// Fetches a line, where there is an instruction for it.
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(unused_variables, reason = "the language has no such instruction for other processors")
)]
fn fetch_line(line: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 processor has the instruction, which changes nothing but caches.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
    }
}
