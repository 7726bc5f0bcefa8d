//! State: saved and put back with the same bits, and refused where it does not fit.

use super::*;
use crate::error::TrainError;
use crate::optimizer::muon::Muon;
use catena_kernels::Pool;
use std::borrow::Cow;

/// Every optimizer, with all the state that it can have.
fn every_config() -> Vec<OptimizerConfig> {
    let adamw = AdamWConfig { weight_decay: 0.1, ..AdamWConfig::default() };
    let adafactor = AdafactorConfig {
        // Numbers like the default 1e-30 come back from JSON with another last digit.
        eps: 1e-10,
        beta1: Some(0.9),
        scale_parameter: true,
        weight_decay: 0.1,
        ..AdafactorConfig::default()
    };
    vec![
        OptimizerConfig::AdamW(adamw),
        OptimizerConfig::AdamW8bit(adamw),
        OptimizerConfig::Sgd(SgdConfig::default()),
        OptimizerConfig::Sgd(SgdConfig { momentum: 0.0, ..SgdConfig::default() }),
        OptimizerConfig::Lion(LionConfig::default()),
        OptimizerConfig::Adafactor(adafactor),
        OptimizerConfig::Adafactor(AdafactorConfig {
            relative_step: true,
            beta1: None,
            ..adafactor
        }),
        OptimizerConfig::Muon(MuonConfig::default()),
    ]
}

fn mixed() -> Vec<TrainedTensor> {
    tensors(&[
        ("layers.0.q_proj.weight", &[70, 260], 1.0, true),
        ("layers.0.q_proj.bias", &[70], 1.0, false),
        ("experts.weight", &[2, 30, 80], 2.0, true),
        ("embed_tokens.weight", &[40, 110], 1.0, true),
    ])
}

/// Values after steps `from..to`, continuing on `values`.
fn steps(
    optimizer: &mut dyn Optimizer,
    values: &mut [f32],
    (from, to): (u64, u64),
    threads: usize,
) {
    let pool = Pool::new(threads);
    for step in from..to {
        let grads = vector(step + 1, values.len(), 6);
        optimizer.step(&pool, values, &grads, 0.7, 1e-2 / (step + 1) as f64);
    }
}

#[test]
fn a_restored_optimizer_goes_on_with_the_same_bits_on_any_threads() {
    let tensors = mixed();
    let start = vector(0, num_values_of(&tensors), 6);
    for config in every_config() {
        let mut straight = config.build(&tensors);
        let mut expected = start.clone();
        steps(&mut *straight, &mut expected, (0, 6), 1);

        let mut first = config.build(&tensors);
        let mut values = start.clone();
        steps(&mut *first, &mut values, (0, 3), 2);
        let mut saved = first.state();
        saved.reverse();
        let mut second = config.build(&tensors);
        second.restore(first.steps(), &saved).unwrap();
        steps(&mut *second, &mut values, (3, 6), 3);
        assert!(values == expected, "{config:?}");
        assert_eq!(second.steps(), 6);
        assert!(second.state() == straight.state(), "{config:?}");
        assert_ne!(values, start);
    }
}

#[test]
fn a_step_of_parts_has_the_bits_of_a_whole_one() {
    let tensors = mixed();
    let (start, pool) = (vector(0, num_values_of(&tensors), 6), Pool::new(2));
    // One tensor, two of them, and the first, as they come on the way back.
    let parts = [&tensors[3..], &tensors[1..3], &tensors[..1]];
    let parts = parts.map(|part| part[0].range.start..part[part.len() - 1].range.end);
    for config in every_config() {
        let (mut whole, mut by_part) = (config.build(&tensors), config.build(&tensors));
        let (mut expected, mut values) = (start.clone(), start.clone());
        for step in 0..4 {
            let grads = vector(step + 1, start.len(), 6);
            whole.step(&pool, &mut expected, &grads, 0.7, 1e-2);
            by_part.begin_step();
            for part in &parts {
                let (values, grads) = (&mut values[part.clone()], &grads[part.clone()]);
                by_part.apply(&pool, part, values, grads, 0.7, 1e-2);
            }
        }
        assert!(values == expected && values != start, "{config:?}");
        assert!(by_part.state() == whole.state() && by_part.steps() == 4, "{config:?}");
    }
}

#[test]
#[should_panic(expected = "0..18201 of 27470 trained values has a part of a tensor")]
fn a_part_of_a_tensor_is_a_bug() {
    let mut optimizer = OptimizerConfig::default().build(&mixed());
    optimizer.begin_step();
    let mut values = vec![0.0; 18_201];
    let grads = values.clone();
    optimizer.apply(&Pool::new(1), &(0..18_201), &mut values, &grads, 1.0, 1e-2);
}

