//! Pre-training and fine-tuning on tokens.

use catena_kernels::QuantFormat;
use catena_model::training::Task;
use catena_train::{Schedule, Sft, WarmupStableDecay};

use crate::blocks::Blocks;
use crate::drive::Run;
use crate::samples::Golden;
use crate::{LATENT, MAX_TOKENS, TARGETS, decoder, folder, last_layer, with_lora, with_lora_on};

#[test]
fn fine_tuning_follows_trl() {
    let samples = Golden::read().samples.sft();
    let mut objective = Sft::new(&samples, MAX_TOKENS).unwrap();
    let mut model = decoder("tiny_llama", Task::LanguageModel);
    Run::new("sft_full", 4, 2e-3).check(&mut model, &mut objective);
}

#[test]
fn fine_tuning_of_experts_follows_trl() {
    let samples = Golden::read().samples.sft();
    for (name, family) in [
        ("sft_mixtral", "mixtral"),
        ("sft_qwen3_moe", "qwen3_moe"),
        ("sft_deepseek_v2", "deepseek_v2"),
        ("sft_deepseek_v2_lite", "deepseek_v2_lite"),
    ] {
        let mut objective = Sft::new(&samples, MAX_TOKENS).unwrap();
        let mut model = decoder(&format!("families/{family}"), Task::LanguageModel);
        Run::new(name, 4, 2e-3).check(&mut model, &mut objective);
    }
}

#[test]
fn fine_tuning_of_pairs_follows_trl_and_peft() {
    let samples = Golden::read().samples.sft();
    for (name, family, targets) in [
        ("sft_lora", "tiny_lora", &TARGETS[..]),
        ("sft_deepseek_v2_lora", "families/deepseek_v2", &LATENT[..]),
    ] {
        let mut objective = Sft::new(&samples, MAX_TOKENS).unwrap();
        let mut model = with_lora(family, targets);
        Run::new(name, 4, 5e-3).check(&mut model, &mut objective);
    }
}

#[test]
fn continued_pre_training_follows_transformers() {
    let samples = Golden::read().samples.blocks();
    let mut objective = Sft::new(&samples, MAX_TOKENS).unwrap();
    let mut model = decoder("tiny_llama", Task::LanguageModel);
    Run::new("pretrain", 4, 2e-3).check(&mut model, &mut objective);
}

#[test]
fn fine_tuning_of_a_layer_follows_trl() {
    let samples = Golden::read().samples.sft();
    let mut objective = Sft::new(&samples, MAX_TOKENS).unwrap();
    Run::new("sft_freeze", 4, 2e-3).check(&mut last_layer("tiny_lora"), &mut objective);
}

/// PEFT's pairs stand beside the values that the blocks stand for, ours beside the blocks.
#[test]
fn fine_tuning_of_pairs_beside_blocks_follows_trl_and_peft() {
    let samples = Golden::read().samples.sft();
    for (name, format) in
        [("sft_qlora_q8_0", QuantFormat::Q8_0), ("sft_qlora_q4_0", QuantFormat::Q4_0)]
    {
        let blocks = Blocks::of(&folder("tiny_lora"), format);
        let mut objective = Sft::new(&samples, MAX_TOKENS).unwrap();
        let mut model = with_lora_on("tiny_lora", &blocks, &TARGETS);
        Run::new(name, 4, 5e-3).check(&mut model, &mut objective);
    }
}

/// The losses of experts have the share of the loss that balances them; one pass takes the step, as
/// there.
#[test]
fn balanced_experts_follow_trl() {
    let samples = Golden::read().samples.sft();
    for (name, family) in [("balanced_mixtral", "mixtral"), ("balanced_qwen3_moe", "qwen3_moe")] {
        let objective = Sft::new(&samples, MAX_TOKENS).unwrap();
        let mut objective = objective.with_router_loss(0.05).unwrap();
        let mut model = decoder(&format!("families/{family}"), Task::LanguageModel);
        let run = Run { micro_step_tokens: MAX_TOKENS, ..Run::new(name, 4, 2e-3) };
        run.check(&mut model, &mut objective);
    }
}

#[test]
fn schedules_follow_transformers() {
    let samples = Golden::read().samples.sft();
    let wsd = WarmupStableDecay { min_lr_ratio: 0.1, ..WarmupStableDecay::new(8) };
    for (name, schedule) in [
        ("sft_warmup", Schedule::Constant),
        ("sft_linear", Schedule::Linear),
        ("sft_cosine", Schedule::Cosine),
        ("sft_restarts", Schedule::CosineWithRestarts { num_cycles: 3 }),
        ("sft_min_lr", Schedule::CosineWithMinLr { num_cycles: 0.5, min_lr_rate: 0.2 }),
        ("sft_inverse_sqrt", Schedule::InverseSqrt { timescale: Some(4) }),
        ("sft_polynomial", Schedule::Polynomial { power: 2.5, lr_end: 1e-4 }),
        ("sft_wsd", Schedule::WarmupStableDecay(wsd)),
    ] {
        let mut objective = Sft::new(&samples, MAX_TOKENS).unwrap();
        let mut model = decoder("tiny_lora", Task::LanguageModel);
        let run = Run { schedule, warmup: 5, ..Run::new(name, 4, 2e-3) };
        run.check(&mut model, &mut objective);
    }
}
