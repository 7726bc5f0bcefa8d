//! The keys of a run.

use super::choices::one_or_more;
pub(crate) use super::choices::{
    Auto, ByteSize, EmbeddingLossName, KtoLossName, MicroStep, MuonAdjustName, OptimizerName,
    PreferenceLossName, RecomputeChoice, RecomputeWord, RerankLossName, ScheduleName, TrainMethod,
    TrainStage,
};
pub(crate) use super::details::{
    LossSettings, OptimizerSettings, PatternSettings, ScheduleSettings,
};
pub(crate) use super::new_model::NewModel;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One run. Every key has a default but `model` (or `new_model`), `data` and `output`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TrainSettings {
    /// What is learnt: texts word for word (`pretrain`), answers (`sft`), a score that is higher
    /// for chosen answers (`reward`), chosen answers before rejected ones (`preference`), liked
    /// ones before disliked ones (`kto`), labels of texts (`classify`) or of words (`tag`), vectors
    /// of texts (`embed`), relevance of documents to queries (`rerank`).
    pub(crate) stage: TrainStage,
    /// The model: a path, or a name that `catena pull` knows.
    pub(crate) model: String,
    /// What only pre-training asks about.
    #[serde(flatten)]
    pub(crate) pretrain: PretrainSettings,
    /// Folder of the result, relative to the file; a run that finds its checkpoint there goes on
    /// from it.
    pub(crate) output: String,
    /// A data file or a list of them, relative to the file, or names in `dataset_dir`'s
    /// `dataset_info.json`.
    #[serde(deserialize_with = "one_or_more")]
    pub(crate) data: Vec<String>,
    /// A data file to measure on, or a list of them.
    #[serde(deserialize_with = "one_or_more")]
    pub(crate) eval_data: Vec<String>,
    /// Share of the data to measure on, or a number of samples from 1 on; 0 for none.
    pub(crate) eval_share: f64,
    /// Most samples that are read of each set.
    pub(crate) max_samples: Option<usize>,
    /// Name of the data's format, found by the columns if none is given.
    pub(crate) data_format: Option<String>,
    /// Columns by the part that they hold, where they are not the usual ones, as in
    /// `{ prompt = "question", completion = "reply" }`.
    pub(crate) columns: BTreeMap<String, String>,
    /// What stands around plain-text prompts, with `{prompt}` where they go.
    pub(crate) prompt_template: Option<String>,
    /// Folder with a `dataset_info.json`.
    pub(crate) dataset_dir: Option<String>,
    /// An adapter to go on from, such as that of an earlier run: a run's output, a PEFT folder or a
    /// GGUF file. Method and shapes follow from it.
    pub(crate) adapter: Option<String>,
    /// Which values are trained: all of the model's (`full`), some layers (`freeze`), low-rank
    /// pairs beside it (`lora`), vectors that scale inner values (`ia3`), or keys and values before
    /// every sequence (`prefix`).
    pub(crate) method: TrainMethod,
    /// Of `lora`: rank of the pairs.
    pub(crate) lora_rank: usize,
    /// Of `lora`: numerator of their scale, over the rank; twice the rank if none is given.
    pub(crate) lora_alpha: Option<f64>,
    /// Of `lora`: projections that get a pair, by the model's own names, or `all-linear`.
    pub(crate) target_modules: Vec<String>,
    /// Of `lora`: whether pairs are scaled by the root of the rank (rsLoRA).
    pub(crate) use_rslora: bool,
    /// Of `lora`: whether the lengths of rows are learnt apart from their directions (DoRA).
    pub(crate) use_dora: bool,
    /// Where pairs differ from one another.
    #[serde(flatten)]
    pub(crate) patterns: PatternSettings,
    /// Of `lora`: what pairs begin with, `true`, `gaussian`, `pissa`, or `pissa_niter_` and a
    /// number.
    pub(crate) init_lora_weights: String,
    /// Of `lora`: modules trained whole beside pairs, such as `embed_tokens`.
    pub(crate) modules_to_save: Vec<String>,
    /// Of `prefix`: keys and values per layer.
    pub(crate) num_virtual_tokens: usize,
    /// Of `lora`: how many times as fast the second half of pairs learns (LoRA+).
    pub(crate) loraplus_lr_ratio: f64,
    #[serde(flatten)]
    pub(crate) freeze: FreezeSettings,
    /// Most tokens of a sample; longer ones are cut.
    pub(crate) max_tokens: usize,
    /// Most tokens of one pass; `auto` for as many as fit the memory.
    pub(crate) micro_step_tokens: MicroStep,
    /// Samples per step.
    pub(crate) batch_size: usize,
    /// Passes over the data.
    pub(crate) epochs: u32,
    /// Steps after which the run ends.
    pub(crate) max_steps: Option<u64>,
    /// Peak learning rate.
    pub(crate) learning_rate: f64,
    /// How the rate moves after warming up: `constant` (or `constant_with_warmup`), `linear`,
    /// `cosine`, `cosine_with_restarts`, `cosine_with_min_lr`, `inverse_sqrt`, `polynomial` or
    /// `warmup_stable_decay`.
    pub(crate) schedule: ScheduleName,
    /// Its details.
    #[serde(flatten)]
    pub(crate) schedule_details: ScheduleSettings,
    /// Share of the steps spent warming up.
    pub(crate) warmup_ratio: f64,
    /// Steps spent warming up, in the place of the share.
    pub(crate) warmup_steps: Option<u64>,
    /// How gradients become changes: `adamw`, `adamw_8bit` (moments in 8 bits), `sgd`, `lion`,
    /// `adafactor` or `muon` (matrices; AdamW for the rest).
    pub(crate) optimizer: OptimizerName,
    /// Weight decay.
    pub(crate) weight_decay: f64,
    /// Adam's decay of the first moment.
    pub(crate) adam_beta1: f64,
    /// Adam's decay of the second moment.
    pub(crate) adam_beta2: f64,
    /// What Adam adds to the root of the second moment.
    pub(crate) adam_epsilon: f64,
    /// Of `muon`: how a matrix's shape changes the length of its steps, `original`, or
    /// `match_rms_adamw` for steps as long as AdamW's, whose rates then fit.
    pub(crate) muon_adjust_lr: MuonAdjustName,
    /// Of other optimizers, and of when and by what gradients are clipped and applied.
    #[serde(flatten)]
    pub(crate) optimizer_details: OptimizerSettings,
    /// Gradients are scaled down to this norm; 0 turns clipping off.
    pub(crate) max_grad_norm: f64,
    /// Scale of the noise on embeddings (NEFTune).
    pub(crate) neftune_alpha: Option<f64>,
    /// Whether only the last answer of a conversation is learnt.
    pub(crate) mask_history: bool,
    /// Whether prompts are learnt too.
    pub(crate) train_on_prompt: bool,
    /// Of `preference`: what pairs are learnt by, by their names in TRL: `sigmoid` (DPO), `hinge`
    /// (SLiC), `ipo`, `robust`, `exo_pair`, `nca_pair`, `bco_pair`, `sppo_hard`, `apo_zero`,
    /// `apo_down`, `discopop`, or without a reference `simpo`, `cpo` and `orpo`.
    pub(crate) preference_loss: PreferenceLossName,
    /// Of `preference` and `kto`: how strongly a preference pulls.
    pub(crate) beta: f64,
    /// Of `simpo`: margin between the rewards.
    pub(crate) simpo_gamma: f64,
    /// Share of pairs that are thought to be labelled the wrong way round.
    pub(crate) label_smoothing: f64,
    /// Of `preference`: weight of the chosen answers' own likelihood.
    pub(crate) nll_weight: Option<f64>,
    /// Of `kto`: weight of liked answers.
    pub(crate) desirable_weight: f64,
    /// Of `kto`: weight of disliked answers.
    pub(crate) undesirable_weight: f64,
    /// Of `embed` by `ranking` and `cosent`: one by the temperature.
    pub(crate) similarity_scale: f64,
    /// Of `rerank`: what scores are learnt by: each document by itself (`pointwise`), two of a
    /// query (`pairwise`) or all of them (`listwise`).
    pub(crate) rerank_loss: RerankLossName,
    /// Details of losses.
    #[serde(flatten)]
    pub(crate) losses: LossSettings,
    /// Layers that are computed again on the way back: `off`, `all`, so many of the first ones, a
    /// list, or ranges such as `0-3,8`; `auto` for as few as fit the memory.
    pub(crate) recompute: RecomputeChoice,
    /// Most memory of the process, such as `4GiB`; nine tenths of what is free if none is given.
    pub(crate) max_memory: Option<ByteSize>,
    /// Whether quantized base weights are kept as they are, not unpacked to bf16.
    pub(crate) keep_blocks: bool,
    /// Steps between two checkpoints.
    pub(crate) checkpoint_steps: u64,
    /// Steps between two evaluations, besides the one at the end.
    pub(crate) eval_steps: Option<u64>,
    /// What the model writes at every evaluation.
    #[serde(flatten)]
    pub(crate) samples: SampleSettings,
    /// When the run ends before its last step, and with which values.
    #[serde(flatten)]
    pub(crate) end: EndSettings,
    /// Share of samples that may lose trained tokens before the run is refused.
    pub(crate) max_truncated_share: f64,
    /// Whether to run although `catena train lint` finds errors.
    pub(crate) ignore_lint: bool,
    /// Seed of the order, of new values and of noise.
    pub(crate) seed: u64,
}

