//! One matrix type for all weight forms.

use crate::{Checkpoint, ModelError, Weight, WeightData};
use catena_kernels::{
    DenseMatrix, DenseType, Finish, Link, MatmulScratch, Packed, Pool, QuantFormat, QuantMatrix,
    RowNorm, multiply,
};

/// How weights are held in memory and multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadOptions {
    /// Type of float weights. bf16 products with f32 sums by default; f32 for exact comparisons.
    pub dense_type: DenseType,
    /// What block-quantized weights are multiplied by.
    pub quantized: QuantizedProducts,
}

/// How block-quantized weights are multiplied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QuantizedProducts {
    /// As integers, with activations rounded to 8 bits: the fastest.
    #[default]
    Integer,
    /// In bf16 or better, unpacked as they are multiplied: no second copy of the weights, the
    /// accuracy of a bf16 file; slower, most of all for single sequences.
    Precise,
    /// As [`LoadOptions::dense_type`], unpacked once and held so.
    Dequantized,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { dense_type: DenseType::Bf16, quantized: QuantizedProducts::Integer }
    }
}

/// `y = x W^T + b` for a weight of any form: f32, bf16 or block-quantized; most have no bias `b`.
///
/// Several tensors with the same input can be one `Linear`: their outputs lie side by side, and
/// those of the same form are one product. Each output element is the same sequence of operations
/// whatever the number of rows, so a row's result does not depend on its batch.
pub struct Linear {
    /// Rows of `W` that share a form.
    parts: Vec<Packed>,
    bias_n: Option<Vec<f32>>,
    n: usize,
    k: usize,
}

/// A tensor of a `Linear` while loading.
enum Source<'a> {
    Blocks(QuantFormat, Vec<&'a [u8]>),
    Floats(Vec<f32>),
}

impl Linear {
    /// Packs float weights `w_nk`.
    pub fn from_floats(pool: &Pool, w_nk: &[f32], n: usize, k: usize, form: DenseType) -> Self {
        Self {
            parts: vec![Packed::Dense(DenseMatrix::pack(pool, w_nk, n, k, form))],
            bias_n: None,
            n,
            k,
        }
    }

    /// Loads tensors `(name, rows)` of `k` columns, stacked in the given order.
    ///
    /// # Errors
    /// A tensor is missing, unreadable or not `[rows, k]`.
    pub fn load(
        checkpoint: &Checkpoint,
        pool: &Pool,
        tensors: &[(String, usize)],
        k: usize,
        options: LoadOptions,
    ) -> Result<Self, ModelError> {
        let mut weights = Vec::with_capacity(tensors.len());
        for (name, rows) in tensors {
            check_shape(checkpoint, name, &[*rows, k])?;
            weights.push(checkpoint.weight(name)?);
        }
        let linear = Self::from_weights(pool, weights, k, options)?;
        for (name, _) in tensors {
            checkpoint.release(name);
        }
        Ok(linear)
    }

