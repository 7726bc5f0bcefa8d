//! What a model computes, in the form that the passes are built from.

use catena_kernels::{Activation, AttentionMask, AttentionShape, DenseType, Gate, RopeSpec};

use crate::ModelConfig;
use crate::config::{MlaConfig, Mlp, MoeConfig, NormKind, QkNorm, Residual};

/// Families whose code treats the token of empty places as any other.
const PADDING_IS_LEARNED: [&str; 3] = ["gpt2", "gpt_neox", "chatglm"];

/// A trunk: token embedding, layers, last norm.
#[derive(Clone)]
pub(super) struct Spec {
    pub(super) hidden_size: usize,
    pub(super) vocab_size: usize,
    pub(super) norm: NormSpec,
    pub(super) embedding: EmbeddingSpec,
    pub(super) ropes: Vec<RopeSpec>,
    pub(super) layers: Vec<LayerSpec>,
    pub(super) final_norm: Option<String>,
    /// The output head of a language model; tied to the embedding if it has no name of its own.
    pub(super) head: HeadSpec,
}

/// The kind of all norms.
#[derive(Clone, Copy)]
pub(super) struct NormSpec {
    pub(super) kind: NormKind,
    pub(super) eps: f32,
    /// Whether layer norms have biases.
    pub(super) bias: bool,
}

/// Tables that the residual stream starts from.
#[derive(Clone)]
pub(super) struct EmbeddingSpec {
    pub(super) words: String,
    pub(super) multiplier: f32,
    /// The token of empty places, whose row learns nothing from where it stands.
    pub(super) pad_token: Option<u32>,
    /// A learned vector per position.
    pub(super) positions: Option<PositionSpec>,
    /// Name and rows of a learned vector per token type.
    pub(super) types: Option<(String, usize)>,
    /// A norm of the sum.
    pub(super) norm: Option<String>,
}

/// A table of positions.
#[derive(Clone)]
pub(super) struct PositionSpec {
    pub(super) name: String,
    pub(super) rows: usize,
    /// RoBERTa's way: positions count from behind this id, and tokens of this id stay on it.
    pub(super) padding_idx: Option<u32>,
}

/// The head of a language model.
#[derive(Clone)]
pub(super) struct HeadSpec {
    /// The matrix, `None` for that of the embedding.
    pub(super) weight: Option<String>,
    pub(super) softcap: Option<f32>,
    /// What logits are divided by.
    pub(super) scaling: f32,
}

/// Where norms stand around attention and MLP, each called `f`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Placement {
    /// `x += f(norm(x))`, `x += norm(f(x))`, or both, one after the other.
    InTurn,
    /// `x += attention(norm(x)) + mlp(norm'(x))`.
    Parallel,
}

/// One layer.
#[derive(Clone)]
pub(super) struct LayerSpec {
    pub(super) hidden_size: usize,
    /// Width of the MLP, if it is not one of experts.
    pub(super) intermediate_size: usize,
    pub(super) attention: AttentionShape,
    /// Latent attention in the place of heads with their own keys and values.
    pub(super) latent: Option<LatentSpec>,
    pub(super) qk_norm: Option<QkNorm>,
    /// Index into the trunk's rotary embeddings.
    pub(super) rope: Option<usize>,
    pub(super) mlp: MlpSpec,
    /// Experts in the place of the one MLP.
    pub(super) experts: Option<ExpertsSpec>,
    pub(super) placement: Placement,
    /// Factor of what attention and MLP add to the residual stream.
    pub(super) multiplier: f32,
    pub(super) qkv_bias: bool,
    pub(super) out_bias: bool,
    pub(super) mlp_bias: bool,
    pub(super) names: LayerNames,
}

/// What the MLP does between its products.
#[derive(Clone, Copy)]
pub(super) enum MlpSpec {
    Gated(Gate),
    Plain(Activation),
}

/// What keys and values of all heads are made from, and perhaps queries.
#[derive(Clone)]
pub(super) struct LatentSpec {
    pub(super) shape: MlaConfig,
    /// The name of what holds the projections.
    pub(super) name: String,
}

/// A mixture of experts.
#[derive(Clone)]
pub(super) struct ExpertsSpec {
    pub(super) shape: MoeConfig,
    /// The name of what holds router, experts and shared MLP.
    pub(super) name: String,
}

/// Names of the projections of an MLP.
#[derive(Clone, Default)]
pub(super) struct MlpNames {
    /// Only of a gated MLP.
    pub(super) gate: Module,
    pub(super) up: Module,
    pub(super) down: Module,
}

impl MlpNames {
    /// Those of a decoder's MLP.
    pub(super) fn within(name: &str) -> Self {
        MlpNames {
            gate: format!("{name}.gate_proj").into(),
            up: format!("{name}.up_proj").into(),
            down: Module::behind(format!("{name}.down_proj")),
        }
    }
}

