//! One fine-tuning with each optimizer.

use catena_model::training::Task;
use catena_train::{
    AdafactorConfig, AdamWConfig, LionConfig, MuonAdjust, MuonConfig, MuonPrecision,
    OptimizerConfig, Sft,
};

use crate::drive::Run;
use crate::samples::Golden;
use crate::{MAX_TOKENS, decoder};

fn check(run: &Run) {
    let samples = Golden::read().samples.sft();
    let mut objective = Sft::new(&samples, MAX_TOKENS).unwrap();
    let mut model = decoder("tiny_lora", Task::LanguageModel);
    run.check(&mut model, &mut objective);
}

#[test]
fn adafactor_follows_transformers() {
    let config = AdafactorConfig { weight_decay: 0.01, ..AdafactorConfig::default() };
    let optimizer = OptimizerConfig::Adafactor(config);
    check(&Run { optimizer, ..Run::new("sft_adafactor", 4, 2e-3) });
}

#[test]
fn lion_follows_bitsandbytes() {
    let config = LionConfig { weight_decay: 0.01, ..LionConfig::default() };
    let optimizer = OptimizerConfig::Lion(config);
    check(&Run { optimizer, ..Run::new("sft_lion", 4, 2e-4) });
}

/// A code is a few per cent of a moment, and a difference of the last bit can choose another one.
/// The library for CPUs rounds twice, its plain code once as we do.
#[test]
fn adamw_in_8_bits_follows_bitsandbytes() {
    let config = AdamWConfig { weight_decay: 0.01, ..AdamWConfig::default() };
    let optimizer = OptimizerConfig::AdamW8bit(config);
    for (name, tolerance) in [("sft_adamw_8bit", 1e-2), ("sft_adamw_8bit_nearest", 3e-3)] {
        check(&Run { optimizer, tolerance, ..Run::new(name, 4, 2e-3) });
    }
}

#[test]
fn muon_follows_torch() {
    let adamw = AdamWConfig { weight_decay: 0.01, ..AdamWConfig::default() };
    let config = MuonConfig {
        weight_decay: 0.01,
        adjust_lr: MuonAdjust::MatchRmsAdamw,
        precision: MuonPrecision::F32,
        adamw,
        ..MuonConfig::default()
    };
    let optimizer = OptimizerConfig::Muon(config);
    check(&Run { optimizer, ..Run::new("sft_muon", 4, 2e-3) });
}
