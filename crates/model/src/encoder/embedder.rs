//! Texts to vectors.

use super::sentence::DenseConfig;
use super::tensors::{BiasedLinear, Loader};
use super::{EncodeError, Encoder, EncoderInput, Pooling, SentenceConfig};
use crate::ModelError;
use crate::linear::{Linear, LoadOptions};
use crate::safetensors::SafetensorsFile;
use camino::Utf8Path;
use catena_kernels::{Activation, MatmulScratch, Pool, bias_activation};
use std::borrow::Cow;
use std::sync::Arc;

/// Length below which a vector counts as zero when it is scaled to unit length, as in PyTorch.
const MIN_NORM: f32 = 1e-12;

/// An encoder with what `sentence-transformers` does around it.
pub struct TextEmbedder {
    encoder: Encoder,
    config: SentenceConfig,
    dense: Vec<(BiasedLinear, Activation)>,
}

impl TextEmbedder {
    /// Loads a `sentence-transformers` folder, or a bare encoder's with mean pooling, or a `.gguf`
    /// file as [`SentenceConfig::from_gguf`] reads it; float products are bf16 with f32 sums.
    ///
    /// # Errors
    /// As [`Encoder::load`], or the files ask for something behind the encoder that we do not have.
    pub fn load(path: &Utf8Path, pool: Arc<Pool>) -> Result<Self, ModelError> {
        Self::load_with(path, pool, LoadOptions::default())
    }

    /// As [`TextEmbedder::load`], with the type of the products chosen.
    ///
    /// # Errors
    /// As [`TextEmbedder::load`].
    pub fn load_with(
        path: &Utf8Path,
        pool: Arc<Pool>,
        options: LoadOptions,
    ) -> Result<Self, ModelError> {
        let loader = Loader::open(path, pool, options)?;
        let config = match loader.gguf() {
            Some(file) => SentenceConfig::from_gguf(file, loader.config.max_tokens)?,
            None => SentenceConfig::open(path, loader.config.max_tokens)?,
        };
        let encoder = Encoder::from_loader(&loader)?;
        let mut width = config.pooling.len() * encoder.hidden_size();
        let mut dense = Vec::with_capacity(config.dense.len());
        for layer in &config.dense {
            dense.push((dense_layer(layer, width, &encoder.pool, options)?, layer.act));
            width = layer.out_features;
        }
        Ok(Self { encoder, config, dense })
    }

    /// The encoder.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The threads that run it.
    pub fn pool(&self) -> &Pool {
        &self.encoder.pool
    }

    /// Pooling, layers behind it, scaling and the limit on tokens.
    pub fn config(&self) -> &SentenceConfig {
        &self.config
    }

    /// Length of an embedding.
    pub fn dim(&self) -> usize {
        self.config.dim(self.encoder.hidden_size())
    }

    /// Tokens of the longest text, special ones included.
    pub fn max_tokens(&self) -> usize {
        self.config.max_seq_length
    }

    /// Cuts a text that is too long and returns how many tokens were dropped.
    ///
    /// The last token (the separator) is kept as the last, as `transformers` truncates.
    pub fn truncate(&self, tokens: &mut Vec<u32>) -> usize {
        let max_tokens = self.max_tokens();
        let dropped = tokens.len().saturating_sub(max_tokens);
        if dropped > 0 && max_tokens > 0 {
            tokens.drain(max_tokens - 1..tokens.len() - 1);
        }
        dropped
    }

