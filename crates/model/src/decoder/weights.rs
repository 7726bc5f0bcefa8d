//! A loaded decoder.

use std::sync::Arc;

use catena_kernels::{AttendParams, DenseType, KvShape, Pool, RopeTable};

use super::Scratch;
use super::attention::Attention;
use super::load::Loader;
use super::mlp::Mlp;
use super::norm::Norm;
use crate::linear::{Linear, LoadOptions};
use crate::{Checkpoint, ModelConfig, ModelError};

/// Longest sequence we run, whatever the file claims: bounds the table of rotations.
const MAX_POSITIONS: usize = 1 << 18;

/// A language model, ready to run.
pub struct Decoder {
    pub(super) config: ModelConfig,
    pub(super) embed_tokens: Linear,
    /// Learned positions.
    pub(super) embed_positions: Option<Linear>,
    pub(super) layers: Vec<Layer>,
    pub(super) norm: Norm,
    /// `None`: the head is the embedding (tied).
    pub(super) lm_head: Option<Linear>,
    /// Rotary embeddings that layers choose from.
    pub(super) ropes: Vec<RopeTable>,
    pub(super) kv_groups: Vec<KvGroup>,
    /// Type of float weights.
    pub(super) dense_type: DenseType,
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
    pub(super) place_in_group: usize,
    pub(super) input_layernorm: Option<Norm>,
    pub(super) attention: Attention,
    /// Index of its rotary embedding.
    pub(super) rope: Option<usize>,
    pub(super) attend: AttendParams,
    pub(super) post_self_attn_layernorm: Option<Norm>,
    pub(super) post_attention_layernorm: Option<Norm>,
    pub(super) mlp: Mlp,
    pub(super) post_mlp_layernorm: Option<Norm>,
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
        let loader = Loader { checkpoint, config: &config, pool: &pool, options };
        let (vocab, hidden_size) = (config.vocab_size, config.hidden_size);
        let table = |name: &str, rows| loader.linear(&[(name, rows)], hidden_size, false);
        let embed_tokens = table("model.embed_tokens", vocab)?;
        let positions = config.max_position_embeddings;
        let learned = config.learned_positions;
        let embed_positions =
            learned.then(|| table("model.embed_positions", positions)).transpose()?;
        let mut kv_groups: Vec<KvGroup> = Vec::new();
        let mut layers = Vec::with_capacity(config.num_hidden_layers);
        for layer in 0..config.num_hidden_layers {
            let place = enter(&mut kv_groups, &config, layer);
            layers.push(loader.layer(layer, place)?);
        }
        let norm = loader.norm("model.norm")?;
        let untied = !config.tie_word_embeddings;
        let lm_head = untied.then(|| table("lm_head", vocab)).transpose()?;
        let positions = positions.min(MAX_POSITIONS);
        let ropes = &config.rope_parameters;
        let ropes = ropes.iter().map(|rope| RopeTable::new(rope, positions)).collect();
        Ok(Self {
            config,
            embed_tokens,
            embed_positions,
            layers,
            norm,
            lm_head,
            ropes,
            kv_groups,
            dense_type: options.dense_type,
            pool,
        })
    }

    /// The model's configuration.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The threads that run it.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Tokens of the longest sequence: the model's `max_position_embeddings`, 262144 at most.
    pub fn max_tokens(&self) -> usize {
        self.config.max_position_embeddings.min(MAX_POSITIONS)
    }

    /// The KV caches that the model needs, one for each group of layers: those with the same window
    /// are one, in the order in which they first appear. Latent attention keeps one head, of the
    /// rotated part of a key and the latent.
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
        let tables =
            [Some(&self.embed_tokens), self.embed_positions.as_ref(), self.lm_head.as_ref()];
        let layers = self.layers.iter();
        let layers = layers.map(|layer| layer.attention.bytes() + layer.mlp.bytes());
        tables.into_iter().flatten().map(Linear::bytes).sum::<usize>() + layers.sum::<usize>()
    }

    /// Columns of the queries, keys and values of a row.
    pub(super) fn qkv_width(&self) -> usize {
        let (kv_heads, head_dim) = kept(&self.config);
        // The latent is key and value.
        let kinds = if self.config.mla.is_some() { 1 } else { 2 };
        (self.config.num_attention_heads + kinds * kv_heads) * head_dim
    }

    /// Columns of what attention gives a row.
    pub(super) fn attended_width(&self) -> usize {
        self.config.num_attention_heads * kept(&self.config).1
    }

    /// The product that makes logits.
    pub(super) fn head(&self) -> &Linear {
        self.lm_head.as_ref().unwrap_or(&self.embed_tokens)
    }
}

/// Heads that the cache keeps of a token, and their width.
fn kept(config: &ModelConfig) -> (usize, usize) {
    match &config.mla {
        None => (config.num_key_value_heads, config.head_dim),
        Some(mla) => (1, mla.qk_rope_head_dim + mla.kv_lora_rank),
    }
}

/// Enters a layer into the group of its window; the group's index and the layer's within.
fn enter(groups: &mut Vec<KvGroup>, config: &ModelConfig, layer: usize) -> (usize, usize) {
    let sliding_window = config.layers[layer].sliding_window;
    let known = groups.iter().position(|group| group.sliding_window == sliding_window);
    let group = known.unwrap_or_else(|| {
        let (num_key_value_heads, head_dim) = kept(config);
        let shape = KvShape { num_layers: 0, num_key_value_heads, head_dim };
        groups.push(KvGroup { shape, sliding_window });
        groups.len() - 1
    });
    let num_layers = &mut groups[group].shape.num_layers;
    *num_layers += 1;
    (group, *num_layers - 1)
}
