//! The losses of a run.

use super::settings::{
    EmbeddingLossName, KtoLossName, PreferenceLossName, RerankLossName, TrainSettings, TrainStage,
};
use crate::models::BoxError;
use catena_train::{
    CrossEntropyConfig, EmbedLoss, KtoConfig, KtoKind, PairwiseConfig, PreferenceConfig,
    PreferenceKind, RankingConfig, RerankLoss, RewardConfig, TripletConfig,
};

/// Refuses a loss that is out of range, before anything is read.
///
/// # Errors
/// The first key out of range, with its value and the range.
pub(super) fn check(settings: &TrainSettings) -> Result<(), BoxError> {
    let balance = settings.losses.router_aux_loss_coef;
    if !(balance.is_finite() && balance >= 0.0) {
        return Err(format!("`router_aux_loss_coef` is {balance}, it must be 0 or more").into());
    }
    let predicts = matches!(settings.stage, TrainStage::Pretrain | TrainStage::Sft);
    if balance > 0.0 && !predicts {
        let cause = "the loss that balances experts belongs to the stages `pretrain` and `sft`";
        return Err(format!("`router_aux_loss_coef` is {balance}: {cause}").into());
    }
    let checked = match settings.stage {
        TrainStage::Pretrain | TrainStage::Sft => Ok(()),
        TrainStage::Reward => reward(settings).validate(),
        TrainStage::Preference => preference(settings).validate(),
        TrainStage::Kto => kto(settings).validate(),
        TrainStage::Classify | TrainStage::Tag => cross_entropy(settings).validate(),
        TrainStage::Embed => embed(settings).validate(),
        TrainStage::Rerank => rerank(settings).validate(),
    };
    checked.map_err(Into::into)
}

pub(super) fn cross_entropy(settings: &TrainSettings) -> CrossEntropyConfig {
    CrossEntropyConfig { label_smoothing: settings.label_smoothing, class_weights: None }
}

pub(super) fn reward(settings: &TrainSettings) -> RewardConfig {
    RewardConfig { center_coefficient: settings.losses.center_rewards_coefficient }
}

pub(super) fn kto(settings: &TrainSettings) -> KtoConfig {
    KtoConfig {
        kind: match settings.losses.kto_loss {
            KtoLossName::Kto => KtoKind::Kto,
            KtoLossName::ApoZeroUnpaired => KtoKind::ApoZeroUnpaired,
        },
        beta: settings.beta,
        desirable_weight: settings.desirable_weight,
        undesirable_weight: settings.undesirable_weight,
    }
}

pub(super) fn embed(settings: &TrainSettings) -> EmbedLoss {
    let (scale, losses) = (settings.similarity_scale, &settings.losses);
    match losses.embedding_loss {
        EmbeddingLossName::Ranking => EmbedLoss::Ranking(RankingConfig {
            scale,
            symmetric: losses.similarity_symmetric,
            ..RankingConfig::default()
        }),
        EmbeddingLossName::Triplet => EmbedLoss::Triplet(TripletConfig {
            distance: losses.triplet_distance,
            margin: losses.triplet_margin,
        }),
        EmbeddingLossName::Cosent => EmbedLoss::CoSent { scale },
        EmbeddingLossName::CosineSimilarity => EmbedLoss::CosineSimilarity,
    }
}

pub(super) fn rerank(settings: &TrainSettings) -> RerankLoss {
    match settings.rerank_loss {
        RerankLossName::Pointwise => {
            RerankLoss::Pointwise { positive_weight: settings.losses.pos_weight }
        }
        RerankLossName::Pairwise => RerankLoss::Pairwise(PairwiseConfig::default()),
        RerankLossName::Listwise => RerankLoss::ListNet,
    }
}

pub(super) fn preference(settings: &TrainSettings) -> PreferenceConfig {
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
        PreferenceLossName::Discopop => {
            PreferenceKind::Discopop { tau: settings.losses.discopop_tau }
        }
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

#[cfg(test)]
mod tests {
    use super::super::read::of_json;
    use super::*;
    use serde_json::json;

    #[test]
    fn every_detail_reaches_its_loss() {
        let read = of_json(json!({
            "center_rewards_coefficient": 0.01, "kto_loss": "apo_zero_unpaired",
            "desirable_weight": 2, "embedding_loss": "triplet", "triplet_margin": 0.3,
            "triplet_distance": "cosine", "pos_weight": 3, "preference_loss": "discopop",
            "discopop_tau": 0.2, "similarity_symmetric": true, "similarity_scale": 10,
        }));
        assert_eq!(reward(&read).center_coefficient, 0.01);
        assert_eq!((kto(&read).kind, kto(&read).desirable_weight), (KtoKind::ApoZeroUnpaired, 2.0));
        let EmbedLoss::Triplet(triplet) = embed(&read) else { panic!("{:?}", embed(&read)) };
        assert_eq!(triplet.margin, 0.3);
        assert_eq!(triplet.distance, catena_train::TripletDistance::Cosine);
        assert_eq!(rerank(&read), RerankLoss::Pointwise { positive_weight: 3.0 });
        assert_eq!(preference(&read).terms[0].kind, PreferenceKind::Discopop { tau: 0.2 });
        let mut ranking = read.clone();
        ranking.losses.embedding_loss = EmbeddingLossName::Ranking;
        let EmbedLoss::Ranking(ranking) = embed(&ranking) else { panic!("{:?}", embed(&ranking)) };
        assert!(ranking.symmetric && ranking.scale == 10.0, "{ranking:?}");
    }

    #[test]
    fn details_out_of_range_are_named() {
        for (keys, said) in [
            (
                json!({"stage": "reward", "center_rewards_coefficient": -1}),
                "`center_rewards_coefficient` is -1, it must be 0 or more",
            ),
            (json!({"stage": "kto", "undesirable_weight": -2}), "`undesirable_weight` is -2"),
            (json!({"stage": "kto", "beta": 0}), "`beta` is 0, it must be greater than 0"),
            (json!({"stage": "embed", "similarity_scale": 0}), "`similarity_scale` is 0"),
            (
                json!({"stage": "embed", "embedding_loss": "triplet", "triplet_margin": -1}),
                "`triplet_margin` is -1",
            ),
            (json!({"stage": "rerank", "pos_weight": 0}), "`pos_weight` is 0"),
            (json!({"stage": "classify", "label_smoothing": 1}), "`label_smoothing` is 1"),
            (json!({"stage": "preference", "label_smoothing": 0.5}), "`label_smoothing` is 0.5"),
            (
                json!({"stage": "preference", "preference_loss": "discopop", "discopop_tau": 0}),
                "`discopop_tau` is 0",
            ),
            (json!({"router_aux_loss_coef": -0.1}), "`router_aux_loss_coef` is -0.1, it must be"),
            (
                json!({"stage": "kto", "router_aux_loss_coef": 0.1}),
                "belongs to the stages `pretrain` and `sft`",
            ),
        ] {
            let error = check(&of_json(keys)).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        check(&of_json(json!({"stage": "pretrain", "router_aux_loss_coef": 0.01}))).unwrap();
    }
}
