//! Adapters beside all kinds of projections: the gradient is that of the loss, and wrong ones are
//! refused.

use catena_kernels::QuantFormat;

use super::derivative::ALL;
use super::gradient::{check_bits, check_slope};
use super::*;
use crate::config::QkNorm;
use crate::training::{Ia3Config, LoraInit, LoraSettings, PrefixConfig};

/// Weights in blocks where rows are whole blocks.
pub(super) struct Blocks;

impl WeightSource for Blocks {
    fn weight(&self, name: &str, shape: &[usize]) -> Result<Weight<'_>, ModelError> {
        let weight = Random.weight(name, shape)?;
        let [n, k] = *shape else { return Ok(weight) };
        if !k.is_multiple_of(32) || !name.contains("layers") {
            return Ok(weight);
        }
        // Q8_0: a half-precision scale and 32 bytes for each block.
        let mut rows = Vec::with_capacity(n * k / 32 * 34);
        for block in weight.to_f32().as_chunks::<32>().0 {
            let scale = block.iter().fold(0.0f32, |most, x| most.max(x.abs())) / 127.0;
            rows.extend(half::f16::from_f32(scale).to_le_bytes());
            rows.extend(block.iter().map(|x| ((x / scale).round() as i8).cast_unsigned()));
        }
        // A file's bytes live as long as the test.
        let bytes: &'static [u8] = rows.leak();
        let rows = bytes.chunks_exact(k / 32 * 34).collect();
        let data = WeightData::Blocks { format: QuantFormat::Q8_0, rows };
        Ok(Weight { shape: shape.to_vec(), data })
    }
}

/// A decoder with widths that blocks fit, and norms of queries and keys.
pub(super) fn wide_config() -> ModelConfig {
    ModelConfig {
        hidden_size: 64,
        intermediate_size: 96,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        vocab_size: 75,
        max_position_embeddings: 128,
        norm_eps: 1e-5,
        qk_norm: Some(QkNorm::PerHead),
        ..ModelConfig::plain(16, 3)
    }
}

/// The same with biases everywhere.
pub(super) fn config() -> ModelConfig {
    let wide = wide_config();
    ModelConfig { attention_bias: true, attention_out_bias: true, mlp_bias: true, ..wide }
}

pub(super) fn methods() -> Vec<(&'static str, Method)> {
    let plain = lora(3, &ALL);
    let dora = LoraSettings { use_dora: true, ..LoraSettings::default() };
    let ia3 = Ia3Config {
        target_modules: names(&["all-linear"]),
        feedforward_modules: names(&["o_proj", "down_proj"]),
        modules_to_save: names(&["lm_head", "model.norm"]),
    };
    let prefix = PrefixConfig { num_virtual_tokens: 5, zero_init: false, seed: 1 };
    vec![
        ("dora", Method::LoraWith(plain.clone(), dora.clone())),
        (
            "dora on pissa",
            Method::LoraWith(
                plain,
                LoraSettings {
                    init_lora_weights: LoraInit::Pissa { niter: Some(4) },
                    modules_to_save: names(&["embed_tokens", "lm_head", "norm"]),
                    ..dora
                },
            ),
        ),
        ("ia3", Method::Ia3(ia3)),
        ("prefix", Method::Prefix(prefix)),
    ]
}

fn model(source: &dyn WeightSource, method: &Method, threads: usize) -> TrainModel {
    moved_model(&config(), source, method, (Recompute::Off, DenseType::F32), threads)
}

#[test]
fn the_gradient_of_every_adapter_predicts_the_loss() {
    let batch = batch(&[17, 1, 30], 2);
    for source in [&Random as &dyn WeightSource, &Blocks] {
        for (name, method) in methods() {
            let mut model = model(source, &method, 2);
            model.forward_backward(&batch, 1.0).unwrap();
            let grads = model.grads().to_vec();
            for param in model.params().to_vec() {
                // The norm of DoRA is a constant to the gradient of its pair.
                let of_pair = param.name.contains(".lora_A") || param.name.contains(".lora_B");
                if name.starts_with("dora") && of_pair {
                    continue;
                }
                check_slope(name, &mut model, &batch, &grads, &param);
            }
        }
    }
}

