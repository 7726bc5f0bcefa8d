//! Mixtures of experts: the gradient is that of the loss for every method, experts without rows
//! learn nothing, and what is trained is what decoding runs.

use super::adapters::{Blocks, wide_config};
use super::derivative::ALL;
use super::gradient::{check_bits, check_part, direction, losses_around};
use super::*;
use crate::config::MoeConfig;
use crate::training::{FreezeConfig, Ia3Config, LoraInit, LoraSettings};

pub(super) fn moe(num_experts: usize, num_experts_per_tok: usize) -> MoeConfig {
    MoeConfig {
        num_experts,
        num_experts_per_tok,
        moe_intermediate_size: 32,
        shared_intermediate_size: 0,
        norm_topk_prob: true,
        routed_scaling_factor: 1.0,
        groups: None,
    }
}

/// Widths that blocks fit, and a layer with one MLP between two with experts.
pub(super) fn config(moe: MoeConfig) -> ModelConfig {
    let mut config = ModelConfig { moe: Some(moe), ..wide_config() };
    config.layers[0].moe = true;
    config.layers[2].moe = true;
    config
}

/// Every way to choose and to weight: as Mixtral, without division, in groups beside a shared MLP,
/// and all experts, among which nothing is chosen.
fn configs() -> Vec<(&'static str, ModelConfig)> {
    let plain = MoeConfig { norm_topk_prob: false, routed_scaling_factor: 1.5, ..moe(5, 2) };
    let groups = MoeConfig {
        shared_intermediate_size: 64,
        norm_topk_prob: true,
        routed_scaling_factor: 0.7,
        groups: Some((3, 2)),
        ..moe(6, 3)
    };
    let wide = MoeConfig { moe_intermediate_size: 160, ..moe(7, 1) };
    vec![
        ("mixtral", config(moe(5, 2))),
        ("not divided", config(plain)),
        ("groups", config(groups)),
        ("one of seven", config(MoeConfig { norm_topk_prob: false, ..wide })),
        ("all", config(moe(3, 3))),
    ]
}

/// Weights of a router whose experts have weights that differ.
struct Decided;

impl WeightSource for Decided {
    fn weight(&self, name: &str, shape: &[usize]) -> Result<Weight<'_>, ModelError> {
        let mut weight = Random.weight(name, shape)?;
        if name.ends_with("mlp.gate.weight") {
            let values: Vec<f32> = weight.to_f32().iter().map(|value| 2.0 * value).collect();
            weight.data = WeightData::F32(values.into());
        }
        Ok(weight)
    }
}

/// All that stands beside projections, of experts and routers too.
fn methods() -> Vec<(&'static str, Method)> {
    let settings = LoraSettings::default();
    let dora = LoraSettings { use_dora: true, ..settings.clone() };
    let pissa = LoraSettings {
        init_lora_weights: LoraInit::Pissa { niter: Some(4) },
        modules_to_save: names(&["lm_head"]),
        ..settings.clone()
    };
    let one = LoraSettings { modules_to_save: names(&["mlp.gate"]), ..settings };
    let ia3 = Ia3Config {
        target_modules: names(&["all-linear"]),
        feedforward_modules: names(&["o_proj", "down_proj"]),
        modules_to_save: Vec::new(),
    };
    let all = || lora(3, &["all-linear"]);
    vec![
        ("pairs", Method::Lora(lora(3, &ALL))),
        ("pairs of routers", Method::Lora(all())),
        ("pairs of one expert", Method::LoraWith(lora(3, &["experts.1.up_proj"]), one)),
        ("dora", Method::LoraWith(all(), dora)),
        ("pissa", Method::LoraWith(all(), pissa)),
        ("ia3", Method::Ia3(ia3)),
    ]
}

/// Slopes of the loss, which is `here`, along `direction`: to both sides, ahead, and behind.
fn slopes(
    model: &mut TrainModel,
    batch: &TrainBatch,
    here: f64,
    direction: &[f32],
    step: f32,
) -> [f64; 3] {
    let [below, above] = losses_around(model, batch, direction, step);
    let step = f64::from(step);
    [(above - below) / (2.0 * step), (above - here) / step, (here - below) / step]
}

