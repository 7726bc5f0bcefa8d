//! What a client gets for a request that cannot be answered.

use crate::support::{CONTEXT, start};
use serde_json::{Value, json};

/// The chat request with `change` applied.
fn with(change: Value) -> Value {
    let mut body =
        json!({"model": "bank-model", "messages": [{"role": "user", "content": "Hello?"}]});
    let (Value::Object(fields), Value::Object(change)) = (&mut body, change) else {
        panic!("two objects")
    };
    fields.extend(change);
    body
}

#[test]
fn refusals_name_the_field_and_the_reason() {
    let server = start();
    let mut told = String::new();
    let long = "x".repeat(1200);
    let cases = [
        json!({"model": "gpt-4"}),
        json!({"model": "bank-embedder"}),
        json!({"model": 7}),
        json!({"messages": []}),
        json!({"messages": [{"role": "user"}]}),
        json!({"messages": [{"role": "wizard", "content": "x"}]}),
        json!({"messages": [{"role": "user", "content": "x", "tool_calls": [{"function": {"name": "f"}}]}]}),
        json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}),
        json!({"messages": [{"role": "user", "content": long}]}),
        json!({"max_tokens": 1200}),
        json!({"max_tokens": 0}),
        json!({"max_tokens": 5, "max_completion_tokens": 6}),
        json!({"n": 0}),
        json!({"n": 1_000_000_000}),
        json!({"n": 1.5}),
        json!({"best_of": 2}),
        json!({"bad_words": ["no"]}),
        json!({"allowed_token_ids": [65]}),
        json!({"prompt_logprobs": 0}),
        json!({"truncate_prompt_tokens": 8}),
        json!({"length_penalty": 2}),
        json!({"skip_special_tokens": false}),
        json!({"reasoning_effort": "low"}),
        json!({"logit_bias": {"fifty": -100}}),
        json!({"logit_bias": {"50": -101}}),
        json!({"guided_regex": "("}),
        json!({"guided_regex": "a+", "guided_choice": ["a"]}),
        json!({"temperature": 11}),
        json!({"temperature": "hot"}),
        json!({"top_k": -5}),
        json!({"top_logprobs": 3}),
        json!({"top_logprobs": 30, "logprobs": true}),
        json!({"stop": [""]}),
        json!({"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": 5}}}}),
        json!({"response_format": {"type": "xml"}}),
        json!({"structured_outputs": {"regex": "("}}),
        json!({"response_format": {"type": "json_object"}, "structured_outputs": {"regex": "a"}}),
        json!({"model": "bank", "messages": [{"role": "assistant", "content": "Hi."}]}),
    ];
    for change in cases {
        let shown: String = change.to_string().chars().take(90).collect();
        let answer = server.post("/v1/chat/completions", &with(change));
        let error = answer.json()["error"].clone();
        told.push_str(&format!("{shown}\n  {} {error}\n", answer.status));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn bodies_that_are_no_json_object_are_refused() {
    let server = start();
    for body in ["", "[]", "{", "\"text\"", "{\"model\": \"bank\"}", "\u{0}"] {
        let answer = server.post_text("/v1/chat/completions", body);
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!("invalid_json")));
    }
    let deep = "[".repeat(5000);
    assert_eq!(server.post_text("/v1/chat/completions", &deep).status, 400);
}

#[test]
fn a_body_over_the_limit_is_refused() {
    let server = start();
    let body = with(json!({"user": "x".repeat(70_000)}));
    let answer = server.post("/v1/chat/completions", &body);
    assert_eq!(answer.status, 413);
    assert_eq!(answer.json()["error"]["code"], "body_too_large");
}

#[test]
fn a_prompt_that_fits_exactly_is_answered() {
    let server = start();
    // Message, line end and turn marker leave room for one token.
    let content = "x".repeat(CONTEXT - 3);
    let body = with(json!({"messages": [{"role": "user", "content": content}]}));
    let answer = server.post("/v1/chat/completions", &body).json();
    assert_eq!(answer["choices"][0]["message"]["content"], "A");
    assert_eq!(answer["usage"]["total_tokens"], CONTEXT);
}

