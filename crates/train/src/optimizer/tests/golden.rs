//! Twenty steps beside the reference implementations.

use super::*;
use catena_kernels::{DynamicMap, Pool};
use safetensors::SafeTensors;
use std::collections::HashMap;

const SMALL: &[u8] = include_bytes!("../../../tests/golden/optimizers.safetensors");
const EIGHT_BIT: &[u8] = include_bytes!("../../../tests/golden/adamw_8bit.safetensors");
const STEPS: u64 = 20;
const GRAD_SCALE: f32 = 0.5;

/// Largest error of a value after twenty steps, relative to the values' root mean square. Each step
/// rounds at 6e-8, and the references round at other places.
const F32_TRAJECTORY: f64 = 1e-5;
/// The same against torch's Muon as it is: its iteration keeps 8 bits, and so do ours.
const BF16_TRAJECTORY: f64 = 2e-2;
/// Codes, and so values, that may differ in 8 bits: of 4920 values over 20 steps, a few come so near
/// to the middle of two codes that the last bit of a product decides.
const FLIPPED_CODES: usize = 2;
/// Largest error of such a value: it is off by a share of one code from then on.
const FLIPPED_CODE_TRAJECTORY: f64 = 1e-3;
/// The same against the 8-bit library that rounds to one of 65536 steps before it picks a code.
const LIBRARY_8BIT_TRAJECTORY: f64 = 1e-2;
/// The same of moments in 8 bits against moments in f32, where gradients of one block differ by a
/// factor of 2048.
const WIDE_8BIT_TRAJECTORY: f64 = 0.3;

fn read(bytes: &[u8]) -> HashMap<String, Vec<f32>> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let floats = |name: &str| -> Vec<f32> {
        let view = file.tensor(name).unwrap();
        if view.dtype() == safetensors::Dtype::U8 {
            return view.data().iter().map(|&code| f32::from(code)).collect();
        }
        let (words, _) = view.data().as_chunks::<4>();
        words.iter().map(|word| f32::from_le_bytes(*word)).collect()
    };
    file.names().into_iter().map(|name| (name.to_owned(), floats(name))).collect()
}

/// Largest error relative to the root mean square of what is expected.
fn error(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let square: f64 = expected.iter().map(|&x| f64::from(x).powi(2)).sum();
    let size = (square / expected.len() as f64).sqrt();
    let errors = found.iter().zip(expected).map(|(&a, &b)| (f64::from(a) - f64::from(b)).abs());
    errors.fold(0.0, f64::max) / size
}

/// How many values are further from what is expected than `tolerance` times its root mean square.
fn apart(found: &[f32], expected: &[f32], tolerance: f64) -> usize {
    let square: f64 = expected.iter().map(|&x| f64::from(x).powi(2)).sum();
    let bound = tolerance * (square / expected.len() as f64).sqrt();
    let far = |(a, b): &(&f32, &f32)| (f64::from(**a) - f64::from(**b)).abs() > bound;
    found.iter().zip(expected).filter(far).count()
}

/// Steps an optimizer along `draws(step)`, from `draws(0)`, and shows the values after each step.
fn run(
    optimizer: &mut dyn Optimizer,
    learning_rate: f64,
    draws: impl Fn(u64) -> Vec<f32>,
    mut watch: impl FnMut(u64, &[f32]),
) {
    let pool = Pool::new(2);
    let mut values = draws(0);
    for step in 0..STEPS {
        let grads = draws(step + 1);
        let rate = learning_rate * (1.0 - step as f64 / 40.0);
        optimizer.step(&pool, &mut values, &grads, GRAD_SCALE, rate);
        watch(step + 1, &values);
    }
    assert_eq!(optimizer.steps(), STEPS);
}

fn check(name: &str, config: OptimizerConfig, learning_rate: f64, tolerance: f64) {
    config.validate().unwrap();
    let golden = read(SMALL);
    let mut tensors = small();
    if matches!(config, OptimizerConfig::Adafactor(config) if config.relative_step) {
        // transformers' relative rate is the same for all groups.
        for tensor in &mut tensors {
            tensor.learning_rate_factor = 1.0;
        }
    }
    let mut optimizer = config.build(&tensors);
    let len = num_values_of(&tensors);
    run(
        &mut *optimizer,
        learning_rate,
        |stream| vector(stream, len, 4),
        |step, values| {
            if let Some(expected) = golden.get(&format!("{name}.{step}")) {
                let error = error(values, expected);
                assert!(error < tolerance, "{name} after step {step}: {error}");
            }
        },
    );
    let kept = golden.keys().filter(|key| key.starts_with(&format!("{name}.")));
    assert_eq!(kept.count(), 3, "kept steps of {name}");
}

const ADAMW: AdamWConfig = AdamWConfig { beta1: 0.9, beta2: 0.98, eps: 1e-8, weight_decay: 0.1 };

#[test]
fn adamw_follows_pytorch() {
    check("adamw", OptimizerConfig::AdamW(ADAMW), 1e-2, F32_TRAJECTORY);
}

#[test]
fn sgd_follows_pytorch() {
    let cases = [("sgd", 0.0, false), ("sgd_momentum", 0.9, false), ("sgd_nesterov", 0.8, true)];
    for (name, momentum, nesterov) in cases {
        let config = SgdConfig { momentum, nesterov, weight_decay: 0.1 };
        check(name, OptimizerConfig::Sgd(config), 1e-2, F32_TRAJECTORY);
    }
}

