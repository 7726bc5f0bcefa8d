//! Thoughts before an answer, in the form of each protocol.

use crate::support::{ANSWER, Server, start, start_with_thinker};
use serde_json::{Value, json};

const THOUGHTS: &str = "A wire, then.";
const SAID: &str = "It costs $25.";

fn ask(change: Value) -> Value {
    let mut body = json!({"model": "bank-model", "max_tokens": 100,
                          "messages": [{"role": "user", "content": "Please think first."}]});
    let (Value::Object(fields), Value::Object(change)) = (&mut body, change) else {
        panic!("two objects")
    };
    fields.extend(change);
    body
}

/// The texts at `pointer` in order, joined; none may hold a piece of a mark.
#[track_caller]
fn joined<'a>(values: impl IntoIterator<Item = &'a Value>, pointer: &str) -> String {
    let texts = values.into_iter().filter_map(|value| value.pointer(pointer)?.as_str());
    let text: String = texts.collect();
    assert!(!text.contains(['<', '>']), "{text}");
    text
}

#[test]
fn openai_has_them_beside_the_content() {
    let server = start();
    let path = "/v1/chat/completions";
    let answer = server.post(path, &ask(json!({}))).json();
    let message = &answer["choices"][0]["message"];
    for (name, text) in
        [("content", SAID), ("reasoning_content", THOUGHTS), ("reasoning", THOUGHTS)]
    {
        assert_eq!(message[name], text, "{answer}");
    }
    let thought = &answer["usage"]["completion_tokens_details"]["reasoning_tokens"];
    assert!(thought.as_u64() > Some(THOUGHTS.len() as u64), "{answer}");
    let chunks = server.post(path, &ask(json!({"stream": true}))).chunks();
    for (name, text) in
        [("content", SAID), ("reasoning_content", THOUGHTS), ("reasoning", THOUGHTS)]
    {
        assert_eq!(joined(&chunks, &format!("/choices/0/delta/{name}")), text);
    }
    // Thoughts come before the first word.
    let has = |chunk: &Value, name: &str| {
        chunk["choices"][0]["delta"][name].as_str().is_some_and(|text| !text.is_empty())
    };
    let first_word = chunks.iter().position(|chunk| has(chunk, "content"));
    assert!(chunks.iter().rposition(|chunk| has(chunk, "reasoning")) < first_word);
    let plain = ask(json!({"messages": [{"role": "user", "content": "Fee?"}]}));
    let message = server.post(path, &plain).json()["choices"][0]["message"].clone();
    assert!(message.get("reasoning_content").is_none(), "{message}");
}

#[test]
fn an_answer_that_is_cut_in_its_thoughts_has_nothing_else() {
    let server = start();
    let body = ask(json!({"max_tokens": 12}));
    let choice = server.post("/v1/chat/completions", &body).json()["choices"][0].clone();
    assert_eq!(choice["finish_reason"], "length");
    assert_eq!(choice["message"]["reasoning_content"], "A wi");
    assert_eq!(choice["message"]["content"], "");
    // The mark itself is cut: it is text.
    let body = ask(json!({"max_tokens": 3}));
    let choice = server.post("/v1/chat/completions", &body).json()["choices"][0].clone();
    assert_eq!(choice["message"]["content"], "<th");
}

#[test]
fn anthropic_has_them_as_a_block() {
    let server = start();
    let answer = server.post("/v1/messages", &ask(json!({}))).json();
    let thinking = json!({"type": "thinking", "thinking": THOUGHTS, "signature": ""});
    assert_eq!(answer["content"], json!([thinking, {"type": "text", "text": SAID}]));
    let answer = server.post("/v1/messages", &ask(json!({"stream": true})));
    let events = answer.named();
    let starts = events.iter().filter(|(name, _)| *name == "content_block_start");
    let kinds: Vec<&Value> = starts.map(|(_, data)| &data["content_block"]["type"]).collect();
    assert_eq!(kinds, ["thinking", "text"]);
    let data: Vec<&Value> = events.iter().map(|(_, data)| data).collect();
    assert_eq!(joined(data.iter().copied(), "/delta/thinking"), THOUGHTS);
    assert_eq!(joined(data, "/delta/text"), SAID);
    // A client shows the block again.
    let messages = json!([{"role": "user", "content": "Fee?"},
                          {"role": "assistant", "content": [thinking]},
                          {"role": "user", "content": "Sure?"}]);
    let again = server.post("/v1/messages", &ask(json!({ "messages": messages })));
    assert_eq!(again.status, 200, "{}", again.text);
}

