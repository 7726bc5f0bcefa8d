//! Loading a decoder from a checkpoint.

use super::Scratch;
use crate::linear::{Linear, LoadOptions};
use crate::{Checkpoint, ModelConfig, ModelError};
use catena_kernels::{KvShape, Pool, RopeSpec, RopeTable};
use std::sync::Arc;

/// Longest sequence we run, whatever the file claims: bounds the table of rotations.
const MAX_POSITIONS: usize = 1 << 18;

/// A Llama-family language model, ready to run.
pub struct Decoder {
    pub(super) config: ModelConfig,
    pub(super) embed_tokens: Linear,
    pub(super) layers: Vec<Layer>,
    pub(super) norm_c: Vec<f32>,
    /// `None`: the head is the embedding (tied).
    pub(super) lm_head: Option<Linear>,
    pub(super) rope: RopeTable,
    pub(super) kv_groups: Vec<KvGroup>,
    pub(super) pool: Arc<Pool>,
}

/// Layers that keep keys and values of the same positions: they share block tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvGroup {
    /// What the group's cache has a page of, for each block.
    pub shape: KvShape,
    /// Positions that a row sees at most, its own included; all if `None`. Earlier blocks may be
    /// given to others.
    pub sliding_window: Option<usize>,
}

/// One decoder layer.
pub(super) struct Layer {
    /// Its group and its place among the group's layers.
    pub(super) kv_group: usize,
    pub(super) kv_layer: usize,
    pub(super) input_layernorm_c: Vec<f32>,
    pub(super) qkv_proj: Linear,
    pub(super) o_proj: Linear,
    pub(super) post_attention_layernorm_c: Vec<f32>,
    pub(super) gate_up_proj: Linear,
    pub(super) down_proj: Linear,
}

impl Decoder {
    /// Loads all weights: block-quantized ones as they are, float ones as bf16.
    ///
    /// # Errors
    /// A tensor is missing, unreadable or of another shape than the configuration implies.
    pub fn load(checkpoint: &Checkpoint, pool: Arc<Pool>) -> Result<Self, ModelError> {
        Self::load_with(checkpoint, pool, LoadOptions::default())
    }

    /// Loads all weights in the form that `options` ask for.
    ///
    /// # Errors
    /// As [`Decoder::load`].
    pub fn load_with(
        checkpoint: &Checkpoint,
        pool: Arc<Pool>,
        options: LoadOptions,
    ) -> Result<Self, ModelError> {
        let config = checkpoint.config().clone();
        let loader = Loader { checkpoint, pool: &pool, options };
        let hidden_size = config.hidden_size;
        let embed_tokens = loader
            .linear(&[("model.embed_tokens.weight".to_owned(), config.vocab_size)], hidden_size)?;
        let layers = (0..config.num_hidden_layers)
            .map(|layer| loader.layer(&config, layer))
            .collect::<Result<_, _>>()?;
        let norm_c = loader.vector("model.norm.weight", hidden_size)?;
        let lm_head = if config.tie_word_embeddings {
            None
        } else {
            let part = ("lm_head.weight".to_owned(), config.vocab_size);
            Some(loader.linear(&[part], hidden_size)?)
        };
        let max_positions = config.max_position_embeddings.min(MAX_POSITIONS);
        let rope =
            RopeTable::new(&RopeSpec::plain(config.head_dim, config.rope_theta), max_positions);
        let shape = KvShape {
            num_layers: config.num_hidden_layers,
            num_key_value_heads: config.num_key_value_heads,
            head_dim: config.head_dim,
        };
        let kv_groups = vec![KvGroup { shape, sliding_window: None }];
        Ok(Self { config, embed_tokens, layers, norm_c, lm_head, rope, kv_groups, pool })
    }

    /// The model's configuration.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Tokens of the longest sequence: the model's `max_position_embeddings`, 262144 at most.
    pub fn max_tokens(&self) -> usize {
        self.rope.max_positions()
    }

    /// The KV caches that the model needs, one for each group of layers.
    pub fn kv_groups(&self) -> &[KvGroup] {
        &self.kv_groups
    }

    /// Buffers for steps; those of more than `max_rows` tokens run in several blocks.
    ///
    /// # Panics
    /// If `max_rows` is 0.
    pub fn new_scratch(&self, max_rows: usize) -> Scratch {
        Scratch::new(self, max_rows)
    }

    /// Bytes of the packed weights.
    pub fn bytes(&self) -> usize {
        let layers = self.layers.iter().map(|layer| {
            let products = [&layer.qkv_proj, &layer.o_proj, &layer.gate_up_proj, &layer.down_proj];
            products.into_iter().map(Linear::bytes).sum::<usize>()
        });
        self.embed_tokens.bytes()
            + self.lm_head.as_ref().map_or(0, Linear::bytes)
            + layers.sum::<usize>()
    }

    /// Columns of the fused query, key and value product.
    pub(super) fn qkv_width(&self) -> usize {
        let heads = self.config.num_attention_heads + 2 * self.config.num_key_value_heads;
        heads * self.config.head_dim
    }

    /// The product that makes logits.
    pub(super) fn head(&self) -> &Linear {
        self.lm_head.as_ref().unwrap_or(&self.embed_tokens)
    }
}

/// Reads weights and checks their shapes against the configuration.
struct Loader<'a> {
    checkpoint: &'a Checkpoint,
    pool: &'a Pool,
    options: LoadOptions,
}

impl Loader<'_> {
    fn layer(&self, config: &ModelConfig, layer: usize) -> Result<Layer, ModelError> {
        let hidden_size = config.hidden_size;
        let name = |tensor: &str| format!("model.layers.{layer}.{tensor}.weight");
        let part = |tensor: &str, rows: usize| (name(tensor), rows);
        let q_rows = config.num_attention_heads * config.head_dim;
        let kv_rows = config.num_key_value_heads * config.head_dim;
        let mlp_rows = config.intermediate_size;
        let qkv = [
            part("self_attn.q_proj", q_rows),
            part("self_attn.k_proj", kv_rows),
            part("self_attn.v_proj", kv_rows),
        ];
        let gate_up = [part("mlp.gate_proj", mlp_rows), part("mlp.up_proj", mlp_rows)];
        Ok(Layer {
            kv_group: 0,
            kv_layer: layer,
            input_layernorm_c: self.vector(&name("input_layernorm"), hidden_size)?,
            qkv_proj: self.linear(&qkv, hidden_size)?,
            o_proj: self.linear(&[part("self_attn.o_proj", hidden_size)], q_rows)?,
            post_attention_layernorm_c: self
                .vector(&name("post_attention_layernorm"), hidden_size)?,
            gate_up_proj: self.linear(&gate_up, hidden_size)?,
            down_proj: self.linear(&[part("mlp.down_proj", hidden_size)], mlp_rows)?,
        })
    }

    fn linear(&self, parts: &[(String, usize)], k: usize) -> Result<Linear, ModelError> {
        Linear::load(self.checkpoint, self.pool, parts, k, self.options)
    }

    fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>, ModelError> {
        crate::linear::check_shape(self.checkpoint, name, &[len])?;
        self.checkpoint.dequantize(name)
    }
}
