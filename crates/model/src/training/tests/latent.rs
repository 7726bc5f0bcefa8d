//! Latent attention: the gradient of what each projection and norm learns, whatever else is frozen,
//! and what does not fit.

use catena_kernels::{RopeLayout, RopeSpec};

use super::adapters::Blocks;
use super::experts::check_gradient;
use super::gradient::{check_bits, check_part, dot, slope};
use super::*;
use crate::config::{MlaConfig, MoeConfig};
use crate::training::{FreezeConfig, Ia3Config, LoraInit, LoraSettings, PrefixConfig};

/// A tiny decoder with latent attention; queries from a vector of their own or from the input.
pub(super) fn latent(q_lora_rank: Option<usize>, v_head_dim: usize) -> ModelConfig {
    let (qk_nope_head_dim, qk_rope_head_dim, kv_lora_rank) = (6, 4, 18);
    let mla =
        MlaConfig { q_lora_rank, kv_lora_rank, qk_nope_head_dim, qk_rope_head_dim, v_head_dim };
    ModelConfig {
        model_type: "deepseek_v2",
        num_key_value_heads: 6,
        attention_scale: 0.25,
        rope_parameters: vec![RopeSpec {
            rotary_dim: qk_rope_head_dim,
            layout: RopeLayout::Interleaved,
            ..RopeSpec::plain(kv_lora_rank + qk_rope_head_dim, 100.0)
        }],
        mla: Some(mla),
        ..tiny_config()
    }
}

/// The same of widths that blocks fit, with experts in groups beside an MLP for all rows.
pub(super) fn with_experts() -> ModelConfig {
    let mla = MlaConfig {
        q_lora_rank: Some(32),
        kv_lora_rank: 32,
        qk_nope_head_dim: 32,
        qk_rope_head_dim: 8,
        v_head_dim: 16,
    };
    let rope = RopeSpec {
        rotary_dim: 8,
        layout: RopeLayout::Interleaved,
        ..RopeSpec::plain(32 + 8, 100.0)
    };
    let mut config = ModelConfig {
        model_type: "deepseek_v2",
        hidden_size: 64,
        intermediate_size: 96,
        num_attention_heads: 4,
        num_key_value_heads: 4,
        vocab_size: 75,
        max_position_embeddings: 128,
        norm_eps: 1e-5,
        rope_parameters: vec![rope],
        mla: Some(mla),
        moe: Some(MoeConfig {
            num_experts: 6,
            num_experts_per_tok: 3,
            moe_intermediate_size: 32,
            shared_intermediate_size: 64,
            norm_topk_prob: false,
            routed_scaling_factor: 1.5,
            groups: Some((3, 2)),
        }),
        ..ModelConfig::plain(32 + 8, 3)
    };
    config.layers.iter_mut().skip(1).for_each(|layer| layer.moe = true);
    config
}

const LATENT: [&str; 5] = ["q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"];

pub(super) fn methods() -> Vec<(&'static str, Method)> {
    let settings = LoraSettings::default();
    let dora = LoraSettings { use_dora: true, ..settings.clone() };
    let init_lora_weights = LoraInit::Pissa { niter: Some(4) };
    let pissa = LoraSettings { init_lora_weights, ..settings.clone() };
    let modules_to_save = names(&["kv_a_layernorm", "kv_b_proj"]);
    let whole = LoraSettings { modules_to_save, ..settings };
    let ia3 = Ia3Config {
        target_modules: names(&["q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj"]),
        feedforward_modules: names(&["q_b_proj", "kv_b_proj"]),
        modules_to_save: Vec::new(),
    };
    let all = || lora(3, &LATENT);
    vec![
        ("pairs", Method::Lora(all())),
        ("dora", Method::LoraWith(all(), dora)),
        ("pissa", Method::LoraWith(all(), pissa)),
        ("whole modules", Method::LoraWith(lora(3, &["q_a_proj"]), whole)),
        ("ia3", Method::Ia3(ia3)),
    ]
}

