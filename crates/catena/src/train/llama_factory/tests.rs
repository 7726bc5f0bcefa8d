//! Files in the manner of upstream's examples, and every key that there is.

mod examples;
mod keys;

use super::convert::CONVERTED;
use super::yaml::import;
use crate::train::read::settings;
use crate::train::settings::{
    MuonAdjustName, OptimizerName, ScheduleName, TrainMethod, TrainSettings, TrainStage,
};

fn read(lines: &str) -> TrainSettings {
    settings(import(lines).unwrap_or_else(|error| panic!("{lines}: {error}")).values).unwrap()
}

/// Of LLaMA-Factory's examples, `train_lora/llama3_lora_dpo.yaml`, in our words.
const DPO: &str = "
### model
model_name_or_path: models/tiny
trust_remote_code: true

### method
stage: dpo
do_train: true
finetuning_type: lora
lora_rank: 8
lora_target: all
pref_beta: 0.1
pref_loss: sigmoid  # choices: [sigmoid (dpo), orpo, simpo]

### dataset
dataset: dpo_en_demo, dpo_zh_demo
template: llama3
cutoff_len: 2048
max_samples: 1000
overwrite_cache: true

### output
output_dir: saves/tiny/lora/dpo
logging_steps: 10
save_steps: 500
plot_loss: true

### train
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 5.0e-6
num_train_epochs: 3.0
lr_scheduler_type: cosine
warmup_ratio: 0.1
bf16: true
ddp_timeout: 180000000
resume_from_checkpoint: null
";

#[test]
fn an_example_is_taken_over_as_it_is() {
    let imported = import(DPO).unwrap();
    let read = settings(imported.values).unwrap();
    assert_eq!(read.stage, TrainStage::Preference);
    assert_eq!(read.method, TrainMethod::Lora);
    assert_eq!(read.data, ["dpo_en_demo", "dpo_zh_demo"]);
    assert_eq!((read.batch_size, read.epochs, read.max_tokens), (8, 3, 2048));
    assert_eq!(read.dataset_dir.as_deref(), Some("data"));
    assert!(imported.notes.iter().any(|note| note.contains("`template`")));
}

/// In the manner of upstream's `train_lora` examples for answers, with comments as there.
const LORA_SFT: &str = "
### model
model_name_or_path: models/tiny
trust_remote_code: true

### method
stage: sft
do_train: true
finetuning_type: lora
lora_rank: 16
lora_alpha: 32
lora_target: q_proj,v_proj

### dataset
dataset: identity,alpaca_en_demo
template: qwen
cutoff_len: 1024
max_samples: 500
preprocessing_num_workers: 8
dataloader_num_workers: 2

### output
output_dir: saves/tiny/lora/sft
logging_steps: 5
save_steps: 200
plot_loss: true
overwrite_output_dir: true
save_only_model: false
report_to: none  # choices: [none, tensorboard]

### train
per_device_train_batch_size: 2
gradient_accumulation_steps: 4
learning_rate: 1.0e-4
num_train_epochs: 2.0
lr_scheduler_type: constant_with_warmup
warmup_steps: 20
bf16: true

### eval
val_size: 0.1
per_device_eval_batch_size: 1
eval_strategy: steps
eval_steps: 100
";

/// The same of its `train_full` examples, which share the weights among devices.
const FULL_SFT: &str = "
### model
model_name_or_path: models/tiny

### method
stage: sft
do_train: true
finetuning_type: full
deepspeed: examples/deepspeed/ds_z3_config.json  # choices: [ds_z0, ds_z2, ds_z3]
enable_liger_kernel: true
rope_scaling: linear

### dataset
dataset: identity
template: qwen
cutoff_len: 2048

### output
output_dir: saves/tiny/full/sft

### train
per_device_train_batch_size: 1
gradient_accumulation_steps: 2
learning_rate: 1.0e-5
num_train_epochs: 1.5
lr_scheduler_type: reduce_lr_on_plateau
optim: adagrad
warmup_ration: 0.1
pure_bf16: true
";

#[test]
fn a_file_of_lora_for_answers_is_taken_over() {
    let imported = import(LORA_SFT).unwrap();
    let read = settings(imported.values).unwrap();
    assert_eq!((read.stage, read.method), (TrainStage::Sft, TrainMethod::Lora));
    assert_eq!((read.lora_rank, read.lora_alpha), (16, Some(32.0)));
    assert_eq!(read.target_modules, ["q_proj", "v_proj"]);
    assert_eq!(read.data, ["identity", "alpaca_en_demo"]);
    assert_eq!((read.batch_size, read.epochs, read.max_tokens), (8, 2, 1024));
    assert_eq!((read.checkpoint_steps, read.eval_steps), (200, Some(100)));
    assert_eq!((read.eval_share, read.max_samples), (0.1, Some(500)));
    assert_eq!((read.schedule, read.warmup_steps), (ScheduleName::Constant, Some(20)));
    let told = |key: &str| imported.notes.iter().any(|note| note.contains(&format!("`{key}`")));
    assert!(told("report_to") && told("save_only_model") && told("logging_steps"));
}

