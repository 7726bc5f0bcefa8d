//! What stands beside frozen weights, against PEFT: its configurations and keys, of families whose
//! modules are called and cut as the decoder's and of those where they are not.

use std::collections::BTreeMap;

use camino::Utf8Path;
use catena_model::adapter::PeftAdapter;
use catena_model::safetensors::write_f32;
use catena_model::training::{LoraConfig, LoraInit, LoraSettings, Method, Task, TrainModel};
use catena_model::{Checkpoint, ExportSource};
use serde::Deserialize;
use serde_json::Value;

use crate::digest::{Digest, check_digests, digest, seed_of, uniform};
use crate::{Golden, folder, golden, options, pool};

#[derive(Deserialize)]
struct Model {
    family: String,
    config: Value,
    loss: f64,
    shapes: BTreeMap<String, Vec<usize>>,
    tensors: BTreeMap<String, Digest>,
}

/// The adapter as PEFT would have written it, with the values that the golden was made with.
fn read(expected: &Model) -> PeftAdapter {
    let guard = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(guard.path()).unwrap();
    std::fs::write(path.join("adapter_config.json"), expected.config.to_string()).unwrap();
    let values = |(name, shape): (&String, &Vec<usize>)| {
        let values = uniform(seed_of(name), shape.iter().product());
        (name.clone(), values.iter().map(|value| 0.2 * value).collect::<Vec<f32>>())
    };
    let values: Vec<_> = expected.shapes.iter().map(values).collect();
    let tensors = values
        .iter()
        .map(|(name, values)| (name.as_str(), expected.shapes[name].as_slice(), values.as_slice()));
    write_f32(&path.join("adapter_model.safetensors"), tensors, &[]).unwrap();
    PeftAdapter::read(path).unwrap()
}

#[test]
fn gradients_of_adapters_are_those_of_peft() {
    let golden: Golden<Model> = golden("lora");
    let (batch, supervised) = (golden.batch.of(false), golden.batch.supervised());
    for (name, expected) in &golden.models {
        let checkpoint = Checkpoint::open(&folder(&format!("families/{}", expected.family)));
        let (checkpoint, adapter) = (checkpoint.unwrap(), read(expected));
        let (config, task) = (checkpoint.config(), Task::LanguageModel);
        let method = adapter.method().unwrap();
        let mut model =
            TrainModel::decoder(config, &checkpoint, task, &method, &options(), pool()).unwrap();
        model.set_adapter(&adapter).unwrap();
        let written = model.adapter().unwrap();
        // Gemma's gains lack the 1 that is added to them, which rounds.
        let same = written.tensors == adapter.tensors;
        assert!(same || name == "gemma2_norms", "{name}: what is read is written");
        for (key, tensor) in &written.tensors {
            let pairs = tensor.data.iter().zip(&adapter.tensors[key].data);
            assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-6), "{name}: {key}");
        }
        let targets = |adapter: &PeftAdapter| {
            let config = serde_json::to_value(&adapter.config).unwrap();
            (config["target_modules"].clone(), config["fan_in_fan_out"] == Value::Bool(true))
        };
        assert_eq!(targets(&written), targets(&adapter), "{name}");
        let found = model.forward_backward(&batch, 1.0 / supervised as f32).unwrap();
        let loss = found.loss_sum / supervised as f64;
        assert!((loss / expected.loss - 1.0).abs() < 1e-6, "{name}: {loss}");
        if !same {
            continue;
        }
        // In the place of the values, gradients come out as the files have them.
        let grads = model.grads().to_vec();
        model.values_mut().copy_from_slice(&grads);
        let grads = model.adapter().unwrap().tensors;
        let found = grads.iter().map(|(name, grad)| (name.as_str(), digest(&grad.data)));
        check_digests(name, &found.collect(), &expected.tensors);
    }
}

/// The principal part of a matrix that is several projections, or two of the decoder's, is taken
/// out of it as a whole, and what it and the rest give is the base.
#[test]
fn principal_pairs_of_fused_matrices_begin_as_the_base() {
    let golden: Golden<Model> = golden("lora");
    let batch = golden.batch.of(false);
    for family in ["phi3", "gpt_neox", "gpt2", "glm", "deepseek_v2"] {
        let checkpoint = Checkpoint::open(&folder(&format!("families/{family}"))).unwrap();
        let losses = |method: &Method| {
            let (config, task) = (checkpoint.config(), Task::LanguageModel);
            let model = TrainModel::decoder(config, &checkpoint, task, method, &options(), pool());
            let mut model = model.unwrap();
            let losses = model.losses(&batch).unwrap().to_vec();
            (losses, model.adapter())
        };
        let lora = LoraConfig {
            r: 3,
            lora_alpha: 4.0,
            use_rslora: false,
            target_modules: vec!["all-linear".to_owned()],
            seed: 0,
        };
        let init_lora_weights = LoraInit::Pissa { niter: None };
        let settings = LoraSettings { init_lora_weights, ..LoraSettings::default() };
        let (base, _) = losses(&Method::Full);
        let (found, adapter) = losses(&Method::LoraWith(lora, settings));
        for (found, base) in found.iter().zip(&base) {
            assert!((found / base - 1.0).abs() < 1e-4, "{family}: {found}, not {base}");
        }
        // Nothing was trained: what PEFT loads adds nothing.
        let adapter = adapter.unwrap();
        let merged = ExportSource::new(&checkpoint).with_adapter(&adapter).unwrap();
        for name in checkpoint.tensor_names() {
            let (merged, base) =
                (merged.values(name).unwrap(), checkpoint.dequantize(name).unwrap());
            let same = merged.iter().zip(&base).all(|(a, b)| (a - b).abs() < 1e-5);
            assert!(same, "{family}: {name}");
        }
    }
}
