//! Encoders with all their heads.

use std::collections::BTreeMap;

use catena_model::encoder::EncoderWeights;
use catena_model::training::{HeadPooling, Method, Task, TrainModel};
use serde::Deserialize;

use crate::digest::{Digest, check_digest, check_gradients, digest, uniform};
use crate::{Golden, folder, golden, options, pool};

#[derive(Deserialize)]
struct Model {
    width: usize,
    outputs: Digest,
    tensors: BTreeMap<String, Digest>,
}

#[test]
fn gradients_of_every_encoder_and_head_are_those_of_transformers() {
    let golden: Golden<Model> = golden("encoders");
    for (what, expected) in &golden.models {
        let (name, kind) = what.split_once('/').unwrap();
        let labels = expected.width;
        let task = match kind {
            "sequence" => Task::Sequence { labels },
            "token" => Task::Token { labels },
            "first" => Task::Vector { pooling: HeadPooling::First },
            _ => Task::Vector { pooling: HeadPooling::Mean },
        };
        let pool = pool();
        let path = folder(&format!("encoders/{name}"));
        let weights = EncoderWeights::open(&path, pool.clone()).unwrap();
        let batch = golden.batch.of(weights.config().type_vocab_size > 1);
        let mut model =
            TrainModel::encoder(&weights, task, &Method::Full, &options(), pool).unwrap();
        let outputs = model.outputs(&batch).unwrap().to_vec();
        assert_eq!(model.output_width(), expected.width, "{what}");
        check_digest(what, digest(&outputs), expected.outputs);
        model.backward_outputs(&batch, &uniform(7, outputs.len())).unwrap();
        check_gradients(what, &model, &expected.tensors);
    }
}