#[test]
fn recompute_and_threads_change_no_bit() {
    let batch = batch(&[17, 1, 30], 2);
    for source in [&Random as &dyn WeightSource, &Blocks] {
        for (name, method) in methods() {
            let model = |how, threads| moved_model(&config(), source, &method, how, threads);
            check_bits(name, &batch, model);
        }
    }
}

#[test]
fn magnitudes_follow_the_pair_without_being_told() {
    let batch = batch(&[20, 11], 3);
    for source in [&Random as &dyn WeightSource, &Blocks] {
        // A pair that adds nothing and magnitudes of the rows are the base.
        let dora = LoraSettings { use_dora: true, ..LoraSettings::default() };
        let method = Method::LoraWith(lora(3, &ALL), dora);
        let mut model = model(source, &method, 1);
        let first = TrainModel::decoder(
            &config(),
            source,
            Task::LanguageModel,
            &method,
            &options(DenseType::F32),
            Arc::new(Pool::new(1)),
        );
        let first = first.unwrap().values().to_vec();
        model.set_adapted(false);
        let base = model.loss(&batch).unwrap().loss_sum;
        model.set_adapted(true);
        assert!((model.loss(&batch).unwrap().loss_sum - base).abs() > 1e-2);
        model.values_mut().copy_from_slice(&first);
        assert!((model.loss(&batch).unwrap().loss_sum / base - 1.0).abs() < 1e-5);
        // Twice the lengths are another model.
        let params = model.params().to_vec();
        for param in params.iter().filter(|param| param.name.ends_with("magnitude_vector")) {
            for value in &mut model.values_mut()[param.range.clone()] {
                *value *= 2.0;
            }
        }
        assert!((model.loss(&batch).unwrap().loss_sum / base - 1.0).abs() > 1e-3);
    }
}

#[test]
fn a_principal_pair_with_its_residual_is_the_base() {
    let batch = batch(&[20, 11], 3);
    for niter in [None, Some(2)] {
        let init_lora_weights = LoraInit::Pissa { niter };
        let settings = LoraSettings { init_lora_weights, ..LoraSettings::default() };
        let method = Method::LoraWith(lora(4, &ALL), settings);
        let mut pissa = random_model(&config(), &method, &options(DenseType::F32), 2);
        let mut full = random_model(&config(), &Method::Full, &options(DenseType::F32), 2);
        let (found, expected) = (pissa.loss(&batch).unwrap(), full.loss(&batch).unwrap());
        assert!((found.loss_sum / expected.loss_sum - 1.0).abs() < 1e-5);
        // What it saves before any step adds nothing.
        let saved = pissa.adapter().unwrap();
        let mut plain =
            random_model(&config(), &saved.method().unwrap(), &options(DenseType::F32), 2);
        plain.set_adapter(&saved).unwrap();
        let found = plain.loss(&batch).unwrap();
        assert!((found.loss_sum / expected.loss_sum - 1.0).abs() < 1e-5);
        // The pairs matter; without what was learnt in them the model is its base again.
        for value in pissa.values_mut() {
            *value *= 0.5;
        }
        let residual = pissa.losses(&batch).unwrap().to_vec();
        let base = full.losses(&batch).unwrap();
        assert!(residual.iter().zip(base).any(|(a, b)| (a / b - 1.0).abs() > 1e-2));
        pissa.set_adapted(false);
        let found = pissa.loss(&batch).unwrap();
        assert!((found.loss_sum / expected.loss_sum - 1.0).abs() < 1e-5);
    }
}

#[test]
fn a_prefix_is_seen_by_every_sequence_alike() {
    let whole = batch(&[9, 20, 3], 4);
    let prefix = PrefixConfig { num_virtual_tokens: 4, zero_init: false, seed: 1 };
    let method = Method::Prefix(prefix);
    let mut packed = model(&Random, &method, 2);
    let together = packed.losses(&whole).unwrap().to_vec();
    let mut apart = Vec::new();
    for one in separate(&whole) {
        apart.extend_from_slice(packed.losses(&one).unwrap());
    }
    assert_eq!(together, apart);
}

