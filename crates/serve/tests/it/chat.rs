//! Chat completions, whole and streamed.

use crate::support::{ANSWER, Server, start};
use serde_json::{Value, json};

fn ask(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "What does a wire cost?"}]})
}

fn streamed(server: &Server, mut body: Value) -> Vec<Value> {
    body["stream"] = json!(true);
    let answer = server.post("/v1/chat/completions", &body);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    answer.chunks()
}

fn content(chunks: &[Value]) -> String {
    let deltas = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
    deltas.collect()
}

#[test]
fn a_bare_model_answers() {
    let server = start();
    let body = server.post("/v1/chat/completions", &ask("bank-model")).json();
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["model"], "bank-model");
    assert!(body["id"].as_str().expect("an id").starts_with("chatcmpl-"));
    let choice = &body["choices"][0];
    assert_eq!(choice["message"]["role"], "assistant");
    assert_eq!(choice["message"]["content"], ANSWER);
    assert_eq!(choice["finish_reason"], "stop");
    assert!(choice["message"].get("citations").is_none());
    let usage = &body["usage"];
    assert_eq!(usage["completion_tokens"], ANSWER.len() + 1);
    let total = usage["prompt_tokens"].as_u64().expect("a count") + ANSWER.len() as u64 + 1;
    assert_eq!(usage["total_tokens"], total);
}

#[test]
fn an_assistant_cites_what_it_retrieved() {
    let server = start();
    let message =
        server.post("/v1/chat/completions", &ask("bank")).json()["choices"][0]["message"].clone();
    // The mark [7] points at no passage.
    assert_eq!(
        message["citations"],
        json!([{
            "number": 1,
            "document_id": "fees",
            "title": "About fees",
            "span": {"start": 115, "end": 132},
            "quote": "A wire costs $25.",
        }])
    );
    let passages = message["passages"].as_array().expect("a list");
    assert_eq!(passages.len(), 2);
    assert_eq!(
        passages[1],
        json!({
            "number": 2,
            "document_id": "limits",
            "title": "About limits",
            "span": {"start": 100, "end": 116},
            "text": "Limits are high.",
        })
    );
}

#[test]
fn a_stream_brings_passages_first_and_citations_last() {
    let server = start();
    let chunks = streamed(&server, ask("bank"));
    let first = &chunks[0]["choices"][0]["delta"];
    assert_eq!(first["role"], "assistant");
    assert_eq!(first["passages"].as_array().map(Vec::len), Some(2));
    assert_eq!(content(&chunks), ANSWER);
    let last = &chunks.last().expect("chunks")["choices"][0];
    assert_eq!(last["finish_reason"], "stop");
    assert_eq!(last["delta"]["citations"][0]["document_id"], "fees");
    for chunk in &chunks[..chunks.len() - 1] {
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(chunk["id"], chunks[0]["id"]);
        assert_eq!(chunk["choices"][0]["finish_reason"], Value::Null);
    }
}

#[test]
fn usage_comes_in_a_chunk_of_its_own_when_asked_for() {
    let server = start();
    let mut body = ask("bank-model");
    body["stream_options"] = json!({"include_usage": true});
    let chunks = streamed(&server, body);
    let last = chunks.last().expect("chunks");
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["completion_tokens"], ANSWER.len() + 1);
}

#[test]
fn stop_strings_and_limits_end_the_answer() {
    let server = start();
    let mut body = ask("bank-model");
    body["stop"] = json!(["$25"]);
    let chunks = streamed(&server, body.clone());
    assert_eq!(content(&chunks), "A wire costs ");
    body["stop"] = json!("never said");
    body["max_tokens"] = json!(6);
    let choice = server.post("/v1/chat/completions", &body).json()["choices"][0].clone();
    assert_eq!(choice["message"]["content"], "A wire");
    assert_eq!(choice["finish_reason"], "length");
}

#[test]
fn held_text_is_not_lost_in_a_stream() {
    let server = start();
    let mut body = ask("bank-model");
    body["stop"] = json!(["wires"]);
    body["max_tokens"] = json!(6);
    assert_eq!(content(&streamed(&server, body)), "A wire");
}

#[test]
fn log_probabilities_come_with_tokens_and_bytes() {
    let server = start();
    let mut body = ask("bank-model");
    body["logprobs"] = json!(true);
    body["top_logprobs"] = json!(2);
    body["max_tokens"] = json!(3);
    let answer = server.post("/v1/chat/completions", &body).json();
    let content_list = answer["choices"][0]["logprobs"]["content"].as_array().expect("a list");
    assert_eq!(content_list.len(), 3);
    assert_eq!(content_list[0]["token"], "A");
    assert_eq!(content_list[0]["bytes"], json!([65]));
    assert!(content_list[0]["logprob"].as_f64().expect("a number") <= 0.0);
    assert_eq!(content_list[0]["top_logprobs"].as_array().map(Vec::len), Some(2));
    let chunks = streamed(&server, body);
    assert_eq!(chunks[1]["choices"][0]["logprobs"]["content"][0]["token"], "A");
}