/// Names of a layer's modules, without `.weight` and `.bias`. A norm without a name is not there.
#[derive(Clone, Default)]
pub(super) struct LayerNames {
    pub(super) attention_in_norm: Option<String>,
    pub(super) attention_out_norm: Option<String>,
    pub(super) mlp_in_norm: Option<String>,
    pub(super) mlp_out_norm: Option<String>,
    /// Norms of the residual stream itself, behind the sum.
    pub(super) attention_sum_norm: Option<String>,
    pub(super) mlp_sum_norm: Option<String>,
    pub(super) q: Module,
    pub(super) k: Module,
    pub(super) v: Module,
    pub(super) o: Module,
    pub(super) q_norm: String,
    pub(super) k_norm: String,
    pub(super) mlp: MlpNames,
}

/// A projection by its name, without `.weight` and `.bias`, or some rows of one.
#[derive(Clone, Default)]
pub(super) struct Module {
    pub(super) name: String,
    /// Its first row and the rows of the whole, if it is a part.
    pub(super) part: Option<(usize, usize)>,
    /// Whether no other projection has the same input.
    pub(super) own_input: bool,
}

impl Module {
    /// A projection with an input of its own.
    pub(super) fn behind(name: String) -> Self {
        Self { name, part: None, own_input: true }
    }
}

impl From<String> for Module {
    fn from(name: String) -> Self {
        Self { name, part: None, own_input: false }
    }
}

impl Spec {
    /// A decoder, by the names of [`crate::Checkpoint`], and of latent attention by those of its
    /// family's files ([`super::latent_weights`]).
    pub(super) fn of_decoder(config: &ModelConfig, dtype: DenseType) -> Self {
        let layers = 0..config.num_hidden_layers;
        Self {
            hidden_size: config.hidden_size,
            vocab_size: config.vocab_size,
            norm: NormSpec { kind: config.norm, eps: config.norm_eps, bias: true },
            embedding: EmbeddingSpec {
                words: "model.embed_tokens".to_owned(),
                multiplier: config.embedding_multiplier,
                pad_token: config
                    .pad_token_id
                    .filter(|_| !PADDING_IS_LEARNED.contains(&config.model_type)),
                positions: config.learned_positions.then(|| PositionSpec {
                    name: "model.embed_positions".to_owned(),
                    rows: config.max_position_embeddings,
                    padding_idx: None,
                }),
                types: None,
                norm: None,
            },
            ropes: config.rope_parameters.iter().map(|rope| of_heads(config, rope)).collect(),
            layers: layers.map(|idx| decoder_layer(config, dtype, idx)).collect(),
            final_norm: Some("model.norm".to_owned()),
            head: HeadSpec {
                weight: (!config.tie_word_embeddings).then(|| "lm_head".to_owned()),
                softcap: config.final_logit_softcapping,
                scaling: config.logits_scaling,
            },
        }
    }
}

/// A rotation of the heads that are attended to: those of latent attention have the part that is
/// rotated at their end.
fn of_heads(config: &ModelConfig, rope: &RopeSpec) -> RopeSpec {
    let rope = rope.clone();
    match config.mla {
        None => rope,
        Some(MlaConfig { qk_nope_head_dim, .. }) => {
            RopeSpec { head_dim: config.head_dim, first_rotary_dim: qk_nope_head_dim, ..rope }
        }
    }
}

fn decoder_layer(config: &ModelConfig, dtype: DenseType, idx: usize) -> LayerSpec {
    let of_layer = &config.layers[idx];
    let module = |name: &str| format!("model.layers.{idx}.{name}");
    let norm = |is_there: bool, name: &str| is_there.then(|| module(name));
    let (inputs, outputs) = (config.residual.norms_inputs(), config.residual.norms_outputs());
    let window = |window| AttentionMask::SlidingWindow { window };
    LayerSpec {
        hidden_size: config.hidden_size,
        intermediate_size: config.intermediate_size,
        attention: AttentionShape {
            num_attention_heads: config.num_attention_heads,
            num_key_value_heads: config.num_key_value_heads,
            head_dim: config.head_dim,
            value_head_dim: config.mla.map_or(config.head_dim, |mla| mla.v_head_dim),
            scale: config.attention_scale,
            mask: of_layer.sliding_window.map_or(AttentionMask::Causal, window),
            logit_softcap: config.attn_logit_softcapping,
            dtype,
        },
        latent: config.mla.map(|shape| LatentSpec { shape, name: module("self_attn") }),
        qk_norm: config.qk_norm,
        rope: of_layer.rope,
        mlp: match config.mlp {
            Mlp::Gated(gate) => MlpSpec::Gated(gate),
            Mlp::Plain(act) => MlpSpec::Plain(act.into()),
        },
        experts: config
            .moe
            .filter(|_| of_layer.moe)
            .map(|shape| ExpertsSpec { shape, name: module("mlp") }),
        placement: match config.residual {
            Residual::Parallel => Placement::Parallel,
            Residual::Pre | Residual::Post | Residual::Sandwich => Placement::InTurn,
        },
        multiplier: config.residual_multiplier,
        qkv_bias: config.attention_bias,
        out_bias: config.attention_out_bias,
        mlp_bias: config.mlp_bias,
        names: LayerNames {
            attention_in_norm: norm(inputs, "input_layernorm"),
            attention_out_norm: norm(outputs, "post_self_attn_layernorm"),
            mlp_in_norm: norm(inputs, "post_attention_layernorm"),
            mlp_out_norm: norm(outputs, "post_mlp_layernorm"),
            attention_sum_norm: None,
            mlp_sum_norm: None,
            q: module("self_attn.q_proj").into(),
            k: module("self_attn.k_proj").into(),
            v: module("self_attn.v_proj").into(),
            o: Module::behind(module("self_attn.o_proj")),
            q_norm: module("self_attn.q_norm"),
            k_norm: module("self_attn.k_norm"),
            mlp: MlpNames::within(&module("mlp")),
        },
    }
}

