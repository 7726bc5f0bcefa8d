//! Low-rank pairs beside frozen blocks.

use catena_kernels::{DenseType, QuantFormat};
use catena_model::training::{Task, TrainModel, TrainOptions, WeightSource};
use catena_protocol::{Cancel, NoProgress};

use crate::blocks::Blocks;
use crate::setup::{config, dir, distance, folder, lora, model, options, run};

fn trained(mut model: TrainModel) -> (Vec<f64>, Vec<f32>) {
    let (_guard, path) = dir();
    let losses = run(&config(), &path, &mut model, &NoProgress, &Cancel::new()).unwrap();
    (losses, model.values().to_vec())
}

fn lora_on(source: Option<&dyn WeightSource>, options: &TrainOptions) -> TrainModel {
    model("tiny_lora", source, Task::LanguageModel, &lora(), options)
}

/// Blocks are multiplied as the values they stand for: those values in f32 give the same numbers.
#[test]
fn pairs_beside_blocks_are_pairs_beside_what_the_blocks_stand_for() {
    for (format, near) in [(QuantFormat::Q8_0, 2e-2), (QuantFormat::Q4_0, 2e-1)] {
        let blocks = Blocks::of(&folder("tiny_lora"), format);
        let kept = options(DenseType::F32);
        let unpacked = TrainOptions { keep_blocks: false, ..kept.clone() };
        assert!(
            lora_on(Some(&blocks), &kept).memory().weights
                < lora_on(Some(&blocks), &unpacked).memory().weights
        );
        let quantized = trained(lora_on(Some(&blocks), &kept));
        let values = trained(lora_on(Some(&blocks), &unpacked));
        for (a, b) in quantized.0.iter().zip(&values.0) {
            assert!((a / b - 1.0).abs() < 1e-5, "{format}: {a}, not {b}");
        }
        let error = distance(&quantized.1, &values.1);
        assert!(error < 1e-5, "{format}: {error:e}");
        // And they are near the weights that the blocks were made of, as far as the format is.
        let original = trained(lora_on(None, &kept));
        for (a, b) in quantized.0.iter().zip(&original.0) {
            assert!((a / b - 1.0).abs() < near, "{format}: {a}, not {b}");
        }
        assert!(quantized.0 != original.0, "{format}: nothing was rounded");
    }
}

/// With bf16 operands the blocks' values are rounded to bf16, as frozen bf16 weights are.
#[test]
fn pairs_beside_blocks_in_bf16_follow_pairs_beside_rounded_values() {
    let blocks = Blocks::of(&folder("tiny_lora"), QuantFormat::Q8_0);
    let kept = options(DenseType::Bf16);
    let unpacked = TrainOptions { keep_blocks: false, ..kept.clone() };
    let quantized = trained(lora_on(Some(&blocks), &kept));
    let values = trained(lora_on(Some(&blocks), &unpacked));
    for (a, b) in quantized.0.iter().zip(&values.0) {
        assert!((a / b - 1.0).abs() < 1e-5, "{a}, not {b}");
    }
    let exact = trained(lora_on(Some(&blocks), &options(DenseType::F32)));
    for (a, b) in quantized.0.iter().zip(&exact.0) {
        assert!((a / b - 1.0).abs() < 1e-2, "{a}, not {b}");
    }
}
