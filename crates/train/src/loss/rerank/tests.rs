use super::contrastive::contrastive;
use super::list_net::list_net;
use super::pairwise::rank_net;
use super::*;
use crate::loss::LossAndGrad;
use crate::loss::result::wide;
use crate::loss::test_support::{
    assert_close, assert_is_gradient, counts, floats, golden, number, numbers,
};
use serde_json::Value;

fn check(name: &str, found: &LossAndGrad, golden: &Value) {
    assert_close(name, &[found.loss], &[number(&golden[name]["loss"])]);
    assert_close(name, &wide(&found.grad), &numbers(&golden[name]["grads"]));
}

#[test]
fn documents_alone_follow_sentence_transformers() {
    let golden = golden("rerank");
    let (scores, binary) = (floats(&golden["scores"]), floats(&golden["binary"]));
    for (name, weight) in [("pointwise", 1.0), ("pointwise_weighted", 2.5)] {
        check(name, &pointwise_loss(&scores, &binary, weight, scores.len()), &golden);
    }
}

#[test]
fn lists_follow_sentence_transformers() {
    let golden = golden("rerank");
    let (scores, relevance) = (floats(&golden["scores"]), floats(&golden["relevance"]));
    let lists = counts(&golden["lists"]);
    check("list_net", &list_net_loss(&scores, &relevance, &lists, lists.len()), &golden);
    let (at, relevance) = (wide(&scores), wide(&relevance));
    let loss = |scores: &[f64]| list_net(scores, &relevance, &lists, lists.len());
    assert_is_gradient("list_net", &at, &loss(&at).1, |scores| loss(scores).0);
}

#[test]
fn pairs_of_a_list_follow_sentence_transformers() {
    let golden = golden("rerank");
    let (scores, relevance) = (floats(&golden["scores"]), floats(&golden["relevance"]));
    let lists = counts(&golden["lists"]);
    let total = pairwise_total(&relevance, &lists);
    let nats = PairwiseConfig { sigma: 0.7, bits: false };
    for (name, config) in [("pairwise", PairwiseConfig::default()), ("pairwise_nats", nats)] {
        check(name, &pairwise_loss(&config, &scores, &relevance, &lists, total), &golden);
        let (at, relevance) = (wide(&scores), wide(&relevance));
        let loss = |scores: &[f64]| rank_net(&config, scores, &relevance, &lists, total);
        assert_is_gradient(name, &at, &loss(&at).1, |scores| loss(scores).0);
    }
}

#[test]
fn nothing_to_compare_is_no_loss() {
    let config = PairwiseConfig::default();
    let found = pairwise_loss(&config, &[1.0, 2.0], &[0.5, 0.5], &[2], 0);
    assert_eq!((found.loss, found.grad), (0.0, vec![0.0, 0.0]));
}

#[test]
fn the_right_document_among_wrong_ones_follows_sentence_transformers() {
    let golden = golden("rerank");
    let table = floats(&golden["table"]);
    let plain = ContrastiveConfig { scale: 1.0, sigmoid: false };
    for (name, config) in
        [("contrastive", ContrastiveConfig::default()), ("contrastive_plain", plain)]
    {
        check(name, &contrastive_loss(&config, &table, 6, 4), &golden);
        let at = wide(&table);
        let loss = |scores: &[f64]| contrastive(&config, scores, 6, 4);
        assert_is_gradient(name, &at, &loss(&at).1, |scores| loss(scores).0);
    }
}
