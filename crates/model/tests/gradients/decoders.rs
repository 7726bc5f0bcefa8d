//! Full fine-tuning of decoders.

use std::collections::BTreeMap;

use camino::Utf8Path;
use catena_model::Checkpoint;
use catena_model::training::{Method, Task, TrainBatch, TrainModel, TrainOptions};
use serde::Deserialize;

use crate::digest::{Digest, check_digest, check_gradients, digest};
use crate::{Golden, folder, golden, options, pool};

/// f32 against f64.
const LOSS_F32: f64 = 1e-6;

#[derive(Deserialize)]
struct Model {
    loss: f64,
    tensors: BTreeMap<String, Digest>,
}

fn check(path: &Utf8Path, golden: &Golden<Model>, expected: &Model) {
    let batch = golden.batch.of(false);
    let supervised = golden.batch.supervised();
    let checkpoint = Checkpoint::open(path).unwrap();
    let (config, task, method) = (checkpoint.config(), Task::LanguageModel, Method::Full);
    let mut model =
        TrainModel::decoder(config, &checkpoint, task, &method, &options(), pool()).unwrap();
    let found = model.forward_backward(&batch, 1.0 / supervised as f32).unwrap();
    assert_eq!(found.tokens, supervised);
    let loss = found.loss_sum / supervised as f64;
    let error = (loss / expected.loss - 1.0).abs();
    assert!(error < LOSS_F32, "{path}: loss {loss}, not {}", expected.loss);
    check_gradients(path.as_str(), &model, &expected.tensors);
}

#[test]
fn gradients_of_every_decoder_family_are_those_of_transformers() {
    let golden: Golden<Model> = golden("decoders");
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
    let golden: Golden<Model> = golden("decoders");
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
fn every_family_is_compared() {
    let golden: Golden<Model> = golden("decoders");
    for entry in folder("families").read_dir_utf8().unwrap() {
        let path = entry.unwrap().into_path();
        let name = path.file_name().unwrap();
        let known = golden.models.contains_key(name) || name == "chatglm";
        assert!(known, "{name}: `make_gradients.py` should have it");
    }
}

/// What is trained has the names and the form that the decoder's files are written from.
#[test]
fn trained_tensors_are_those_of_the_checkpoint() {
    for family in ["deepseek_v2", "deepseek_v2_lite", "phi3", "gpt2"] {
        let checkpoint = Checkpoint::open(&folder(&format!("families/{family}"))).unwrap();
        let (config, task, method) = (checkpoint.config(), Task::LanguageModel, Method::Full);
        let model =
            TrainModel::decoder(config, &checkpoint, task, &method, &options(), pool()).unwrap();
        let tensors = model.tensors();
        let names: Vec<&str> = tensors.keys().map(String::as_str).collect();
        assert_eq!(names, checkpoint.tensor_names().collect::<Vec<_>>(), "{family}");
        for (name, (shape, values)) in &tensors {
            assert_eq!(shape, checkpoint.shape(name).unwrap(), "{family} {name}");
            assert!(*values == checkpoint.dequantize(name).unwrap(), "{family} {name}");
        }
    }
}

/// A family with factors for long sequences takes them if sequences may be long, whatever the room for
/// a micro-step, which many short ones may fill.
#[test]
fn factors_for_long_sequences_follow_from_the_longest_sequence() {
    let checkpoint = Checkpoint::open(&folder("families/phi4")).unwrap();
    let batch = TrainBatch {
        tokens: (3..15).collect(),
        labels: (4..16).map(Some).collect(),
        seq_starts: vec![0],
        ..TrainBatch::default()
    };
    let loss = |max_tokens, longest| {
        let (config, task, method) = (checkpoint.config(), Task::LanguageModel, Method::Full);
        let options = TrainOptions { max_tokens, longest, ..options() };
        let mut model =
            TrainModel::decoder(config, &checkpoint, task, &method, &options, pool()).unwrap();
        model.loss(&batch).unwrap().loss_sum
    };
    let (short, long) = (loss(12, Some(12)), loss(64, Some(17)));
    assert_eq!(short, loss(64, Some(16)));
    assert_eq!(long, loss(17, None));
    assert!((short / long - 1.0).abs() > 1e-5, "{short} {long}");
}

/// The row of the token of empty places learns nothing from where it stands, but from where it is
/// predicted; in families whose code has no such token it is a row as any other.
#[test]
fn the_row_of_the_token_of_empty_places_is_that_of_transformers() {
    let golden: Golden<Model> = golden("padding");
    for (name, expected) in &golden.models {
        let checkpoint = Checkpoint::open(&folder(&format!("families/{name}"))).unwrap();
        let mut config = checkpoint.config().clone();
        config.pad_token_id = Some(golden.batch.of(false).tokens[3]);
        let (task, supervised) = (Task::LanguageModel, golden.batch.supervised());
        let method = Method::Full;
        let mut model =
            TrainModel::decoder(&config, &checkpoint, task, &method, &options(), pool()).unwrap();
        model.forward_backward(&golden.batch.of(false), 1.0 / supervised as f32).unwrap();
        for (table, expected) in &expected.tensors {
            let param = model.params().iter().find(|param| param.name == *table).unwrap();
            let found = digest(&model.grads()[param.range.clone()]);
            check_digest(&format!("{name} {table}"), found, *expected);
        }
    }
}
