use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{AdapterTensor, LoraAdapter, LoraAdapterConfig, TargetModules};
use crate::tests::{Tiny, values};
use crate::{ExportSource, ModelError};

const NAME: &str = "model.layers.1.self_attn.q_proj.weight";

fn tensor(shape: [usize; 2], seed: u64) -> AdapterTensor {
    AdapterTensor { shape: shape.to_vec(), data: values(shape[0] * shape[1], seed) }
}

fn adapter() -> LoraAdapter {
    let (a, b) = LoraAdapter::keys_of(NAME);
    assert_eq!(a, "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight");
    let config = LoraAdapterConfig::new(4, 8.0, vec!["q_proj".to_owned()]);
    let tensors = BTreeMap::from([(a, tensor([4, 64], 90)), (b, tensor([128, 4], 91))]);
    LoraAdapter { config, tensors }
}

fn merged(adapter: &LoraAdapter, base: &[f32]) -> Vec<f32> {
    let mut values = base.to_vec();
    assert!(adapter.merge_into(NAME, &mut values));
    values
}

/// `W + scale * B A` by the formula.
fn check_merge(adapter: &LoraAdapter, scale: f64) {
    let base = values(128 * 64, 92);
    let found = merged(adapter, &base);
    let (key_a, key_b) = LoraAdapter::keys_of(NAME);
    let (a, b) = (&adapter.tensors[&key_a].data, &adapter.tensors[&key_b].data);
    for out in 0..128 {
        for input in 0..64 {
            let product: f64 =
                (0..4).map(|r| f64::from(b[out * 4 + r]) * f64::from(a[r * 64 + input])).sum();
            let expected = f64::from(base[out * 64 + input]) + scale * product;
            let found = f64::from(found[out * 64 + input]);
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }
}

#[test]
fn merging_follows_the_formula() {
    let mut adapter = adapter();
    check_merge(&adapter, 2.0);
    adapter.config.use_rslora = true;
    check_merge(&adapter, 4.0);
    adapter.config.use_rslora = false;
    adapter.config.alpha_pattern.insert("layers.1.self_attn.q_proj".to_owned(), 1.0);
    check_merge(&adapter, 0.25);
    let mut untouched = values(64 * 64, 1);
    assert!(!adapter.merge_into("model.layers.1.self_attn.k_proj.weight", &mut untouched));
    assert_eq!(untouched, values(64 * 64, 1));
}

#[test]
fn what_is_written_is_read() {
    let tiny = Tiny::new();
    let mut adapter = adapter();
    adapter.config.extra.insert("init_lora_weights".to_owned(), json!(true));
    adapter.config.base_model_name_or_path = Some("tiny".to_owned());
    let folder = tiny.path("adapter");
    adapter.write(&folder).unwrap();
    assert_eq!(LoraAdapter::read(&folder).unwrap(), adapter);
    assert_eq!(adapter.targets(), [NAME]);
    let checkpoint = tiny.open();
    let source = ExportSource::new(&checkpoint).with_adapter(&adapter).unwrap();
    assert_eq!(source.values(NAME).unwrap(), merged(&adapter, &tiny.tensors[NAME].1));
}

#[test]
fn a_module_may_be_saved_whole() {
    let tiny = Tiny::new();
    let mut adapter = adapter();
    adapter.config.modules_to_save = Some(vec!["lm_head".to_owned()]);
    let head = tensor([258, 64], 5);
    adapter.tensors.insert("base_model.model.lm_head.weight".to_owned(), head.clone());
    adapter.write(&tiny.path("adapter")).unwrap();
    let adapter = LoraAdapter::read(&tiny.path("adapter")).unwrap();
    let checkpoint = tiny.open();
    let source = ExportSource::new(&checkpoint).with_adapter(&adapter).unwrap();
    assert_eq!(source.values("lm_head.weight").unwrap(), head.data);
}

#[test]
fn a_config_by_peft_is_read() {
    let config = json!({
        "alpha_pattern": {}, "auto_mapping": null, "base_model_name_or_path": "x", "bias": "none",
        "fan_in_fan_out": false, "inference_mode": true, "init_lora_weights": true,
        "layers_to_transform": null, "lora_alpha": 16, "lora_dropout": 0.05, "modules_to_save": null,
        "peft_type": "LORA", "r": 8, "rank_pattern": {}, "target_modules": "all-linear",
        "task_type": "CAUSAL_LM", "use_dora": false, "use_rslora": false,
    });
    let read: LoraAdapterConfig = serde_json::from_value(config.clone()).unwrap();
    assert_eq!(read.target_modules, Some(TargetModules::Pattern("all-linear".to_owned())));
    let written = serde_json::to_value(&read).unwrap();
    for (key, value) in config.as_object().unwrap() {
        let equal = written[key] == *value || written[key].as_f64() == value.as_f64();
        assert!(equal, "{key}: {} {value}", written[key]);
    }
}

fn read_changed(change: impl FnOnce(&mut Value)) -> ModelError {
    let tiny = Tiny::new();
    let folder = tiny.path("adapter");
    adapter().write(&folder).unwrap();
    let path = folder.join("adapter_config.json");
    let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut config);
    std::fs::write(&path, config.to_string()).unwrap();
    LoraAdapter::read(&folder).expect_err("the adapter cannot be applied")
}

