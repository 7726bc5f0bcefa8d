//! The protocol of text-generation-inference.

use crate::support::{ANSWER, CONTEXT, start};
use serde_json::{Value, json};

fn ask(parameters: &Value) -> Value {
    json!({"inputs": "Fees:", "parameters": parameters})
}

#[test]
fn a_text_is_continued() {
    let server = start();
    let answer = server.post("/generate", &json!({"inputs": "Fees:"})).json();
    assert_eq!(answer, json!({"generated_text": ANSWER}));
    let full = ask(&json!({"return_full_text": true, "max_new_tokens": 6}));
    assert_eq!(server.post("/generate", &full).json()["generated_text"], "Fees:A wire");
}

#[test]
fn details_say_how_the_text_came_about() {
    let server = start();
    let body = ask(&json!({"details": true, "decoder_input_details": true, "top_n_tokens": 2}));
    let details = server.post("/generate", &body).json()["details"].clone();
    assert_eq!(details["finish_reason"], "eos_token");
    assert_eq!(details["generated_tokens"], ANSWER.len() + 1);
    assert_eq!(details["seed"], Value::Null);
    let tokens = details["tokens"].as_array().expect("a list");
    assert_eq!((tokens.len(), &tokens[0]["text"]), (ANSWER.len() + 1, &json!("A")));
    assert_eq!((&tokens[0]["id"], &tokens[0]["special"]), (&json!(65), &json!(false)));
    let last = tokens.last().expect("tokens");
    assert_eq!((&last["text"], &last["special"]), (&json!("<eos>"), &json!(true)));
    assert!(last["logprob"].as_f64().expect("a number") <= 0.0);
    assert_eq!(details["top_tokens"][0].as_array().map(Vec::len), Some(2));
    let prefill = details["prefill"].as_array().expect("a list");
    assert_eq!((prefill.len(), &prefill[0]["logprob"]), (6, &Value::Null));
    assert!(prefill[1]["logprob"].is_number());
}

#[test]
fn ends_are_told_apart() {
    let server = start();
    let reason = |parameters: Value| {
        let answer = server.post("/generate", &ask(&parameters)).json();
        (answer["generated_text"].clone(), answer["details"]["finish_reason"].clone())
    };
    let length = reason(json!({"details": true, "max_new_tokens": 6}));
    assert_eq!(length, (json!("A wire"), json!("length")));
    // The stop sequence is part of the text, as the protocol has it.
    let stop = reason(json!({"details": true, "stop": ["$25"]}));
    assert_eq!(stop, (json!("A wire costs $25"), json!("stop_sequence")));
}

#[test]
fn the_likeliest_of_several_texts_is_the_answer() {
    let server = start();
    let body = ask(&json!({"best_of": 3, "do_sample": true, "temperature": 6.0, "details": true,
                           "max_new_tokens": 8}));
    let answer = server.post("/generate", &body).json();
    let details = &answer["details"];
    let others = details["best_of_sequences"].as_array().expect("a list");
    assert_eq!(others.len(), 2, "{answer}");
    let mean = |sequence: &Value| {
        let tokens = sequence["tokens"].as_array().expect("a list");
        let logprobs = tokens.iter().map(|token| token["logprob"].as_f64().expect("a number"));
        logprobs.sum::<f64>() / tokens.len() as f64
    };
    assert!(
        others
            .iter()
            .all(|other| mean(other) <= mean(details) && other["generated_text"].is_string())
    );
    let stream = server.post("/generate_stream", &body);
    assert_eq!((stream.status, &stream.json()["error_type"]), (422, &json!("validation")));
}

#[test]
fn a_stream_ends_with_the_whole_text() {
    let server = start();
    let ends: [(Value, &str, &str); 3] = [
        (json!({}), ANSWER, "eos_token"),
        (json!({"max_new_tokens": 6}), "A wire", "length"),
        (json!({"stop": ["$25"]}), "A wire costs $25", "stop_sequence"),
    ];
    for (parameters, text, reason) in ends {
        let answer = server.post("/generate_stream", &ask(&parameters));
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        let events = answer.events();
        let (last, others) = events.split_last().expect("events");
        let said = events.iter().filter(|event| event["token"]["special"] == false);
        let said: String = said.filter_map(|event| event["token"]["text"].as_str()).collect();
        assert_eq!((said.as_str(), &last["generated_text"]), (text, &json!(text)));
        assert_eq!(last["details"]["finish_reason"], reason);
        assert_eq!(last["details"]["generated_tokens"], events.len());
        assert_eq!(last["details"]["input_length"], 6);
        for (idx, event) in others.iter().enumerate() {
            assert_eq!((&event["index"], &event["details"]), (&json!(idx + 1), &Value::Null));
        }
    }
}