/// What is trained of a model that is frozen else.
#[expect(clippy::struct_field_names, reason = "they are the keys of the file")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct FreezeSettings {
    /// Of `freeze`: how many layers are trained, the last ones, or the first if negative.
    pub(crate) freeze_trainable_layers: i64,
    /// Of `freeze`: modules of these layers, none for all.
    pub(crate) freeze_trainable_modules: Vec<String>,
    /// Of `freeze`: modules outside the layers, such as `embed_tokens` or `norm`.
    pub(crate) freeze_extra_modules: Vec<String>,
}

impl Default for FreezeSettings {
    fn default() -> Self {
        Self {
            freeze_trainable_layers: 2,
            freeze_trainable_modules: Vec::new(),
            freeze_extra_modules: Vec::new(),
        }
    }
}

/// What ends a run early, and what of it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct EndSettings {
    /// Evaluations without a better one after which the run ends.
    pub(crate) early_stopping_patience: Option<u32>,
    /// Whether the values of the best evaluation are the result.
    pub(crate) keep_best: bool,
    /// How far the loss may rise above its lowest value, as a multiple; 0 for any.
    pub(crate) divergence_factor: f64,
}

impl Default for EndSettings {
    fn default() -> Self {
        Self { early_stopping_patience: None, keep_best: false, divergence_factor: 4.0 }
    }
}

