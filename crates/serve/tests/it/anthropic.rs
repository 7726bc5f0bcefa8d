//! Anthropic's protocol.

use crate::support::{ANSWER, start};
use serde_json::{Value, json};

fn ask(change: Value) -> Value {
    let mut body = json!({"model": "bank-model", "max_tokens": 150,
                          "messages": [{"role": "user", "content": "What does a wire cost?"}]});
    let (Value::Object(fields), Value::Object(change)) = (&mut body, change) else {
        panic!("two objects")
    };
    fields.extend(change);
    body
}

fn tools(choice: &Value) -> Value {
    json!({"tools": [{"name": "wire_fee", "description": "The fee of a wire.", "input_schema":
            {"type": "object", "properties": {"speed": {"enum": ["fast"]}}, "required": ["speed"]}}],
           "tool_choice": choice})
}

#[test]
fn a_conversation_is_answered() {
    let server = start();
    let body = ask(json!({"system": [{"type": "text", "text": "Be brief."}]}));
    let answer = server.post("/v1/messages", &body).json();
    assert_eq!((&answer["type"], &answer["role"]), (&json!("message"), &json!("assistant")));
    assert!(answer["id"].as_str().expect("an id").starts_with("msg_"));
    assert_eq!(answer["content"], json!([{"type": "text", "text": ANSWER}]));
    assert_eq!(
        (&answer["stop_reason"], &answer["stop_sequence"]),
        (&json!("end_turn"), &Value::Null)
    );
    assert_eq!(answer["usage"]["output_tokens"], ANSWER.len() + 1);
}

#[test]
fn ends_are_told_apart_and_cached_tokens_counted() {
    let server = start();
    let end = |change: Value| {
        let answer = server.post("/v1/messages", &ask(change)).json();
        (answer["stop_reason"].clone(), answer["stop_sequence"].clone())
    };
    assert_eq!(end(json!({"max_tokens": 6})), (json!("max_tokens"), Value::Null));
    let stop = end(json!({"stop_sequences": ["never", "$25"]}));
    assert_eq!(stop, (json!("stop_sequence"), json!("$25")));
    let long = "Fees of cards and wires, please. ".repeat(4);
    let body = ask(json!({"messages": [{"role": "user", "content": long}]}));
    let first = server.post("/v1/messages", &body).json()["usage"].clone();
    let second = server.post("/v1/messages", &body).json()["usage"].clone();
    let count = |usage: &Value, name: &str| usage[name].as_u64().expect("a count");
    assert_eq!(count(&first, "cache_read_input_tokens"), 0);
    let cached = count(&second, "cache_read_input_tokens");
    assert!(cached > 0);
    assert_eq!(count(&second, "input_tokens") + cached, count(&first, "input_tokens"));
}

#[test]
fn a_stream_has_its_events_in_order() {
    let server = start();
    let answer = server.post("/v1/messages", &ask(json!({"stream": true})));
    let events = answer.named();
    let names: Vec<&str> = events.iter().map(|(name, _)| *name).collect();
    assert_eq!(names[..3], ["message_start", "ping", "content_block_start"]);
    let tail = ["content_block_stop", "message_delta", "message_stop"];
    assert_eq!(names[names.len() - 3..], tail);
    assert!(names[3..names.len() - 3].iter().all(|name| *name == "content_block_delta"));
    assert!(events.iter().all(|(name, data)| data["type"] == *name));
    let begun = &events[0].1["message"];
    assert_eq!((&begun["content"], &begun["stop_reason"]), (&json!([]), &Value::Null));
    let said: String =
        events.iter().filter_map(|(_, data)| data["delta"]["text"].as_str()).collect();
    assert_eq!(said, ANSWER);
    let delta = &events[events.len() - 2].1;
    assert_eq!(delta["delta"], json!({"stop_reason": "end_turn", "stop_sequence": null}));
    assert_eq!(delta["usage"]["output_tokens"], ANSWER.len() + 1);
    assert_eq!(delta["usage"]["input_tokens"], begun["usage"]["input_tokens"]);
}

#[test]
fn tools_are_called_whole_and_streamed() {
    let server = start();
    for choice in [
        json!({"type": "tool", "name": "wire_fee"}),
        json!({"type": "any", "disable_parallel_tool_use": true}),
    ] {
        let body = ask(tools(&choice));
        let answer = server.post("/v1/messages", &body).json();
        assert_eq!(answer["stop_reason"], "tool_use", "{answer}");
        let call = &answer["content"][0];
        assert_eq!((&call["type"], &call["name"]), (&json!("tool_use"), &json!("wire_fee")));
        assert_eq!(call["input"], json!({"speed": "fast"}));
    }
    let mut body = ask(tools(&json!({"type": "tool", "name": "wire_fee"})));
    body["stream"] = json!(true);
    let answer = server.post("/v1/messages", &body);
    let events = answer.named();
    let block = &events[2].1;
    assert_eq!(block["content_block"]["name"], "wire_fee");
    assert_eq!((&block["index"], &block["content_block"]["input"]), (&json!(0), &json!({})));
    let pieces = events.iter().filter_map(|(_, data)| data["delta"]["partial_json"].as_str());
    let json: String = pieces.collect();
    assert_eq!(serde_json::from_str::<Value>(&json).expect("JSON"), json!({"speed": "fast"}));
    assert_eq!(events[events.len() - 2].1["delta"]["stop_reason"], "tool_use");
}

