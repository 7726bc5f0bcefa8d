//! PEFT's numbers of the other methods, and what it saves: `tests/golden/make_methods_golden.py`
//! made them.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use serde_json::Value;

use super::derivative::ALL;
use super::golden::{F32, Golden, PISSA, check, folder, open};
use super::gradient::dot;
use super::*;
use crate::adapter::{PeftAdapter, PeftConfig};
use crate::training::{Ia3Config, LoraInit, LoraSettings, Param, ParamKind, PrefixConfig};

#[derive(Deserialize)]
struct Meta {
    loraplus_lr_ratio: f32,
    num_virtual_tokens: usize,
    r: usize,
    lora_alpha: f32,
    methods: BTreeMap<String, MetaMethod>,
}

#[derive(Deserialize)]
struct MetaMethod {
    losses: Vec<f64>,
    saved: Saved,
}

#[derive(Deserialize)]
struct Saved {
    config: Value,
    shapes: BTreeMap<String, Vec<usize>>,
}

fn meta() -> Meta {
    serde_json::from_slice(&std::fs::read(folder("methods/methods.json")).unwrap()).unwrap()
}

/// The method of each golden.
fn methods(meta: &Meta) -> Vec<(&'static str, Method)> {
    let plain = LoraConfig {
        r: meta.r,
        lora_alpha: meta.lora_alpha,
        use_rslora: false,
        target_modules: names(&ALL),
        seed: 3,
    };
    let with = |settings| Method::LoraWith(plain.clone(), settings);
    let none = LoraSettings::default();
    let all = LoraConfig { target_modules: names(&["all-linear"]), ..plain.clone() };
    let two = LoraConfig { target_modules: names(&["q_proj", "down_proj"]), ..plain.clone() };
    vec![
        ("rslora", Method::Lora(LoraConfig { use_rslora: true, ..plain.clone() })),
        ("dora", with(LoraSettings { use_dora: true, ..none.clone() })),
        (
            "pissa",
            with(LoraSettings {
                init_lora_weights: LoraInit::parse("pissa").unwrap(),
                ..none.clone()
            }),
        ),
        ("loraplus", Method::Lora(plain.clone())),
        (
            "patterns",
            Method::LoraWith(
                all,
                LoraSettings {
                    rank_pattern: [("layers.1.self_attn.q_proj".to_owned(), 3)].into(),
                    alpha_pattern: [("down_proj".to_owned(), 5.0)].into(),
                    modules_to_save: names(&["norm"]),
                    ..none.clone()
                },
            ),
        ),
        (
            "whole",
            Method::LoraWith(
                two,
                LoraSettings {
                    layers_to_transform: Some(vec![1]),
                    modules_to_save: names(&["embed_tokens"]),
                    ..none
                },
            ),
        ),
        ("ia3", Method::Ia3(Ia3Config::for_family("llama"))),
        (
            "prefix",
            Method::Prefix(PrefixConfig {
                num_virtual_tokens: meta.num_virtual_tokens,
                zero_init: false,
                seed: 3,
            }),
        ),
    ]
}

fn golden(name: &str, method: &Method, recompute: Recompute) -> Golden {
    let options = TrainOptions { recompute, ..options(DenseType::F32) };
    let losses = meta().methods[name].losses.clone();
    open(&format!("methods/{name}.safetensors"), Some(losses), method, &options)
}

#[test]
fn every_method_follows_peft() {
    let meta = meta();
    assert_eq!(methods(&meta).len(), meta.methods.len());
    for (name, method) in methods(&meta) {
        let mut golden = golden(name, &method, Recompute::Off);
        let plus = if name == "loraplus" { meta.loraplus_lr_ratio } else { 1.0 };
        let faster = |param: &Param| if param.kind == ParamKind::LoraB { plus } else { 1.0 };
        check(name, &mut golden, if name == "pissa" { &PISSA } else { &F32 }, faster);
    }
}

#[test]
fn computing_layers_again_changes_no_bit_of_any_method() {
    for (name, method) in methods(&meta()) {
        let run = |recompute| {
            let mut golden = golden(name, &method, recompute);
            golden.start_from("step20");
            let batch = golden.batch();
            let loss = golden.model.forward_backward(&batch, 0.1).unwrap();
            (loss, golden.model.grads().to_vec())
        };
        let kept = run(Recompute::Off);
        assert!(run(Recompute::Layers(1)) == kept, "{name}");
        assert!(run(Recompute::All) == kept, "{name}");
    }
}