#[test]
fn answers_can_be_held_to_a_schema_or_a_pattern() {
    let server = start();
    let mut body = ask("bank-model");
    body["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "kind", "schema":
        {"type": "object", "properties": {"fee": {"type": "integer", "maximum": 99}},
         "required": ["fee"], "additionalProperties": false}}});
    let answer = server.post("/v1/chat/completions", &body).json();
    let text = answer["choices"][0]["message"]["content"].as_str().expect("text").to_owned();
    let value: Value = serde_json::from_str(&text).expect("it parses");
    assert!(value["fee"].is_i64(), "{text}");
    body["response_format"] = json!({"type": "text"});
    body["structured_outputs"] = json!({"regex": "(yes|no)!"});
    let answer = server.post("/v1/chat/completions", &body).json();
    let text = answer["choices"][0]["message"]["content"].clone();
    assert!(text == "yes!" || text == "no!", "{text}");
}

#[test]
fn parts_developer_messages_and_nulls_are_understood() {
    let server = start();
    let body = json!({
        "model": "bank",
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": "Hello?"},
            {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": [{"type": "text", "text": "What does "},
                                         {"type": "text", "text": "a wire cost?"}]},
        ],
        "max_tokens": null,
        "tools": [],
        "n": 1,
        "logit_bias": {},
    });
    let answer = server.post("/v1/chat/completions", &body);
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("x-catena-ignored-fields"), None);
}

#[test]
fn fields_without_effect_are_named() {
    let server = start();
    let mut body = ask("bank-model");
    body["user"] = json!("ann");
    body["metadata"] = json!({"a": "b"});
    body["we\nird"] = json!(1);
    let answer = server.post("/v1/chat/completions", &body);
    assert_eq!(answer.header("x-catena-ignored-fields"), Some("user, metadata, we?ird"));
    body["stream"] = json!(true);
    let answer = server.post("/v1/chat/completions", &body);
    assert_eq!(answer.header("x-catena-ignored-fields"), Some("user, metadata, we?ird"));
}

#[test]
fn a_conversation_can_have_several_answers() {
    let server = start();
    let mut body = ask("bank-model");
    body["n"] = json!(3);
    let answer = server.post("/v1/chat/completions", &body).json();
    let choices = answer["choices"].as_array().expect("a list");
    assert_eq!(choices.len(), 3);
    for (idx, choice) in choices.iter().enumerate() {
        assert_eq!(
            (&choice["index"], &choice["message"]["content"]),
            (&json!(idx), &json!(ANSWER))
        );
    }
    let prompt_tokens = "What does a wire cost?".len() + 2;
    assert_eq!(answer["usage"]["prompt_tokens"], prompt_tokens);
    assert_eq!(answer["usage"]["completion_tokens"], 3 * (ANSWER.len() + 1));
    body["stream_options"] = json!({"include_usage": true});
    let chunks = streamed(&server, body);
    for idx in 0..3 {
        let of_choice: Vec<Value> =
            chunks.iter().filter(|chunk| chunk["choices"][0]["index"] == idx).cloned().collect();
        assert_eq!(content(&of_choice), ANSWER);
    }
    assert_eq!(chunks.last().expect("chunks")["usage"]["prompt_tokens"], prompt_tokens);
}

#[test]
fn tokens_of_a_known_beginning_are_told() {
    let server = start();
    let mut body = ask("bank-model");
    body["messages"][0]["content"] = json!("x".repeat(100));
    let told = |server: &Server| {
        let usage = server.post("/v1/chat/completions", &body).json()["usage"].clone();
        usage["prompt_tokens_details"]["cached_tokens"].as_u64()
    };
    assert_eq!(told(&server), Some(0));
    // Whole blocks of the 102 tokens.
    assert_eq!(told(&server), Some(96));
}

#[test]
fn older_names_of_forms_are_understood() {
    let server = start();
    for (field, value) in [
        ("guided_regex", json!("(yes|no)!")),
        ("guided_choice", json!(["yes!", "no!"])),
        ("guided_grammar", json!("start: (\"yes\" | \"no\") \"!\"")),
        ("guided_grammar", json!("root ::= word \"!\"\nword ::= \"yes\" | \"no\"")),
        ("guided_json", json!({"enum": ["yes!", "no!"]})),
        ("structured_outputs", json!({"choice": ["yes!", "no!"]})),
    ] {
        let mut body = ask("bank-model");
        body[field] = value;
        let answer = server.post("/v1/chat/completions", &body).json();
        let text = answer["choices"][0]["message"]["content"].as_str().expect("text").to_owned();
        assert!(["yes!", "no!"].contains(&text.trim_matches('"')), "{field}: {text}");
    }
}
