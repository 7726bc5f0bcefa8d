//! Embeddings.

use crate::support::start;
use serde_json::{Value, json};

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number")).collect()
}

#[test]
fn vectors_come_as_numbers_or_base64() {
    let server = start();
    let body = json!({"model": "bank-embedder", "input": ["a fee", "io"]});
    let answer = server.post("/v1/embeddings", &body).json();
    assert_eq!(answer["object"], "list");
    assert_eq!(answer["usage"], json!({"prompt_tokens": 3, "total_tokens": 3}));
    assert_eq!(answer["data"][1]["index"], 1);
    let vector = floats(&answer["data"][0]["embedding"]);
    assert_eq!(vector.len(), 4);
    assert!((vector.iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-6);
    let body = json!({"model": "bank-embedder", "input": "a fee", "encoding_format": "base64"});
    let answer = server.post("/v1/embeddings", &body).json();
    let text = answer["data"][0]["embedding"].as_str().expect("text").to_owned();
    // 16 bytes.
    assert_eq!((text.len(), text.ends_with("==")), (24, true));
}

#[test]
fn what_does_not_fit_is_refused_with_both_numbers() {
    let server = start();
    let long = "one two three four five six seven eight nine";
    let body = json!({"model": "bank-embedder", "input": ["ok", long]});
    let answer = server.post("/v1/embeddings", &body);
    assert_eq!(answer.status, 400);
    let error = &answer.json()["error"];
    assert_eq!(error["code"], "context_length_exceeded");
    assert_eq!(error["message"], "input 1 has 9 tokens, the model reads 8");
}

#[test]
fn odd_inputs_are_refused() {
    let server = start();
    let many = vec!["x"; 257];
    for (input, code) in [
        (json!([]), "invalid_value"),
        (json!([""]), "invalid_value"),
        (json!(many), "invalid_value"),
        (json!([1, 2]), "invalid_value"),
        (json!(7), "invalid_json"),
    ] {
        let body = json!({"model": "bank-embedder", "input": input});
        let answer = server.post("/v1/embeddings", &body);
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!(code)));
    }
    for dimensions in [0, 99_999] {
        let body = json!({"model": "bank-embedder", "input": "x", "dimensions": dimensions});
        assert_eq!(server.post("/v1/embeddings", &body).status, 400);
    }
}

#[test]
fn vectors_are_shortened_if_asked() {
    let server = start();
    let body = json!({"model": "bank-embedder", "input": "a wire", "dimensions": 1});
    let vector = &server.post("/v1/embeddings", &body).json()["data"][0]["embedding"];
    let values = vector.as_array().expect("values");
    assert_eq!(values.len(), 1);
    assert!((values[0].as_f64().expect("a number").abs() - 1.0).abs() < 1e-6, "{values:?}");
}