#[test]
fn past_calls_and_results_are_part_of_the_conversation() {
    let server = start();
    let messages = json!([
        {"role": "user", "content": "Fee?"},
        {"role": "assistant", "content": [
            {"type": "text", "text": "Let me see."},
            {"type": "tool_use", "id": "toolu_1", "name": "wire_fee", "input": {"speed": "fast"}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1",
             "content": [{"type": "text", "text": "25"}]},
            {"type": "text", "text": "So?"}]},
    ]);
    let body = ask(json!({"messages": messages, "tools": tools(&json!({}))["tools"]}));
    let answer = server.post("/v1/messages", &body).json();
    assert_eq!(answer["content"][0]["text"], ANSWER, "{answer}");
}

#[test]
fn a_form_holds_the_answer() {
    let server = start();
    let schema = json!({"type": "object", "properties": {"fee": {"type": "integer", "maximum": 9}},
                        "required": ["fee"], "additionalProperties": false});
    let format = json!({"type": "json_schema", "schema": schema});
    // The second is what it was called before.
    for config in [json!({"output_config": {"format": format}}), json!({"output_format": format})] {
        let answer = server.post("/v1/messages", &ask(config)).json();
        let text = answer["content"][0]["text"].as_str().expect("a text");
        assert!(serde_json::from_str::<Value>(text).expect("JSON")["fee"].is_i64(), "{text}");
    }
    let both = json!({"output_config": {"format": format}, "output_format": format});
    assert_eq!(server.post("/v1/messages", &ask(both)).status, 400);
}

#[test]
fn tokens_are_counted_with_system_and_tools() {
    let server = start();
    let count = |change: Value| {
        let mut body = ask(change);
        body.as_object_mut().expect("an object").remove("max_tokens");
        server.post("/v1/messages/count_tokens", &body).json()["input_tokens"].as_u64()
    };
    let bare = count(json!({}));
    let usage = &server.post("/v1/messages", &ask(json!({}))).json()["usage"];
    assert_eq!(bare, usage["input_tokens"].as_u64());
    assert!(count(json!({"system": "Be brief."})) > bare);
    assert!(count(tools(&json!({"type": "auto"}))) > bare);
}

#[test]
fn refusals_have_the_protocols_form() {
    let server = start();
    for (change, status, kind) in [
        (json!({"model": "claude"}), 404, "not_found_error"),
        (json!({"max_tokens": null}), 400, "invalid_request_error"),
        (json!({"messages": []}), 400, "invalid_request_error"),
        (
            json!({"messages": [{"role": "assistant", "content": "Hm"}]}),
            400,
            "invalid_request_error",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image"}]}]}),
            400,
            "invalid_request_error",
        ),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 2000}}),
            400,
            "invalid_request_error",
        ),
        (
            json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
            400,
            "invalid_request_error",
        ),
        (json!({"tool_choice": {"type": "tool", "name": "none"}}), 400, "invalid_request_error"),
        (json!({"system": "x".repeat(70_000)}), 413, "request_too_large"),
    ] {
        let answer = server.post("/v1/messages", &ask(change));
        let body = answer.json();
        assert_eq!((answer.status, &body["error"]["type"]), (status, &json!(kind)), "{body}");
        assert_eq!((&body["type"], body["error"]["message"].is_string()), (&json!("error"), true));
    }
    server.engine.shutdown(true);
    let answer = server.post("/v1/messages", &ask(json!({})));
    assert_eq!((answer.status, &answer.json()["error"]["type"]), (529, &json!("overloaded_error")));
}

#[test]
fn an_assistant_cites_what_it_retrieved() {
    let server = start();
    let location = json!({"type": "search_result_location", "cited_text": "A wire costs $25.",
        "source": "fees", "title": "About fees", "search_result_index": 0,
        "start_block_index": 0, "end_block_index": 1});
    let answer = server.post("/v1/messages", &ask(json!({"model": "bank"}))).json();
    let block = json!({"type": "text", "text": ANSWER, "citations": [location]});
    assert_eq!(answer["content"], json!([block]));
    let answer = server.post("/v1/messages", &ask(json!({"model": "bank", "stream": true})));
    let events = answer.named();
    let cited = events.iter().position(|(_, data)| data["delta"]["type"] == "citations_delta");
    let cited = cited.expect("a citation");
    assert_eq!(events[cited].1["delta"]["citation"], location);
    assert_eq!(events[cited + 1].0, "content_block_stop");
}
