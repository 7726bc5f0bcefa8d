//! Everything that families add to a Llama: the gradient is that of the loss, for all values at
//! once and for each tensor, and computing layers again changes no bit.

use catena_kernels::{Gate, RopeSpec};

use super::gradient::{check_bits, check_part, check_slope, direction, dot};
use super::latent::latent;
use super::*;
use crate::config::{LayerConfig, Mlp, NormKind, QkNorm, Residual};
use crate::training::FreezeConfig;

/// Configurations that between them have everything that the block knows.
pub(super) fn configs() -> Vec<(&'static str, ModelConfig)> {
    let tiny = || ModelConfig { attention_scale: 0.25, ..tiny_config() };
    let biases =
        || ModelConfig { attention_bias: true, attention_out_bias: true, mlp_bias: true, ..tiny() };
    let window = LayerConfig { rope: Some(1), sliding_window: Some(7), moe: false };
    let mut gemma = ModelConfig {
        residual: Residual::Sandwich,
        qk_norm: Some(QkNorm::PerHead),
        attn_logit_softcapping: Some(3.0),
        final_logit_softcapping: Some(5.0),
        embedding_multiplier: 6.0,
        mlp: Mlp::Gated(Gate::GeluTanh),
        tie_word_embeddings: true,
        rope_parameters: vec![RopeSpec::plain(10, 10_000.0), RopeSpec::plain(10, 100.0)],
        ..tiny()
    };
    gemma.layers[1] = window;
    let neox = ModelConfig {
        residual: Residual::Parallel,
        norm: NormKind::Layer,
        mlp: Mlp::Plain(Gate::GeluErf),
        ..biases()
    };
    let gpt2 = ModelConfig {
        norm: NormKind::Layer,
        mlp: Mlp::Plain(Gate::GeluTanh),
        learned_positions: true,
        tie_word_embeddings: true,
        layers: vec![LayerConfig { rope: None, sliding_window: None, moe: false }; 3],
        ..biases()
    };
    let olmo2 = ModelConfig {
        residual: Residual::Post,
        qk_norm: Some(QkNorm::Whole),
        residual_multiplier: 0.7,
        logits_scaling: 3.0,
        ..tiny()
    };
    let granite = ModelConfig { residual_multiplier: 0.7, mlp_bias: true, ..tiny() };
    vec![
        ("llama", tiny()),
        ("gemma", gemma),
        ("neox", neox),
        ("gpt2", gpt2),
        ("olmo2", olmo2),
        ("granite", granite),
        // Values narrower than keys, of odd width, and wider ones.
        ("deepseek", latent(Some(22), 7)),
        ("deepseek lite", latent(None, 14)),
    ]
}

fn full(config: &ModelConfig) -> TrainModel {
    random_model(config, &Method::Full, &options(DenseType::F32), 2)
}

#[test]
fn the_gradient_of_every_tensor_predicts_the_loss() {
    let batch = batch(&[17, 1, 30], 2);
    for (name, config) in configs() {
        let mut model = full(&config);
        model.forward_backward(&batch, 1.0).unwrap();
        let grads = model.grads().to_vec();
        for param in model.params().to_vec() {
            // Key biases shift all scores of a query alike: they have no gradient.
            if param.name.ends_with("k_proj.bias")
                && config.qk_norm.is_none()
                && config.layers[0].rope.is_none()
            {
                let (norm, _) = direction(&grads, &param.range);
                assert!(norm < 1e-2, "{name} {}: {norm}", param.name);
                continue;
            }
            check_slope(name, &mut model, &batch, &grads, &param);
        }
    }
}

/// What bf16 keeps in two bytes a value is as near to f32 as its products are.
#[test]
fn the_bf16_gradient_of_every_family_is_near_that_of_f32() {
    let batch = batch(&[17, 1, 30], 2);
    for (name, config) in configs() {
        let [exact, rounded] = [DenseType::F32, DenseType::Bf16].map(|dtype| {
            let mut model = random_model(&config, &Method::Full, &options(dtype), 2);
            model.forward_backward(&batch, 1.0).unwrap();
            model.grads().to_vec()
        });
        let norm = dot(&exact, &exact).sqrt();
        let cosine = dot(&exact, &rounded) / (norm * dot(&rounded, &rounded).sqrt());
        assert!(cosine > 0.998, "{name}: {cosine}");
    }
}

#[test]
fn computing_layers_again_changes_no_bit() {
    let batch = batch(&[17, 1, 30], 2);
    for (name, config) in configs() {
        let model = |how, threads| moved_model(&config, &Random, &Method::Full, how, threads);
        check_bits(name, &batch, model);
    }
}

#[test]
fn a_part_has_the_gradient_that_it_has_in_the_whole() {
    let batch = batch(&[20, 11], 3);
    let freezes = [
        (vec![1], vec![], vec![]),
        (vec![2], vec!["mlp"], vec![]),
        (vec![0, 2], vec!["q_proj", "down_proj"], vec!["norm"]),
        (vec![1], vec!["input_layernorm", "post_mlp_layernorm", "k_proj"], vec![]),
        (vec![], vec![], vec!["embed_tokens"]),
        (vec![], vec![], vec!["lm_head", "norm", "embed_tokens"]),
    ];
    for (name, config) in configs() {
        let mut whole = full(&config);
        whole.forward_backward(&batch, 1.0).unwrap();
        for (layers, modules, extra) in &freezes {
            let freeze = FreezeConfig {
                layers: layers.clone(),
                modules: names(modules),
                extra_modules: names(extra),
            };
            for recompute in [Recompute::Off, Recompute::All] {
                let method = Method::Freeze(freeze.clone());
                let how = (recompute, DenseType::F32);
                let mut part = moved_model(&config, &Random, &method, how, 2);
                part.forward_backward(&batch, 1.0).unwrap();
                check_part(name, &part, &whole);
            }
        }
    }
}
