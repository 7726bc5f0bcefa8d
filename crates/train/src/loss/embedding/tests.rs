use super::cosent::cosent;
use super::cosine_similarity::cosine_similarity;
use super::ranking::ranking;
use super::triplet::triplet;
use super::*;
use crate::loss::result::wide;
use crate::loss::test_support::{
    assert_close, assert_is_gradient, floats, golden, number, numbers, spread,
};
use serde_json::Value;

struct Golden {
    all: Value,
    width: usize,
    vectors: Vec<Vec<f32>>,
    scores: Vec<f32>,
}

fn open() -> Golden {
    let all = golden("embedding");
    let vectors = all["vectors"].as_array().unwrap().iter().map(floats).collect();
    let scores = floats(&all["scores"]);
    let width = all["width"].as_u64().unwrap().try_into().unwrap();
    Golden { all, width, vectors, scores }
}

impl Golden {
    /// Positives and hard negatives, as one matrix.
    fn documents(&self, columns: usize) -> Vec<f32> {
        self.vectors[1..columns].concat()
    }

    /// `grads` are those of the columns, or of anchors and all documents.
    fn check(&self, name: &str, found: &EmbeddingLoss) {
        let expected = &self.all[name];
        assert_close(name, &[found.loss], &[number(&expected["loss"])]);
        let grads = expected["grads"].as_array().unwrap();
        let expected: Vec<f64> = grads.iter().flat_map(numbers).collect();
        assert_close(name, &wide(&found.grads.concat()), &expected);
    }
}

/// Checks the gradient of a loss of several matrices in f64.
fn assert_are_gradients<const N: usize>(
    what: &str,
    at: [&[f64]; N],
    loss: impl Fn([&[f64]; N]) -> (f64, [Vec<f64>; N]),
) {
    let (_, grads) = loss(at);
    for (which, grad) in grads.iter().enumerate() {
        assert_is_gradient(&format!("{what} by input {which}"), at[which], grad, |moved| {
            let mut inputs = at;
            inputs[which] = moved;
            loss(inputs).0
        });
    }
}

#[test]
fn ranking_follows_sentence_transformers() {
    let golden = open();
    let plain = RankingConfig::default();
    let symmetric = RankingConfig { symmetric: true, ..plain };
    let dot = RankingConfig { scale: 1.0, similarity: Similarity::Dot, symmetric: false };
    let cases = [
        ("ranking", 2, plain),
        ("ranking_negatives", 4, plain),
        ("ranking_symmetric", 2, RankingConfig { scale: 7.0, ..symmetric }),
        ("ranking_symmetric_negatives", 3, symmetric),
        ("ranking_dot", 3, dot),
    ];
    for (name, columns, config) in cases {
        let (anchors, documents) = (&golden.vectors[0], golden.documents(columns));
        golden.check(name, &ranking_loss(&config, anchors, &documents, golden.width));
        let at = [&wide(anchors)[..], &wide(&documents)];
        assert_are_gradients(name, at, |[anchors, documents]| {
            ranking(&config, anchors, documents, golden.width)
        });
    }
}

#[test]
fn scored_pairs_follow_sentence_transformers() {
    let golden = open();
    let [a, b] = [&golden.vectors[0], &golden.vectors[1]];
    let (scores, width) = (&golden.scores, golden.width);
    golden.check("cosent", &cosent_loss(20.0, a, b, scores, width));
    golden.check("cosine_similarity", &cosine_similarity_loss(a, b, scores, width));
    let (a, b, scores) = (wide(a), wide(b), wide(scores));
    assert_are_gradients("cosent", [&a, &b], |[a, b]| cosent(20.0, a, b, &scores, width));
    assert_are_gradients("cosine", [&a, &b], |[a, b]| cosine_similarity(a, b, &scores, width));
}

#[test]
fn triplets_follow_sentence_transformers() {
    let golden = open();
    let [a, p, n] = [0, 1, 2].map(|column| &golden.vectors[column]);
    let cases = [
        ("triplet", TripletConfig::default()),
        ("triplet_manhattan", TripletConfig { distance: TripletDistance::Manhattan, margin: 0.5 }),
        ("triplet_cosine", TripletConfig { distance: TripletDistance::Cosine, margin: 0.2 }),
    ];
    for (name, config) in cases {
        golden.check(name, &triplet_loss(&config, a, p, n, golden.width));
        let at = [&wide(a)[..], &wide(p), &wide(n)];
        assert_are_gradients(name, at, |inputs| triplet(&config, inputs, golden.width));
    }
}

#[test]
fn vectors_of_zeros_and_equal_vectors_have_finite_gradients() {
    let (zeros, ones) = ([0.0f32; 8], [1.0f32; 8]);
    let finite = |loss: &EmbeddingLoss| {
        loss.loss.is_finite() && loss.grads.iter().flatten().all(|x| x.is_finite())
    };
    assert!(finite(&ranking_loss(&RankingConfig::default(), &zeros, &ones, 4)));
    assert!(finite(&triplet_loss(&TripletConfig::default(), &ones, &ones, &zeros, 4)));
    assert!(finite(&cosine_similarity_loss(&zeros, &zeros, &[1.0, 0.0], 4)));
}

#[test]
fn lengths_do_not_change_a_loss_of_angles() {
    let (a, b) = (spread(12, 1), spread(12, 2));
    let long: Vec<f64> = a.iter().map(|x| 3.0 * x).collect();
    let config = RankingConfig::default();
    let (short_loss, _) = ranking(&config, &a, &b, 4);
    let (long_loss, _) = ranking(&config, &long, &b, 4);
    assert!((short_loss - long_loss).abs() < 1e-12);
}
