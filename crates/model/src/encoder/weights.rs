//! Loading the trunk.

use super::LayerAttention;
use super::config::{EncoderConfig, Mlp, NormPlacement, Positions};
use super::families::QkvNames;
use super::groups::EncoderRoom;
use super::tensors::{BiasedLinear, LayerNorm, Loader};
use crate::ModelError;
use crate::linear::LoadOptions;
use camino::Utf8Path;
use catena_kernels::{DenseType, Pool, RopeSpec, RopeTable};
use std::sync::{Arc, Mutex};

/// An encoder without a head, ready to run: tokens to hidden states.
pub struct Encoder {
    pub(super) config: EncoderConfig,
    /// Word table `[v, c]`.
    pub(super) word_embeddings: Vec<f32>,
    /// Position table plus the vector of token type 0, `[positions, c]`; empty for rotary ones.
    pub(super) position_embeddings: Vec<f32>,
    /// What each token type adds beyond type 0, `[types - 1, c]`.
    pub(super) type_embeddings: Vec<f32>,
    pub(super) embed_norm: LayerNorm,
    pub(super) layers: Vec<EncoderLayer>,
    pub(super) final_norm: Option<LayerNorm>,
    /// One per base of the rotary frequencies.
    pub(super) ropes: Vec<RopeTable>,
    /// Type of the products.
    pub(super) dense_type: DenseType,
    pub(super) pool: Arc<Pool>,
    /// Buffers of a step; held while one runs.
    pub(super) room: Mutex<EncoderRoom>,
}

/// One encoder layer.
pub(super) struct EncoderLayer {
    pub(super) query: BiasedLinear,
    pub(super) key: BiasedLinear,
    pub(super) value: BiasedLinear,
    pub(super) attention_output: BiasedLinear,
    /// `None` in the first layer of a family that norms before.
    pub(super) attention_norm: Option<LayerNorm>,
    pub(super) mlp_input: BiasedLinear,
    pub(super) mlp_output: BiasedLinear,
    pub(super) mlp_norm: LayerNorm,
    pub(super) attention: LayerAttention,
    /// Which of the encoder's rotations it uses.
    pub(super) rope_idx: Option<usize>,
}

impl Encoder {
    /// Loads a folder with `config.json` and `model.safetensors` (or its shards), or a `.gguf` file;
    /// float products are bf16 with f32 sums. A checkpoint with a head loads as its trunk.
    ///
    /// GGUF files of BERT and RoBERTa do not say what stands in the MLP, which is taken to be the
    /// exact GELU of `transformers`; llama.cpp computes its approximation by tanh.
    ///
    /// # Errors
    /// A file is missing or unreadable, the family is not one of ours, or a tensor is missing, too
    /// many, or of another shape than the configuration implies.
    pub fn load(path: &Utf8Path, pool: Arc<Pool>) -> Result<Self, ModelError> {
        Self::load_with(path, pool, LoadOptions::default())
    }

    /// As [`Encoder::load`], with the type of the products chosen.
    ///
    /// # Errors
    /// As [`Encoder::load`].
    pub fn load_with(
        path: &Utf8Path,
        pool: Arc<Pool>,
        options: LoadOptions,
    ) -> Result<Self, ModelError> {
        Self::from_loader(&Loader::open(path, pool, options)?)
    }

    /// The trunk's weights.
    pub(super) fn from_loader(loader: &Loader) -> Result<Self, ModelError> {
        let (config, names) = (&loader.config, loader.names);
        let c = config.hidden_size;
        let words = loader.trunk(&format!("{}.weight", names.word_embeddings));
        let word_embeddings = loader.tensor(&words, &[config.vocab_size, c])?;
        let embed_norm = loader.norm(&loader.trunk(names.embed_norm), c, config.biases.norm)?;
        let mut thetas: Vec<f32> = Vec::new();
        for theta in config.layers.iter().filter_map(|layer| layer.rope_theta) {
            if !thetas.contains(&theta) {
                thetas.push(theta);
            }
        }
        let layers = (0..config.layers.len())
            .map(|layer| layer_weights(loader, layer, &thetas))
            .collect::<Result<_, _>>()?;
        let final_norm = match config.norm_placement {
            NormPlacement::Post => None,
            NormPlacement::Pre => {
                Some(loader.norm(&loader.trunk(names.final_norm), c, config.biases.norm)?)
            }
        };
        let (position_embeddings, type_embeddings) = tables(loader)?;
        let rope = |&theta: &f32| {
            RopeTable::new(&RopeSpec::plain(config.head_dim(), theta), config.max_tokens)
        };
        let ropes = thetas.iter().map(rope).collect();
        loader.check_trunk()?;
        Ok(Self {
            config: config.clone(),
            word_embeddings,
            position_embeddings,
            type_embeddings,
            embed_norm,
            layers,
            final_norm,
            ropes,
            dense_type: loader.options.dense_type,
            pool: Arc::clone(&loader.pool),
            room: Mutex::new(EncoderRoom::default()),
        })
    }