impl LayerSpec {
    /// Whether what attention and MLP give is added to the residual stream as it is, and that is not
    /// changed otherwise.
    pub(super) fn is_direct(&self) -> bool {
        let names = &self.names;
        let norms = [
            &names.attention_out_norm,
            &names.attention_sum_norm,
            &names.mlp_out_norm,
            &names.mlp_sum_norm,
        ];
        !self.has_multiplier() && norms.into_iter().all(Option::is_none)
    }

    /// Whether it is multiplied by something.
    pub(super) fn has_multiplier(&self) -> bool {
        self.multiplier.to_bits() != 1f32.to_bits()
    }

    /// Columns of all heads.
    pub(super) fn widths(&self) -> Widths {
        let shape = &self.attention;
        let (queries, keys) = (shape.num_attention_heads, shape.num_key_value_heads);
        Widths {
            queries: queries * shape.head_dim,
            keys: keys * shape.head_dim,
            values: keys * shape.value_head_dim,
            attended: queries * shape.value_head_dim,
        }
    }

    /// The most columns of an input or output of attention's products, the residual stream aside.
    pub(super) fn attention_width(&self) -> usize {
        let Widths { queries, keys, values, attended } = self.widths();
        let latent = self.latent.as_ref().map_or(0, |latent| {
            let ranks = latent.widest_latent().max(latent.kv_a_width());
            ranks.max(latent.kv_b_width(self.attention.num_attention_heads))
        });
        queries.max(keys).max(values).max(attended).max(latent)
    }

    /// Columns of the widest MLP.
    pub(super) fn mlp_width(&self) -> usize {
        self.experts.as_ref().map_or(self.intermediate_size, |experts| {
            experts.shape.moe_intermediate_size.max(experts.shape.shared_intermediate_size)
        })
    }

    /// What the forward pass of the MLP keeps.
    pub(super) fn mlp_kept(&self) -> MlpKept {
        let Some(ExpertsSpec { shape, .. }) = &self.experts else {
            return MlpKept { inner: self.mlp.inner(self.intermediate_size), ..MlpKept::default() };
        };
        let MoeConfig { num_experts, num_experts_per_tok: experts_per_tok, .. } = *shape;
        let width = experts_per_tok * shape.moe_intermediate_size + shape.shared_intermediate_size;
        MlpKept { inner: self.mlp.inner(width), num_experts, experts_per_tok }
    }
}

/// Columns of all heads together.
#[derive(Clone, Copy)]
pub(super) struct Widths {
    pub(super) queries: usize,
    pub(super) keys: usize,
    pub(super) values: usize,
    /// What attention gives.
    pub(super) attended: usize,
}

impl LatentSpec {
    /// Columns of the latent and of the key to be rotated.
    pub(super) fn kv_a_width(&self) -> usize {
        self.shape.kv_lora_rank + self.shape.qk_rope_head_dim
    }

    /// Columns of what is made from the latent: of each head the part of its key that is not
    /// rotated, then its value.
    pub(super) fn kv_b_width(&self, heads: usize) -> usize {
        heads * (self.shape.qk_nope_head_dim + self.shape.v_head_dim)
    }

    /// The wider of the vectors that are normed.
    pub(super) fn widest_latent(&self) -> usize {
        self.shape.kv_lora_rank.max(self.shape.q_lora_rank.unwrap_or(0))
    }
}

/// What the forward pass of an MLP keeps, values per token.
#[derive(Clone, Copy, Default)]
pub(super) struct MlpKept {
    /// What the first products of all its MLPs make.
    pub(super) inner: usize,
    pub(super) num_experts: usize,
    pub(super) experts_per_tok: usize,
}

impl MlpKept {
    /// Room for either of two.
    pub(super) fn max(self, other: Self) -> Self {
        MlpKept {
            inner: self.inner.max(other.inner),
            num_experts: self.num_experts.max(other.num_experts),
            experts_per_tok: self.experts_per_tok.max(other.experts_per_tok),
        }
    }
}

impl MlpSpec {
    pub(super) fn is_gated(self) -> bool {
        matches!(self, Self::Gated(_))
    }

    /// Columns that the first product of an MLP of this width makes.
    pub(super) fn inner(self, width: usize) -> usize {
        match self {
            Self::Gated(_) => 2 * width,
            Self::Plain(_) => width,
        }
    }
}
