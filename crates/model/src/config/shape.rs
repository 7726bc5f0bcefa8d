//! The shape of a decoder, whatever file it came from.

use catena_kernels::{Gate, RopeSpec};

/// What a decoder-only language model computes, independent of its family and of its files.
///
/// One block is driven from this: `x = embed(tokens) * embedding_multiplier (+ positions)`; for each
/// layer attention and MLP with the norms that [`Residual`] names; `logits = head(norm(x))`.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// The family, by the `model_type` that it was read as.
    pub model_type: &'static str,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the MLP of dense layers.
    pub intermediate_size: usize,
    /// Decoder layers.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads; divides the query heads.
    pub num_key_value_heads: usize,
    /// Width of a query and key head; even.
    pub head_dim: usize,
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Longest sequence that the model was made for.
    pub max_position_embeddings: usize,
    /// Kind of the norms.
    pub norm: NormKind,
    /// Added under the root of the norms: `rms_norm_eps`, `layer_norm_eps`.
    pub norm_eps: f32,
    /// Where norms stand in a layer.
    pub residual: Residual,
    /// Whether the query, key and value projections have biases.
    pub attention_bias: bool,
    /// Whether the output projection of attention has one.
    pub attention_out_bias: bool,
    /// Whether the projections of the MLP have biases.
    pub mlp_bias: bool,
    /// Norms of queries and keys, before they are rotated.
    pub qk_norm: Option<QkNorm>,
    /// Factor of the scores, usually `1 / sqrt(head_dim)`.
    pub attention_scale: f32,
    /// Cap of the scores.
    pub attn_logit_softcapping: Option<f32>,
    /// Cap of the logits.
    pub final_logit_softcapping: Option<f32>,
    /// Rotary embeddings that layers choose from.
    pub rope_parameters: Vec<RopeSpec>,
    /// Whether a learned vector per position is added to the embedding.
    pub learned_positions: bool,
    /// What differs between layers; one for each.
    pub layers: Vec<LayerConfig>,
    /// Kind of the MLP.
    pub mlp: Mlp,
    /// Experts of the layers that have them.
    pub moe: Option<MoeConfig>,
    /// Latent attention in the place of heads with their own keys and values.
    pub mla: Option<MlaConfig>,
    /// Factor of the embedding.
    pub embedding_multiplier: f32,
    /// Factor of what attention and MLP add to the residual stream.
    pub residual_multiplier: f32,
    /// What logits are divided by.
    pub logits_scaling: f32,
    /// Whether the embedding is also the output head.
    pub tie_word_embeddings: bool,
    /// Begin of text.
    pub bos_token_id: Option<u32>,
    /// Tokens that end a generation.
    pub eos_token_ids: Vec<u32>,
    /// Padding.
    pub pad_token_id: Option<u32>,
}

/// Kinds of norms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// `x / sqrt(mean(x^2) + eps) * gain`.
    Rms,
    /// `(x - mean(x)) / sqrt(var(x) + eps) * gain + bias`.
    Layer,
}

/// Where norms stand around attention and MLP, each called `f` here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residual {
    /// `x += f(norm(x))`, as in Llama.
    Pre,
    /// `x += norm(f(x))`, as in OLMo 2.
    Post,
    /// `x += norm(f(norm(x)))`, as in Gemma 2.
    Sandwich,
    /// `x += attention(norm(x)) + mlp(norm'(x))`, as in GPT-NeoX.
    Parallel,
}

impl Residual {
    /// Whether inputs are normed.
    pub fn norms_inputs(self) -> bool {
        self != Self::Post
    }

    /// Whether outputs are normed.
    pub fn norms_outputs(self) -> bool {
        matches!(self, Self::Post | Self::Sandwich)
    }
}

/// What a norm of queries and keys goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QkNorm {
    /// Each head, with one gain for all.
    PerHead,
    /// All heads together.
    Whole,
}

/// Kinds of MLPs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mlp {
    /// `down(act(gate(x)) * up(x))`.
    Gated(Gate),
    /// `down(act(up(x)))`.
    Plain(Gate),
}

impl Mlp {
    /// The activation.
    pub fn act(self) -> Gate {
        match self {
            Self::Gated(act) | Self::Plain(act) => act,
        }
    }
}

/// What differs between layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerConfig {
    /// Index into `rope_parameters`; `None` for a layer that does not see positions.
    pub rope: Option<usize>,
    /// Keys that a token sees at most, its own being the last.
    pub sliding_window: Option<usize>,
    /// Whether the MLP is one of experts.
    pub moe: bool,
}

/// A mixture of experts: each token goes through the few MLPs that a router scores highest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MoeConfig {
    /// Number of experts.
    pub num_experts: usize,
    /// How many of them a token goes through.
    pub num_experts_per_tok: usize,
    /// Width of an expert's MLP.
    pub moe_intermediate_size: usize,
    /// Width of the MLP that all tokens go through beside, 0 if there is none.
    pub shared_intermediate_size: usize,
    /// Whether the weights of a token's experts are scaled to sum to 1.
    pub norm_topk_prob: bool,
    /// Factor of the weights.
    pub routed_scaling_factor: f32,
    /// How many groups experts are in, and from how many, those of the highest scores, they are
    /// taken.
    pub groups: Option<(usize, usize)>,
}

