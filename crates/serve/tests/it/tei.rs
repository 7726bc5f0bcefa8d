//! The protocol of text-embeddings-inference.

use crate::support::start;
use serde_json::{Value, json};

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number")).collect()
}

#[test]
fn texts_become_vectors_scaled_or_not() {
    let server = start();
    let one = server.post("/embed", &json!({"inputs": "a fee"})).json();
    let many = server.post("/embed", &json!({"inputs": ["a fee", "io"]})).json();
    assert_eq!(one.as_array().map(Vec::len), Some(1));
    assert_eq!((&many[0], many.as_array().map(Vec::len)), (&one[0], Some(2)));
    assert!((floats(&one[0]).iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-6);
    let raw = server.post("/embed", &json!({"inputs": "a fee", "normalize": false})).json();
    assert_eq!(raw, json!([[1.5, 2.5, 0.5, 0.5]]));
    let short = json!({"inputs": "a fee", "dimensions": 2});
    let short = floats(&server.post("/embed", &short).json()[0]);
    assert!((short[1] / short[0] - 2.5 / 1.5).abs() < 1e-6 && short.len() == 2);
    assert!((short.iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-6);
}

#[test]
fn long_texts_are_cut_only_when_asked_for() {
    let server = start();
    let long = "one two three four five six seven eight nine";
    let answer = server.post("/embed", &json!({"inputs": ["ok", long]}));
    let error = json!({"error": "input 1 has 9 tokens, the model reads 8",
                       "error_type": "Validation"});
    assert_eq!((answer.status, answer.json()), (413, error));
    let cut = json!({"inputs": ["ok", long], "truncate": true});
    assert_eq!(server.post("/embed", &cut).status, 200);
    let left = json!({"inputs": long, "truncate": true, "truncation_direction": "Left"});
    assert_eq!(server.post("/embed", &left).status, 422);
}

#[test]
fn passages_are_ranked_by_the_cross_encoder() {
    let server = start();
    let mut body = json!({"query": "wire fee", "texts": ["a limit", "a wire fee", "one fee"]});
    let ranks = server.post("/rerank", &body).json();
    let order: Vec<&Value> =
        ranks.as_array().expect("a list").iter().map(|r| &r["index"]).collect();
    assert_eq!(order, [1, 2, 0]);
    assert_eq!(ranks[1], json!({"index": 2, "score": 0.5}));
    body["raw_scores"] = json!(true);
    body["return_text"] = json!(true);
    let ranks = server.post("/rerank", &body).json();
    assert_eq!(ranks[0], json!({"index": 1, "text": "a wire fee", "score": 1.0}));
    body["model"] = json!("bank-classifier");
    let answer = server.post("/rerank", &body);
    let error = &answer.json()["error"];
    let reason =
        "the model `bank-classifier` cannot be used here; this route needs a cross-encoder";
    assert_eq!((answer.status, error), (422, &json!(reason)));
}

#[test]
fn labels_come_with_their_probability() {
    let server = start();
    let one = server.post("/predict", &json!({"inputs": "limit limit"})).json();
    assert_eq!(one[0]["label"], "limit");
    let total: f64 =
        one.as_array().expect("a list").iter().filter_map(|p| p["score"].as_f64()).sum();
    assert!((total - 1.0).abs() < 1e-6);
    let body = json!({"inputs": [["fee"], ["limit limit"]], "raw_scores": true});
    let expected = json!([
        [{"score": 1.0, "label": "fee"}, {"score": 0.0, "label": "limit"}],
        [{"score": 2.0, "label": "limit"}, {"score": 0.0, "label": "fee"}],
    ]);
    assert_eq!(server.post("/predict", &body).json(), expected);
    for odd in [json!([]), json!(["a", "b", "c"]), json!([["a"], []]), json!(7)] {
        assert_eq!(server.post("/predict", &json!({"inputs": odd})).status, 422, "{odd}");
    }
}

#[test]
fn sentences_are_compared() {
    let server = start();
    let body = json!({"inputs": {"source_sentence": "a", "sentences": ["a", "eee"]}});
    let answer = floats(&server.post("/similarity", &body).json());
    assert!((answer[0] - 1.0).abs() < 1e-6 && answer[1] < 0.8);
}

#[test]
fn the_root_tells_tasks_apart() {
    let server = start();
    let cases = [
        (json!({"inputs": "a fee"}), "/embed"),
        (json!({"query": "fee", "texts": ["a fee"]}), "/rerank"),
        (
            json!({"inputs": {"source_sentence": "a", "sentences": ["e"]}, "parameters": {}}),
            "/similarity",
        ),
        (json!({"inputs": "fee", "parameters": {}}), "/predict"),
    ];
    for (body, path) in cases {
        assert_eq!(server.post("/", &body).json(), server.post(path, &body).json(), "{path}");
    }
    // The client of the labels reads a list for each text, also of one.
    let labels = server.post("/predict", &json!({"inputs": "fee"})).json();
    let nested = server.post("/", &json!({"inputs": "fee", "parameters": {}})).json();
    assert_eq!(nested, json!([labels]));
    let body = json!({"inputs": "Fees:", "parameters": {"max_new_tokens": 6}, "stream": false});
    assert_eq!(server.post("/", &body).json(), json!([{"generated_text": "A wire"}]));
}

#[test]
fn every_token_has_its_vector() {
    let server = start();
    let body = json!({"inputs": ["a fee", "io"]});
    let rows = server.post("/embed_all", &body).json();
    assert_eq!(rows, json!([[[1.5, 0.5, 0.5, 0.5], [0.5, 2.5, 0.5, 0.5]], [[0.5, 0.5, 1.5, 1.5]]]));
    let long = "one two three four five six seven eight nine";
    assert_eq!(server.post("/embed_all", &json!({"inputs": long})).status, 413);
    let cut = server.post("/embed_all", &json!({"inputs": long, "truncate": true}));
    assert_eq!(cut.header("x-catena-truncated-inputs"), Some("1"));
    assert_eq!(cut.json()[0].as_array().map(Vec::len), Some(8));
    let sparse = server.post("/embed_sparse", &body);
    assert_eq!(sparse.status, 404);
    assert!(sparse.json()["error"].as_str().is_some_and(|text| text.contains("SPLADE")));
}

#[test]
fn tokens_become_texts_again() {
    let server = start();
    let tokens = server.post("/tokenize", &json!({"inputs": "Wie geht’s?"})).json();
    let ids: Vec<&Value> = tokens.as_array().expect("a list").iter().map(|t| &t["id"]).collect();
    assert_eq!(server.post("/decode", &json!({"ids": ids})).json(), json!(["Wie geht’s?"]));
    let body = json!({"ids": [[104, 105], [72, 257]], "skip_special_tokens": false});
    assert_eq!(server.post("/decode", &body).json(), json!(["hi", "H<turn>"]));
    let foreign = server.post("/decode", &json!({"ids": [9999]}));
    assert_eq!((foreign.status, &foreign.json()["error_type"]), (422, &json!("Validation")));
}