#[test]
fn names_and_sizes_of_the_state_are_told() {
    let tensors = mixed();
    let mut lines = Vec::new();
    for config in every_config() {
        let optimizer = config.build(&tensors);
        lines.push(format!("{}: {} bytes", optimizer.name(), optimizer.state_bytes()));
        let taken = optimizer.state_bytes() + optimizer.scratch_bytes();
        assert_eq!(config.bytes(&tensors), taken, "{config:?}");
        for tensor in optimizer.state() {
            let dtype = if matches!(tensor.data, StateData::U8(_)) { "U8" } else { "F32" };
            lines.push(format!("  {} {:?} {dtype}", tensor.name, tensor.shape));
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn errors_of_state_that_does_not_fit_read_well() {
    let tensors = small();
    let config = OptimizerConfig::AdamW(AdamWConfig::default());
    let saved_by = config.build(&tensors);
    let refuse = |config: OptimizerConfig, change: &dyn Fn(&mut Vec<StateTensor<'_>>)| {
        let mut saved = saved_by.state();
        change(&mut saved);
        let mut optimizer = config.build(&small());
        let before: Vec<String> =
            optimizer.state().iter().map(|tensor| format!("{tensor:?}")).collect();
        let error = optimizer.restore(9, &saved).unwrap_err();
        let after: Vec<String> =
            optimizer.state().iter().map(|tensor| format!("{tensor:?}")).collect();
        assert_eq!(before, after, "nothing changes");
        assert_eq!(optimizer.steps(), 0);
        error.to_string()
    };
    let messages = [
        refuse(config, &|saved| drop(saved.remove(0))),
        refuse(config, &|saved| saved[1].name = Cow::Borrowed("other.exp_avg")),
        refuse(config, &|saved| saved[0].shape = Cow::Borrowed(&[60])),
        refuse(config, &|saved| saved[0].data = StateData::U8(&[0; 60])),
        refuse(config, &|saved| saved[0].data = StateData::F32(&[0.0; 59])),
        refuse(OptimizerConfig::Lion(LionConfig::default()), &|_| ()),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn hyper_parameters_out_of_range_are_errors() {
    let adamw = AdamWConfig::default();
    let adafactor = AdafactorConfig::default();
    let muon = MuonConfig::default();
    let sgd = SgdConfig::default();
    let refused = [
        OptimizerConfig::AdamW(AdamWConfig { beta1: 1.0, ..adamw }),
        OptimizerConfig::AdamW8bit(AdamWConfig { beta2: -0.1, ..adamw }),
        OptimizerConfig::AdamW(AdamWConfig { eps: 0.0, ..adamw }),
        OptimizerConfig::AdamW(AdamWConfig { weight_decay: f64::NAN, ..adamw }),
        OptimizerConfig::Sgd(SgdConfig { momentum: 0.0, nesterov: true, ..sgd }),
        OptimizerConfig::Lion(LionConfig { beta2: 1.5, ..LionConfig::default() }),
        OptimizerConfig::Adafactor(AdafactorConfig { decay_rate: 0.8, ..adafactor }),
        OptimizerConfig::Adafactor(AdafactorConfig { warmup_init: true, ..adafactor }),
        OptimizerConfig::Adafactor(AdafactorConfig { beta1: Some(1.0), ..adafactor }),
        OptimizerConfig::Muon(MuonConfig { ns_steps: 0, ..muon }),
        OptimizerConfig::Muon(MuonConfig { adamw_learning_rate_factor: 0.0, ..muon }),
    ];
    let messages: Vec<String> = refused
        .iter()
        .map(|config| {
            let error = config.validate().unwrap_err();
            assert!(matches!(error, TrainError::InvalidConfig { .. }));
            error.to_string()
        })
        .collect();
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn a_configuration_is_read_back_as_it_was_written() {
    for config in every_config() {
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<OptimizerConfig>(&text).unwrap(), config, "{text}");
    }
    let text = r#"{"name":"adamw_8bit","beta1":0.9,"beta2":0.99,"eps":1e-6,"weight_decay":0.0}"#;
    let config = serde_json::from_str::<OptimizerConfig>(text).unwrap();
    assert!(matches!(config, OptimizerConfig::AdamW8bit(_)));
}

#[test]
fn muon_leaves_embeddings_heads_and_vectors_to_adamw() {
    let hidden = |name: &str, shape: &[usize]| {
        Muon::is_hidden_matrix(&tensors(&[(name, shape, 1.0, true)])[0])
    };
    assert!(hidden("layers.3.mlp.down_proj.weight", &[4, 8]));
    assert!(hidden("layers.3.self_attn.q_proj.lora_A.weight", &[2, 8]));
    assert!(!hidden("embed_tokens.weight", &[4, 8]));
    assert!(!hidden("lm_head.weight", &[4, 8]));
    assert!(!hidden("lm_head.lora_B.weight", &[4, 2]));
    assert!(!hidden("score.weight", &[1, 8]));
    assert!(!hidden("embeddings.word_embeddings.weight", &[4, 8]));
    assert!(!hidden("layers.3.norm.weight", &[8]));
    assert!(!hidden("experts.weight", &[2, 4, 8]));
}

#[test]
fn decay_and_rate_are_those_of_the_tensor() {
    let tensors =
        tensors(&[("a", &[3], 1.0, true), ("b", &[3], 4.0, true), ("c", &[3], 1.0, false)]);
    let sgd = SgdConfig { momentum: 0.0, nesterov: false, weight_decay: 0.5 };
    let mut optimizer = OptimizerConfig::Sgd(sgd).build(&tensors);
    let mut values = vec![1.0; 9];
    optimizer.step(&Pool::new(1), &mut values, &[1.0; 9], 1.0, 0.125);
    let expected: Vec<f32> = [1.0 - 0.125 * 1.5, 1.0 - 0.5 * 1.5, 1.0 - 0.125]
        .into_iter()
        .flat_map(|value| [value; 3])
        .collect();
    assert_eq!(values, expected);
}
