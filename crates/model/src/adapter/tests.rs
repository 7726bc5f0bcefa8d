use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    AdapterTensor, LoraAdapterConfig, PeftAdapter, PeftConfig, TargetModules, read_gguf_adapter,
    write_gguf_adapter,
};
use crate::test_support::golden;
use crate::tests::{Tiny, values};
use crate::{ExportSource, ModelError};

const NAME: &str = "model.layers.1.self_attn.q_proj.weight";

fn tensor(shape: [usize; 2], seed: u64) -> AdapterTensor {
    AdapterTensor { shape: shape.to_vec(), data: values(shape[0] * shape[1], seed) }
}

fn adapter() -> PeftAdapter {
    let (a, b) = PeftAdapter::keys_of(NAME);
    assert_eq!(a, "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight");
    let config = LoraAdapterConfig::new(4, 8.0, vec!["q_proj".to_owned()]);
    let tensors = BTreeMap::from([(a, tensor([4, 64], 90)), (b, tensor([128, 4], 91))]);
    PeftAdapter { config: PeftConfig::Lora(Box::new(config)), tensors }
}

fn lora(adapter: &mut PeftAdapter) -> &mut LoraAdapterConfig {
    let PeftConfig::Lora(config) = &mut adapter.config else { panic!("pairs") };
    config
}

fn merged(adapter: &PeftAdapter) -> Vec<f32> {
    let tiny = Tiny::new();
    let checkpoint = tiny.open();
    ExportSource::new(&checkpoint).with_adapter(adapter).unwrap().values(NAME).unwrap()
}

/// `W + scale * B A` by the formula.
fn check_merge(adapter: &PeftAdapter, scale: f64) {
    let base = Tiny::new().tensors[NAME].1.clone();
    let found = merged(adapter);
    let (key_a, key_b) = PeftAdapter::keys_of(NAME);
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
    lora(&mut adapter).use_rslora = true;
    check_merge(&adapter, 4.0);
    lora(&mut adapter).use_rslora = false;
    lora(&mut adapter).alpha_pattern.insert("layers.1.self_attn.q_proj".to_owned(), 1.0);
    check_merge(&adapter, 0.25);
    let (tiny, other) = (Tiny::new(), "model.layers.1.self_attn.k_proj.weight");
    let checkpoint = tiny.open();
    let source = ExportSource::new(&checkpoint).with_adapter(&adapter).unwrap();
    assert!(source.values(other).unwrap() == tiny.tensors[other].1);
}

#[test]
fn what_is_written_is_read() {
    let tiny = Tiny::new();
    let mut adapter = adapter();
    lora(&mut adapter).extra.insert("init_lora_weights".to_owned(), json!(true));
    lora(&mut adapter).base_model_name_or_path = Some("tiny".to_owned());
    let folder = tiny.path("adapter");
    adapter.write(&folder).unwrap();
    assert_eq!(PeftAdapter::read(&folder).unwrap(), adapter);
    assert_eq!(adapter.targets(), [NAME]);
    let checkpoint = tiny.open();
    let source = ExportSource::new(&checkpoint).with_adapter(&adapter).unwrap();
    assert!(source.values(NAME).unwrap() != tiny.tensors[NAME].1);
}

#[test]
fn a_module_may_be_saved_whole() {
    let tiny = Tiny::new();
    let mut adapter = adapter();
    lora(&mut adapter).modules_to_save = Some(vec!["lm_head".to_owned()]);
    let head = tensor([258, 64], 5);
    adapter.tensors.insert("base_model.model.lm_head.weight".to_owned(), head.clone());
    adapter.write(&tiny.path("adapter")).unwrap();
    let adapter = PeftAdapter::read(&tiny.path("adapter")).unwrap();
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
    PeftAdapter::read(&folder).expect_err("the adapter cannot be applied")
}

#[test]
fn adapters_that_we_cannot_apply_are_refused() {
    let unsupported = [
        ("peft_type", json!("ADALORA")),
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
        let (what, nearest) = super::refused_type(kind).unwrap();
        assert!(refused.contains(what), "{refused}");
        assert_eq!(super::peft_types::refusal(nearest), None, "{kind}: {nearest} is trained");
        reasons.insert(refused);
    }
    assert_eq!(reasons.len(), super::peft_types::REFUSED.len());
    let unknown = read_changed(|config| config["peft_type"] = json!("LORRA")).to_string();
    assert!(unknown.contains("LORRA") && unknown.contains("PREFIX_TUNING"), "{unknown}");
    let none = read_changed(|config| *config = json!({})).to_string();
    assert!(none.contains("peft_type"), "{none}");
}