    /// Embeds texts given as token ids, special tokens included; one vector per text.
    ///
    /// # Errors
    /// A text is empty, too long or has an unknown token; checked before anything is computed.
    pub fn embed(&self, batch: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, EncodeError> {
        let mut vectors = self.embed_unscaled(batch)?;
        if self.config.normalize {
            for vector in &mut vectors {
                let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
                scale_by(vector, length.max(MIN_NORM).recip());
            }
        }
        Ok(vectors)
    }

    /// [`TextEmbedder::embed`] without scaling to unit length, whatever the configuration says.
    ///
    /// # Errors
    /// As [`TextEmbedder::embed`].
    pub fn embed_unscaled(&self, batch: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, EncodeError> {
        let max_tokens = self.max_tokens();
        if let Some(text) = batch.iter().position(|tokens| tokens.len() > max_tokens) {
            let tokens = batch[text].len();
            return Err(EncodeError::TooLong { text, tokens, max_tokens });
        }
        let inputs: Vec<_> = batch.iter().map(|tokens| EncoderInput::single(tokens)).collect();
        let c = self.encoder.hidden_size();
        let mut pooled = Vec::with_capacity(batch.len() * self.config.pooling.len() * c);
        self.encoder.run(&inputs, |_, rows_tc| {
            for &mode in &self.config.pooling {
                pool_rows(mode, rows_tc, c, &mut pooled);
            }
        })?;
        let mut matmul = MatmulScratch::default();
        for (layer, act) in &self.dense {
            pooled = apply_dense(layer, *act, &self.encoder.pool, &pooled, &mut matmul);
        }
        Ok(pooled.chunks_exact(self.dim()).map(<[f32]>::to_vec).collect())
    }
}

/// One layer's `act(x W^T + b)` for whole rows `x_tk`.
pub(super) fn apply_dense(
    layer: &BiasedLinear,
    act: Activation,
    pool: &Pool,
    x_tk: &[f32],
    matmul: &mut MatmulScratch,
) -> Vec<f32> {
    let n = layer.weight.n();
    let mut out_tn = vec![0.0; x_tk.len() / layer.weight.k() * n];
    layer.weight.apply(pool, x_tk, &mut out_tn, n, false, matmul);
    let bias_n = layer.bias_n.as_ref().map_or_else(|| Cow::Owned(vec![0.0; n]), Cow::from);
    bias_activation(pool, act, &mut out_tn, &bias_n);
    out_tn
}

fn dense_layer(
    layer: &DenseConfig,
    width: usize,
    pool: &Pool,
    options: LoadOptions,
) -> Result<BiasedLinear, ModelError> {
    let invalid = |key, value: usize, reason| ModelError::InvalidConfig {
        key,
        value: value.to_string(),
        reason,
        file: layer.dir.join("config.json"),
    };
    let (n, k) = (layer.out_features, layer.in_features);
    if k != width {
        return Err(invalid("in_features", k, "must be the width of what stands before"));
    }
    if n == 0 {
        return Err(invalid("out_features", n, "must not be 0"));
    }
    let file = SafetensorsFile::open(&layer.dir.join("model.safetensors"))?;
    let tensor = |name: &str, expected: &[usize]| {
        let view = file.tensor(name)?;
        if view.shape == expected {
            return view.to_f32();
        }
        let (found, expected) = (view.shape.to_vec(), expected.to_vec());
        Err(ModelError::ShapeMismatch { name: name.to_owned(), found, expected })
    };
    let w_nk = tensor("linear.weight", &[n, k])?;
    let bias_n = if layer.bias { Some(tensor("linear.bias", &[n])?) } else { None };
    let weight = Linear::from_floats(pool, &w_nk, n, k, options.dense_type);
    Ok(BiasedLinear { weight, bias_n })
}

/// Appends the vector that `mode` makes of the rows of one text.
pub(super) fn pool_rows(mode: Pooling, rows_tc: &[f32], c: usize, out: &mut Vec<f32>) {
    let first = out.len();
    let (len, rows) = (rows_tc.len() / c, || rows_tc.chunks_exact(c));
    if mode == Pooling::LastToken {
        return out.extend_from_slice(&rows_tc[rows_tc.len() - c..]);
    }
    out.extend_from_slice(&rows_tc[..c]);
    let vector_c = &mut out[first..];
    let mut fold = |step: &dyn Fn(usize, f32, f32) -> f32| {
        for (i, row_c) in rows().enumerate().skip(1) {
            for (value, &next) in vector_c.iter_mut().zip(row_c) {
                *value = step(i, *value, next);
            }
        }
    };
    match mode {
        Pooling::Cls | Pooling::LastToken => {}
        Pooling::Max => fold(&|_, value, next| value.max(next)),
        Pooling::Mean => {
            fold(&|_, sum, next| sum + next);
            scale_by(vector_c, (len as f32).recip());
        }
        Pooling::MeanSqrtLen => {
            fold(&|_, sum, next| sum + next);
            scale_by(vector_c, (len as f32).sqrt().recip());
        }
        Pooling::WeightedMean => {
            fold(&|i, sum, next| sum + (i + 1) as f32 * next);
            scale_by(vector_c, ((len * (len + 1) / 2) as f32).recip());
        }
    }
}

fn scale_by(values: &mut [f32], factor: f32) {
    for value in values {
        *value *= factor;
    }
}