/// What the model writes while it is trained, to be read by a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SampleSettings {
    /// Prompts that it goes on from; none for no texts.
    pub(crate) sample_prompts: Vec<String>,
    /// Most tokens of each text.
    pub(crate) sample_tokens: usize,
}

impl Default for SampleSettings {
    fn default() -> Self {
        Self { sample_prompts: Vec::new(), sample_tokens: 64 }
    }
}

/// Keys of the same table that only pre-training asks about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PretrainSettings {
    /// In the place of `model`: one that is trained from nothing.
    pub(crate) new_model: Option<NewModel>,
    /// Whether the model's weights are drawn anew and not read: a folder needs none.
    pub(crate) train_from_scratch: bool,
    /// Whether documents that share a row see those before them.
    pub(crate) join_documents: bool,
}

impl TrainSettings {
    /// Whether the first weights are drawn.
    pub(crate) fn draws_weights(&self) -> bool {
        self.pretrain.train_from_scratch || self.pretrain.new_model.is_some()
    }

    /// The model in words.
    pub(crate) fn model_name(&self) -> &str {
        if self.pretrain.new_model.is_some() { "new_model" } else { &self.model }
    }
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            stage: TrainStage::Sft,
            model: String::new(),
            pretrain: PretrainSettings::default(),
            output: String::new(),
            data: Vec::new(),
            eval_data: Vec::new(),
            eval_share: 0.0,
            max_samples: None,
            data_format: None,
            columns: BTreeMap::new(),
            prompt_template: None,
            dataset_dir: None,
            adapter: None,
            method: TrainMethod::Lora,
            lora_rank: 8,
            lora_alpha: None,
            target_modules: vec!["all-linear".to_owned()],
            use_rslora: false,
            use_dora: false,
            patterns: PatternSettings::default(),
            init_lora_weights: "true".to_owned(),
            modules_to_save: Vec::new(),
            num_virtual_tokens: 20,
            loraplus_lr_ratio: 1.0,
            freeze: FreezeSettings::default(),
            max_tokens: 1024,
            micro_step_tokens: MicroStep::Word(Auto::Auto),
            batch_size: 16,
            epochs: 3,
            max_steps: None,
            learning_rate: 2e-4,
            schedule: ScheduleName::Cosine,
            schedule_details: ScheduleSettings::default(),
            warmup_ratio: 0.05,
            warmup_steps: None,
            optimizer: OptimizerName::Adamw,
            weight_decay: 0.0,
            adam_beta1: 0.9,
            adam_beta2: 0.999,
            adam_epsilon: 1e-8,
            muon_adjust_lr: MuonAdjustName::Original,
            optimizer_details: OptimizerSettings::default(),
            max_grad_norm: 1.0,
            neftune_alpha: None,
            mask_history: false,
            train_on_prompt: false,
            preference_loss: PreferenceLossName::Sigmoid,
            beta: 0.1,
            simpo_gamma: 0.5,
            label_smoothing: 0.0,
            nll_weight: None,
            desirable_weight: 1.0,
            undesirable_weight: 1.0,
            similarity_scale: 20.0,
            rerank_loss: RerankLossName::Pointwise,
            losses: LossSettings::default(),
            recompute: RecomputeChoice::Word(RecomputeWord::Auto),
            max_memory: None,
            keep_blocks: true,
            checkpoint_steps: 50,
            eval_steps: None,
            samples: SampleSettings::default(),
            end: EndSettings::default(),
            max_truncated_share: 0.05,
            ignore_lint: false,
            seed: 42,
        }
    }
}
