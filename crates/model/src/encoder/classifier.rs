//! Scores of texts, of pairs of texts, and of tokens.

use super::embedder::{apply_dense, pool_rows};
use super::families::HeadNames;
use super::tensors::{BiasedLinear, LayerNorm, Loader};
use super::{EncodeError, Encoder, EncoderInput, EncoderTask, Pooling};
use crate::ModelError;
use crate::linear::LoadOptions;
use camino::Utf8Path;
use catena_kernels::{Activation, MatmulScratch, Pool, layer_norm};
use std::sync::Arc;

/// An encoder that scores a text or a pair of texts: a classifier, or a cross-encoder that says how
/// well a passage answers a query.
pub struct SequenceClassifier(Classifier);

/// An encoder that scores each token, such as for names of people and places.
pub struct TokenClassifier(Classifier);

/// A trunk with a head.
struct Classifier {
    encoder: Encoder,
    /// The layer before the last with its activation and norm.
    dense: Option<(BiasedLinear, Activation, Option<LayerNorm>)>,
    out: BiasedLinear,
}

impl SequenceClassifier {
    /// Loads a folder or `.gguf` file with a checkpoint that was trained for it.
    ///
    /// # Errors
    /// As [`Encoder::load`], or the checkpoint has another head, or is a BERT's GGUF file, which
    /// does not hold all of the head.
    pub fn load_with(
        path: &Utf8Path,
        pool: Arc<Pool>,
        options: LoadOptions,
    ) -> Result<Self, ModelError> {
        Classifier::load(path, pool, options, EncoderTask::SequenceClassification).map(Self)
    }

    /// The encoder.
    pub fn encoder(&self) -> &Encoder {
        &self.0.encoder
    }

    /// What the scores mean, in order; cross-encoders have one.
    pub fn labels(&self) -> &[String] {
        self.0.labels()
    }

    /// One score per label for each text or pair, before any sigmoid or softmax.
    ///
    /// # Errors
    /// A text is empty, too long, or has an unknown token or type; checked for all before anything
    /// is computed.
    pub fn logits(&self, inputs: &[EncoderInput<'_>]) -> Result<Vec<Vec<f32>>, EncodeError> {
        let Self(classifier) = self;
        let c = classifier.encoder.hidden_size();
        let mean = classifier.encoder.config().head.mean_pooling;
        let mode = if mean { Pooling::Mean } else { Pooling::Cls };
        let mut pooled_bc = Vec::with_capacity(inputs.len() * c);
        classifier.encoder.run(inputs, |_, rows_tc| {
            pool_rows(mode, rows_tc, c, &mut pooled_bc);
        })?;
        let logits = classifier.head(&pooled_bc, &mut MatmulScratch::default());
        Ok(logits.chunks_exact(self.labels().len()).map(<[f32]>::to_vec).collect())
    }
}

impl TokenClassifier {
    /// Loads a folder with a checkpoint that was trained for it; llama.cpp's files have no such head.
    ///
    /// # Errors
    /// As [`Encoder::load`], or the checkpoint has another head.
    pub fn load_with(
        dir: &Utf8Path,
        pool: Arc<Pool>,
        options: LoadOptions,
    ) -> Result<Self, ModelError> {
        Classifier::load(dir, pool, options, EncoderTask::TokenClassification).map(Self)
    }

    /// The encoder.
    pub fn encoder(&self) -> &Encoder {
        &self.0.encoder
    }

    /// What the scores mean, in order.
    pub fn labels(&self) -> &[String] {
        self.0.labels()
    }

    /// Scores `[t, labels]` of the tokens of each text, special tokens included, before any
    /// softmax.
    ///
    /// # Errors
    /// As [`SequenceClassifier::logits`].
    pub fn logits(&self, inputs: &[EncoderInput<'_>]) -> Result<Vec<Vec<f32>>, EncodeError> {
        let Self(classifier) = self;
        let mut logits = Vec::with_capacity(inputs.len());
        let mut matmul = MatmulScratch::default();
        classifier.encoder.run(inputs, |_, rows_tc| {
            logits.push(classifier.head(rows_tc, &mut matmul));
        })?;
        Ok(logits)
    }
}

impl Classifier {
    fn load(
        path: &Utf8Path,
        pool: Arc<Pool>,
        options: LoadOptions,
        task: EncoderTask,
    ) -> Result<Self, ModelError> {
        let loader = Loader::open(path, pool, options)?;
        let config = &loader.config;
        let file = || match loader.gguf() {
            Some(_) => path.to_owned(),
            None => path.join("config.json"),
        };
        if config.head.task != task {
            return Err(ModelError::WrongHead {
                architecture: config.head.architecture.clone(),
                wanted: name(task),
                nearest: name(config.head.task),
                file: file(),
            });
        }
        if config.head.labels.is_empty() {
            return Err(ModelError::InvalidConfig {
                key: "id2label",
                value: "{}".to_owned(),
                reason: "a classifier has at least one label",
                file: file(),
            });
        }
        let names = match task {
            EncoderTask::TokenClassification => loader.names.token_head,
            EncoderTask::SequenceClassification | EncoderTask::Hidden => loader.names.sequence_head,
        };
        let names = names.ok_or_else(|| ModelError::HeadLeftOut { file: file() })?;
        let (dense, out) = head(names, &loader)?;
        Ok(Self { encoder: Encoder::from_loader(&loader)?, dense, out })
    }

    fn labels(&self) -> &[String] {
        &self.encoder.config().head.labels
    }

    /// `out(norm(act(dense(x))))` for rows `x_tc`, as far as the head has these steps.
    fn head(&self, x_tc: &[f32], matmul: &mut MatmulScratch) -> Vec<f32> {
        let pool: &Pool = &self.encoder.pool;
        let Some((dense, act, norm)) = &self.dense else {
            return apply_dense(&self.out, Activation::Identity, pool, x_tc, matmul);
        };
        let mut inner_tc = apply_dense(dense, *act, pool, x_tc, matmul);
        if let Some(LayerNorm { gain_c, bias_c }) = norm {
            let eps = self.encoder.config().layer_norm_eps;
            let before_tc = inner_tc.clone();
            layer_norm(pool, &before_tc, gain_c, bias_c, eps, &mut inner_tc);
        }
        apply_dense(&self.out, Activation::Identity, pool, &inner_tc, matmul)
    }
}

type Head = (Option<(BiasedLinear, Activation, Option<LayerNorm>)>, BiasedLinear);

fn head(names: HeadNames, loader: &Loader) -> Result<Head, ModelError> {
    let config = &loader.config;
    let (c, biases) = (config.hidden_size, config.biases);
    let dense = match names.dense {
        None => None,
        Some(dense) => {
            let norm = names.norm.map(|norm| loader.norm(norm, c, biases.norm)).transpose()?;
            Some((loader.linear(dense, (c, c), biases.head)?, config.head.act, norm))
        }
    };
    Ok((dense, loader.linear(names.out, (config.head.labels.len(), c), true)?))
}

fn name(task: EncoderTask) -> &'static str {
    match task {
        EncoderTask::Hidden => "an encoder without a head",
        EncoderTask::SequenceClassification => "a sequence classifier",
        EncoderTask::TokenClassification => "a token classifier",
    }
}
