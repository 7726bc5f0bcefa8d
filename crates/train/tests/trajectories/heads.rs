//! Scores, labels and vectors.

use catena_model::training::{HeadPooling, Task};
use catena_train::{
    Classify, ClassifyLoss, CrossEntropyConfig, Embed, RankingConfig, Rerank, RerankLoss, Reward,
    RewardConfig, TagTokens,
};

use crate::drive::Run;
use crate::samples::Golden;
use crate::{MAX_TOKENS, decoder, encoder};

#[test]
fn reward_models_follow_trl() {
    let samples = Golden::read().samples.reward();
    let config = RewardConfig { center_coefficient: 0.01 };
    let mut objective = Reward::new(&samples, config, MAX_TOKENS).unwrap();
    let mut model = decoder("tiny_lora", Task::Sequence { labels: 1 });
    Run::new("reward", 4, 3e-4).check(&mut model, &mut objective);
}

#[test]
fn classification_of_texts_follows_transformers() {
    let samples = Golden::read().samples.texts();
    let loss = ClassifyLoss::One(CrossEntropyConfig::default());
    let mut objective = Classify::new(&samples, loss, 3, MAX_TOKENS).unwrap();
    let mut model = encoder("bert_sequence", Task::Sequence { labels: 3 });
    Run::new("classify", 4, 1e-3).check(&mut model, &mut objective);
}

#[test]
fn classification_of_tokens_follows_transformers() {
    let samples = Golden::read().samples.tags();
    let config = CrossEntropyConfig::default();
    let mut objective = TagTokens::new(&samples, config, 5, MAX_TOKENS).unwrap();
    let mut model = encoder("bert_tokens", Task::Token { labels: 5 });
    Run::new("tags", 4, 1e-3).check(&mut model, &mut objective);
}

#[test]
fn embedders_follow_sentence_transformers() {
    let samples = Golden::read().samples.triples();
    let mut objective = Embed::new(&samples, RankingConfig::default(), MAX_TOKENS).unwrap();
    let mut model = encoder("embed_mean", Task::Vector { pooling: HeadPooling::Mean });
    Run::new("embed", samples.len(), 1e-3).check(&mut model, &mut objective);
}

#[test]
fn cross_encoders_follow_sentence_transformers() {
    let samples = Golden::read().samples.relevant();
    let loss = RerankLoss::Pointwise { positive_weight: 1.0 };
    let mut objective = Rerank::new(&samples, loss, MAX_TOKENS).unwrap();
    let mut model = encoder("bert_cross_encoder", Task::Sequence { labels: 1 });
    Run::new("rerank", samples.len(), 1e-3).check(&mut model, &mut objective);
}