#[test]
fn the_gradient_of_every_adapter_predicts_the_loss() {
    let batch = batch(&[8, 1, 6], 2);
    let (config, how) = (with_experts(), (Recompute::Off, DenseType::F32));
    for source in [&Random as &dyn WeightSource, &Blocks] {
        for (name, method) in methods() {
            let mut model = moved_model(&config, source, &method, how, 2);
            // The norm of DoRA is a constant to the gradient of its pair.
            let skip: &[&str] = if name == "dora" { &[".lora_A", ".lora_B"] } else { &[] };
            check_gradient(name, &mut model, &batch, skip);
        }
    }
}

#[test]
fn recompute_and_threads_change_no_bit() {
    let batch = batch(&[17, 1, 30], 2);
    let config = with_experts();
    for (name, method) in methods().into_iter().chain([("full", Method::Full)]) {
        check_bits(name, &batch, |how, threads| {
            moved_model(&config, &Random, &method, how, threads)
        });
    }
}

#[test]
fn any_projection_alone_has_the_gradient_of_the_loss() {
    let batch = batch(&[20, 11], 3);
    for target in ["q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"] {
        let method = Method::Lora(lora(2, &[target]));
        let (config, how) = (latent(Some(22), 8), (Recompute::Off, DenseType::F32));
        let mut model = moved_model(&config, &Random, &method, how, 1);
        model.forward_backward(&batch, 1.0).unwrap();
        let grads = model.grads().to_vec();
        let norm = dot(&grads, &grads).sqrt();
        let direction: Vec<f32> = grads.iter().map(|g| g / norm as f32).collect();
        let found = slope(&mut model, &batch, &direction, 1e-2);
        assert!((found / norm - 1.0).abs() < 2e-2, "{target}: {found} instead of {norm}");
        assert!(model.params().iter().all(|param| param.name.contains(target)));
    }
}

#[test]
fn a_part_has_the_gradient_that_it_has_in_the_whole() {
    let batch = batch(&[20, 11], 3);
    let modules = [
        "q_a_proj",
        "q_a_layernorm",
        "q_b_proj",
        "kv_a_proj_with_mqa",
        "kv_a_layernorm",
        "kv_b_proj",
        "o_proj",
    ];
    let config = latent(Some(22), 8);
    let how = (Recompute::Off, DenseType::F32);
    let mut whole = moved_model(&config, &Random, &Method::Full, how, 2);
    whole.forward_backward(&batch, 1.0).unwrap();
    for (layers, module) in
        modules.into_iter().flat_map(|module| [(vec![0], module), (vec![1], module)])
    {
        let (modules, extra_modules) = (names(&[module]), Vec::new());
        let freeze = FreezeConfig { layers, modules, extra_modules };
        for recompute in [Recompute::Off, Recompute::All] {
            let (method, how) = (Method::Freeze(freeze.clone()), (recompute, DenseType::F32));
            let mut part = moved_model(&config, &Random, &method, how, 2);
            part.forward_backward(&batch, 1.0).unwrap();
            assert_eq!(part.params().len(), 1, "{module}");
            let param = &part.params()[0];
            assert!(dot(part.grads(), part.grads()) > 1e-6, "{} has no gradient", param.name);
            check_part(module, &part, &whole);
        }
    }
}

#[test]
fn what_does_not_fit_is_told_by_name() {
    let prefix = PrefixConfig { num_virtual_tokens: 2, zero_init: true, seed: 0 };
    for (method, words) in [
        (Method::Prefix(prefix), "`deepseek_v2` is not trained by prefix tuning"),
        // The decoder's own name.
        (Method::Lora(lora(2, &["k_b_proj"])), "which this model has as `kv_b_proj`"),
    ] {
        let (config, options) = (latent(None, 8), options(DenseType::F32));
        let (task, pool) = (Task::LanguageModel, Arc::new(Pool::new(1)));
        let model = TrainModel::decoder(&config, &Random, task, &method, &options, pool);
        let message = model.err().unwrap().to_string();
        assert!(message.contains(words), "{message}");
    }
}
