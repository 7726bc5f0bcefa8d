//! Keys for the details of schedules, adapters and losses: names are those of transformers, PEFT and
//! TRL where they have one.

use super::choices::{Auto, EmbeddingLossName, KtoLossName, Switch};
use catena_train::{ClipGradNorm, TripletDistance, WsdShape};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the learning rate moves.
#[expect(clippy::struct_field_names, reason = "they are the keys of the file")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ScheduleSettings {
    /// Waves of the cosine schedules that have several; whole ones with restarts.
    pub(crate) schedule_num_cycles: Option<f64>,
    /// Lowest rate as a share of the peak, of schedules that have one.
    pub(crate) schedule_min_lr_ratio: Option<f64>,
    /// Of `polynomial`: the power of what remains; 1 is a line.
    pub(crate) schedule_power: f64,
    /// Of `polynomial`: the rate at the end.
    pub(crate) schedule_lr_end: f64,
    /// Of `inverse_sqrt`: steps in which the rate falls to 0.71 of the peak; the warm-up steps if
    /// none are given, or 10000 if there are none.
    pub(crate) schedule_timescale: Option<u64>,
    /// Of `warmup_stable_decay`: share of the steps that the rate falls in.
    pub(crate) schedule_decay_ratio: f64,
    /// Of `warmup_stable_decay`: steps that the rate falls in, in the place of the share.
    pub(crate) schedule_decay_steps: Option<u64>,
    /// Of `warmup_stable_decay`: steps at the peak; all others if none are given.
    pub(crate) schedule_stable_steps: Option<u64>,
    /// Of `warmup_stable_decay`: how the rate rises, `linear`, `cosine` or `1-sqrt`.
    pub(crate) schedule_warmup_type: WsdShape,
    /// Of `warmup_stable_decay`: how it falls, `linear`, `cosine` or `1-sqrt`.
    pub(crate) schedule_decay_type: WsdShape,
}

impl Default for ScheduleSettings {
    fn default() -> Self {
        Self {
            schedule_num_cycles: None,
            schedule_min_lr_ratio: None,
            schedule_power: 1.0,
            schedule_lr_end: 1e-7,
            schedule_timescale: None,
            schedule_decay_ratio: 0.1,
            schedule_decay_steps: None,
            schedule_stable_steps: None,
            schedule_warmup_type: WsdShape::Linear,
            schedule_decay_type: WsdShape::Cosine,
        }
    }
}

/// Details of optimizers that are no details of Adam, and of what becomes of gradients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct OptimizerSettings {
    /// Of `sgd`: decay of the sum of gradients; 0 for none.
    pub(crate) sgd_momentum: f64,
    /// Of `lion`: share of the momentum in the direction of a step.
    pub(crate) lion_beta1: f64,
    /// Of `lion`: decay of the momentum.
    pub(crate) lion_beta2: f64,
    /// Whether the optimizer changes a layer as soon as its gradient is there, which then goes;
    /// `auto` for where all gradients at once do not fit. A step is one pass then, and gradients
    /// are clipped by tensor or not at all.
    pub(crate) optimizer_in_backward: Switch,
    /// Whose norm `max_grad_norm` is: `global` for that of all gradients together, or `per_tensor`.
    pub(crate) clip_grad_norm: ClipGradNorm,
}

impl Default for OptimizerSettings {
    fn default() -> Self {
        Self {
            sgd_momentum: 0.9,
            lion_beta1: 0.9,
            lion_beta2: 0.99,
            optimizer_in_backward: Switch::Word(Auto::Auto),
            clip_grad_norm: ClipGradNorm::Global,
        }
    }
}

/// Where pairs differ from one another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PatternSettings {
    /// Of `lora`: other ranks of some modules, by the end of their path.
    pub(crate) rank_pattern: BTreeMap<String, usize>,
    /// Of `lora`: other alphas of some modules, by the end of their path.
    pub(crate) alpha_pattern: BTreeMap<String, f64>,
    /// Of `lora`: the layers that get pairs, counted from 0; all if none are given.
    pub(crate) layers_to_transform: Option<Vec<usize>>,
}

impl PatternSettings {
    /// The alphas as the model has them.
    #[expect(clippy::cast_possible_truncation, reason = "alpha is a small number")]
    pub(super) fn alphas(&self) -> BTreeMap<String, f32> {
        self.alpha_pattern.iter().map(|(module, alpha)| (module.clone(), *alpha as f32)).collect()
    }
}

/// Details of losses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LossSettings {
    /// Of models with experts, in `pretrain` and `sft`: weight of the loss that balances them.
    pub(crate) router_aux_loss_coef: f64,
    /// Of `discopop`: temperature of the blend.
    pub(crate) discopop_tau: f64,
    /// Of `reward`: weight of the squared sum of a pair's rewards, which keeps them around zero.
    pub(crate) center_rewards_coefficient: f64,
    /// Of `kto`: `kto`, against what the model has drifted from its reference, or
    /// `apo_zero_unpaired`, against zero.
    pub(crate) kto_loss: KtoLossName,
    /// Of `embed`: what vectors are learnt by: the positive among the documents of a step
    /// (`ranking`), positives nearer than negatives (`triplet`), cosines in the order of scores
    /// (`cosent`), or cosines that are scores (`cosine_similarity`).
    pub(crate) embedding_loss: EmbeddingLossName,
    /// Of `embed` by `ranking`: whether anchors are found by their documents too.
    pub(crate) similarity_symmetric: bool,
    /// Of `embed` by `triplet`: by how much negatives should be further away.
    pub(crate) triplet_margin: f64,
    /// Of `embed` by `triplet`: `euclidean`, `manhattan` or `cosine`.
    pub(crate) triplet_distance: TripletDistance,
    /// Of `rerank` by `pointwise`: weight of relevant documents.
    pub(crate) pos_weight: f64,
}

impl Default for LossSettings {
    fn default() -> Self {
        Self {
            router_aux_loss_coef: 0.0,
            discopop_tau: 0.05,
            center_rewards_coefficient: 0.0,
            kto_loss: KtoLossName::Kto,
            embedding_loss: EmbeddingLossName::Ranking,
            similarity_symmetric: false,
            triplet_margin: 5.0,
            triplet_distance: TripletDistance::Euclidean,
            pos_weight: 1.0,
        }
    }
}
