//! Adapters and batches that make no sense are refused with the value that is wrong.

use super::*;

fn refused(lora: &LoraConfig) -> TrainingError {
    Method::Lora(lora.clone()).check().unwrap_err()
}

#[test]
fn bad_adapters_are_refused() {
    assert!(matches!(refused(&lora(0, &["q_proj"])), TrainingError::NotPositive { key: "r", .. }));
    let flat = LoraConfig { lora_alpha: 0.0, ..lora(4, &["q_proj"]) };
    assert!(matches!(refused(&flat), TrainingError::NotPositive { key: "lora_alpha", .. }));
    assert!(matches!(refused(&lora(4, &[])), TrainingError::NoTargets { .. }));
    let method = Method::Lora(lora(4, &["q_proj", "qproj"]));
    let (options, pool) = (options(DenseType::F32), Arc::new(Pool::new(1)));
    let task = Task::LanguageModel;
    let model = TrainModel::decoder(&tiny_config(), &Random, task, &method, &options, pool);
    let message = model.err().unwrap().to_string();
    assert!(message.contains("`qproj`") && message.contains("down_proj"), "{message}");
}

#[test]
fn bad_batches_are_refused() {
    let sound = batch(&[5, 6], 1);
    let check = |batch: &TrainBatch| batch.layout(20, 75, 0).err().map(|error| error.to_string());
    assert_eq!(check(&sound), None);
    assert_eq!(check(&TrainBatch::default()), None);
    for seq_starts in [vec![], vec![1], vec![0, 7, 6], vec![0, 12]] {
        let bad = TrainBatch { seq_starts, ..sound.clone() };
        assert!(check(&bad).unwrap().contains("sequence starts"), "{bad:?}");
    }
    let mut bad = sound.clone();
    bad.labels.pop();
    assert!(check(&bad).unwrap().contains("11 tokens, 10 labels"));
    let mut bad = sound.clone();
    bad.tokens[3] = 75;
    assert!(check(&bad).unwrap().contains("token 75 at position 3"));
    let mut bad = sound.clone();
    bad.labels[4] = Some(99);
    assert!(check(&bad).unwrap().contains("token 99 at position 4"));
    let long = batch(&[21], 1);
    assert!(check(&long).unwrap().contains("21 tokens, planned for 20"));
}

#[test]
fn first_values_are_pefts_kind_and_follow_the_seed() {
    let config = lora(8, &["gate_proj", "down_proj"]);
    let model = |config: &LoraConfig| {
        let method = Method::Lora(config.clone());
        random_model(&tiny_config(), &method, &options(DenseType::F32), 1)
    };
    let first = model(&config);
    assert_eq!(first.params().len(), 3 * 2 * 2);
    for param in first.params() {
        let part = &first.values()[param.range.clone()];
        assert_eq!(part.len(), param.shape.iter().product::<usize>());
        if param.name.ends_with("lora_B.weight") {
            assert!(part.iter().all(|&x| x == 0.0), "{}", param.name);
        } else {
            let bound = 1.0 / (param.shape[1] as f32).sqrt();
            let deviation = (part.iter().map(|x| x * x).sum::<f32>() / part.len() as f32).sqrt();
            assert!(part.iter().all(|x| x.abs() <= bound), "{}", param.name);
            assert!((deviation / bound * 3f32.sqrt() - 1.0).abs() < 0.15, "{}", param.name);
        }
    }
    assert_eq!(first.values(), model(&config).values());
    assert_ne!(first.values(), model(&LoraConfig { seed: 8, ..config.clone() }).values());
    let names: Vec<_> = first.params().iter().map(|param| param.name.as_str()).collect();
    assert_eq!(names[0], "base_model.model.model.layers.0.mlp.gate_proj.lora_A.weight");
    assert_eq!(names[11], "base_model.model.model.layers.2.mlp.down_proj.lora_B.weight");
}
