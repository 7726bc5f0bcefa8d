//! Two calls in one answer, whole and streamed, in the form of each protocol.

use crate::support::{ANSWER, Server, start};
use serde_json::{Value, json};

/// The words that the calls follow.
const WORDS: &str = "Both.";

/// A request that the scripted model answers with two calls.
fn ask(tools: &Value, change: Value) -> Value {
    let mut body = json!({"model": "bank-model", "max_tokens": 200, "tools": tools,
                          "messages": [{"role": "user", "content": "Use both tools."}]});
    let (Value::Object(fields), Value::Object(change)) = (&mut body, change) else {
        panic!("two objects")
    };
    fields.extend(change);
    body
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"speed": {"enum": ["fast"]}}, "required": ["speed"]})
}

/// The tools as all but Anthropic have them.
fn functions() -> Value {
    json!([{"type": "function", "function": {"name": "fee", "parameters": schema()}},
           {"type": "function", "function": {"name": "close"}}])
}

fn expected() -> Value {
    json!([{"name": "fee", "arguments": {"speed": "fast"}}, {"name": "close", "arguments": {}}])
}

/// Names and arguments of calls whose arguments are JSON in a text; identities must differ.
fn read(calls: &[Value]) -> Value {
    let ids: Vec<&str> = calls.iter().filter_map(|call| call["id"].as_str()).collect();
    assert!(ids.len() == calls.len() && ids.windows(2).all(|two| two[0] != two[1]), "{ids:?}");
    let read = |call: &Value| {
        let arguments = call["function"]["arguments"].as_str().expect("a JSON text");
        let arguments: Value = serde_json::from_str(arguments).expect("JSON");
        json!({"name": call["function"]["name"], "arguments": arguments})
    };
    calls.iter().map(read).collect()
}

/// Puts pieces of calls together: each begins with the piece that names it.
fn joined<'a>(pieces: impl Iterator<Item = (u64, &'a Value)>) -> Vec<Value> {
    let mut calls: Vec<Value> = Vec::new();
    for (index, piece) in pieces {
        let index = usize::try_from(index).expect("a place");
        if index == calls.len() {
            assert!(piece["function"]["name"].is_string(), "{piece}");
            calls.push(piece.clone());
            continue;
        }
        assert_eq!(index + 1, calls.len(), "calls come one after the other");
        let more = piece["function"]["arguments"].as_str().expect("arguments");
        let known = calls[index]["function"]["arguments"].as_str().expect("arguments");
        calls[index]["function"]["arguments"] = json!(format!("{known}{more}"));
    }
    calls
}

fn streamed(mut body: Value) -> Value {
    body["stream"] = json!(true);
    body
}

#[test]
fn openai_has_them_in_a_list_and_by_their_index() {
    let server = start();
    let path = "/v1/chat/completions";
    let body = ask(&functions(), json!({}));
    let choice = server.post(path, &body).json()["choices"][0].clone();
    assert_eq!(choice["finish_reason"], "tool_calls", "{choice}");
    assert_eq!(choice["message"]["content"], WORDS);
    assert_eq!(read(choice["message"]["tool_calls"].as_array().expect("calls")), expected());
    let chunks = server.post(path, &streamed(body)).chunks();
    let deltas = || chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]);
    let pieces = deltas().filter_map(|delta| delta["tool_calls"].as_array()).flatten();
    let pieces = pieces.map(|piece| (piece["index"].as_u64().expect("an index"), piece));
    assert_eq!(read(&joined(pieces)), expected());
    let said: String = deltas().filter_map(|delta| delta["content"].as_str()).collect();
    assert_eq!(said, WORDS);
    let one = ask(&functions(), json!({"parallel_tool_calls": false}));
    let message = server.post(path, &one).json()["choices"][0]["message"].clone();
    assert_eq!(read(message["tool_calls"].as_array().expect("a call")), json!([expected()[0]]));
}

#[test]
fn responses_have_them_as_items() {
    let server = start();
    let tools = json!([{"type": "function", "name": "fee", "parameters": schema()},
                       {"type": "function", "name": "close"}]);
    let body = json!({"model": "bank-model", "input": "Use both tools.", "tools": tools,
                      "max_output_tokens": 200});
    let items = |response: &Value| -> Value {
        let read = |item: &Value| {
            if item["type"] == "message" {
                return item["content"][0]["text"].clone();
            }
            let arguments = item["arguments"].as_str().expect("a JSON text");
            let arguments: Value = serde_json::from_str(arguments).expect("JSON");
            json!({"name": item["name"], "arguments": arguments})
        };
        response["output"].as_array().expect("items").iter().map(read).collect()
    };
    let whole = server.post("/v1/responses", &body).json();
    let wanted = json!([WORDS, expected()[0], expected()[1]]);
    assert_eq!(items(&whole), wanted, "{whole}");
    let answer = server.post("/v1/responses", &streamed(body));
    let events = answer.named();
    assert_eq!(items(&events.last().expect("events").1["response"]), wanted);
    let done = |(name, _): &&(&str, Value)| *name == "response.function_call_arguments.done";
    let places: Vec<&Value> =
        events.iter().filter(done).map(|(_, data)| &data["output_index"]).collect();
    assert_eq!(places, [&json!(1), &json!(2)]);
}