#[test]
fn adapters_that_we_cannot_apply_are_refused() {
    let unsupported = [
        ("peft_type", json!("ADALORA")),
        ("use_dora", json!(true)),
        ("init_lora_weights", json!("pissa_niter_4")),
        ("init_lora_weights", json!("olora")),
        ("target_parameters", json!(["mlp.experts.gate_up_proj"])),
        ("bias", json!("all")),
        ("alora_invocation_tokens", json!([3, 4])),
        ("use_qalora", json!(true)),
        ("r", json!(0)),
        ("rank_pattern", json!({"layers\\.[0-9]+\\.q_proj": 4})),
    ];
    for (key, value) in unsupported {
        let refused = read_changed(|config| config[key] = value);
        assert!(matches!(refused, ModelError::UnsupportedAdapter { .. }), "{key}: {refused:?}");
    }
    let refused = read_changed(|config| config["r"] = json!(8));
    assert!(matches!(refused, ModelError::ShapeMismatch { .. }), "{refused:?}");
    let refused = read_changed(|config| config["r"] = json!("eight"));
    assert!(matches!(refused, ModelError::Json { .. }), "{refused:?}");
}

#[test]
fn every_other_kind_of_peft_is_refused_with_what_it_is() {
    // As `peft/utils/peft_types.py` of PEFT 0.21.2 has them, without those that are trained here.
    let kinds = "PROMPT_TUNING MULTITASK_PROMPT_TUNING P_TUNING ADALORA ADAMSS BOFT ADAPTION_PROMPT \
        BEFT LILY LOHA LOKR OFT POLY LN_TUNING VERA FROD PVERA FOURIERFT GLORA XLORA HRA VBLORA \
        UNILORA CPT MISS RANDLORA ROAD TRAINABLE_TOKENS HIRA SHIRA C3A WAVEFT OSF DELORA GRALORA \
        CARTRIDGE TINYLORA PSOFT PEANUT SHADOW SUPERTUNING DEFT";
    let mut reasons = std::collections::BTreeSet::new();
    for kind in kinds.split_whitespace() {
        // Such a configuration has no `r`: its kind is looked at first.
        let refused = read_changed(|config| *config = json!({ "peft_type": kind })).to_string();
        assert!(refused.contains(&format!("`peft_type` = {kind}, ")), "{refused}");
        assert!(!refused.contains("has no such type"), "{refused}");
        reasons.insert(refused);
    }
    assert_eq!(reasons.len(), super::peft_types::REFUSED.len());
    let unknown = read_changed(|config| config["peft_type"] = json!("LORRA")).to_string();
    assert!(unknown.contains("LORRA") && unknown.contains("PREFIX_TUNING"), "{unknown}");
    let none = read_changed(|config| *config = json!({})).to_string();
    assert!(none.contains("peft_type"), "{none}");
}

