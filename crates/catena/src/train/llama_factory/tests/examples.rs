//! The keys that upstream's examples set: which files are taken over, and what stands in the way of
//! the others.

use crate::train::llama_factory::import;
use crate::train::read::settings;

/// What nearly all of them have.
const COMMON: &str = "
model_name_or_path: models/tiny
trust_remote_code: true
do_train: true
dataset: identity,alpaca_en_demo
template: llama3
cutoff_len: 2048
max_samples: 1000
overwrite_cache: true
preprocessing_num_workers: 16
dataloader_num_workers: 4
output_dir: saves/tiny
logging_steps: 10
save_steps: 500
plot_loss: true
overwrite_output_dir: true
save_only_model: false
report_to: none
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 1.0e-4
num_train_epochs: 3.0
lr_scheduler_type: cosine
bf16: true
ddp_timeout: 180000000
";
const LORA: &str =
    "stage: sft\nfinetuning_type: lora\nlora_rank: 8\nlora_target: all\nwarmup_ratio: 0.1\n";
const FULL: &str = "stage: sft\nfinetuning_type: full\nwarmup_ratio: 0.1\n";
const EVAL: &str =
    "val_size: 0.1\nper_device_eval_batch_size: 1\neval_strategy: steps\neval_steps: 500\n";