#[test]
fn the_answer_can_be_held_to_a_form() {
    let server = start();
    let schema = json!({"type": "object", "properties": {"fee": {"type": "integer", "maximum": 9}},
                        "required": ["fee"], "additionalProperties": false});
    let forms = [
        json!({"type": "json", "value": schema}),
        json!({"type": "json", "value": schema.to_string()}),
        json!({"type": "json_schema", "value": {"name": "fee", "schema": schema}}),
    ];
    for grammar in forms {
        let answer = server.post("/generate", &ask(&json!({"grammar": grammar}))).json();
        let text = answer["generated_text"].as_str().expect("a text");
        let value: Value = serde_json::from_str(text).expect("it parses");
        assert!(value["fee"].is_i64(), "{text}");
    }
    let grammar = json!({"type": "regex", "value": "(yes|no)!"});
    let events = server.post("/generate_stream", &ask(&json!({"grammar": grammar}))).events();
    let text = &events.last().expect("events")["generated_text"];
    assert!(text == "yes!" || text == "no!", "{text}");
}

#[test]
fn the_end_of_a_prompt_is_taken_when_asked_for() {
    let server = start();
    let body = json!({"inputs": "x".repeat(CONTEXT * 2), "parameters": {"max_new_tokens": 6}});
    let answer = server.post("/generate", &body);
    assert_eq!((answer.status, &answer.json()["error_type"]), (422, &json!("validation")));
    let cut = json!({"inputs": "x".repeat(CONTEXT * 2),
                     "parameters": {"max_new_tokens": 6, "truncate": 20, "details": true,
                                    "decoder_input_details": true}});
    let answer = server.post("/generate", &cut).json();
    assert_eq!(answer["generated_text"], "A wire");
    assert_eq!(answer["details"]["prefill"].as_array().map(Vec::len), Some(20));
}

#[test]
fn refusals_have_the_protocols_form() {
    let server = start();
    for (body, status, told) in [
        (json!({"inputs": ""}), 422, "`inputs`: it is empty"),
        (ask(&json!({"temperature": 0.0})), 422, "`temperature`: it must be more than 0"),
        (ask(&json!({"watermark": true})), 422, "`watermark` is not supported"),
        (ask(&json!({"best_of": 2})), 422, "`best_of`: it needs a way to draw tokens"),
        (ask(&json!({"best_of": 2, "do_sample": true, "seed": 1})), 422, "`seed`: it cannot"),
        (ask(&json!({"truncate": 0})), 422, "`truncate`: it must be at least 1"),
        (json!({"inputs": "x", "model": "bank"}), 422, "the model `bank` cannot be used here"),
        (json!({"inputs": "x", "model": "gpt"}), 404, "the model `gpt` does not exist"),
        (json!({"inputs": 7}), 422, "the request body cannot be read"),
    ] {
        let answer = server.post("/generate", &body);
        let error = answer.json();
        assert_eq!((answer.status, &error["error_type"]), (status, &json!("validation")));
        assert!(error["error"].as_str().expect("a text").starts_with(told), "{error}");
    }
    let answer = server.post("/generate", &ask(&json!({"max_new_tokens": 2, "mood": "good"})));
    assert_eq!(answer.header("x-catena-ignored-fields"), Some("parameters.mood"));
}

#[test]
fn one_page_of_information_serves_both_kinds_of_client() {
    let server = start();
    let info = server.get("/info").json();
    assert_eq!(info["model_id"], "bank-model");
    assert_eq!(info["max_total_tokens"], CONTEXT);
    assert_eq!(info["max_input_length"], 8);
    assert_eq!(info["model_type"], json!({"embedding": {}}));
    assert_eq!(info["model_pipeline_tag"], "text-generation");
}

#[test]
fn texts_are_cut_into_tokens() {
    let server = start();
    let tokens = server.post("/tokenize", &json!({"inputs": "Gö"})).json();
    // One token per byte; places are counted in characters.
    let token = |id: u32, text: &str, start: usize, stop: usize| json!({"id": id, "text": text, "special": false, "start": start, "stop": stop});
    assert_eq!(tokens[0], token(71, "G", 0, 1));
    assert_eq!(tokens[2], token(0xb6, "\u{fffd}", 1, 2));
    assert_eq!(tokens[3]["start"], Value::Null);
    let body = json!({"inputs": ["G", "a"], "add_special_tokens": false});
    let lists = server.post("/tokenize", &body).json();
    assert_eq!(lists, json!([[token(71, "G", 0, 1)], [token(97, "a", 0, 1)]]));
}