    /// The architecture.
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// Width of a hidden state.
    pub fn hidden_size(&self) -> usize {
        self.config.hidden_size
    }

    /// Tokens of the longest text, special ones included.
    pub fn max_tokens(&self) -> usize {
        self.config.max_tokens
    }
}

fn layer_weights(
    loader: &Loader,
    layer: usize,
    thetas: &[f32],
) -> Result<EncoderLayer, ModelError> {
    let (config, names) = (&loader.config, loader.names);
    let (c, f, biases) = (config.hidden_size, config.intermediate_size, config.biases);
    let name = |tensor: &str| loader.trunk(&format!("{}.{layer}.{tensor}", names.layer));
    let linear = |tensor, n, k, bias| loader.linear(&name(tensor), (n, k), bias);
    let norm = |tensor| loader.norm(&name(tensor), c, biases.norm);
    let fused = |fused| loader.linears(&name(fused), (c, c), biases.attention);
    let [query, key, value] = match names.qkv {
        QkvNames::Fused(one) => fused(one)?,
        QkvNames::Either(one, _) if loader.has(&name(one)) => fused(one)?,
        QkvNames::Split(parts) | QkvNames::Either(_, parts) => {
            let [q, k, v] = parts.map(|part| linear(part, c, c, biases.attention));
            [q?, k?, v?]
        }
    };
    let mlp_rows = match config.mlp {
        Mlp::Plain(_) => f,
        Mlp::Gated(_) => 2 * f,
    };
    let first = config.norm_placement == NormPlacement::Pre && layer == 0;
    let attention = config.layers[layer];
    let rope_idx = attention.rope_theta.and_then(|own| thetas.iter().position(|&t| t == own));
    Ok(EncoderLayer {
        query,
        key,
        value,
        attention_output: linear(names.attention_output, c, c, biases.attention)?,
        attention_norm: if first { None } else { Some(norm(names.attention_norm)?) },
        mlp_input: linear(names.mlp_input, mlp_rows, c, biases.mlp)?,
        mlp_output: linear(names.mlp_output, c, f, biases.mlp)?,
        mlp_norm: norm(names.mlp_norm)?,
        attention,
        rope_idx,
    })
}

/// Learned positions with the vector of type 0 added, and what other types add to that.
fn tables(loader: &Loader) -> Result<(Vec<f32>, Vec<f32>), ModelError> {
    let (config, names) = (&loader.config, loader.names);
    let Positions::Learned { rows, .. } = config.positions else {
        return Ok((Vec::new(), Vec::new()));
    };
    let c = config.hidden_size;
    let table =
        |name: &str, rows| loader.tensor(&format!("{}.weight", loader.trunk(name)), &[rows, c]);
    let absent = loader.absent_positions;
    let mut positions = vec![0.0; absent * c];
    positions.extend(table(names.position_embeddings, rows - absent)?);
    if config.type_vocab_size == 0 {
        return Ok((positions, Vec::new()));
    }
    let mut types = table(names.type_embeddings, config.type_vocab_size)?;
    let others = types.split_off(c);
    for row_c in positions.chunks_exact_mut(c) {
        for (value, type_0) in row_c.iter_mut().zip(&types) {
            *value += type_0;
        }
    }
    let beyond = others.iter().enumerate().map(|(i, value)| value - types[i % c]).collect();
    Ok((positions, beyond))
}