#[test]
fn first_values_are_those_of_peft_where_they_are_not_drawn() {
    for (name, method) in methods(&meta()) {
        let golden = golden(name, &method, Recompute::Off);
        for param in golden.model.params() {
            // What the script moved away from its first values is not compared.
            let found = &golden.model.values()[param.range.clone()];
            let expected = &golden.tensors[&format!("init.{}", param.name)];
            if param.name.ends_with("lora_magnitude_vector") || param.name.ends_with("norm.weight")
            {
                for (found, expected) in found.iter().zip(expected) {
                    assert!((found - expected).abs() < 1e-5 * expected, "{name} {}", param.name);
                }
            }
            if name == "ia3" {
                assert!(found.iter().all(|&one| one == 1.0), "{}", param.name);
            }
            if name == "pissa" {
                // Each singular vector may point either way.
                let r = golden.model.params()[0].shape[0];
                let columns = param.shape[1];
                for j in 0..r {
                    let of = |x: &[f32]| -> Vec<f32> {
                        if param.kind == ParamKind::LoraA {
                            x[j * columns..][..columns].to_vec()
                        } else {
                            x.iter().skip(j).step_by(r).copied().collect()
                        }
                    };
                    let (found, expected) = (of(found), of(expected));
                    let size = dot(&expected, &expected);
                    let along = dot(&found, &expected).abs();
                    assert!(
                        (along / size - 1.0).abs() < 1e-4,
                        "{} {j}: {along} {size}",
                        param.name
                    );
                }
            }
        }
    }
}

#[test]
fn without_its_adapter_a_model_is_its_base() {
    let checkpoint = crate::Checkpoint::open(&folder("tiny_lora")).unwrap();
    let pool = Arc::new(Pool::new(2));
    let options = options(DenseType::F32);
    let mut base = TrainModel::decoder(
        checkpoint.config(),
        &checkpoint,
        Task::LanguageModel,
        &Method::Full,
        &options,
        pool,
    )
    .unwrap();
    for (name, method) in methods(&meta()) {
        let mut golden = golden(name, &method, Recompute::Off);
        golden.start_from("step20");
        let batch = golden.batch();
        let expected = base.losses(&batch).unwrap().to_vec();
        assert_ne!(golden.model.losses(&batch).unwrap(), expected, "{name}");
        golden.model.set_adapted(false);
        let found = golden.model.losses(&batch).unwrap();
        // A part of the weights was taken apart and is put together again.
        let bound = if name == "pissa" { 1e-4 } else { 0.0 };
        for (found, expected) in found.iter().zip(&expected) {
            assert!(
                (found - expected).abs() <= bound * expected,
                "{name}: {found}, not {expected}"
            );
        }
    }
}