#[test]
fn text_completions_are_for_bare_models_and_have_their_own_refusals() {
    let server = start();
    for (body, code) in [
        (json!({"model": "bank", "prompt": "x"}), "model_not_suitable"),
        (json!({"model": "bank-model", "prompt": "x", "echo": true}), "unsupported_parameter"),
        (json!({"model": "bank-model", "prompt": "x", "suffix": "y"}), "unsupported_parameter"),
        (json!({"model": "bank-model", "prompt": []}), "invalid_value"),
        (json!({"model": "bank-model", "prompt": vec!["x"; 17]}), "invalid_value"),
        (json!({"model": "bank-model", "prompt": [5000]}), "invalid_token"),
        (json!({"model": "bank-model", "prompt": [[]]}), "empty_prompt"),
    ] {
        let answer = server.post("/v1/completions", &body);
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!(code)), "{body}");
    }
}

/// Each of these was taken once, though the document says otherwise; the last one ended its handler.
#[test]
fn what_the_document_excludes_is_refused() {
    let server = start();
    let chat = |change: Value| with(change);
    let hello = json!([{"role": "user", "content": "Hello?"}]);
    let item = json!(["message", "user", "Hello?", null, null, null, null]);
    for (path, body, status) in [
        ("/v1/chat/completions", chat(json!({"stream_options": []})), 400),
        (
            "/v1/completions",
            json!({"model": "bank-model", "prompt": "x", "stream_options": []}),
            400,
        ),
        ("/v2/chat", json!({"model": "bank-model", "messages": hello, "p": -1}), 400),
        ("/api/chat", json!({"model": "bank-model", "options": {"temperature": 11}}), 400),
        ("/api/generate", json!({"model": "bank-model", "format": "xml"}), 400),
        ("/api/generate", json!({"model": "bank-model", "prompt": "x", "top_logprobs": 21}), 400),
        ("/generate", json!({"inputs": "x", "parameters": {"top_n_tokens": 21}}), 422),
        ("/v1/responses", json!({"model": "bank-model", "input": [item]}), 400),
        ("/v1/responses", json!({"model": "bank-model", "input": "x", "reasoning": [null]}), 400),
        (
            "/v1/messages/count_tokens",
            json!({"model": "bank-model", "messages": hello, "output_config": [null, null]}),
            400,
        ),
        (
            "/v2/chat",
            json!({"model": "bank-model", "messages": hello, "thinking": ["disabled"]}),
            400,
        ),
    ] {
        let answer = server.post(path, &body);
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text);
    }
    let made = server.post("/v1/responses", &json!({"model": "bank-model", "input": "x"})).json();
    let id = made["id"].as_str().expect("an id");
    for (query, status) in [("after=none", 404), ("limit=0", 400), ("limit=1", 200)] {
        let answer = server.get(&format!("/v1/responses/{id}/input_items?{query}"));
        assert_eq!(answer.status, status, "{query}: {}", answer.text);
    }
}

/// Fields that ask for what is so anyway pass; others of the same name do not.
#[test]
fn fields_that_cannot_be_honoured_pass_where_they_ask_for_nothing() {
    let server = start();
    let hello = json!([{"role": "user", "content": "Hello?"}]);
    let chat = |change: Value| with(change);
    let cohere = |change: Value| {
        let mut body = json!({"model": "bank-model", "messages": hello});
        body.as_object_mut().expect("fields").extend(change.as_object().expect("fields").clone());
        body
    };
    let ranked = |tokens: usize| {
        json!({"model": "bank-reranker", "query": "fee", "documents": ["a fee"],
               "max_tokens_per_doc": tokens})
    };
    for (path, body, status) in [
        ("/v1/chat/completions", chat(json!({"skip_special_tokens": true, "bad_words": []})), 200),
        (
            "/v1/chat/completions",
            chat(json!({"length_penalty": 1.0, "prompt_logprobs": null})),
            200,
        ),
        ("/v1/completions", json!({"model": "bank-model", "prompt": "x", "bad_words": ["a"]}), 400),
        ("/v2/chat", cohere(json!({"safety_mode": "OFF"})), 200),
        ("/v2/chat", cohere(json!({"safety_mode": "STRICT"})), 400),
        ("/v2/rerank", ranked(4096), 200),
        ("/v2/rerank", ranked(100), 400),
    ] {
        let answer = server.post(path, &body);
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text);
        assert_eq!(answer.header("x-catena-ignored-fields"), None, "{body}");
    }
    let made = server.post("/v1/responses", &json!({"model": "bank-model", "input": "x"})).json();
    let path = format!("/v1/responses/{}", made["id"].as_str().expect("an id"));
    assert_eq!(server.get(&format!("{path}?stream=false")).status, 200);
    let streamed = server.get(&format!("{path}?stream=true"));
    assert_eq!((streamed.status, &streamed.json()["error"]["param"]), (400, &json!("stream")));
}