/// Latent attention: keys and values of all heads are made from one short vector per token.
///
/// # Source
/// DeepSeek-V2, arXiv:2405.04434, section 2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MlaConfig {
    /// Width of the vector that queries are made from; `None` if from the residual stream.
    pub q_lora_rank: Option<usize>,
    /// Width of the vector that keys and values are made from.
    pub kv_lora_rank: usize,
    /// Width of the part of a head that is not rotated.
    pub qk_nope_head_dim: usize,
    /// Width of the part that is, one key for all heads.
    pub qk_rope_head_dim: usize,
    /// Width of a value head.
    pub v_head_dim: usize,
}

impl MlaConfig {
    /// Added under the root of the norms of both vectors, whatever the norms of the residual stream
    /// have.
    pub const NORM_EPS: f32 = 1e-6;
}

impl ModelConfig {
    /// A Llama whose sizes are zero and must be filled in, without anything that only some families
    /// have.
    pub(crate) fn plain(head_dim: usize, num_hidden_layers: usize) -> Self {
        let layer = LayerConfig { rope: Some(0), sliding_window: None, moe: false };
        Self {
            model_type: "llama",
            hidden_size: 0,
            intermediate_size: 0,
            num_hidden_layers,
            num_attention_heads: 0,
            num_key_value_heads: 0,
            head_dim,
            vocab_size: 0,
            max_position_embeddings: 0,
            norm: NormKind::Rms,
            norm_eps: 1e-6,
            residual: Residual::Pre,
            attention_bias: false,
            attention_out_bias: false,
            mlp_bias: false,
            qk_norm: None,
            attention_scale: (head_dim as f32).sqrt().recip(),
            attn_logit_softcapping: None,
            final_logit_softcapping: None,
            rope_parameters: vec![RopeSpec::plain(head_dim, 10_000.0)],
            learned_positions: false,
            // An absurd number is refused later, without taking memory for it here.
            layers: vec![layer; num_hidden_layers.min(1 << 16)],
            mlp: Mlp::Gated(Gate::Silu),
            moe: None,
            mla: None,
            embedding_multiplier: 1.0,
            residual_multiplier: 1.0,
            logits_scaling: 1.0,
            tie_word_embeddings: false,
            bos_token_id: None,
            eos_token_ids: Vec::new(),
            pad_token_id: None,
        }
    }

    /// Columns of all query heads.
    pub fn q_width(&self) -> usize {
        self.num_attention_heads * self.head_dim
    }

    /// Columns of all key or value heads.
    pub fn kv_width(&self) -> usize {
        self.num_key_value_heads * self.head_dim
    }

    /// Columns that go into the output projection of attention.
    pub fn attended_width(&self) -> usize {
        let value_dim = self.mla.map_or(self.head_dim, |mla| mla.v_head_dim);
        self.num_attention_heads * value_dim
    }

    /// Base of the rotary frequencies of the first kind of layers.
    pub fn rope_theta(&self) -> f32 {
        self.rope_parameters.first().map_or(10_000.0, |rope| rope.theta)
    }

    /// The first thing that a Llama without biases and scaled positions does not have, if there is
    /// one: what only the forward pass knows.
    pub fn beyond_llama(&self) -> Option<&'static str> {
        let scale = (self.head_dim as f32).sqrt().recip();
        let plain_rope = RopeSpec::plain(self.head_dim, self.rope_theta());
        let layers = |odd: fn(&LayerConfig) -> bool| self.layers.iter().any(odd);
        let checks = [
            (self.mla.is_some(), "latent attention"),
            (self.moe.is_some(), "experts"),
            (self.norm != NormKind::Rms, "layer norms"),
            (self.residual != Residual::Pre, "norms behind attention and MLP"),
            (self.attention_bias || self.attention_out_bias || self.mlp_bias, "biases"),
            (self.qk_norm.is_some(), "norms of queries and keys"),
            (self.learned_positions, "learned positions"),
            (self.rope_parameters != [plain_rope], "partial or scaled rotary positions"),
            (layers(|layer| layer.rope != Some(0)), "layers without positions"),
            (layers(|layer| layer.sliding_window.is_some()), "sliding windows"),
            (self.attn_logit_softcapping.is_some(), "capped scores"),
            (self.final_logit_softcapping.is_some(), "capped logits"),
            (self.mlp != Mlp::Gated(Gate::Silu), "another MLP than SwiGLU"),
            (self.attention_scale.to_bits() != scale.to_bits(), "a scale of scores"),
            (self.has_multipliers(), "multipliers"),
        ];
        checks.into_iter().find(|(beyond, _)| *beyond).map(|(_, what)| what)
    }

    /// Whether what attention and MLP give is multiplied.
    pub fn has_residual_multiplier(&self) -> bool {
        self.residual_multiplier.to_bits() != 1f32.to_bits()
    }

    fn has_multipliers(&self) -> bool {
        let factors = [self.embedding_multiplier, self.logits_scaling];
        let changed = |factor: &f32| factor.to_bits() != 1f32.to_bits();
        self.has_residual_multiplier() || factors.iter().any(changed)
    }
}