/// The beginnings of what is refused, by the part of upstream's examples that a file is of.
type Example = (&'static str, &'static str, &'static str, &'static [&'static str]);

const EXAMPLES: &[Example] = &[
    ("lora sft", LORA, "resume_from_checkpoint: null\n", &[]),
    ("lora sft, measured", LORA, EVAL, &[]),
    (
        "lora of experts by KTransformers",
        LORA,
        "use_kt: true\nkt_optimize_rule: rules/sft.yaml\ncpu_infer: 32\nchunk_size: 8192\n",
        &[],
    ),
    (
        "lora by Ray",
        LORA,
        "ray_run_name: a\nray_storage_path: ./saves\nray_num_workers: 4\nplacement_strategy: PACK\nresources_per_worker:\n  GPU: 1\n",
        &[],
    ),
    ("lora of images", LORA, "image_max_pixels: 262144\nvideo_max_pixels: 16384\n", &[]),
    ("lora on devices", LORA, "deepspeed: ds_z3.json\n", &["`deepspeed` is"]),
    ("lora, data encoded before", LORA, "tokenized_path: saves/tokens\n", &["`tokenized_path` is"]),
    (
        "qlora",
        LORA,
        "quantization_bit: 4\nquantization_method: bnb\ndouble_quantization: false\n",
        &["`quantization_bit`, `quantization_method`, `double_quantization` are"],
    ),
    ("loraplus", LORA, "loraplus_lr_ratio: 16.0\n", &[]),
    ("pissa", LORA, "pissa_init: true\npissa_iter: 16\npissa_convert: true\n", &[]),
    (
        "predictions",
        LORA,
        "do_predict: true\npredict_with_generate: true\neval_dataset: identity\n",
        &["`do_predict` is"],
    ),
    (
        "new tokens",
        LORA,
        "new_special_tokens_config: tokens.yaml\ninit_special_tokens: desc_init\n",
        &["`new_special_tokens_config`, `init_special_tokens` are"],
    ),
    (
        "pretraining",
        "stage: pt\nfinetuning_type: lora\nlora_target: all\n",
        "dataset: c4_demo\n",
        &[],
    ),
    (
        "reward model",
        "stage: rm\nfinetuning_type: lora\nlora_target: all\n",
        "dataset: dpo_en_demo\n",
        &[],
    ),
    (
        "dpo",
        "stage: dpo\nfinetuning_type: lora\nlora_target: all\n",
        "pref_beta: 0.1\npref_loss: sigmoid\n",
        &[],
    ),
    ("kto", "stage: kto\nfinetuning_type: lora\nlora_target: all\n", "pref_beta: 0.1\n", &[]),
    (
        "ppo",
        "stage: ppo\nfinetuning_type: lora\nlora_target: all\n",
        "reward_model: saves/reward\nmax_new_tokens: 512\ntop_k: 0\ntop_p: 0.9\n",
        &["`reward_model` is", "`stage` ppo"],
    ),
    ("full sft on devices", FULL, "deepspeed: ds_z3.json\n", &["`deepspeed` is"]),
    (
        "full sft of images",
        FULL,
        "freeze_vision_tower: true\nfreeze_multi_modal_projector: true\nfreeze_language_model: false\n",
        &[],
    ),
    ("adam_mini", FULL, "use_adam_mini: true\n", &["`use_adam_mini` is"]),
    (
        "apollo",
        FULL,
        "use_apollo: true\napollo_layerwise: true\napollo_target: all\napollo_rank: 128\napollo_scale: 32.0\napollo_scale_type: channel\npure_bf16: true\n",
        &[
            "`use_apollo`, `apollo_target`, `apollo_rank`, `apollo_scale`, `apollo_scale_type`, `apollo_layerwise` are",
        ],
    ),
    (
        "badam",
        FULL,
        "use_badam: true\nbadam_mode: layer\nbadam_switch_mode: ascending\nbadam_switch_interval: 50\nbadam_verbose: 2\n",
        &[
            "`use_badam`, `badam_mode`, `badam_switch_mode`, `badam_switch_interval`, `badam_verbose` are",
        ],
    ),
    (
        "galore",
        FULL,
        "use_galore: true\ngalore_layerwise: true\ngalore_target: mlp,self_attn\ngalore_rank: 128\ngalore_scale: 2.0\nevaluation_strategy: steps\n",
        &["`use_galore`, `galore_target`, `galore_rank`, `galore_scale`, `galore_layerwise` are"],
    ),
    ("dft", FULL, "use_dft_loss: true\n", &["`use_dft_loss` is"]),
    (
        "asft",
        FULL,
        "use_asft_loss: true\nasft_alpha: 0.1\n",
        &["`use_asft_loss`, `asft_alpha` are"],
    ),
    ("eaft", FULL, "use_eaft_loss: true\n", &["`use_eaft_loss` is"]),
    (
        "fp8 on devices",
        FULL,
        "fp8: true\nfp8_backend: torchao\nfp8_enable_fsdp_float8_all_gather: true\nfsdp: full_shard auto_wrap\nfsdp_transformer_layer_cls_to_wrap: LlamaDecoderLayer\nuse_fast_tokenizer: true\n",
        &[
            "`fsdp`, `fsdp_transformer_layer_cls_to_wrap` are",
            "`fp8`, `fp8_backend`, `fp8_enable_fsdp_float8_all_gather` are",
        ],
    ),
    (
        "mixture of depths",
        FULL,
        "mixture_of_depths: convert\noptim: paged_adamw_8bit\npure_bf16: true\n",
        &["`mixture_of_depths` is"],
    ),
    ("muon", FULL, "use_muon: true\n", &[]),
    (
        "llama_pro",
        "stage: sft\nfinetuning_type: freeze\nfp16: true\n",
        "freeze_trainable_layers: 8\nfreeze_trainable_modules: all\nuse_llama_pro: true\n",
        &["`use_llama_pro` is"],
    ),
    (
        "oft",
        "stage: sft\nfinetuning_type: oft\n",
        "oft_block_size: 32\noft_target: all\n",
        &["`finetuning_type` is oft"],
    ),
];

#[test]
fn what_examples_ask_for_is_taken_over_or_named() {
    for (name, method, more, refused) in EXAMPLES {
        let own = |line: &&str| {
            let key = line.split(':').next().unwrap_or_default();
            !more.lines().any(|more| !key.is_empty() && more.starts_with(&format!("{key}:")))
        };
        let common: Vec<&str> = COMMON.lines().filter(own).collect();
        let file = format!("{}\n{method}{more}", common.join("\n"));
        match import(&file) {
            Ok(imported) => {
                assert!(refused.is_empty(), "{name}: nothing is refused");
                let read = settings(imported.values).unwrap_or_else(|e| panic!("{name}: {e}"));
                assert_eq!((read.batch_size, read.epochs, read.max_tokens), (8, 3, 2048), "{name}");
            }
            Err(error) => {
                let lines: Vec<&str> = error.lines().collect();
                assert_eq!(lines.len(), refused.len(), "{name}: {error}");
                for (line, begins) in lines.iter().zip(*refused) {
                    assert!(line.starts_with(begins), "{name}: {line}");
                }
            }
        }
    }
}