#[test]
fn tensors_of_other_kinds_are_refused_by_name() {
    let vector = "base_model.model.model.layers.0.self_attn.k_proj.ia3_l";
    for (config, tensor) in [
        (json!({ "peft_type": "IA3" }), vector),
        (json!({ "peft_type": "PREFIX_TUNING", "num_virtual_tokens": 3 }), "prompt_embeddings"),
    ] {
        let tiny = Tiny::new();
        let folder = tiny.path("adapter");
        let read = |tensor: &str, config: &Value| {
            let mut other = adapter();
            other.tensors = BTreeMap::from([(tensor.to_owned(), self::tensor([3, 1], 1))]);
            other.write(&folder).unwrap();
            std::fs::write(folder.join("adapter_config.json"), config.to_string()).unwrap();
            PeftAdapter::read(&folder).map(|read| (read.tensors == other.tensors, read.targets()))
        };
        assert!(read(tensor, &config).unwrap().0);
        let refused = read("prompt_embeddings.x", &config).unwrap_err();
        assert!(matches!(refused, ModelError::UnknownAdapterTensor { .. }), "{refused:?}");
        let refused = read(&format!("{vector}.x"), &json!({ "peft_type": "IA3" })).unwrap_err();
        assert!(matches!(refused, ModelError::UnknownAdapterTensor { .. }), "{refused:?}");
        let projected = json!({
            "peft_type": "PREFIX_TUNING", "num_virtual_tokens": 3, "prefix_projection": true
        });
        let refused = read(tensor, &projected).unwrap_err().to_string();
        assert!(refused.contains("prefix_projection"), "{refused}");
    }
    let lacking = read_changed(|config| config["use_dora"] = json!(true));
    let magnitudes = lacking.to_string().contains("lora_magnitude_vector");
    assert!(matches!(lacking, ModelError::AdapterPair { .. }) && magnitudes, "{lacking}");
}

#[test]
fn a_table_that_is_the_head_is_written_twice_and_read_once() {
    let tiny = Tiny::new();
    let mut adapter = adapter();
    lora(&mut adapter).modules_to_save = Some(vec!["embed_tokens".to_owned()]);
    lora(&mut adapter).extra.insert("ensure_weight_tying".to_owned(), json!(true));
    let table = "base_model.model.model.embed_tokens.weight".to_owned();
    adapter.tensors.insert(table, tensor([258, 64], 5));
    let folder = tiny.path("adapter");
    adapter.write(&folder).unwrap();
    let file = folder.join("adapter_model.safetensors");
    let file = crate::safetensors::SafetensorsFile::open(&file).unwrap();
    assert_eq!(file.tensor("base_model.model.lm_head.weight").unwrap().shape, [258, 64]);
    assert_eq!(PeftAdapter::read(&folder).unwrap(), adapter);
}

#[test]
fn adapters_with_wrong_tensors_are_refused() {
    let tiny = Tiny::new();
    let read = |change: &dyn Fn(&mut BTreeMap<String, AdapterTensor>)| {
        let mut adapter = adapter();
        change(&mut adapter.tensors);
        adapter.write(&tiny.path("adapter")).unwrap();
        PeftAdapter::read(&tiny.path("adapter")).map(|_| ())
    };
    let (a, b) = PeftAdapter::keys_of(NAME);
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
    let (a, b) = PeftAdapter::keys_of(NAME);
    let (other_a, other_b) = PeftAdapter::keys_of("model.layers.7.self_attn.q_proj.weight");
    other.tensors.insert(other_a, other.tensors[&a].clone());
    other.tensors.insert(other_b, other.tensors[&b].clone());
    let refused = ExportSource::new(&checkpoint).with_adapter(&other).map(|_| ());
    assert!(matches!(refused, Err(ModelError::AdapterTarget { .. })), "{refused:?}");
    let mut wide = adapter();
    wide.tensors.insert(a, tensor([4, 65], 1));
    let refused = ExportSource::new(&checkpoint).with_adapter(&wide).map(|_| ());
    assert!(matches!(refused, Err(ModelError::ShapeMismatch { .. })), "{refused:?}");
}

fn tensors_of(path: &camino::Utf8Path) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let file = crate::gguf::GgufFile::open(path).unwrap();
    let names = file.tensors().iter().map(|tensor| (tensor.name.clone(), tensor.shape.clone()));
    let tensors = names.map(|(name, shape)| {
        let values = file.values(&name).unwrap();
        (name, (shape, values))
    });
    tensors.collect()
}