fn refused(method: &Method) -> String {
    let (config, options) = (config(), options(DenseType::F32));
    let pool = Arc::new(Pool::new(1));
    let model = TrainModel::decoder(&config, &Random, Task::LanguageModel, method, &options, pool);
    model.err().expect("the method makes no sense").to_string()
}

#[test]
fn methods_that_make_no_sense_are_refused_by_name() {
    let with = |settings| Method::LoraWith(lora(2, &["q_proj"]), settings);
    let none = LoraSettings::default();
    let ia3 = |targets: &[&str], inputs: &[&str]| {
        let (target_modules, feedforward_modules) = (names(targets), names(inputs));
        Method::Ia3(Ia3Config { target_modules, feedforward_modules, modules_to_save: Vec::new() })
    };
    for (method, expected) in [
        (Method::Lora(lora(2, &["lm_head"])), "`lm_head`, beside which no pair"),
        (Method::Lora(lora(2, &["q_proj", "embed_tokens"])), "`embed_tokens`, beside which"),
        (Method::Lora(lora(2, &["query"])), "`query`; known: down_proj, gate_proj"),
        (
            with(LoraSettings { modules_to_save: names(&["head_of_it"]), ..none.clone() }),
            "`modules_to_save` names `head_of_it`",
        ),
        (
            with(LoraSettings { rank_pattern: [("q_proj".to_owned(), 0)].into(), ..none.clone() }),
            "`rank_pattern` is 0",
        ),
        (
            with(LoraSettings {
                alpha_pattern: [("q_proj".to_owned(), -1.0)].into(),
                ..none.clone()
            }),
            "`alpha_pattern` is -1",
        ),
        (
            with(LoraSettings { layers_to_transform: Some(vec![9]), ..none }),
            "no tensor of the model is trained",
        ),
        (ia3(&["v_proj"], &["down_proj"]), "names `down_proj`, which `target_modules` does not"),
        (ia3(&["v_proj"], &["v_proj"]), "v_proj`, whose input other projections have"),
        (ia3(&[], &[]), "`target_modules` is empty"),
        (
            Method::Prefix(PrefixConfig { num_virtual_tokens: 0, zero_init: true, seed: 0 }),
            "`num_virtual_tokens` is 0",
        ),
    ] {
        let found = refused(&method);
        assert!(found.contains(expected), "{found}");
    }
    let init = LoraInit::parse("olora").unwrap_err().to_string();
    assert!(init.contains("olora") && init.contains("pissa_niter_N"), "{init}");
    assert_eq!(LoraInit::parse("pissa_niter_16").unwrap(), LoraInit::Pissa { niter: Some(16) });
    assert!(LoraInit::parse("pissa_niter_").is_err());
}

#[test]
fn tables_that_are_the_head_are_refused_where_they_cannot_be_saved() {
    let tied = ModelConfig { tie_word_embeddings: true, ..config() };
    let refused = |method: &Method| {
        let (options, pool) = (options(DenseType::F32), Arc::new(Pool::new(1)));
        let task = Task::LanguageModel;
        let model = TrainModel::decoder(&tied, &Random, task, method, &options, pool);
        model.err().map(|error| error.to_string())
    };
    let whole =
        |name: &str| LoraSettings { modules_to_save: names(&[name]), ..LoraSettings::default() };
    let pair = |name: &str| Method::LoraWith(lora(2, &["q_proj"]), whole(name));
    assert!(refused(&pair("lm_head")).unwrap().contains("name that"));
    assert_eq!(refused(&pair("embed_tokens")), None);
    let ia3 =
        Ia3Config { modules_to_save: names(&["embed_tokens"]), ..Ia3Config::for_family("qwen2") };
    assert_eq!(ia3.target_modules, names(&["q_proj", "v_proj", "down_proj"]));
    assert!(refused(&Method::Ia3(ia3)).unwrap().contains("cannot say so"));
}