/// Compares the slope along the gradient of each tensor with its norm.
///
/// The loss jumps where another expert is chosen: it is enough that one side is as it should be, or
/// one of two steps.
pub(super) fn check_gradient(
    name: &str,
    model: &mut TrainModel,
    batch: &TrainBatch,
    skip: &[&str],
) {
    model.zero_grads();
    model.forward_backward(batch, 1.0).unwrap();
    let grads = model.grads().to_vec();
    let here = model.loss(batch).unwrap().loss_sum;
    let params = model.params().to_vec();
    let largest = params.iter().map(|param| direction(&grads, &param.range).0).fold(0.0, f64::max);
    let mut checked = 0;
    for param in &params {
        let (norm, direction) = direction(&grads, &param.range);
        // An expert may have few rows or none.
        if norm < 1e-3 * largest || skip.iter().any(|skip| param.name.contains(skip)) {
            assert!(norm > 1e-3 || param.name.contains("experts"), "{name} {}", param.name);
            continue;
        }
        checked += 1;
        let bound = 3e-2 * norm + 0.02;
        let mut found = Vec::new();
        let agrees = [1e-3, 3e-4].into_iter().any(|step| {
            found.extend(slopes(model, batch, here, &direction, step));
            found.iter().any(|found| (found - norm).abs() < bound)
        });
        assert!(agrees, "{name} {}: {found:?}, not {norm}", param.name);
    }
    assert!(6 * checked > params.len(), "{name}: {checked} of {}", params.len());
}

#[test]
fn the_gradient_of_every_tensor_predicts_the_loss() {
    let batch = batch(&[8, 1, 6], 2);
    let how = (Recompute::Off, DenseType::F32);
    for (name, config) in configs() {
        let mut model = moved_model(&config, &Decided, &Method::Full, how, 2);
        check_gradient(name, &mut model, &batch, &[]);
    }
}

#[test]
fn the_gradient_of_every_adapter_predicts_the_loss() {
    let batch = batch(&[8, 1, 6], 2);
    let how = (Recompute::Off, DenseType::F32);
    for (of, config) in [("mixtral", config(moe(5, 2))), configs().swap_remove(2)] {
        for source in [&Decided as &dyn WeightSource, &Blocks] {
            for (name, method) in methods() {
                let mut model = moved_model(&config, source, &method, how, 2);
                // The norm of DoRA is a constant to the gradient of its pair.
                let skip: &[&str] = if name == "dora" { &[".lora_A", ".lora_B"] } else { &[] };
                check_gradient(&format!("{of} {name}"), &mut model, &batch, skip);
            }
        }
    }
}

#[test]
fn recompute_and_threads_change_no_bit() {
    let batch = batch(&[17, 1, 30], 2);
    let methods = || methods().into_iter().chain([("full", Method::Full)]);
    for (of, config) in configs() {
        for (name, method) in methods() {
            let model = |how, threads| moved_model(&config, &Random, &method, how, threads);
            check_bits(&format!("{of} {name}"), &batch, model);
        }
    }
}

#[test]
fn a_part_has_the_gradient_that_it_has_in_the_whole() {
    let batch = batch(&[20, 11], 3);
    let how = (Recompute::Off, DenseType::F32);
    let freezes = [
        (vec![0], vec!["gate"]),
        (vec![2], vec!["gate"]),
        (vec![0, 2], vec!["experts"]),
        (vec![0], vec!["down_proj"]),
        (vec![2], vec!["up_proj", "q_norm"]),
        (vec![2], vec!["post_attention_layernorm"]),
    ];
    for (name, config) in configs() {
        let mut whole = moved_model(&config, &Random, &Method::Full, how, 2);
        whole.forward_backward(&batch, 1.0).unwrap();
        for (layers, modules) in &freezes {
            let freeze = FreezeConfig {
                layers: layers.clone(),
                modules: names(modules),
                extra_modules: Vec::new(),
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

/// One token goes through two experts of each layer: the others have no gradient, also of values
/// that stand beside them.
#[test]
fn experts_without_rows_learn_nothing() {
    let batch = TrainBatch {
        tokens: vec![3],
        labels: vec![Some(4)],
        seq_starts: vec![0],
        ..TrainBatch::default()
    };
    let config = config(moe(5, 2));
    for (name, method) in
        [("full", Method::Full), methods().swap_remove(1), methods().swap_remove(3)]
    {
        let mut model = moved_model(&config, &Random, &method, (Recompute::All, DenseType::F32), 1);
        // Rows of a step before must not show.
        model.forward_backward(&super::batch(&[30], 1), 1.0).unwrap();
        model.zero_grads();
        model.forward_backward(&batch, 1.0).unwrap();
        for layer in [0, 2] {
            let learns = |expert: usize| {
                let module = format!("layers.{layer}.mlp.experts.{expert}.down_proj.");
                let of_it = |param: &&crate::training::Param| param.name.contains(&module);
                let mut params = model.params().iter().filter(of_it);
                params.any(|param| model.grads()[param.range.clone()].iter().any(|&g| g != 0.0))
            };
            assert_eq!((0..5).filter(|&expert| learns(expert)).count(), 2, "{name} {layer}");
        }
    }
}
