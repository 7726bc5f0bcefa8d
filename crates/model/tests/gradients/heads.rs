//! Heads of decoders: scores of texts and of tokens, and vectors.

use std::collections::BTreeMap;

use catena_model::Checkpoint;
use catena_model::training::{HeadPooling, Method, Task, TrainModel};
use serde::Deserialize;

use crate::digest::{Digest, check_digest, check_gradients, digest, seed_of, uniform};
use crate::{Golden, folder, golden, options, pool};

#[derive(Deserialize)]
struct Model {
    outputs: Digest,
    tensors: BTreeMap<String, Digest>,
}

#[test]
fn gradients_of_heads_on_decoders_are_those_of_transformers() {
    let golden: Golden<Model> = golden("heads");
    let (batch, labels) = (golden.batch.of(false), golden.labels);
    for (what, expected) in &golden.models {
        let (name, kind) = what.split_once('/').unwrap();
        let task = match kind {
            "sequence" => Task::Sequence { labels },
            "token" => Task::Token { labels },
            _ => Task::Vector { pooling: HeadPooling::Last },
        };
        let checkpoint = Checkpoint::open(&folder(&format!("families/{name}"))).unwrap();
        let (config, method) = (checkpoint.config(), Method::Full);
        let mut model =
            TrainModel::decoder(config, &checkpoint, task, &method, &options(), pool()).unwrap();
        for param in model.params().to_vec() {
            if param.name.starts_with("score") {
                let random = uniform(seed_of(&param.name), param.range.len());
                let values = &mut model.values_mut()[param.range];
                values.iter_mut().zip(random).for_each(|(value, random)| *value = 0.2 * random);
            }
        }
        let outputs = model.outputs(&batch).unwrap().to_vec();
        check_digest(what, digest(&outputs), expected.outputs);
        model.backward_outputs(&batch, &uniform(7, outputs.len())).unwrap();
        check_gradients(what, &model, &expected.tensors);
    }
}
