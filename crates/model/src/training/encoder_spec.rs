//! Encoders as trunks to train.

use catena_kernels::{AttentionMask, AttentionShape, DenseType, RopeSpec};

use super::spec::{
    EmbeddingSpec, HeadSpec, LayerNames, LayerSpec, MlpNames, MlpSpec, Module, NormSpec, Placement,
    PositionSpec, Spec,
};
use crate::config::NormKind;
use crate::encoder::{EncoderWeights, LayerAttention, Mlp, NormPlacement, Positions, QkvNames};

impl Spec {
    /// An encoder's trunk, by the names of its files.
    pub(super) fn of_encoder(weights: &EncoderWeights, dtype: DenseType) -> Self {
        let (config, names) = (weights.config(), weights.names());
        let c = config.hidden_size;
        let trunk = |name: &str| weights.trunk(name);
        let mut thetas: Vec<f32> = config.layers.iter().filter_map(|l| l.rope_theta).collect();
        thetas.sort_by(f32::total_cmp);
        thetas.dedup();
        let rope = |theta: &f32| RopeSpec::plain(config.head_dim(), *theta);
        let layers = config.layers.iter().enumerate();
        let behind = config.norm_placement == NormPlacement::Post;
        Spec {
            hidden_size: c,
            vocab_size: config.vocab_size,
            norm: NormSpec {
                kind: NormKind::Layer,
                eps: config.layer_norm_eps,
                bias: config.biases.norm,
            },
            embedding: EmbeddingSpec {
                words: trunk(names.word_embeddings),
                multiplier: 1.0,
                // Rows are packed without empty places.
                pad_token: None,
                positions: match config.positions {
                    Positions::Rotary => None,
                    Positions::Learned { rows, padding_idx } => Some(PositionSpec {
                        name: trunk(names.position_embeddings),
                        rows,
                        padding_idx,
                    }),
                },
                types: (config.type_vocab_size > 0)
                    .then(|| (trunk(names.type_embeddings), config.type_vocab_size)),
                norm: Some(trunk(names.embed_norm)),
            },
            ropes: thetas.iter().map(rope).collect(),
            layers: layers
                .map(|(idx, layer)| {
                    let rope =
                        layer.rope_theta.and_then(|own| thetas.iter().position(|&t| t == own));
                    encoder_layer(weights, dtype, (idx, layer), rope)
                })
                .collect(),
            final_norm: (!behind).then(|| trunk(names.final_norm)),
            head: HeadSpec { weight: None, softcap: None, scaling: 1.0 },
        }
    }
}

fn encoder_layer(
    weights: &EncoderWeights,
    dtype: DenseType,
    (idx, layer): (usize, &LayerAttention),
    rope: Option<usize>,
) -> LayerSpec {
    let (config, names) = (weights.config(), weights.names());
    let (c, f, head_dim) = (config.hidden_size, config.intermediate_size, config.head_dim());
    let module = |name: &str| weights.trunk(&format!("{}.{idx}.{name}", names.layer));
    let behind = config.norm_placement == NormPlacement::Post;
    let norm = |is_there: bool, name: &str| is_there.then(|| module(name));
    let part = |name: &str, first: usize, total: usize| Module {
        name: module(name),
        part: Some((first, total)),
        own_input: false,
    };
    let fused = |name: &str| [0, 1, 2].map(|i| part(name, i * c, 3 * c));
    let [q, k, v] = match names.qkv {
        QkvNames::Fused(one) => fused(one),
        QkvNames::Either(one, _) if weights.has(&module(one)) => fused(one),
        QkvNames::Split(parts) | QkvNames::Either(_, parts) => parts.map(|p| module(p).into()),
    };
    let up = names.mlp_input;
    let (mlp, gate, up) = match config.mlp {
        Mlp::Plain(act) => (MlpSpec::Plain(act), Module::default(), module(up).into()),
        Mlp::Gated(gate) => (MlpSpec::Gated(gate), part(up, 0, 2 * f), part(up, f, 2 * f)),
    };
    let window = |radius| AttentionMask::Window { radius };
    LayerSpec {
        hidden_size: c,
        intermediate_size: f,
        attention: AttentionShape {
            num_attention_heads: config.num_attention_heads,
            num_key_value_heads: config.num_attention_heads,
            head_dim,
            value_head_dim: head_dim,
            scale: (head_dim as f32).sqrt().recip(),
            mask: layer.radius.map_or(AttentionMask::Bidirectional, window),
            logit_softcap: None,
            dtype,
        },
        latent: None,
        qk_norm: None,
        rope,
        mlp,
        experts: None,
        placement: Placement::InTurn,
        multiplier: 1.0,
        qkv_bias: config.biases.attention,
        out_bias: config.biases.attention,
        mlp_bias: config.biases.mlp,
        names: LayerNames {
            attention_in_norm: norm(!behind && idx > 0, names.attention_norm),
            mlp_in_norm: norm(!behind, names.mlp_norm),
            attention_sum_norm: norm(behind, names.attention_norm),
            mlp_sum_norm: norm(behind, names.mlp_norm),
            q,
            k,
            v,
            o: Module::behind(module(names.attention_output)),
            mlp: MlpNames { gate, up, down: Module::behind(module(names.mlp_output)) },
            ..LayerNames::default()
        },
    }
}