/// Everything that stands in the way, so that one reading mends the file.
#[test]
fn all_refusals_of_a_file_are_told_together() {
    let error = import(FULL_SFT).err().unwrap();
    let lines: Vec<&str> = error.lines().collect();
    for said in [
        "`deepspeed` is not supported: one process holds",
        "`rope_scaling` is not supported: positions are",
        "`optim` adagrad is not supported",
        "the key `warmup_ration` is not known; did you mean `warmup_ratio`?",
        "`num_train_epochs` is 1.5: whole epochs are run",
        "`schedule` is \"reduce_lr_on_plateau\": unknown variant",
    ] {
        let count = lines.iter().filter(|line| line.starts_with(said)).count();
        assert_eq!(count, 1, "{said}: {error}");
    }
    assert_eq!(lines.len(), 6, "{error}");
    // Without these lines the rest is taken over.
    let refused = ["deepspeed", "rope", "num_train", "lr_sched", "optim", "warmup"];
    let kept = FULL_SFT.lines().filter(|line| !refused.iter().any(|key| line.starts_with(key)));
    let read = settings(import(&kept.collect::<Vec<_>>().join("\n")).unwrap().values).unwrap();
    assert_eq!((read.method, read.batch_size), (TrainMethod::Full, 2));
}

#[test]
fn details_of_schedules_and_losses_are_taken_over() {
    let polynomial = read(
        "lr_scheduler_type: polynomial\nlr_scheduler_kwargs:\n  power: 2.0\n  lr_end: 1.0e-6\n",
    );
    let details = polynomial.schedule_details;
    assert_eq!((details.schedule_power, details.schedule_lr_end), (2.0, 1e-6));
    let waves = read(
        "learning_rate: 1.0e-4\nlr_scheduler_type: cosine_with_min_lr\n\
         lr_scheduler_kwargs: '{\"min_lr\": 2.5e-5, \"num_cycles\": 1.5}'\n",
    );
    let details = waves.schedule_details;
    assert_eq!(details.schedule_min_lr_ratio, Some(0.25));
    assert_eq!(details.schedule_num_cycles, Some(1.5));
    let wsd = read(
        "lr_scheduler_type: warmup_stable_decay\nlr_scheduler_kwargs: {num_decay_steps: 7, \
         num_stable_steps: 5, decay_type: 1-sqrt, min_lr_ratio: 0.1}\n",
    );
    let details = wsd.schedule_details;
    assert_eq!(details.schedule_decay_steps, Some(7));
    assert_eq!(details.schedule_stable_steps, Some(5));
    assert_eq!(details.schedule_decay_type, catena_train::WsdShape::OneMinusSqrt);
    let experts = read("moe_aux_loss_coef: 0.01\ncenter_rewards_coefficient: 0.02\n");
    assert_eq!(experts.losses.router_aux_loss_coef, 0.01);
    assert_eq!(experts.losses.center_rewards_coefficient, 0.02);
    let pairs = read("rank_pattern: {down_proj: 4}\nalpha_pattern:\n  down_proj: 16\n");
    assert_eq!(pairs.patterns.rank_pattern["down_proj"], 4);
    assert_eq!(pairs.patterns.alpha_pattern["down_proj"], 16.0);
    for (line, said) in [
        ("lr_scheduler_kwargs: {pwoer: 2}", "did you mean `power`"),
        ("lr_scheduler_kwargs: steep", "`lr_scheduler_kwargs`"),
        ("lr_scheduler_kwargs: [1]", "is no mapping of keys"),
        ("lr_scheduler_kwargs: {min_lr: low}", "`min_lr` is \"low\""),
    ] {
        let error = import(line).err().unwrap();
        assert!(error.contains(said), "{line}: {error}");
    }
}

#[test]
fn keys_that_we_cannot_honour_are_named() {
    for (line, said) in [
        ("quantization_bit: 4", "`quantization_bit`"),
        ("lora_dropout: 0.1", "`lora_dropout`"),
        ("finetuning_type: oft", "oft: orthogonal factors of weights"),
        ("gradient_accumulation_steps: some", "`gradient_accumulation_steps` some"),
        ("stage: ppo", "ppo"),
        ("learning_rat: 1", "did you mean `learning_rate`"),
        ("finetuning_typ: lora", "did you mean `finetuning_type`"),
        ("num_train_epochs: 1.5", "1.5"),
    ] {
        let error = import(line).err().unwrap();
        assert!(error.contains(said), "{line}: {error}");
    }
    assert!(import("- a list").is_err());
    for key in CONVERTED {
        let error = import(&format!("{key}: x")).err().unwrap_or_default();
        assert!(!error.contains("not known"), "{error}");
    }
    assert!(import("lora_dropout: 0").is_ok());
}

