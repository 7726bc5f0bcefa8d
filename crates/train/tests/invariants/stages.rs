//! One pass over many samples and many passes over one each, where a head gives scores or vectors.

use std::sync::Arc;

use catena_kernels::{DenseType, Pool};
use catena_model::encoder::EncoderWeights;
use catena_model::training::{HeadPooling, Method, Task, TrainModel, TrainOptions};
use catena_train::{
    Classify, ClassifyLoss, ClassifySample, CrossEntropyConfig, Embed, EmbedLoss, EmbedSample,
    PairwiseConfig, RankingConfig, Rerank, RerankLoss, RerankSample, TagTokens, Target,
    TripletConfig,
};

use crate::packing::{check, check_within, full, text};
use crate::setup::{folder, options, samples};

/// Room for the three longest rows, and not for eight queries.
const THREE_ROWS: usize = 72;

type Model = Box<dyn Fn(usize) -> TrainModel>;
/// The target of a sample by its number.
type ToTarget = fn(u16) -> Target;

/// A decoder with a head, and an encoder.
fn both(task: Task, encoder: &'static str) -> [(&'static str, Model); 2] {
    let of_encoder = move |max_tokens| {
        let pool = Arc::new(Pool::new(1));
        let path = folder(&format!("encoders/{encoder}"));
        let weights = EncoderWeights::open(&path, pool.clone()).unwrap();
        let options = TrainOptions { max_tokens, ..options(DenseType::F32) };
        TrainModel::encoder(&weights, task, &Method::Full, &options, pool).unwrap()
    };
    [("tiny_lora", Box::new(full(task))), (encoder, Box::new(of_encoder))]
}

#[test]
fn labelled_texts_in_one_pass_are_one_in_each_of_eight() {
    let rows = samples(8);
    let weighed =
        CrossEntropyConfig { label_smoothing: 0.1, class_weights: Some(vec![0.5, 1.0, 2.0]) };
    let targets: [(ClassifyLoss, ToTarget); 3] = [
        (ClassifyLoss::One(weighed), |at| Target::Label(u32::from(at) % 3)),
        (ClassifyLoss::Many, |at| {
            Target::Labels((0..3).map(|label| f32::from(at >> label & 1)).collect())
        }),
        (ClassifyLoss::Numbers, |at| {
            Target::Numbers((0..3).map(|number| f32::from(at + number) * 0.1).collect())
        }),
    ];
    for (loss, target) in targets {
        let rows = rows.iter().zip(0..);
        let sample = |(row, at)| ClassifySample { row: text(row), target: target(at) };
        let labelled: Vec<ClassifySample> = rows.map(sample).collect();
        for (name, model) in both(Task::Sequence { labels: 3 }, "bert_sequence") {
            check(&format!("{name} {loss:?}"), &model, &|max_tokens| {
                Box::new(Classify::new(&labelled, loss.clone(), 3, max_tokens).unwrap())
            });
        }
    }
}

#[test]
fn labelled_tokens_in_one_pass_are_one_in_each_of_eight() {
    let mut rows = samples(8);
    for (row, first) in rows.iter_mut().zip(0u32..) {
        // A different number of tokens has a label in each.
        let labels = row.labels.iter().zip(first..);
        row.labels = labels.map(|(label, at)| label.map(|_| at % 3)).collect();
    }
    let config = CrossEntropyConfig { label_smoothing: 0.1, class_weights: None };
    for (name, model) in both(Task::Token { labels: 5 }, "bert_tokens") {
        check(name, &model, &|max_tokens| {
            Box::new(TagTokens::new(&rows, config.clone(), 5, max_tokens).unwrap())
        });
    }
}

#[test]
fn compared_texts_in_one_pass_are_one_in_each_of_eight() {
    let rows = samples(24);
    let triple = |index: u16| {
        let at = usize::from(index);
        EmbedSample {
            anchor: text(&rows[at]),
            positive: text(&rows[at + 8]),
            negatives: vec![text(&rows[at + 16])],
            score: Some(f32::from(index * 3 % 8) / 8.0),
        }
    };
    let triples: Vec<EmbedSample> = (0..8).map(triple).collect();
    for loss in [
        EmbedLoss::Ranking(RankingConfig::default()),
        EmbedLoss::Triplet(TripletConfig::default()),
        EmbedLoss::CoSent { scale: 20.0 },
        EmbedLoss::CosineSimilarity,
    ] {
        for (name, model) in both(Task::Vector { pooling: HeadPooling::Mean }, "embed_mean") {
            check(&format!("{name} {loss:?}"), &model, &|max_tokens| {
                Box::new(Embed::new(&triples, loss, max_tokens).unwrap().normalized(true))
            });
        }
    }
}

#[test]
fn ranked_texts_in_one_pass_are_a_query_in_each_of_eight() {
    let rows = samples(24);
    // One, two or three documents of a query; nothing compares those of the first.
    let query = |at: usize| RerankSample {
        rows: (0..=at % 3).map(|document| text(&rows[at + 8 * document])).collect(),
        relevance: [0.9, 0.1, 0.4][..=at % 3].to_vec(),
    };
    let ranked: Vec<RerankSample> = (0..8).map(query).collect();
    for loss in [
        RerankLoss::Pointwise { positive_weight: 2.0 },
        RerankLoss::Pairwise(PairwiseConfig::default()),
        RerankLoss::ListNet,
    ] {
        for (name, model) in both(Task::Sequence { labels: 1 }, "bert_cross_encoder") {
            check_within(&format!("{name} {loss:?}"), THREE_ROWS, &model, &|max_tokens| {
                Box::new(Rerank::new(&ranked, loss, max_tokens).unwrap())
            });
        }
    }
}
