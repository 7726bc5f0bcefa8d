//! Scores, labels and vectors.

use catena_model::training::{HeadPooling, Task};
use catena_train::{
    Classify, ClassifyLoss, CrossEntropyConfig, Embed, EmbedLoss, EmbedSample, PairwiseConfig,
    RankingConfig, Rerank, RerankLoss, Reward, RewardConfig, TagTokens, TripletConfig,
};

use crate::drive::Run;
use crate::samples::Golden;
use crate::{MAX_TOKENS, decoder, encoder, encoder_with_lora};

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
fn pairs_beside_an_encoder_follow_peft() {
    let samples = Golden::read().samples.texts();
    let loss = ClassifyLoss::One(CrossEntropyConfig::default());
    let mut objective = Classify::new(&samples, loss, 3, MAX_TOKENS).unwrap();
    let mut model = encoder_with_lora("bert_sequence", Task::Sequence { labels: 3 });
    Run::new("classify_lora", 4, 5e-3).check(&mut model, &mut objective);
    let samples = Golden::read().samples.triples();
    let mut objective = Embed::new(&samples, RankingConfig::default(), MAX_TOKENS).unwrap();
    let mut model = encoder_with_lora("embed_mean", Task::Vector { pooling: HeadPooling::Mean });
    Run::new("embed_lora", samples.len(), 5e-3).check(&mut model, &mut objective);
}

/// The checkpoint's files scale its vectors to length 1.
fn check_embedder(name: &'static str, samples: &[EmbedSample], loss: EmbedLoss) {
    let mut objective = Embed::new(samples, loss, MAX_TOKENS).unwrap().normalized(true);
    let mut model = encoder("embed_mean", Task::Vector { pooling: HeadPooling::Mean });
    Run::new(name, samples.len(), 1e-3).check(&mut model, &mut objective);
}

#[test]
fn embedders_follow_sentence_transformers() {
    let samples = Golden::read().samples;
    let (triples, scored) = (samples.triples(), samples.scored());
    check_embedder("embed", &triples, RankingConfig::default().into());
    check_embedder("embed_triplet", &triples, EmbedLoss::Triplet(TripletConfig::default()));
    check_embedder("embed_cosent", &scored, EmbedLoss::CoSent { scale: 20.0 });
    check_embedder("embed_cosine", &scored, EmbedLoss::CosineSimilarity);
}

#[test]
fn cross_encoders_follow_sentence_transformers() {
    let samples = Golden::read().samples;
    for (name, loss, samples) in [
        ("rerank", RerankLoss::Pointwise { positive_weight: 1.0 }, samples.relevant()),
        ("rerank_pairwise", RerankLoss::Pairwise(PairwiseConfig::default()), samples.lists()),
        ("rerank_listwise", RerankLoss::ListNet, samples.lists()),
    ] {
        let mut objective = Rerank::new(&samples, loss, MAX_TOKENS).unwrap();
        let mut model = encoder("bert_cross_encoder", Task::Sequence { labels: 1 });
        Run::new(name, samples.len(), 1e-3).check(&mut model, &mut objective);
    }
}
