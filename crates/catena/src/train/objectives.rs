//! The objective of a stage over its rows, and the run's hyper-parameters.

use super::encode::Rows;
use super::settings::{
    MuonAdjustName, OptimizerName, PreferenceLossName, RerankLossName, ScheduleName, TrainSettings,
};
use crate::failure::{Exit, Failure};
use catena_train::{
    AdafactorConfig, AdamWConfig, Classify, ClassifyLoss, CrossEntropyConfig, Embed, Kto,
    KtoConfig, KtoKind, LionConfig, MuonAdjust, MuonConfig, Objective, OptimizerConfig,
    PairwiseConfig, Preference, PreferenceConfig, PreferenceKind, RankingConfig, Rerank,
    RerankLoss, Reward, RewardConfig, RunConfig, Schedule, Sft, SgdConfig, TagTokens, TrainError,
    WarmupStableDecay,
};

/// The objective over rows, for a head of `width` outputs and passes of up to `tokens` tokens.
pub(super) fn objective<'a>(
    settings: &TrainSettings,
    rows: &'a Rows,
    width: usize,
    tokens: usize,
) -> Result<Box<dyn Objective + 'a>, Failure> {
    let made: Result<Box<dyn Objective + 'a>, TrainError> = match rows {
        Rows::Tokens(rows) => Sft::new(rows, tokens).map(boxed),
        Rows::Texts(rows, bytes) => {
            Sft::new(rows, tokens).map(|sft| boxed(sft.with_token_bytes(bytes)))
        }
        Rows::Words(rows) => {
            TagTokens::new(rows, cross_entropy(settings), width, tokens).map(boxed)
        }
        Rows::Pairs(rows) => Preference::new(rows, preference(settings), tokens).map(boxed),
        Rows::Judged(rows) => {
            let config = KtoConfig {
                kind: KtoKind::Kto,
                beta: settings.beta,
                desirable_weight: settings.desirable_weight,
                undesirable_weight: settings.undesirable_weight,
            };
            Kto::new(rows, config, tokens).map(boxed)
        }
        Rows::Rewards(rows) => Reward::new(rows, RewardConfig::default(), tokens).map(boxed),
        Rows::Labelled(rows) => {
            let numbers =
                rows.iter().any(|row| matches!(row.target, catena_train::Target::Numbers(_)));
            let loss = if numbers {
                ClassifyLoss::Numbers
            } else {
                ClassifyLoss::One(cross_entropy(settings))
            };
            Classify::new(rows, loss, width, tokens).map(boxed)
        }
        Rows::Near(rows) => {
            let config =
                RankingConfig { scale: settings.similarity_scale, ..RankingConfig::default() };
            Embed::new(rows, config, tokens).map(boxed)
        }
        Rows::Ranked(rows) => {
            let loss = match settings.rerank_loss {
                RerankLossName::Pointwise => RerankLoss::Pointwise { positive_weight: 1.0 },
                RerankLossName::Pairwise => RerankLoss::Pairwise(PairwiseConfig::default()),
                RerankLossName::Listwise => RerankLoss::ListNet,
            };
            Rerank::new(rows, loss, tokens).map(boxed)
        }
    };
    made.map_err(|error| {
        let hint = if matches!(error, TrainError::SampleTooLong { .. }) {
            "raise `micro_step_tokens`, or lower `max_tokens`: a pass holds a sample whole, \
                 of pairs both rows"
        } else {
            "`catena train lint` shows what is wrong with the data"
        };
        Failure::new(Exit::Usage, "cannot train on these samples", error).hint(hint)
    })
}

fn boxed<'a>(objective: impl Objective + 'a) -> Box<dyn Objective + 'a> {
    Box::new(objective)
}

fn cross_entropy(settings: &TrainSettings) -> CrossEntropyConfig {
    CrossEntropyConfig { label_smoothing: settings.label_smoothing, class_weights: None }
}

fn preference(settings: &TrainSettings) -> PreferenceConfig {
    let label_smoothing = settings.label_smoothing;
    let kind = match settings.preference_loss {
        PreferenceLossName::Sigmoid => PreferenceKind::Sigmoid { label_smoothing },
        PreferenceLossName::Hinge => PreferenceKind::Hinge,
        PreferenceLossName::Ipo => PreferenceKind::Ipo,
        PreferenceLossName::Robust => PreferenceKind::Robust { label_smoothing },
        PreferenceLossName::ExoPair => {
            PreferenceKind::ExoPair { label_smoothing: label_smoothing.max(1e-3) }
        }
        PreferenceLossName::NcaPair => PreferenceKind::NcaPair,
        PreferenceLossName::BcoPair => PreferenceKind::BcoPair,
        PreferenceLossName::SppoHard => PreferenceKind::SppoHard,
        PreferenceLossName::ApoZero => PreferenceKind::ApoZero,
        PreferenceLossName::ApoDown => PreferenceKind::ApoDown,
        PreferenceLossName::Discopop => PreferenceKind::Discopop { tau: 0.05 },
        PreferenceLossName::Simpo => {
            PreferenceKind::SimPo { gamma: settings.simpo_gamma, label_smoothing }
        }
        PreferenceLossName::Cpo => PreferenceKind::Cpo { label_smoothing },
        PreferenceLossName::Orpo => PreferenceKind::Orpo,
    };
    let mut config = PreferenceConfig::new(kind, settings.beta);
    if let Some(weight) = settings.nll_weight {
        config.nll_weight = weight;
    }
    config
}