#[test]
fn cohere_has_them_in_the_content() {
    let server = start();
    let answer = server.post("/v2/chat", &ask(json!({}))).json();
    let content =
        json!([{"type": "thinking", "thinking": THOUGHTS}, {"type": "text", "text": SAID}]);
    assert_eq!(answer["message"]["content"], content);
    let answer = server.post("/v2/chat", &ask(json!({"stream": true})));
    let events = answer.named();
    let starts = events.iter().filter(|(name, _)| *name == "content-start");
    let kinds: Vec<(&Value, &Value)> = starts
        .map(|(_, data)| (&data["index"], &data["delta"]["message"]["content"]["type"]))
        .collect();
    assert_eq!(kinds, [(&json!(0), &json!("thinking")), (&json!(1), &json!("text"))]);
    let data: Vec<&Value> = events.iter().map(|(_, data)| data).collect();
    assert_eq!(joined(data.iter().copied(), "/delta/message/content/thinking"), THOUGHTS);
    assert_eq!(joined(data, "/delta/message/content/text"), SAID);
}

#[test]
fn ollama_has_them_in_the_message() {
    let server = start();
    let mut body = ask(json!({"stream": false}));
    body.as_object_mut().expect("an object").remove("max_tokens");
    let message = server.post("/api/chat", &body).json()["message"].clone();
    assert_eq!(message, json!({"role": "assistant", "content": SAID, "thinking": THOUGHTS}));
    body["stream"] = json!(true);
    let lines = server.post("/api/chat", &body).lines();
    assert_eq!(joined(&lines, "/message/thinking"), THOUGHTS);
    assert_eq!(joined(&lines, "/message/content"), SAID);
    let prompt = |stream: bool| json!({"model": "bank-model", "prompt": "Please think first.", "stream": stream});
    let answer = server.post("/api/generate", &prompt(false)).json();
    assert_eq!((&answer["thinking"], &answer["response"]), (&json!(THOUGHTS), &json!(SAID)));
    let lines = server.post("/api/generate", &prompt(true)).lines();
    assert_eq!(joined(&lines, "/thinking"), THOUGHTS);
    // A prompt that is taken as it is is continued as it is.
    let raw = json!({"model": "bank-model", "prompt": "think first", "raw": true, "stream": false});
    let answer = server.post("/api/generate", &raw).json();
    assert!(answer["response"].as_str().expect("a text").starts_with("<think>"), "{answer}");
}

#[test]
fn responses_have_them_as_an_item() {
    let server = start();
    let body = |stream: bool| json!({"model": "bank-model", "input": "Please think first.", "stream": stream});
    let check = |response: &Value| {
        let output = response["output"].as_array().expect("items");
        assert_eq!(output.len(), 2, "{response}");
        assert_eq!((&output[0]["type"], &output[0]["summary"]), (&json!("reasoning"), &json!([])));
        assert_eq!(output[0]["content"], json!([{"type": "reasoning_text", "text": THOUGHTS}]));
        assert_eq!(output[1]["content"][0]["text"], SAID);
        let details = &response["usage"]["output_tokens_details"];
        assert!(details["reasoning_tokens"].as_u64() > Some(0), "{response}");
    };
    check(&server.post("/v1/responses", &body(false)).json());
    let answer = server.post("/v1/responses", &body(true));
    let events = answer.named();
    let deltas = |wanted: &str| {
        let wanted = events.iter().filter(|(name, _)| *name == wanted);
        joined(wanted.map(|(_, data)| data), "/delta")
    };
    assert_eq!(deltas("response.reasoning_text.delta"), THOUGHTS);
    assert_eq!(deltas("response.output_text.delta"), SAID);
    let last = &events.last().expect("events").1["response"];
    check(last);
    // A client sends the items back, and asks further.
    let mut input = last["output"].as_array().expect("items").clone();
    input.push(json!({"role": "user", "content": "Sure?"}));
    let again = server.post("/v1/responses", &json!({"model": "bank-model", "input": input}));
    assert_eq!(again.status, 200, "{}", again.text);
}

/// Content and thoughts of the `thinker`'s answer to a question that is answered at once.
fn thought(server: &Server, path: &str, change: &Value) -> (String, String) {
    let mut body =
        ask(json!({"model": "thinker", "messages": [{"role": "user", "content": "Fee?"}]}));
    if path.starts_with("/api/") {
        body = json!({"model": "thinker", "messages": body["messages"], "stream": false});
    }
    body.as_object_mut().expect("fields").extend(change.as_object().expect("fields").clone());
    let answer = server.post(path, &body);
    assert_eq!(answer.status, 200, "{path} {change}: {}", answer.text);
    let answer = answer.json();
    let message = if path.starts_with("/api/") {
        &answer["message"]
    } else {
        &answer["choices"][0]["message"]
    };
    let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
    (text("content"), text("reasoning_content") + &text("thinking"))
}

