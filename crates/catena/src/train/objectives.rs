//! The objective of a stage over its rows, and the run's hyper-parameters.

use super::encode::Rows;
use super::losses::{self, cross_entropy, embed, kto, preference, rerank, reward};
use super::schedules::{self, schedule};
use super::settings::{MuonAdjustName, OptimizerName, TrainSettings};
use crate::failure::{Exit, Failure};
use catena_train::{
    AdafactorConfig, AdamWConfig, Classify, ClassifyLoss, ClipGradNorm, Embed, Kto, LionConfig,
    MuonAdjust, MuonConfig, Objective, OptimizerConfig, Preference, Rerank, Reward, RunConfig,
    Sample, Schedule, Sft, SgdConfig, TagTokens, TrainError,
};

/// The objective over rows, for a head of `width` outputs and passes of up to `tokens` tokens.
pub(super) fn objective<'a>(
    settings: &TrainSettings,
    rows: &'a Rows,
    width: usize,
    tokens: usize,
) -> Result<Box<dyn Objective + 'a>, Failure> {
    let balance = settings.losses.router_aux_loss_coef;
    let sft =
        |rows: &'a [Sample]| Sft::new(rows, tokens).and_then(|sft| sft.with_router_loss(balance));
    let made: Result<Box<dyn Objective + 'a>, TrainError> = match rows {
        Rows::Tokens(rows) => sft(rows).map(boxed),
        Rows::Texts(rows, bytes) => sft(rows).map(|sft| boxed(sft.with_token_bytes(bytes))),
        Rows::Words(rows) => {
            TagTokens::new(rows, cross_entropy(settings), width, tokens).map(boxed)
        }
        Rows::Pairs(rows) => Preference::new(rows, preference(settings), tokens).map(boxed),
        Rows::Judged(rows) => Kto::new(rows, kto(settings), tokens).map(boxed),
        Rows::Rewards(rows) => Reward::new(rows, reward(settings), tokens).map(boxed),
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
        Rows::Near(rows, normalized) => Embed::new(rows, embed(settings), tokens)
            .map(|embed| boxed(embed.normalized(*normalized))),
        Rows::Ranked(rows) => Rerank::new(rows, rerank(settings), tokens).map(boxed),
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

/// Refuses settings out of range, whatever the model and the samples.
pub(super) fn check(settings: &TrainSettings) -> Result<(), Failure> {
    let goal = "cannot train with these settings";
    run_config(settings, 1, 1)?;
    if settings.optimizer_details.optimizer_in_backward.given() == Some(true)
        && !clips_by_tensor(settings)
    {
        let cause = "`optimizer_in_backward` changes a layer before the gradients of those below it \
                     are there, and `max_grad_norm` bounds the norm of all";
        return Err(Failure::new(Exit::Usage, goal, cause).hint(
            "set `clip_grad_norm = \"per_tensor\"`, or `max_grad_norm = 0` for no clipping",
        ));
    }
    schedules::check(settings).map_err(|cause| Failure::new(Exit::Usage, goal, cause))?;
    losses::check(settings).map_err(|cause| Failure::new(Exit::Usage, goal, cause))
}

/// Whether a tensor's gradient is clipped without knowing others, or not at all.
pub(super) fn clips_by_tensor(settings: &TrainSettings) -> bool {
    settings.optimizer_details.clip_grad_norm == ClipGradNorm::PerTensor
        || settings.max_grad_norm == 0.0
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
        OptimizerName::Sgd => OptimizerConfig::Sgd(SgdConfig {
            momentum: settings.optimizer_details.sgd_momentum,
            weight_decay,
            ..SgdConfig::default()
        }),
        OptimizerName::Lion => OptimizerConfig::Lion(LionConfig {
            beta1: settings.optimizer_details.lion_beta1,
            beta2: settings.optimizer_details.lion_beta2,
            weight_decay,
        }),
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
        clip_grad_norm: settings.optimizer_details.clip_grad_norm,
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
