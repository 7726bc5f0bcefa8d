//! Tools of a chat completion.

use crate::support::{ANSWER, start};
use serde_json::{Value, json};

/// A request with two tools; the scripted model knows nothing of them, so only what is forced is
/// called, with the first values that the schemas allow.
fn ask(change: Value) -> Value {
    let mut body = json!({
        "model": "bank-model",
        "messages": [{"role": "user", "content": "What does a wire cost?"}],
        "tools": [
            {"type": "function", "function": {"name": "wire_fee", "description": "The fee of a wire.",
             "parameters": {"type": "object", "properties": {"speed": {"enum": ["fast"]}},
                            "required": ["speed"]}}},
            {"type": "function", "function": {"name": "close", "strict": true,
             "parameters": {"type": "object", "properties": {}, "additionalProperties": false}}},
        ],
        "max_tokens": 150,
    });
    let (Value::Object(fields), Value::Object(change)) = (&mut body, change) else {
        panic!("two objects")
    };
    fields.extend(change);
    body
}

const NAMED: &str = "wire_fee";

fn named() -> Value {
    json!({"tool_choice": {"type": "function", "function": {"name": NAMED}}})
}

#[test]
fn a_named_tool_is_called_with_arguments_of_its_schema() {
    let server = start();
    let answer = server.post("/v1/chat/completions", &ask(named())).json();
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls", "{answer}");
    assert_eq!(choice["message"]["content"], Value::Null);
    let calls = choice["message"]["tool_calls"].as_array().expect("calls");
    assert_eq!(calls.len(), 1);
    assert_eq!(
        (&calls[0]["type"], &calls[0]["function"]["name"]),
        (&json!("function"), &json!(NAMED))
    );
    assert!(calls[0]["id"].as_str().expect("an id").starts_with("call_"));
    let arguments = calls[0]["function"]["arguments"].as_str().expect("a JSON string");
    let arguments: Value = serde_json::from_str(arguments).expect("JSON");
    assert_eq!(arguments, json!({"speed": "fast"}));
}

#[test]
fn a_streamed_call_brings_its_name_first_and_its_arguments_in_pieces() {
    let server = start();
    let mut body = ask(named());
    body["stream"] = json!(true);
    let chunks = server.post("/v1/chat/completions", &body).chunks();
    let calls: Vec<&Value> = chunks
        .iter()
        .map(|chunk| &chunk["choices"][0]["delta"]["tool_calls"][0])
        .filter(|call| !call.is_null())
        .collect();
    assert_eq!(calls[0]["function"]["name"], NAMED);
    assert!(calls[0]["id"].is_string() && calls[1..].iter().all(|call| call.get("id").is_none()));
    assert!(calls.len() > 3 && calls.iter().all(|call| call["index"] == 0));
    let json: String =
        calls.iter().filter_map(|call| call["function"]["arguments"].as_str()).collect();
    let arguments: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(arguments, json!({"speed": "fast"}));
    let last = &chunks.last().expect("chunks")["choices"][0];
    assert_eq!(last["finish_reason"], "tool_calls");
}

#[test]
fn a_model_that_wants_no_tool_answers_in_words() {
    let server = start();
    for change in [json!({}), json!({"tool_choice": "auto"}), json!({"tool_choice": "none"})] {
        let message =
            server.post("/v1/chat/completions", &ask(change)).json()["choices"][0].clone();
        assert_eq!(message["message"]["content"], ANSWER);
        assert_eq!(message["finish_reason"], "stop");
        assert!(message["message"].get("tool_calls").is_none());
    }
}

#[test]
fn a_call_that_the_limit_cuts_says_so() {
    let server = start();
    let mut body = ask(named());
    body["max_tokens"] = json!(50);
    let choice = server.post("/v1/chat/completions", &body).json()["choices"][0].clone();
    assert_eq!(choice["finish_reason"], "length");
    assert_eq!(choice["message"]["tool_calls"][0]["function"]["name"], NAMED);
}

#[test]
fn past_calls_and_what_they_gave_are_part_of_the_conversation() {
    let server = start();
    let call = |arguments: &str| {
        json!({"role": "assistant", "content": null, "tool_calls": [{"id": "call_1", "type": "function",
               "function": {"name": NAMED, "arguments": arguments}}]})
    };
    let result = json!({"role": "tool", "tool_call_id": "call_1", "content": "25"});
    // Also a call that is not JSON does not spoil the turns after it.
    for (model, arguments) in
        [("bank-model", "{\"speed\": \"fast\"}"), ("bank-model", "{\"spe"), ("bank", "{}")]
    {
        let messages = json!([{"role": "user", "content": "Fee?"}, call(arguments), result]);
        let answer = server.post(
            "/v1/chat/completions",
            &ask(json!({"model": model, "messages": messages, "max_tokens": 40})),
        );
        assert_eq!(answer.json()["choices"][0]["message"]["content"], ANSWER, "{}", answer.text);
    }
}

#[test]
fn tools_that_cannot_be_taken_are_refused() {
    let server = start();
    let mut told = String::new();
    let function = |function: Value| json!({"tools": [{"type": "function", "function": function}]});
    let unique =
        json!({"type": "object", "properties": {"tags": {"type": "array", "uniqueItems": true}}});
    for change in [
        json!({"tools": [{"type": "function"}]}),
        json!({"tools": [{"type": "web_search"}]}),
        function(json!({"name": "a b"})),
        function(json!({"name": "a", "parameters": 5})),
        function(
            json!({"name": "a", "parameters": {"type": "object", "properties": {"x": {"type": 5}}}}),
        ),
        function(json!({"name": "a", "strict": true, "parameters": unique})),
        json!({"tool_choice": {"type": "function", "function": {"name": "other"}}}),
        json!({"tool_choice": "sometimes"}),
        json!({"tools": [], "tool_choice": "required"}),
        json!({"functions": [{"name": "a"}]}),
        json!({"structured_outputs": {"regex": "a+"}}),
        json!({"chat_template_kwargs": {"messages": []}}),
    ] {
        let answer = server.post("/v1/chat/completions", &ask(change.clone()));
        told.push_str(&format!("{change}\n  {} {}\n", answer.status, answer.json()["error"]));
    }
    insta::assert_snapshot!(told);
}
