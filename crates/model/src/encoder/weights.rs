//! Loading an encoder from a `sentence-transformers` folder.

use super::forward::EncoderScratch;
use super::{EncoderConfig, SentenceConfig};
use crate::ModelError;
use crate::linear::{Linear, LoadOptions};
use crate::safetensors::SafetensorsFile;
use camino::Utf8Path;
use catena_kernels::{DenseType, Pool};
use std::sync::{Arc, Mutex};

/// A BERT sentence encoder, ready to run.
pub struct Encoder {
    pub(super) config: EncoderConfig,
    pub(super) sentence: SentenceConfig,
    /// Word table `[v, c]`.
    pub(super) word_embeddings: Vec<f32>,
    /// Position table plus the vector of segment 0, `[max_seq_length, c]`.
    pub(super) position_embeddings: Vec<f32>,
    pub(super) embed_norm: LayerNorm,
    pub(super) layers: Vec<EncoderLayer>,
    /// Type of the products.
    pub(super) dense_type: DenseType,
    pub(super) pool: Arc<Pool>,
    /// Buffers of a step; held while one runs.
    pub(super) scratch: Mutex<EncoderScratch>,
}

/// Gain and bias of a layer norm.
pub(super) struct LayerNorm {
    pub(super) gain_c: Vec<f32>,
    pub(super) bias_c: Vec<f32>,
}

/// A product with a bias.
pub(super) struct BiasedLinear {
    pub(super) weight: Linear,
    pub(super) bias_n: Vec<f32>,
}

/// One encoder layer; norms come after the residual sums.
pub(super) struct EncoderLayer {
    pub(super) query: BiasedLinear,
    pub(super) key: BiasedLinear,
    pub(super) value: BiasedLinear,
    pub(super) attention_output: BiasedLinear,
    pub(super) attention_norm: LayerNorm,
    pub(super) intermediate: BiasedLinear,
    pub(super) output: BiasedLinear,
    pub(super) output_norm: LayerNorm,
}

impl Encoder {
    /// Loads a folder with `config.json`, `model.safetensors` and, where they exist, the
    /// `sentence-transformers` files; products are bf16 with f32 sums.
    ///
    /// # Errors
    /// A file is missing or unreadable, a tensor has another shape than the configuration
    /// implies, or the folder asks for a module we do not have.
    pub fn load(dir: &Utf8Path, pool: Arc<Pool>) -> Result<Self, ModelError> {
        Self::load_with(dir, pool, LoadOptions::default())
    }

    /// As [`Encoder::load`], with the type of the products chosen.
    ///
    /// # Errors
    /// As [`Encoder::load`].
    pub fn load_with(
        dir: &Utf8Path,
        pool: Arc<Pool>,
        options: LoadOptions,
    ) -> Result<Self, ModelError> {
        let config = EncoderConfig::open(dir)?;
        let sentence = SentenceConfig::open(dir, config.max_position_embeddings)?;
        let file = SafetensorsFile::open(&dir.join("model.safetensors"))?;
        let prefix = if file.contains("embeddings.word_embeddings.weight") { "" } else { "bert." };
        let loader = Loader { file: &file, prefix, pool: &pool, options };
        let c = config.hidden_size;
        let word_embeddings =
            loader.tensor("embeddings.word_embeddings.weight", &[config.vocab_size, c])?;
        let embed_norm = loader.norm("embeddings.LayerNorm", c)?;
        let layers = (0..config.num_hidden_layers)
            .map(|layer| loader.layer(&config, layer))
            .collect::<Result<_, _>>()?;
        let position_embeddings = loader.positions(&config, &sentence)?;
        let scratch = Mutex::new(EncoderScratch::default());
        Ok(Self {
            config,
            sentence,
            word_embeddings,
            position_embeddings,
            embed_norm,
            layers,
            dense_type: options.dense_type,
            pool,
            scratch,
        })
    }

    /// The architecture.
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// Pooling, scaling and the limit on tokens.
    pub fn sentence_config(&self) -> &SentenceConfig {
        &self.sentence
    }

    /// Length of an embedding.
    pub fn dim(&self) -> usize {
        self.config.hidden_size
    }

    /// Tokens of the longest text, special ones included.
    pub fn max_tokens(&self) -> usize {
        self.sentence.max_seq_length
    }
}

/// Reads tensors and checks their shapes.
struct Loader<'a> {
    file: &'a SafetensorsFile,
    prefix: &'static str,
    pool: &'a Pool,
    options: LoadOptions,
}

impl Loader<'_> {
    fn tensor(&self, name: &str, expected: &[usize]) -> Result<Vec<f32>, ModelError> {
        let name = format!("{}{name}", self.prefix);
        let view = self.file.tensor(&name)?;
        if view.shape != expected {
            return Err(ModelError::ShapeMismatch {
                name,
                found: view.shape.to_vec(),
                expected: expected.to_vec(),
            });
        }
        view.to_f32()
    }

    fn norm(&self, name: &str, c: usize) -> Result<LayerNorm, ModelError> {
        Ok(LayerNorm {
            gain_c: self.tensor(&format!("{name}.weight"), &[c])?,
            bias_c: self.tensor(&format!("{name}.bias"), &[c])?,
        })
    }

    fn linear(&self, name: &str, n: usize, k: usize) -> Result<BiasedLinear, ModelError> {
        let w_nk = self.tensor(&format!("{name}.weight"), &[n, k])?;
        let bias_n = self.tensor(&format!("{name}.bias"), &[n])?;
        let weight = Linear::from_floats(self.pool, &w_nk, n, k, self.options.dense_type);
        Ok(BiasedLinear { weight, bias_n })
    }

    fn layer(&self, config: &EncoderConfig, layer: usize) -> Result<EncoderLayer, ModelError> {
        let (c, f) = (config.hidden_size, config.intermediate_size);
        let name = |tensor: &str| format!("encoder.layer.{layer}.{tensor}");
        Ok(EncoderLayer {
            query: self.linear(&name("attention.self.query"), c, c)?,
            key: self.linear(&name("attention.self.key"), c, c)?,
            value: self.linear(&name("attention.self.value"), c, c)?,
            attention_output: self.linear(&name("attention.output.dense"), c, c)?,
            attention_norm: self.norm(&name("attention.output.LayerNorm"), c)?,
            intermediate: self.linear(&name("intermediate.dense"), f, c)?,
            output: self.linear(&name("output.dense"), c, f)?,
            output_norm: self.norm(&name("output.LayerNorm"), c)?,
        })
    }

    fn positions(
        &self,
        config: &EncoderConfig,
        sentence: &SentenceConfig,
    ) -> Result<Vec<f32>, ModelError> {
        let c = config.hidden_size;
        let shape = [config.max_position_embeddings, c];
        let mut table = self.tensor("embeddings.position_embeddings.weight", &shape)?;
        table.truncate(sentence.max_seq_length * c);
        let shape = [config.type_vocab_size, c];
        let segments = self.tensor("embeddings.token_type_embeddings.weight", &shape)?;
        for row_c in table.chunks_exact_mut(c) {
            for (value, segment) in row_c.iter_mut().zip(&segments) {
                *value += segment;
            }
        }
        Ok(table)
    }
}