    /// Packs weights of `k` columns, stacked in the given order.
    ///
    /// # Errors
    /// If blocks do not make up rows of `k` values.
    pub(crate) fn from_weights<'a>(
        pool: &Pool,
        weights: impl IntoIterator<Item = Weight<'a>>,
        k: usize,
        options: LoadOptions,
    ) -> Result<Self, ModelError> {
        let mut sources: Vec<Source<'_>> = Vec::new();
        for weight in weights {
            append(&mut sources, source(weight, options));
        }
        Self::pack(pool, sources, k, options)
    }

    /// As [`Linear::load`], with the bias that stands beside each of the tensors.
    ///
    /// # Errors
    /// As [`Linear::load`].
    pub fn load_biased(
        checkpoint: &Checkpoint,
        pool: &Pool,
        tensors: &[(String, usize)],
        k: usize,
        options: LoadOptions,
    ) -> Result<Self, ModelError> {
        let mut bias_n = Vec::new();
        for (name, rows) in tensors {
            let name = name.strip_suffix("weight").unwrap_or(name);
            let name = format!("{name}bias");
            check_shape(checkpoint, &name, &[*rows])?;
            bias_n.extend(checkpoint.dequantize(&name)?);
        }
        Ok(Self { bias_n: Some(bias_n), ..Self::load(checkpoint, pool, tensors, k, options)? })
    }

    /// Loads a tensor `[heads * n, k]` as one weight per head.
    ///
    /// # Errors
    /// As [`Linear::load`].
    pub fn load_heads(
        checkpoint: &Checkpoint,
        pool: &Pool,
        (name, n, heads): (&str, usize, usize),
        k: usize,
        options: LoadOptions,
    ) -> Result<Vec<Self>, ModelError> {
        check_shape(checkpoint, name, &[heads * n, k])?;
        let source = source(checkpoint.weight(name)?, options);
        let head = |head: usize| match &source {
            Source::Blocks(format, rows) => {
                Source::Blocks(*format, rows[head * n..(head + 1) * n].to_vec())
            }
            Source::Floats(w) => Source::Floats(w[head * n * k..(head + 1) * n * k].to_vec()),
        };
        let linears = (0..heads).map(|idx| Self::pack(pool, vec![head(idx)], k, options));
        let linears = linears.collect::<Result<_, _>>()?;
        checkpoint.release(name);
        Ok(linears)
    }

    fn pack(
        pool: &Pool,
        sources: Vec<Source<'_>>,
        k: usize,
        options: LoadOptions,
    ) -> Result<Self, ModelError> {
        let mut parts = Vec::with_capacity(sources.len());
        for source in sources {
            parts.push(match source {
                Source::Blocks(format, rows) => {
                    let matrix = QuantMatrix::from_blocks(pool, format, &rows, k)?;
                    if options.quantized == QuantizedProducts::Precise {
                        Packed::Precise(matrix)
                    } else {
                        Packed::Integer(matrix)
                    }
                }
                Source::Floats(w_nk) => Packed::Dense(DenseMatrix::pack(
                    pool,
                    &w_nk,
                    w_nk.len() / k,
                    k,
                    options.dense_type,
                )),
            });
        }
        let n = parts.iter().map(Packed::n).sum();
        Ok(Self { parts, bias_n: None, n, k })
    }

    /// Output columns.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Input columns.
    pub fn k(&self) -> usize {
        self.k
    }

    /// What is added to the product, if anything is.
    pub(crate) fn bias(&self) -> Option<&[f32]> {
        self.bias_n.as_deref()
    }

    /// Bytes of the packed weights.
    pub fn bytes(&self) -> usize {
        self.parts.iter().map(Packed::bytes).sum()
    }

    /// Writes (`accumulate` false) or adds (true) `x W^T + b` to `out_tn`.
    ///
    /// # Shapes
    /// `x_tk` `[t, k]`; row `i` of the result is `out_tn[i * ldo..][..n]`.
    ///
    /// # Panics
    /// If `x_tk` is not a whole number of rows or `out_tn` is too short: a caller's bug.
    pub fn apply(
        &self,
        pool: &Pool,
        x_tk: &[f32],
        out_tn: &mut [f32],
        ldo: usize,
        accumulate: bool,
        scratch: &mut MatmulScratch,
    ) {
        multiply(pool, (&self.parts, self.bias()), x_tk, (out_tn, ldo), accumulate, scratch);
    }

    /// The product as a link of a chain, `to = finish(norm(from) W^T + b)`.
    pub(crate) fn link<'a>(
        &'a self,
        (from, to): (usize, usize),
        norm: Option<RowNorm<'a>>,
        finish: Finish,
    ) -> Link<'a> {
        Link { from, norm, weights: &self.parts, bias: self.bias(), to, finish }
    }

    /// Writes row `row` of the weight, as floats, to `out_k`: an embedding look-up.
    ///
    /// # Panics
    /// If there is no such row or `out_k` is not `k` long: a caller's bug.
    pub fn row(&self, row: usize, out_k: &mut [f32]) {
        let mut first = 0;
        for part in &self.parts {
            if row < first + part.n() {
                return part.row(row - first, out_k);
            }
            first += part.n();
        }
        panic!("row {row} of a weight of {} rows", self.n);
    }
}

fn source(weight: Weight<'_>, options: LoadOptions) -> Source<'_> {
    let unpacked = options.quantized == QuantizedProducts::Dequantized;
    match weight.data {
        WeightData::Blocks { format, rows } if !unpacked => Source::Blocks(format, rows),
        WeightData::F32(values) => Source::Floats(values.into_owned()),
        WeightData::F16(_) | WeightData::Bf16(_) | WeightData::Blocks { .. } => {
            Source::Floats(weight.to_f32())
        }
    }
}

/// Adds `source` to the last one if both have the same form, else after it.
fn append<'a>(sources: &mut Vec<Source<'a>>, source: Source<'a>) {
    match (sources.last_mut(), source) {
        (Some(Source::Blocks(format, rows)), Source::Blocks(new_format, new_rows))
            if *format == new_format =>
        {
            rows.extend(new_rows);
        }
        (Some(Source::Floats(floats)), Source::Floats(new_floats)) => floats.extend(new_floats),
        (_, source) => sources.push(source),
    }
}

/// Checks that tensor `name` has the shape that the configuration implies.
pub(crate) fn check_shape(
    checkpoint: &Checkpoint,
    name: &str,
    expected: &[usize],
) -> Result<(), ModelError> {
    let found = checkpoint.shape(name)?;
    if found == expected {
        return Ok(());
    }
    Err(ModelError::ShapeMismatch {
        name: name.to_owned(),
        found: found.to_vec(),
        expected: expected.to_vec(),
    })
}
