//! What DataTrove computes for the same words.

use super::tests::scratch;
use super::{MinHashConfig, NearDedup, Signer, datatrove_text};
use catena_protocol::{Cancel, NoProgress};
use serde::Deserialize;
use std::collections::HashMap;

const GOLDEN: &str = include_str!("../../tests/golden/dedup/datatrove.json");

#[derive(Deserialize)]
struct Golden {
    signatures: Vec<SignedText>,
    documents: Vec<Clustered>,
}

#[derive(Deserialize)]
struct SignedText {
    text: String,
    plain: String,
    words: Vec<String>,
    xxhash: Vec<u64>,
    sha1: Vec<u64>,
}

#[derive(Deserialize)]
struct Clustered {
    words: Vec<String>,
    /// Its cluster, if it has one with others.
    cluster: Option<u64>,
}

fn golden() -> Golden {
    serde_json::from_str(GOLDEN).unwrap()
}

#[test]
fn texts_are_simplified_as_datatrove_does() {
    for signed in golden().signatures {
        assert_eq!(datatrove_text(&signed.text), signed.plain);
    }
}

#[test]
fn signatures_are_datatroves_bit_for_bit() {
    let signer = |name| Signer::new(&MinHashConfig::preset(name).unwrap());
    let (mut xxhash, mut sha1) = (signer("datatrove"), signer("fineweb"));
    for signed in golden().signatures {
        let words = || signed.words.iter().map(String::as_str);
        assert_eq!(xxhash.sign_words(words()), signed.xxhash);
        assert_eq!(sha1.sign_words(words()), signed.sha1);
    }
}

#[test]
fn clusters_are_datatroves() {
    let documents = golden().documents;
    let config = MinHashConfig::preset("datatrove").unwrap();
    let mut dedup = NearDedup::new(&config, &scratch(10_000, 2)).unwrap();
    let words: Vec<Vec<String>> = documents.iter().map(|one| one.words.clone()).collect();
    dedup.add_words(&words, &Cancel::new()).unwrap();
    let found = dedup.finish(&NoProgress, &Cancel::new()).unwrap();
    let mut first = HashMap::new();
    for (at, document) in documents.iter().enumerate() {
        let expected = document.cluster.map_or(at, |cluster| *first.entry(cluster).or_insert(at));
        assert_eq!(found.cluster(at).0, expected as u64, "document {at}");
    }
}