#[test]
fn anthropic_has_them_as_blocks() {
    let server = start();
    let tools = json!([{"name": "fee", "input_schema": schema()},
                       {"name": "close", "input_schema": {"type": "object"}}]);
    let body = ask(&tools, json!({}));
    let answer = server.post("/v1/messages", &body).json();
    assert_eq!(answer["stop_reason"], "tool_use", "{answer}");
    let blocks = answer["content"].as_array().expect("blocks");
    assert_eq!((blocks.len(), &blocks[0]["text"]), (3, &json!(WORDS)));
    let call = |block: &Value| json!({"name": block["name"], "arguments": block["input"]});
    assert_eq!(blocks[1..].iter().map(call).collect::<Value>(), expected());
    assert_ne!(blocks[1]["id"], blocks[2]["id"]);
    let answer = server.post("/v1/messages", &streamed(body));
    let mut blocks: Vec<(Value, String)> = Vec::new();
    for (name, data) in answer.named() {
        let place = data["index"].as_u64().and_then(|index| usize::try_from(index).ok());
        match name {
            "content_block_start" => {
                assert_eq!(place, Some(blocks.len()));
                blocks.push((data["content_block"].clone(), String::new()));
            }
            "content_block_delta" => {
                assert_eq!(place, Some(blocks.len() - 1));
                let delta = &data["delta"];
                let more = delta["partial_json"].as_str().or(delta["text"].as_str());
                blocks[place.expect("a place")].1.push_str(more.expect("more"));
            }
            _ => {}
        }
    }
    assert_eq!(blocks[0].1, WORDS);
    let call = |(block, json): &(Value, String)| {
        let arguments: Value = serde_json::from_str(json).expect("JSON");
        json!({"name": block["name"], "arguments": arguments})
    };
    assert_eq!(blocks[1..].iter().map(call).collect::<Value>(), expected());
}

#[test]
fn cohere_has_them_behind_a_plan() {
    let server = start();
    let body = ask(&functions(), json!({}));
    let answer = server.post("/v2/chat", &body).json();
    assert_eq!(answer["finish_reason"], "TOOL_CALL", "{answer}");
    assert_eq!(answer["message"]["tool_plan"], WORDS);
    assert_eq!(read(answer["message"]["tool_calls"].as_array().expect("calls")), expected());
    let answer = server.post("/v2/chat", &streamed(body));
    let events = answer.named();
    let pieces = events.iter().filter(|(name, _)| name.starts_with("tool-call-"));
    let pieces = pieces.filter(|(name, _)| *name != "tool-call-end").map(|(_, data)| {
        (data["index"].as_u64().expect("an index"), &data["delta"]["message"]["tool_calls"])
    });
    assert_eq!(read(&joined(pieces)), expected());
    let plans = events.iter().filter(|(name, _)| *name == "tool-plan-delta");
    let plans: Vec<&Value> =
        plans.map(|(_, data)| &data["delta"]["message"]["tool_plan"]).collect();
    assert_eq!(plans, [WORDS]);
    assert!(events.iter().all(|(name, _)| !name.starts_with("content-")), "{}", answer.text);
    let ends = events.iter().filter(|(name, _)| *name == "tool-call-end");
    let ends: Vec<&Value> = ends.map(|(_, data)| &data["index"]).collect();
    assert_eq!(ends, [&json!(0), &json!(1)]);
    // Words without a call are the answer.
    let change = json!({"stream": true, "messages": [{"role": "user", "content": "Fee?"}]});
    let answer = server.post("/v2/chat", &ask(&functions(), change));
    let events = answer.named();
    let texts = events.iter().filter_map(|(_, data)| {
        data.pointer("/delta/message/content/text").and_then(Value::as_str)
    });
    assert_eq!(texts.collect::<String>(), ANSWER);
    assert!(events.iter().all(|(name, _)| *name != "tool-plan-delta"));
}

#[test]
fn ollama_has_them_whole() {
    let server = start();
    let mut body = ask(&functions(), json!({"stream": false}));
    body.as_object_mut().expect("an object").remove("max_tokens");
    let calls = |message: &Value| -> Vec<Value> {
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        calls.map(|call| call["function"].clone()).collect()
    };
    let message = server.post("/api/chat", &body).json()["message"].clone();
    assert_eq!((&message["content"], Value::from(calls(&message))), (&json!(WORDS), expected()));
    let lines = server.post("/api/chat", &streamed(body)).lines();
    let all: Vec<Value> = lines.iter().flat_map(|line| calls(&line["message"])).collect();
    assert_eq!(Value::from(all), expected());
}

/// The content of an answer of OpenAI's with `biases`, whole and streamed.
fn biased(server: &Server, biases: &Value, max_tokens: usize) -> String {
    let body = json!({"model": "bank-model", "max_tokens": max_tokens, "logit_bias": biases,
                      "temperature": 0, "messages": [{"role": "user", "content": "Fee?"}]});
    let path = "/v1/chat/completions";
    let whole = server.post(path, &body).json()["choices"][0]["message"]["content"].clone();
    let chunks = server.post(path, &streamed(body)).chunks();
    let deltas = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]["content"]);
    let said: String = deltas.filter_map(Value::as_str).collect();
    assert_eq!(whole, said);
    said
}

#[test]
fn a_bias_forbids_a_token_or_forces_it() {
    let server = start();
    let [a, b, z] = [b'A', b'B', b'Z'].map(|byte| u32::from(byte).to_string());
    assert_eq!(biased(&server, &json!({}), 60), ANSWER);
    // The other one is only likelier than all that the model does not want to say.
    assert_eq!(biased(&server, &json!({ a: -100, b: 1 }), 60), ANSWER.replace('A', "B"));
    assert_eq!(biased(&server, &json!({ z: 100 }), 5), "ZZZZZ");
}
