//! Text completions.

use crate::support::{ANSWER, start};
use serde_json::json;

#[test]
fn one_prompt_is_continued() {
    let server = start();
    let body = json!({"model": "bank-model", "prompt": "Fees:", "max_tokens": 100});
    let answer = server.post("/v1/completions", &body).json();
    assert_eq!(answer["object"], "text_completion");
    assert_eq!(answer["choices"][0]["text"], ANSWER);
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer["usage"]["prompt_tokens"], 6);
}

#[test]
fn the_limit_is_sixteen_tokens_unless_given() {
    let server = start();
    let body = json!({"model": "bank-model", "prompt": "Fees:"});
    let answer = server.post("/v1/completions", &body).json();
    assert_eq!(answer["choices"][0]["text"], ANSWER[..16]);
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
}

#[test]
fn several_prompts_and_tokens_are_continued() {
    let server = start();
    for prompt in [json!(["one", "two"]), json!([[72, 105, 257], [72, 257]])] {
        let body = json!({"model": "bank-model", "prompt": prompt, "max_tokens": 6});
        let answer = server.post("/v1/completions", &body).json();
        let choices = answer["choices"].as_array().expect("a list");
        assert_eq!(choices.len(), 2);
        assert!(choices.iter().all(|choice| choice["text"] == "A wire"));
        assert_eq!(choices[1]["index"], 1);
        assert_eq!(answer["usage"]["completion_tokens"], 12);
    }
}

#[test]
fn a_stream_carries_every_choice() {
    let server = start();
    let body = json!({
        "model": "bank-model", "prompt": ["one", "two"], "max_tokens": 8, "stream": true,
        "stream_options": {"include_usage": true},
    });
    let chunks = server.post("/v1/completions", &body).chunks();
    for idx in 0..2 {
        let text: String = chunks
            .iter()
            .filter(|chunk| chunk["choices"][0]["index"] == idx)
            .filter_map(|chunk| chunk["choices"][0]["text"].as_str())
            .collect();
        assert_eq!(text, ANSWER[..8]);
    }
    assert_eq!(chunks.last().expect("chunks")["usage"]["completion_tokens"], 16);
}

#[test]
fn log_probabilities_have_the_legacy_form() {
    let server = start();
    let body = json!({"model": "bank-model", "prompt": "x", "max_tokens": 3, "logprobs": 1});
    let answer = server.post("/v1/completions", &body).json();
    let logprobs = &answer["choices"][0]["logprobs"];
    assert_eq!(logprobs["tokens"], json!(["A", " ", "w"]));
    assert_eq!(logprobs["text_offset"], json!([0, 1, 2]));
    assert_eq!(logprobs["token_logprobs"].as_array().map(Vec::len), Some(3));
    assert!(logprobs["top_logprobs"][0]["A"].is_number());
}

#[test]
fn a_prompt_can_have_several_answers() {
    let server = start();
    let body = json!({"model": "bank-model", "prompt": ["one", "three"], "max_tokens": 6, "n": 3,
                      "temperature": 0.5, "seed": 1});
    let answer = server.post("/v1/completions", &body).json();
    let choices = answer["choices"].as_array().expect("a list");
    assert_eq!(choices.len(), 6);
    let indexes: Vec<u64> = choices.iter().filter_map(|choice| choice["index"].as_u64()).collect();
    assert_eq!(indexes, [0, 1, 2, 3, 4, 5]);
    // Each prompt counts once.
    assert_eq!(answer["usage"]["prompt_tokens"], 4 + 6);
    assert_eq!(answer["usage"]["completion_tokens"], 36);
}
