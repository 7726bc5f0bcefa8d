//! Full fine-tuning of decoders, and which of them are refused.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use catena_model::training::{Method, Task, TrainBatch, TrainModel, TrainOptions};
use catena_model::{Checkpoint, ModelError};
use serde::Deserialize;

use crate::digest::{Digest, check_gradients};
use crate::{Batch, folder, golden, options, pool};

/// f32 against f64.
const LOSS_F32: f64 = 1e-6;

#[derive(Deserialize)]
struct Golden {
    batch: Batch,
    models: BTreeMap<String, Model>,
}

#[derive(Deserialize)]
struct Model {
    loss: f64,
    tensors: BTreeMap<String, Digest>,
}

fn open(path: &Utf8Path) -> Result<TrainModel, ModelError> {
    let checkpoint = Checkpoint::open(path).unwrap();
    let config = checkpoint.config();
    let task = Task::LanguageModel;
    TrainModel::decoder(config, &checkpoint, task, &Method::Full, &options(), pool())
}

fn check(path: &Utf8Path, golden: &Golden, expected: &Model) {
    let batch = golden.batch.of(false);
    let supervised = golden.batch.supervised();
    let mut model = open(path).unwrap();
    let found = model.forward_backward(&batch, 1.0 / supervised as f32).unwrap();
    assert_eq!(found.tokens, supervised);
    let loss = found.loss_sum / supervised as f64;
    let error = (loss / expected.loss - 1.0).abs();
    assert!(error < LOSS_F32, "{path}: loss {loss}, not {}", expected.loss);
    check_gradients(path.as_str(), &model, &expected.tensors);
}

#[test]
fn gradients_of_every_decoder_family_are_those_of_transformers() {
    let golden: Golden = golden("decoders");
    for (name, expected) in &golden.models {
        check(&folder(&format!("families/{name}")), &golden, expected);
    }
    // The same model under the names of its first code.
    check(&folder("families/chatglm"), &golden, &golden.models["glm"]);
}

/// The files of llama.cpp hold the same weights under other names and in another order; those that
/// lack something that the family computes are not in the goldens.
#[test]
fn gradients_of_gguf_files_are_those_of_their_folders() {
    let golden: Golden = golden("decoders");
    let mut compared = 0;
    for (name, expected) in &golden.models {
        let path = folder(&format!("families/{name}/model.gguf"));
        if path.exists() {
            check(&path, &golden, expected);
            compared += 1;
        }
    }
    assert!(compared > 15, "{compared} files");
}

#[test]
fn experts_and_latent_attention_are_refused_by_name() {
    let golden: Golden = golden("decoders");
    let known: BTreeSet<&str> = golden.models.keys().map(String::as_str).collect();
    let mut refused = Vec::new();
    for entry in folder("families").read_dir_utf8().unwrap() {
        let path = entry.unwrap().into_path();
        let name = path.file_name().unwrap();
        if known.contains(name) || name == "chatglm" {
            continue;
        }
        match open(&path) {
            Ok(_) => panic!("{name} can be trained: `make_gradients.py` should have it"),
            Err(error) => refused.push(format!("{name}: {error}")),
        }
    }
    refused.sort();
    let does_not_know = |what: &str, model_type: &str| {
        format!("training does not know {what}, which architecture `{model_type}` has")
    };
    let latent = does_not_know("latent attention", "deepseek_v2");
    let expected = [
        format!("deepseek_v2: {latent}"),
        format!("deepseek_v2_lite: {latent}"),
        format!("mixtral: {}", does_not_know("experts", "mixtral")),
        format!("qwen3_moe: {}", does_not_know("experts", "qwen3_moe")),
    ];
    assert_eq!(refused, expected);
}

/// FIXME: whether a family with factors for long sequences takes them should follow from the
/// sequences, as in `transformers`. It follows from the room for a micro-step, which many short ones
/// may fill: the same sequence has another loss.
#[test]
fn factors_for_long_sequences_follow_from_the_room_for_a_micro_step() {
    let checkpoint = Checkpoint::open(&folder("families/phi4")).unwrap();
    let batch = TrainBatch {
        tokens: (3..15).collect(),
        labels: (4..16).map(Some).collect(),
        seq_starts: vec![0],
        ..TrainBatch::default()
    };
    let loss = |max_tokens| {
        let (config, task, method) = (checkpoint.config(), Task::LanguageModel, Method::Full);
        let options = TrainOptions { max_tokens, ..options() };
        let mut model =
            TrainModel::decoder(config, &checkpoint, task, &method, &options, pool()).unwrap();
        model.loss(&batch).unwrap().loss_sum
    };
    assert_eq!(loss(12), loss(16));
    assert_eq!(loss(17), loss(64));
    let (short, long) = (loss(16), loss(17));
    assert!((short / long - 1.0).abs() > 1e-5, "{short} {long}");
}
