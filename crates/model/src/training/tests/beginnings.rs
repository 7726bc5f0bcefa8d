//! Models that go on from an adapter.

use super::*;
use crate::adapter::PeftAdapter;
use crate::training::{LoraInit, LoraSettings};

const TARGETS: [&str; 2] = ["q_proj", "down_proj"];

fn losses(model: &mut TrainModel) -> Vec<f64> {
    model.losses(&batch(&[20, 11], 3)).unwrap().to_vec()
}

/// A model that was trained, its base's losses and its own, and its adapter.
fn trained() -> (Vec<f64>, Vec<f64>, PeftAdapter) {
    let mut model = tiny_model(&lora(3, &TARGETS), DenseType::F32, 1);
    let own = losses(&mut model);
    model.set_adapted(false);
    (losses(&mut model), own, model.adapter().unwrap())
}

fn fresh(method: &Method, task: Task) -> TrainModel {
    let (config, pool) = (tiny_config(), Arc::new(Pool::new(1)));
    TrainModel::decoder(&config, &Random, task, method, &options(DenseType::F32), pool).unwrap()
}

/// The reference of preference losses is what training begins with: the base of a new adapter, and
/// the model with the adapter that it goes on from.
#[test]
fn the_reference_is_what_training_begins_with() {
    let (base, own, adapter) = trained();
    assert!(base.iter().zip(&own).any(|(a, b)| (a - b).abs() > 1e-3));
    let method = adapter.method().unwrap();
    let mut model = fresh(&method, Task::LanguageModel);
    model.set_reference(true);
    assert_eq!(losses(&mut model), base);
    model.set_reference(false);
    model.begin_from(&adapter).unwrap();
    for reference in [true, false] {
        model.set_reference(reference);
        assert_eq!(losses(&mut model), own, "{reference}");
    }
}

/// A new head stays as it was drawn; anything else that the adapter lacks is refused.
#[test]
fn a_new_head_stands_on_what_was_trained() {
    let (_, _, adapter) = trained();
    let method = adapter.method().unwrap();
    let mut model = fresh(&method, Task::Sequence { labels: 2 });
    let drawn = model.adapter().unwrap();
    assert!(model.set_adapter(&adapter).unwrap_err().to_string().contains(".score.weight"));
    model.begin_from(&adapter).unwrap();
    let begun = model.adapter().unwrap();
    assert_eq!(begun.tensors.len(), adapter.tensors.len() + 1);
    for (name, tensor) in &begun.tensors {
        assert_eq!(tensor, adapter.tensors.get(name).unwrap_or(&drawn.tensors[name]), "{name}");
    }
    let mut less = adapter;
    let name = less.tensors.keys().next().unwrap().clone();
    less.tensors.remove(&name);
    assert!(model.begin_from(&less).unwrap_err().to_string().contains(&name));
    assert_eq!(model.adapter().unwrap(), begun, "a refused adapter changes nothing");
}

/// Pairs that took a part of the weights have no room for an adapter's.
#[test]
fn pairs_begin_with_one_thing() {
    let (_, _, adapter) = trained();
    let init_lora_weights = LoraInit::Pissa { niter: None };
    let settings = LoraSettings { init_lora_weights, ..LoraSettings::default() };
    let mut model = fresh(&Method::LoraWith(lora(3, &TARGETS), settings), Task::LanguageModel);
    assert!(matches!(model.begin_from(&adapter), Err(TrainingError::AdapterInit)));
}