/// What transformers and LLaMA-Factory mean where our word means something else.
#[test]
fn details_that_differ_are_theirs() {
    let muon = read("use_muon: true\noptim: adamw_torch\n");
    assert_eq!(muon.optimizer, OptimizerName::Muon);
    assert_eq!(muon.muon_adjust_lr, MuonAdjustName::MatchRmsAdamw);
    assert_eq!(read("optim: sgd").optimizer_details.sgd_momentum, 0.0);
    let lion = read("adam_beta1: 0.95\noptim: lion_32bit\n").optimizer_details;
    assert_eq!((lion.lion_beta1, lion.lion_beta2), (0.95, 0.999));
    for (lines, ratio, steps) in [
        ("warmup_steps: 0.1", 0.1, None),
        ("warmup_steps: 20\nwarmup_ratio: 0.1", 0.1, Some(20)),
        ("warmup_steps: 0\nwarmup_ratio: 0.1", 0.1, None),
        ("lr_scheduler_type: constant\nwarmup_ratio: 0.1\nwarmup_steps: 20", 0.0, None),
        ("lr_scheduler_type: constant_with_warmup\nwarmup_ratio: 0.1", 0.1, None),
    ] {
        let found = read(lines);
        assert_eq!((found.warmup_ratio, found.warmup_steps), (ratio, steps), "{lines}");
    }
    assert_eq!(read("pissa_iter: 4").init_lora_weights, "true");
    assert_eq!(read("pissa_iter: 4\npissa_init: true").init_lora_weights, "pissa_niter_4");
    assert_eq!(read("pissa_init: true").init_lora_weights, "pissa_niter_16");
    assert_eq!(read("pissa_init: true\npissa_iter: -1").init_lora_weights, "pissa");
    assert_eq!(read("eval_strategy: steps\nlogging_steps: 5").eval_steps, Some(5));
    assert_eq!(read("eval_strategy: steps\neval_steps: 7").eval_steps, Some(7));
    assert_eq!(read("eval_strategy: \"no\"\nlogging_steps: 5").eval_steps, None);
    assert_eq!(read("early_stopping_steps: 3").end.early_stopping_patience, Some(3));
    assert!(read("save_strategy: best").end.keep_best);
    let adapter = read("adapter_folder: best\nadapter_name_or_path: saves/sft").adapter;
    assert_eq!(adapter.as_deref(), Some("saves/sft/best"));
    for (lines, said) in [
        ("eval_strategy: epoch", "`eval_strategy` epoch is not supported"),
        ("resume_from_checkpoint: saves/other", "the checkpoint in its own output"),
        ("adapter_name_or_path: a,b", "one is trained on"),
        ("stage: kto\npref_ftx: 0.5", "`pref_ftx` is not supported where `stage` is kto"),
    ] {
        let error = import(lines).err().unwrap();
        assert!(error.contains(said), "{lines}: {error}");
    }
    assert!(import("resume_from_checkpoint: true\nadapter_name_or_path: a\n").is_ok());
}

#[test]
fn keys_of_what_we_do_not_do_are_refused_together() {
    let layerwise = "use_galore: true\ngalore_rank: 128\noptim: sgd\ngalore_layerwise: true\n\
                     quantization_bit: 4\nquantization_method: bnb\n";
    let error = import(layerwise).err().unwrap();
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines.len(), 2, "{error}");
    let said = "`quantization_bit`, `quantization_method` are not supported: ";
    assert!(lines[0].starts_with(said), "{error}");
    let said = "`use_galore`, `galore_rank`, `galore_layerwise` are not supported: ";
    assert!(lines[1].starts_with(said), "{error}");
    // What is off asks for nothing, and what stands beside it is told.
    let off = "use_galore: false\ngalore_rank: 128\nmix_strategy: concat\nenable_thinking: true\n\
               ref_model: null\ntokenized_path: \"\"\nmodel_revision: main\nlabel_smoothing_factor: 0\n";
    let imported = import(off).unwrap();
    let note = "`galore_rank` is passed over: it is not asked for";
    assert_eq!(imported.notes, [note]);
    for on in [
        "mix_strategy: interleave_under",
        "enable_thinking: false",
        "ref_model: other",
        "tokenized_path: tokens",
        "model_revision: dev",
        "label_smoothing_factor: 0.1",
        "greater_is_better: true",
        "ld_alpha: 0.5",
        "fsdp: [full_shard]",
    ] {
        let key = on.split(':').next().unwrap();
        let error = import(on).err().unwrap();
        assert!(error.starts_with(&format!("`{key}` is not supported: ")), "{error}");
    }
}
