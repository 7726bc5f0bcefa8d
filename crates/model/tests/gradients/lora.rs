//! Low-rank pairs, against PEFT.

use std::collections::BTreeMap;

use catena_model::Checkpoint;
use catena_model::training::{LoraConfig, Method, Task, TrainModel};
use serde::Deserialize;

use crate::digest::{Digest, check_gradients, seed_of, uniform};
use crate::{Batch, folder, golden, options, pool};

#[derive(Deserialize)]
struct Golden {
    batch: Batch,
    r: usize,
    lora_alpha: f32,
    models: BTreeMap<String, Model>,
}

#[derive(Deserialize)]
struct Model {
    loss: f64,
    targets: Vec<String>,
    tensors: BTreeMap<String, Digest>,
}

#[test]
fn gradients_of_pairs_are_those_of_peft() {
    let golden: Golden = golden("lora");
    let (batch, supervised) = (golden.batch.of(false), golden.batch.supervised());
    for (name, expected) in &golden.models {
        let checkpoint = Checkpoint::open(&folder(&format!("families/{name}"))).unwrap();
        let method = Method::Lora(LoraConfig {
            r: golden.r,
            lora_alpha: golden.lora_alpha,
            use_rslora: false,
            target_modules: expected.targets.clone(),
            seed: 0,
        });
        let (config, task) = (checkpoint.config(), Task::LanguageModel);
        let mut model =
            TrainModel::decoder(config, &checkpoint, task, &method, &options(), pool()).unwrap();
        for param in model.params().to_vec() {
            let random = uniform(seed_of(&param.name), param.range.len());
            let values = &mut model.values_mut()[param.range];
            values.iter_mut().zip(random).for_each(|(value, random)| *value = 0.2 * random);
        }
        let found = model.forward_backward(&batch, 1.0 / supervised as f32).unwrap();
        let loss = found.loss_sum / supervised as f64;
        assert!((loss / expected.loss - 1.0).abs() < 1e-6, "{name}: {loss}");
        check_gradients(name, &model, &expected.tensors);
    }
}