#[test]
fn kinds_that_are_trained_but_not_applied_are_refused_by_name() {
    for (config, tensor) in [
        (json!({ "peft_type": "IA3" }), "base_model.model.model.layers.0.self_attn.k_proj.ia3_l"),
        (json!({ "peft_type": "PREFIX_TUNING", "num_virtual_tokens": 3 }), "prompt_embeddings"),
    ] {
        let tiny = Tiny::new();
        let folder = tiny.path("adapter");
        let mut other = adapter();
        other.tensors = BTreeMap::from([(tensor.to_owned(), self::tensor([3, 4], 1))]);
        other.write(&folder).unwrap();
        std::fs::write(folder.join("adapter_config.json"), config.to_string()).unwrap();
        let read = super::PeftAdapter::read(&folder).unwrap();
        assert_eq!(read.tensors, other.tensors);
        let refused = LoraAdapter::read(&folder).unwrap_err().to_string();
        assert!(refused.contains("trained here but not applied"), "{refused}");
        let projected = json!({
            "peft_type": "PREFIX_TUNING", "num_virtual_tokens": 3, "prefix_projection": true
        });
        std::fs::write(folder.join("adapter_config.json"), projected.to_string()).unwrap();
        let refused = super::PeftAdapter::read(&folder).unwrap_err().to_string();
        assert!(refused.contains("prefix_projection"), "{refused}");
    }
}

#[test]
fn a_table_that_is_the_head_is_written_twice_and_read_once() {
    let tiny = Tiny::new();
    let mut adapter = adapter();
    adapter.config.modules_to_save = Some(vec!["embed_tokens".to_owned()]);
    adapter.config.extra.insert("ensure_weight_tying".to_owned(), json!(true));
    let table = "base_model.model.model.embed_tokens.weight".to_owned();
    adapter.tensors.insert(table, tensor([258, 64], 5));
    let folder = tiny.path("adapter");
    adapter.write(&folder).unwrap();
    let file = folder.join("adapter_model.safetensors");
    let file = crate::safetensors::SafetensorsFile::open(&file).unwrap();
    assert_eq!(file.tensor("base_model.model.lm_head.weight").unwrap().shape, [258, 64]);
    assert_eq!(LoraAdapter::read(&folder).unwrap(), adapter);
}

#[test]
fn adapters_with_wrong_tensors_are_refused() {
    let tiny = Tiny::new();
    let read = |change: &dyn Fn(&mut BTreeMap<String, AdapterTensor>)| {
        let mut adapter = adapter();
        change(&mut adapter.tensors);
        adapter.write(&tiny.path("adapter")).unwrap();
        LoraAdapter::read(&tiny.path("adapter")).map(|_| ())
    };
    let (a, b) = LoraAdapter::keys_of(NAME);
    let half = read(&|tensors| drop(tensors.remove(&b)));
    assert!(matches!(half, Err(ModelError::AdapterPair { .. })), "{half:?}");
    let rank = read(&|tensors| drop(tensors.insert(a.clone(), tensor([5, 64], 1))));
    assert!(matches!(rank, Err(ModelError::ShapeMismatch { .. })), "{rank:?}");
    for key in ["x", "base_model.model.x.lora_embedding_A", "base_model.model.lm_head.weight"] {
        let unknown = read(&|tensors| drop(tensors.insert(key.to_owned(), tensor([1, 1], 1))));
        assert!(matches!(unknown, Err(ModelError::UnknownAdapterTensor { .. })), "{unknown:?}");
    }
}

#[test]
fn adapters_for_other_models_are_refused() {
    let tiny = Tiny::new();
    let checkpoint = tiny.open();
    let mut other = adapter();
    let (a, b) = LoraAdapter::keys_of(NAME);
    let (other_a, other_b) = LoraAdapter::keys_of("model.layers.7.self_attn.q_proj.weight");
    other.tensors.insert(other_a, other.tensors[&a].clone());
    other.tensors.insert(other_b, other.tensors[&b].clone());
    let refused = ExportSource::new(&checkpoint).with_adapter(&other).map(|_| ());
    assert!(matches!(refused, Err(ModelError::AdapterTarget { .. })), "{refused:?}");
    let mut wide = adapter();
    wide.tensors.insert(a, tensor([4, 65], 1));
    let refused = ExportSource::new(&checkpoint).with_adapter(&wide).map(|_| ());
    assert!(matches!(refused, Err(ModelError::ShapeMismatch { .. })), "{refused:?}");
}