/// Fields that other routes or servers honour under this name change the answer: where they cannot be
/// honoured they are refused, and the refusal says what can be sent instead.
#[test]
fn fields_of_other_routes_and_servers_are_refused() {
    let server = start();
    let embed = |change: Value| {
        let mut body = json!({"model": "bank-embedder", "input": "a fee"});
        body.as_object_mut().expect("fields").extend(change.as_object().expect("fields").clone());
        body
    };
    let response = |field: &str, value: Value| {
        let mut body = json!({"model": "bank-model", "input": "x"});
        body[field] = value;
        ("/v1/responses", body, "use `")
    };
    let elsewhere = |field: &str, value: Value| {
        let (path, body, _) = response(field, value);
        (path, body, "`/v1/chat/completions` takes it")
    };
    let cohere = json!({"model": "bank-embedder", "input_type": "search_query", "texts": ["a fee"],
                        "embedding_types": ["float"], "max_tokens": 2});
    let raw = json!({"model": "bank-model", "raw_prompting": true,
                     "messages": [{"role": "user", "content": "Hello?"}]});
    for (path, body, told) in [
        response("max_tokens", json!(5)),
        response("max_completion_tokens", json!(5)),
        response("response_format", json!({"type": "json_object"})),
        response("reasoning_effort", json!("low")),
        response("messages", json!([{"role": "user", "content": "x"}])),
        response("logprobs", json!(true)),
        elsewhere("stop", json!(["x"])),
        elsewhere("logit_bias", json!({"65": -100})),
        elsewhere("top_k", json!(1)),
        elsewhere("min_p", json!(0.5)),
        elsewhere("repetition_penalty", json!(1.5)),
        elsewhere("structured_outputs", json!({"choice": ["yes"]})),
        ("/v1/responses", json!({"model": "bank-model", "input": "x", "n": 2}), "one answer"),
        ("/v1/chat/completions", with(json!({"grammar": "root ::= \"a\""})), "`guided_grammar`"),
        ("/v1/chat/completions", with(json!({"json_schema": {"enum": [1]}})), "`response_format`"),
        ("/v1/chat/completions", with(json!({"mirostat": 2})), "`min_p`"),
        ("/v1/chat/completions", with(json!({"logits_processors": ["a"]})), "`logit_bias`"),
        ("/v1/chat/completions", with(json!({"return_token_ids": true})), "`/tokenize`"),
        ("/v1/embeddings", embed(json!({"truncate_prompt_tokens": 1})), "never cut"),
        ("/v1/embeddings", embed(json!({"normalize": false})), "`/embed`"),
        ("/v2/embed", cohere, "send shorter texts"),
        ("/v2/chat", raw, "`/v1/completions`"),
    ] {
        let answer = server.post(path, &body);
        assert_eq!(answer.status, 400, "{path} {body}: {}", answer.text);
        assert!(
            answer.text.contains("is not supported") && answer.text.contains(told),
            "{}",
            answer.text
        );
    }
    // What asks for nothing passes, and is not named.
    let mut body = json!({"model": "bank-model", "input": "x"});
    for (field, value) in [("n", json!(1)), ("stop", json!([])), ("top_k", json!(-1))] {
        body[field] = value;
    }
    let answer = server.post("/v1/responses", &body);
    assert_eq!((answer.status, answer.header("x-catena-ignored-fields")), (200, None));
}

#[test]
fn a_whole_number_may_have_a_fraction_of_zero() {
    let server = start();
    let body = with(json!({"max_tokens": 2.0, "seed": -7.0, "top_k": 1e1}));
    let answer = server.post("/v1/chat/completions", &body);
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["usage"]["completion_tokens"], 2);
}