#[test]
fn thoughts_are_switched_by_the_models_template() {
    let server = start_with_thinker();
    let (chat, ollama) = ("/v1/chat/completions", "/api/chat");
    let none = (ANSWER.to_owned(), String::new());
    // The mark in the prompt stands for as many bytes of what the model says.
    let all = (String::new(), ANSWER["<think>".len()..].trim_start().to_owned());
    for (path, change, expected) in [
        (chat, json!({}), &none),
        (chat, json!({"reasoning_effort": "none"}), &none),
        (chat, json!({"reasoning_effort": "high"}), &all),
        (chat, json!({"chat_template_kwargs": {"enable_thinking": true}}), &all),
        (ollama, json!({"think": true}), &all),
        (ollama, json!({"think": "low"}), &all),
        (ollama, json!({"think": false}), &none),
    ] {
        assert_eq!(&thought(&server, path, &change), expected, "{path} {change}");
    }
    let fee = json!([{"role": "user", "content": "Fee?"}]);
    let switched = |kind: &str| {
        let body = json!({"model": "thinker", "max_tokens": 100, "messages": fee,
                          "thinking": {"type": kind}});
        let anthropic = server.post("/v1/messages", &body).json()["content"][0]["type"].clone();
        let cohere = server.post("/v2/chat", &body).json()["message"]["content"][0]["type"].clone();
        [anthropic, cohere]
    };
    assert_eq!(switched("enabled"), ["thinking", "thinking"]);
    assert_eq!(switched("disabled"), ["text", "text"]);
    let body = json!({"model": "thinker", "input": "Fee?", "reasoning": {"effort": "low"}});
    let response = server.post("/v1/responses", &body).json();
    assert_eq!(response["output"][0]["type"], "reasoning", "{response}");
    assert_eq!(response["reasoning"]["effort"], "low");
    let shown = |model: &str| server.post("/api/show", &json!({ "model": model })).json();
    assert_eq!(shown("thinker")["capabilities"], json!(["completion", "tools", "thinking"]));
}

#[test]
fn a_form_holds_behind_thoughts() {
    let server = start_with_thinker();
    let tool = json!([{"type": "function", "function": {"name": "fee"}}]);
    let ask = |change: Value| {
        let mut body =
            ask(json!({"model": "thinker", "reasoning_effort": "high", "max_tokens": 150}));
        body.as_object_mut().expect("fields").extend(change.as_object().expect("fields").clone());
        let choice = server.post("/v1/chat/completions", &body).json()["choices"][0].clone();
        assert_eq!(choice["message"]["reasoning_content"], THOUGHTS, "{choice}");
        choice
    };
    let choice = ask(json!({"structured_outputs": {"choice": ["yes!", "yes?"]}}));
    assert!(choice["message"]["content"].as_str().expect("text").starts_with("yes"), "{choice}");
    let choice = ask(json!({"tools": tool, "tool_choice": "required"}));
    assert_eq!(choice["message"]["tool_calls"][0]["function"]["name"], "fee", "{choice}");
    let body = json!({"model": "thinker", "reasoning_effort": "high",
                      "guided_grammar": "start: \"a\"",
                      "messages": [{"role": "user", "content": "Fee?"}]});
    assert_eq!(server.post("/v1/chat/completions", &body).status, 400);
}

#[test]
fn what_a_model_cannot_do_is_refused() {
    let server = start();
    let switched = |kind: &str| json!({ "thinking": {"type": kind} });
    let simple = |field: &str, value: Value| json!({ field: value });
    for (path, change, status) in [
        ("/v1/chat/completions", simple("reasoning_effort", json!("none")), 200),
        ("/v1/chat/completions", simple("reasoning_effort", json!("low")), 400),
        ("/v1/chat/completions", simple("reasoning_effort", json!("much")), 400),
        ("/v1/messages", switched("disabled"), 200),
        ("/v1/messages", switched("enabled"), 400),
        ("/v1/messages", json!({"output_config": {"effort": "low"}}), 400),
        ("/v2/chat", switched("disabled"), 200),
        ("/v2/chat", switched("enabled"), 400),
        ("/api/chat", simple("think", json!(false)), 200),
        ("/api/chat", simple("think", json!(true)), 400),
    ] {
        let answer = server.post(path, &ask(change.clone()));
        assert_eq!(answer.status, status, "{path} {change}: {}", answer.text);
        let is_named = answer.text.contains("is not supported by this model")
            || change["reasoning_effort"] == "much";
        assert!(status == 200 || is_named, "{}", answer.text);
    }
}