/// The hyper-parameters that all objectives share.
pub(super) fn run_config(
    settings: &TrainSettings,
    num_samples: usize,
    micro_step_tokens: usize,
) -> Result<RunConfig, Failure> {
    let adam = AdamWConfig {
        beta1: settings.adam_beta1,
        beta2: settings.adam_beta2,
        eps: settings.adam_epsilon,
        weight_decay: settings.weight_decay,
    };
    let weight_decay = settings.weight_decay;
    let optimizer = match settings.optimizer {
        OptimizerName::Adamw => OptimizerConfig::AdamW(adam),
        OptimizerName::Adamw8bit => OptimizerConfig::AdamW8bit(adam),
        OptimizerName::Sgd => {
            OptimizerConfig::Sgd(SgdConfig { weight_decay, ..SgdConfig::default() })
        }
        OptimizerName::Lion => {
            OptimizerConfig::Lion(LionConfig { weight_decay, ..LionConfig::default() })
        }
        OptimizerName::Adafactor => OptimizerConfig::Adafactor(AdafactorConfig {
            weight_decay,
            ..AdafactorConfig::default()
        }),
        OptimizerName::Muon => OptimizerConfig::Muon(MuonConfig {
            weight_decay,
            adamw: adam,
            adjust_lr: match settings.muon_adjust_lr {
                MuonAdjustName::Original => MuonAdjust::Original,
                MuonAdjustName::MatchRmsAdamw => MuonAdjust::MatchRmsAdamw,
            },
            ..MuonConfig::default()
        }),
    };
    let mut config = RunConfig {
        epochs: settings.epochs,
        max_steps: settings.max_steps,
        batch_size: settings.batch_size,
        micro_step_tokens,
        learning_rate: settings.learning_rate,
        warmup_ratio: settings.warmup_ratio,
        warmup_steps: settings.warmup_steps,
        schedule: Schedule::Constant,
        max_grad_norm: settings.max_grad_norm,
        optimizer,
        loraplus_lr_ratio: settings.loraplus_lr_ratio,
        neftune_alpha: settings.neftune_alpha,
        checkpoint_steps: settings.checkpoint_steps,
        eval_steps: settings.eval_steps,
        early_stopping_patience: settings.end.early_stopping_patience,
        keep_best: settings.end.keep_best,
        divergence_factor: settings.end.divergence_factor,
        seed: settings.seed,
    };
    config
        .validate()
        .map_err(|error| Failure::new(Exit::Usage, "cannot train with these settings", error))?;
    config.schedule = schedule(settings, config.total_steps(num_samples));
    Ok(config)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of the steps is a number of steps, waves are few"
)]
fn schedule(settings: &TrainSettings, total: u64) -> Schedule {
    let cycles = settings.schedule_num_cycles;
    let min_lr = settings.schedule_min_lr_ratio;
    match settings.schedule {
        ScheduleName::Constant => Schedule::Constant,
        ScheduleName::Linear => Schedule::Linear,
        ScheduleName::Cosine => Schedule::Cosine,
        ScheduleName::CosineWithRestarts => {
            Schedule::CosineWithRestarts { num_cycles: cycles.unwrap_or(1.0) as u32 }
        }
        ScheduleName::CosineWithMinLr => Schedule::CosineWithMinLr {
            num_cycles: cycles.unwrap_or(0.5),
            min_lr_rate: min_lr.unwrap_or(0.1),
        },
        ScheduleName::InverseSqrt => Schedule::InverseSqrt { timescale: None },
        ScheduleName::Polynomial => Schedule::POLYNOMIAL,
        ScheduleName::WarmupStableDecay => {
            let decay = (settings.schedule_decay_ratio * total as f64).ceil() as u64;
            let min_lr_ratio = min_lr.unwrap_or(0.0);
            Schedule::WarmupStableDecay(WarmupStableDecay {
                min_lr_ratio,
                ..WarmupStableDecay::new(decay)
            })
        }
    }
}