/// Written as llama.cpp's own script writes them, and read back as they were.
#[test]
fn gguf_adapters_are_those_of_the_converter() {
    for (name, base) in [
        ("attention", "tiny_llama"),
        ("phi3", "families/phi3"),
        ("glm", "families/glm"),
        ("gpt_neox", "families/gpt_neox"),
        ("starcoder2", "families/starcoder2"),
        ("mixtral", "families/mixtral"),
        ("qwen3_moe", "families/qwen3_moe"),
    ] {
        let checkpoint = crate::Checkpoint::open(&golden(base)).unwrap();
        let config = checkpoint.config();
        let adapter = PeftAdapter::read(&golden("adapters").join(name)).unwrap();
        let guard = tempfile::tempdir().unwrap();
        let path = camino::Utf8Path::from_path(guard.path()).unwrap().join("adapter.gguf");
        write_gguf_adapter(&path, &adapter, config).unwrap();
        let reference = golden("adapters").join(name).join("adapter.gguf");
        let (found, mut expected) = (tensors_of(&path), tensors_of(&reference));
        // The script says nothing of the head, which llama.cpp reads a pair of.
        let head = found.iter().filter(|(name, _)| name.starts_with("output.weight"));
        expected.extend(head.map(|(name, tensor)| (name.clone(), tensor.clone())));
        assert!(found.keys().eq(expected.keys()), "{name}: {:?}", found.keys());
        assert!(found == expected, "{name}: other values");
        let read = |path: &camino::Utf8Path| read_gguf_adapter(path, config).unwrap();
        let back = read(&path);
        assert!(back.tensors == adapter.tensors, "{name}: {:?}", back.tensors.keys());
        for target in adapter.targets() {
            let scale = |adapter: &PeftAdapter| match adapter.change(&target) {
                Some(super::Change::Pair { scale, .. }) => scale,
                other => panic!("{name} {target}: {other:?}"),
            };
            assert!((scale(&back) - scale(&adapter)).abs() < 1e-6, "{name} {target}");
        }
        assert!(read(&reference).tensors.len() <= back.tensors.len(), "{name}");
    }
}

/// Scales of single modules, which the format has not, go into the second half.
#[test]
fn gguf_adapters_keep_every_modules_scale() {
    let checkpoint = crate::Checkpoint::open(&golden("tiny_llama")).unwrap();
    let guard = tempfile::tempdir().unwrap();
    let path = camino::Utf8Path::from_path(guard.path()).unwrap().join("adapter.gguf");
    let name = "model.layers.1.self_attn.o_proj.weight";
    let patterns = PeftAdapter::read(&golden("adapters/patterns")).unwrap();
    write_gguf_adapter(&path, &patterns, checkpoint.config()).unwrap();
    let back = read_gguf_adapter(&path, checkpoint.config()).unwrap();
    let merged = |adapter: &PeftAdapter| {
        ExportSource::new(&checkpoint).with_adapter(adapter).unwrap().values(name).unwrap()
    };
    let pairs = merged(&back).into_iter().zip(merged(&patterns));
    assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-6));
}

#[test]
fn what_gguf_adapters_do_not_have_is_refused_by_name() {
    let checkpoint = crate::Checkpoint::open(&golden("tiny_llama")).unwrap();
    let guard = tempfile::tempdir().unwrap();
    let folder = camino::Utf8Path::from_path(guard.path()).unwrap();
    let path = folder.join("adapter.gguf");
    for (name, base, expected) in [
        ("dora", "tiny_llama", "magnitudes"),
        ("ia3", "tiny_llama", "vectors"),
        ("prefix", "tiny_llama", "prefix"),
        ("deepseek_v2", "families/deepseek_v2", "latent attention's keys"),
    ] {
        let adapter = PeftAdapter::read(&golden("adapters").join(name)).unwrap();
        let base = crate::Checkpoint::open(&golden(base)).unwrap();
        let refused = write_gguf_adapter(&path, &adapter, base.config()).unwrap_err();
        assert!(matches!(refused, ModelError::AdapterNotGguf { .. }), "{refused}");
        assert!(refused.to_string().contains(expected), "{refused}");
    }
    let refused = |path: &camino::Utf8Path| {
        read_gguf_adapter(path, checkpoint.config()).map(|_| ()).unwrap_err().to_string()
    };
    let model = refused(&golden("families/llama/model.gguf"));
    assert!(model.contains("`general.type`") && model.contains("\"adapter\""), "{model}");
    let other = refused(&golden("adapters/phi3/adapter.gguf"));
    assert!(other.contains("\"phi3\"") && other.contains("\"llama\""), "{other}");
}
