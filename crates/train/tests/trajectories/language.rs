//! Pre-training and fine-tuning on tokens.

use catena_model::training::Task;
use catena_train::{Schedule, Sft, WarmupStableDecay};

use crate::drive::Run;
use crate::samples::Golden;
use crate::{MAX_TOKENS, decoder, with_lora};

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
    for (name, family) in [("sft_mixtral", "mixtral"), ("sft_qwen3_moe", "qwen3_moe")] {
        let mut objective = Sft::new(&samples, MAX_TOKENS).unwrap();
        let mut model = decoder(&format!("families/{family}"), Task::LanguageModel);
        Run::new(name, 4, 2e-3).check(&mut model, &mut objective);
    }
}

#[test]
fn fine_tuning_of_pairs_follows_trl_and_peft() {
    let samples = Golden::read().samples.sft();
    let mut objective = Sft::new(&samples, MAX_TOKENS).unwrap();
    let mut model = with_lora("tiny_lora");
    Run::new("sft_lora", 4, 5e-3).check(&mut model, &mut objective);
}

#[test]
fn continued_pre_training_follows_transformers() {
    let samples = Golden::read().samples.blocks();
    let mut objective = Sft::new(&samples, MAX_TOKENS).unwrap();
    let mut model = decoder("tiny_llama", Task::LanguageModel);
    Run::new("pretrain", 4, 2e-3).check(&mut model, &mut objective);
}

#[test]
fn schedules_follow_transformers() {
    let samples = Golden::read().samples.sft();
    let wsd = WarmupStableDecay { min_lr_ratio: 0.1, ..WarmupStableDecay::new(8) };
    for (name, schedule) in
        [("sft_cosine", Schedule::Cosine), ("sft_wsd", Schedule::WarmupStableDecay(wsd))]
    {
        let mut objective = Sft::new(&samples, MAX_TOKENS).unwrap();
        let mut model = decoder("tiny_lora", Task::LanguageModel);
        let run = Run { schedule, warmup: 5, ..Run::new(name, 4, 2e-3) };
        run.check(&mut model, &mut objective);
    }
}