/// Where the adapters are written: a folder of the test, or one that PEFT will read.
fn out() -> (Option<tempfile::TempDir>, Utf8PathBuf) {
    if let Ok(folder) = std::env::var("CATENA_ADAPTERS_OUT") {
        return (None, folder.into());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap().to_owned();
    (Some(folder), path)
}

#[test]
fn adapters_are_what_peft_saves() {
    let (_keep, out) = out();
    let meta = meta();
    for (name, method) in methods(&meta) {
        let mut golden = golden(name, &method, Recompute::Off);
        golden.start_from("step20");
        let adapter = golden.model.adapter().unwrap();
        let path = out.join(name);
        adapter.write(&path).unwrap();
        let file =
            crate::safetensors::SafetensorsFile::open(&path.join("adapter_model.safetensors"));
        let file = file.unwrap();
        let shape = |name: &str| file.tensor(name).unwrap().shape.to_vec();
        let shapes: BTreeMap<String, Vec<usize>> =
            file.names().map(|name| (name.to_owned(), shape(name))).collect();
        let saved = &meta.methods[name].saved;
        let mut expected = saved.shapes.clone();
        if name == "pissa" {
            for (key, shape) in &mut expected {
                shape[usize::from(key.ends_with("lora_B.weight"))] *= 2;
            }
        }
        assert_eq!(shapes, expected, "{name}");
        check_config(name, &path, &saved.config);

        let read = PeftAdapter::read(&path).unwrap();
        assert_eq!(read, adapter, "{name}");
        check_further(name, &mut golden, &read);
    }
}

/// What the configuration says is what PEFT's says, as far as it says it.
fn check_config(name: &str, path: &Utf8Path, expected: &Value) {
    let config = std::fs::read(path.join("adapter_config.json")).unwrap();
    let found: Value = serde_json::from_slice(&config).unwrap();
    for (key, found) in found.as_object().unwrap() {
        let expected = &expected[key];
        let doubled = name == "pissa" && ["r", "lora_alpha"].contains(&key.as_str());
        let converted = name == "pissa" && key == "init_lora_weights";
        // PEFT names the table of tokens twice.
        let longer = name == "whole" && key == "modules_to_save";
        let same = match (found.as_f64(), expected.as_f64()) {
            (Some(found), Some(expected)) if doubled => found == 2.0 * expected,
            (Some(found), Some(expected)) => found == expected,
            _ if converted => *found == Value::Bool(true),
            _ if longer => true,
            _ => found == expected || is_empty(found) && is_empty(expected),
        };
        assert!(same || nearly(found, expected), "{name} {key}: {found}, not {expected}");
    }
}

/// The numbers of patterns may be whole or not.
fn nearly(a: &Value, b: &Value) -> bool {
    let (Some(a), Some(b)) = (a.as_object(), b.as_object()) else { return false };
    a.len() == b.len() && a.iter().all(|(key, a)| a.as_f64() == b[key].as_f64())
}

fn is_empty(value: &Value) -> bool {
    let list = value.as_array().is_some_and(Vec::is_empty);
    list || value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// A model of the method that the adapter names begins where the other one stood.
fn check_further(name: &str, golden: &mut Golden, adapter: &PeftAdapter) {
    let method = adapter.method().unwrap();
    let mut further = open(
        &format!("methods/{name}.safetensors"),
        Some(Vec::new()),
        &method,
        &options(DenseType::F32),
    );
    further.model.set_adapter(adapter).unwrap();
    let batch = golden.batch();
    let expected = golden.model.losses(&batch).unwrap().to_vec();
    let found = further.model.losses(&batch).unwrap();
    for (found, expected) in found.iter().zip(&expected) {
        let bound = if name == "pissa" { 1e-4 } else { 0.0 };
        assert!((found - expected).abs() <= bound * expected, "{name}: {found}, not {expected}");
    }
}

#[test]
fn training_goes_on_from_what_peft_saved() {
    let meta = meta();
    for (name, method) in methods(&meta) {
        let mut golden = golden(name, &method, Recompute::Off);
        golden.start_from("step20");
        let saved = &meta.methods[name].saved;
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap();
        std::fs::write(path.join("adapter_config.json"), saved.config.to_string()).unwrap();
        // The head that is the table is saved under both names.
        let values = |key: &str| {
            let key = key.replace("lm_head", "model.embed_tokens");
            &golden.tensors[&format!("step20.{key}")]
        };
        let tensors =
            saved.shapes.iter().map(|(key, shape)| (&key[..], &shape[..], &values(key)[..]));
        let file = path.join("adapter_model.safetensors");
        crate::safetensors::write_f32(&file, tensors, &[]).unwrap();
        let read = PeftAdapter::read(path);
        if name == "pissa" {
            let refused = read.unwrap_err().to_string();
            assert!(refused.contains("`init_lora_weights` = pissa"), "{refused}");
            continue;
        }
        check_further(name, &mut golden, &read.unwrap());
    }
}

#[test]
fn an_adapter_of_another_shape_or_kind_is_not_put_in_place() {
    let meta = meta();
    let all = methods(&meta);
    let method = |name: &str| &all.iter().find(|(own, _)| *own == name).unwrap().1;
    let model = |name: &str| {
        let mut golden = golden(name, method(name), Recompute::Off);
        golden.start_from("step20");
        golden.model
    };
    let (mut plain, dora) = (model("loraplus"), model("dora"));
    let before = plain.values().to_vec();
    let refused = |model: &mut TrainModel, adapter: &PeftAdapter| {
        model.set_adapter(adapter).unwrap_err().to_string()
    };
    let own = plain.adapter().unwrap();
    assert!(refused(&mut plain, &dora.adapter().unwrap()).contains("by magnitudes"));
    assert!(refused(&mut plain, &model("ia3").adapter().unwrap()).contains("has no tensor"));
    assert!(refused(&mut plain, &model("pissa").adapter().unwrap()).contains("has shape [4, "));
    assert!(refused(&mut plain, &model("rslora").adapter().unwrap()).contains("scales"));
    let mut more = own.clone();
    more.tensors.insert("x".to_owned(), own.tensors.values().next().unwrap().clone());
    assert!(refused(&mut plain, &more).contains("a tensor `x`"));
    assert_eq!(plain.values(), before);
    let mut empty = own;
    empty.tensors.clear();
    let PeftConfig::Lora(config) = &mut empty.config else { panic!("a LoRA adapter") };
    config.target_modules = None;
    assert!(matches!(empty.method(), Err(TrainingError::EmptyAdapter)));
}