#[test]
fn lion_follows_bitsandbytes() {
    let config = LionConfig { beta1: 0.9, beta2: 0.97, weight_decay: 0.1 };
    check("lion", OptimizerConfig::Lion(config), 1e-3, F32_TRAJECTORY);
}

#[test]
fn adafactor_follows_transformers() {
    let plain = AdafactorConfig::default();
    let relative = AdafactorConfig { relative_step: true, scale_parameter: true, ..plain };
    let cases = [
        ("adafactor", AdafactorConfig { clip_threshold: 0.8, ..plain }),
        (
            "adafactor_first_moment",
            AdafactorConfig { scale_parameter: true, beta1: Some(0.9), weight_decay: 0.1, ..plain },
        ),
        ("adafactor_relative", relative),
        (
            "adafactor_warmup_init",
            AdafactorConfig { warmup_init: true, decay_rate: -0.5, ..relative },
        ),
    ];
    for (name, config) in cases {
        check(name, OptimizerConfig::Adafactor(config), 1e-2, F32_TRAJECTORY);
    }
}

#[test]
fn muon_follows_pytorch() {
    let muon = MuonConfig {
        precision: MuonPrecision::F32,
        adamw: AdamWConfig { weight_decay: 0.05, ..ADAMW },
        adamw_learning_rate_factor: 0.5,
        ..MuonConfig::default()
    };
    let matched = MuonConfig { adjust_lr: MuonAdjust::MatchRmsAdamw, ..muon };
    let plain = MuonConfig { nesterov: false, ..muon };
    for (name, config) in
        [("muon", muon), ("muon_match_rms", matched), ("muon_without_nesterov", plain)]
    {
        check(name, OptimizerConfig::Muon(config), 2e-2, F32_TRAJECTORY);
    }
    let stock = MuonConfig { precision: MuonPrecision::Bf16, ..muon };
    check("muon_bf16", OptimizerConfig::Muon(stock), 2e-2, BF16_TRAJECTORY);
}

#[test]
fn the_dynamic_maps_are_bitsandbytes_bit_for_bit() {
    let golden = read(EIGHT_BIT);
    for (name, map) in
        [("map.signed", DynamicMap::signed()), ("map.unsigned", DynamicMap::unsigned())]
    {
        let expected: Vec<u32> = golden[name].iter().map(|x| x.to_bits()).collect();
        let found: Vec<u32> = map.values().iter().map(|x| x.to_bits()).collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn adamw_in_8_bits_follows_bitsandbytes() {
    let golden = read(EIGHT_BIT);
    let tensors = large();
    let mut optimizer = OptimizerConfig::AdamW8bit(ADAMW).build(&tensors);
    let len = num_values_of(&tensors);
    run(
        &mut *optimizer,
        1e-2,
        |stream| bounded(stream, len),
        |step, values| {
            if let Some(expected) = golden.get(&format!("values.{step}")) {
                let apart = apart(values, expected, F32_TRAJECTORY);
                assert!(apart <= FLIPPED_CODES, "{apart} values after step {step}");
                let error = error(values, expected);
                assert!(error < FLIPPED_CODE_TRAJECTORY, "after step {step}: {error}");
            }
            if step == STEPS {
                let error = error(values, &golden["library.values.20"]);
                assert!(error < LIBRARY_8BIT_TRAJECTORY, "against the library: {error}");
            }
        },
    );
    let state: HashMap<String, StateData<'_>> = optimizer
        .state()
        .into_iter()
        .map(|tensor| (tensor.name.into_owned(), tensor.data))
        .collect();
    for kind in ["exp_avg", "exp_avg_sq"] {
        let StateData::U8(codes) = state[&format!("layers.0.up_proj.weight.{kind}")] else {
            panic!("{kind} is in 8 bits");
        };
        let expected = &golden[&format!("{kind}.codes")];
        let differ = codes.iter().zip(expected).filter(|(a, b)| f32::from(**a) != **b).count();
        assert_eq!(codes.len(), expected.len());
        assert!(differ <= FLIPPED_CODES, "{differ} of {} codes of {kind}", codes.len());
        let StateData::F32(absmax) = state[&format!("layers.0.up_proj.weight.{kind}_absmax")]
        else {
            panic!("scales are f32");
        };
        assert!(error(absmax, &golden[&format!("{kind}.absmax")]) < F32_TRAJECTORY, "{kind}");
        let StateData::F32(small) = state[&format!("norm.weight.{kind}")] else {
            panic!("a small tensor's {kind} is f32");
        };
        assert!(error(small, &golden[&format!("{kind}.small")]) < F32_TRAJECTORY, "{kind}");
    }
    let len = tensors[0].range.len();
    assert_eq!(optimizer.state_bytes(), 2 * (len + len.div_ceil(256) * 4 + 300 * 4));
}

#[test]
fn adamw_in_8_bits_stays_near_f32_where_gradients_of_a_block_differ_widely() {
    let golden = read(EIGHT_BIT);
    let tensors = large();
    let len = num_values_of(&tensors);
    let mut optimizer = OptimizerConfig::AdamW8bit(ADAMW).build(&tensors);
    run(
        &mut *optimizer,
        1e-2,
        |stream| vector(stream, len, 12),
        |step, values| {
            if step == STEPS {
                let error = error(values, &golden["wide.f32.values.20"]);
                assert!(error < WIDE_8BIT_TRAJECTORY, "{error}");
            }
        },
    );
}
