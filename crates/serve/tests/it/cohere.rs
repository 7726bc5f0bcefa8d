//! The second version of Cohere's protocol.

use crate::support::{ANSWER, start};
use serde_json::{Value, json};

fn ask(change: Value) -> Value {
    let mut body = json!({"model": "bank-model",
                          "messages": [{"role": "user", "content": "What does a wire cost?"}]});
    let (Value::Object(fields), Value::Object(change)) = (&mut body, change) else {
        panic!("two objects")
    };
    fields.extend(change);
    body
}

fn required() -> Value {
    json!({"tools": [{"type": "function", "function": {"name": "wire_fee", "parameters":
            {"type": "object", "properties": {"speed": {"enum": ["fast"]}}, "required": ["speed"]}}}],
           "tool_choice": "REQUIRED", "max_tokens": 150})
}

#[test]
fn a_conversation_is_answered() {
    let server = start();
    let answer = server.post("/v2/chat", &ask(json!({"logprobs": true}))).json();
    let content = json!([{"type": "text", "text": ANSWER}]);
    assert_eq!(answer["message"], json!({"role": "assistant", "content": content}));
    assert_eq!(answer["finish_reason"], "COMPLETE");
    assert_eq!(answer["usage"]["tokens"]["output_tokens"], ANSWER.len() + 1);
    assert_eq!(answer["logprobs"][0]["token_ids"], json!([65]));
    let end = |change: Value| server.post("/v2/chat", &ask(change)).json()["finish_reason"].clone();
    assert_eq!(end(json!({"max_tokens": 6})), "MAX_TOKENS");
    assert_eq!(end(json!({"stop_sequences": ["$25"]})), "STOP_SEQUENCE");
}

#[test]
fn a_stream_has_its_events_in_order() {
    let server = start();
    let answer = server.post("/v2/chat", &ask(json!({"stream": true})));
    let events = answer.named();
    let names: Vec<&str> = events.iter().map(|(name, _)| *name).collect();
    assert_eq!(names[..2], ["message-start", "content-start"]);
    assert_eq!(names[names.len() - 2..], ["content-end", "message-end"]);
    assert!(names[2..names.len() - 2].iter().all(|name| *name == "content-delta"));
    let text =
        |data: &Value| data["delta"]["message"]["content"]["text"].as_str().map(str::to_owned);
    let said: String = events.iter().filter_map(|(_, data)| text(data)).collect();
    assert_eq!(said, ANSWER);
    let end = &events.last().expect("events").1["delta"];
    assert_eq!(end["finish_reason"], "COMPLETE");
    assert_eq!(end["usage"]["billed_units"]["output_tokens"], ANSWER.len() + 1);
}

#[test]
fn tools_are_called_whole_and_streamed() {
    let server = start();
    let answer = server.post("/v2/chat", &ask(required())).json();
    assert_eq!(answer["finish_reason"], "TOOL_CALL", "{answer}");
    let call = &answer["message"]["tool_calls"][0]["function"];
    assert_eq!(call["name"], "wire_fee");
    let arguments = call["arguments"].as_str().expect("a JSON string");
    assert_eq!(serde_json::from_str::<Value>(arguments).expect("JSON"), json!({"speed": "fast"}));
    let mut body = ask(required());
    body["stream"] = json!(true);
    let answer = server.post("/v2/chat", &body);
    let events = answer.named();
    let calls = |data: &Value| data["delta"]["message"]["tool_calls"].clone();
    assert_eq!(
        (events[1].0, &calls(&events[1].1)["function"]["name"]),
        ("tool-call-start", &json!("wire_fee"))
    );
    let deltas = events.iter().filter(|(name, _)| *name == "tool-call-delta");
    let pieces = deltas.map(|(_, data)| calls(data)["function"]["arguments"].clone());
    let json: String = pieces.filter_map(|piece| piece.as_str().map(str::to_owned)).collect();
    assert_eq!(serde_json::from_str::<Value>(&json).expect("JSON"), json!({"speed": "fast"}));
    assert!(events.iter().any(|(name, _)| *name == "tool-call-end"));
    let messages = json!([
        {"role": "user", "content": "Fee?"},
        {"role": "assistant", "tool_plan": "I look it up.", "tool_calls": [{"id": "c1",
         "type": "function", "function": {"name": "wire_fee", "arguments": "{\"speed\": \"fast\"}"}}]},
        {"role": "tool", "tool_call_id": "c1",
         "content": [{"type": "document", "document": {"data": {"fee": "25"}}}]},
    ]);
    let answer = server.post("/v2/chat", &ask(json!({"messages": messages})));
    assert_eq!(answer.json()["message"]["content"][0]["text"], ANSWER, "{}", answer.text);
    for document in [json!({}), json!("x"), json!({"id": 1, "data": "x"})] {
        let part = json!({"type": "text", "text": "Fee?", "document": document});
        let messages = json!([{"role": "user", "content": [part]}]);
        let refused = server.post("/v2/chat", &ask(json!({"messages": messages})));
        assert_eq!(refused.status, 400, "{}", refused.text);
    }
}

#[test]
fn texts_become_vectors_of_every_type() {
    let server = start();
    let body = json!({"model": "bank-embedder", "input_type": "search_query", "texts": ["a fee"],
                      "embedding_types": ["float", "int8", "uint8", "binary", "ubinary", "base64"]});
    let answer = server.post("/v2/embed", &body).json();
    let embeddings = &answer["embeddings"];
    // The counts of a, e, i and o, each with a half: 1.5, 2.5, 0.5, 0.5.
    assert_eq!(embeddings["int8"], json!([[76, 127, 25, 25]]));
    assert_eq!(embeddings["uint8"], json!([[204, 255, 153, 153]]));
    assert_eq!(embeddings["ubinary"], json!([[0b1111_0000]]));
    assert_eq!(embeddings["binary"], json!([[0b0111_0000]]));
    assert_eq!(embeddings["float"][0].as_array().map(Vec::len), Some(4));
    assert_eq!(embeddings["base64"][0].as_str().map(str::len), Some(24));
    assert_eq!(answer["response_type"], "embeddings_by_type");
    let inputs = json!({"model": "bank-embedder", "input_type": "clustering",
                        "inputs": [{"content": [{"type": "text", "text": "a fee"}]}]});
    let floats = server.post("/v2/embed", &inputs).json()["embeddings"].clone();
    assert_eq!(floats, json!({"float": embeddings["float"]}));
    let long = "one two three four five six seven eight nine";
    let mut body = json!({"model": "bank-embedder", "input_type": "search_query", "texts": [long]});
    let cut = server.post("/v2/embed", &body);
    assert_eq!((cut.status, cut.header("x-catena-truncated-inputs")), (200, Some("1")));
    body["truncate"] = json!("NONE");
    let refused = server.post("/v2/embed", &body);
    let told = json!({"message": "input 0 has 9 tokens, the model reads 8"});
    assert_eq!((refused.status, refused.json()), (400, told));
}

#[test]
fn documents_are_ranked_by_what_there_is() {
    let server = start();
    let body = |model: &str| {
        json!({"model": model, "query": "wire fee", "top_n": 2,
               "documents": ["a limit", {"text": "a wire fee"}, "one fee"]})
    };
    let answer = server.post("/v2/rerank", &body("bank-reranker")).json();
    assert_eq!(answer["results"].as_array().map(Vec::len), Some(2));
    assert_eq!(answer["results"][1], json!({"index": 2, "relevance_score": 0.5}));
    assert!(answer["meta"].get("warnings").is_none());
    let answer = server.post("/v2/rerank", &body("bank-embedder")).json();
    assert!(answer["meta"]["warnings"][0].as_str().expect("a text").contains("cosine"));
    let score = |idx: usize| answer["results"][idx]["relevance_score"].as_f64().expect("a number");
    assert!(score(0) >= score(1) && score(0) <= 1.0 + 1e-6);
    assert_eq!(server.post("/v2/rerank", &body("bank-model")).status, 400);
}

#[test]
fn documents_are_answered_from_and_cited() {
    let server = start();
    let documents = json!([
        "Fees are fair. A wire costs $25.",
        {"id": "limits", "data": {"title": "About limits", "snippet": "Limits are high."}},
    ]);
    let with = |change: Value| {
        let mut body = ask(json!({ "documents": documents }));
        body.as_object_mut().expect("fields").extend(change.as_object().expect("fields").clone());
        body
    };
    let answer = server.post("/v2/chat", &with(json!({}))).json();
    assert_eq!(answer["message"]["content"][0]["text"], ANSWER);
    // The mark [7] points at no document.
    let document = json!({"id": "doc:0", "title": "", "text": "Fees are fair. A wire costs $25."});
    let expected = json!({"start": 0, "end": 16, "text": "A wire costs $25", "type": "TEXT_CONTENT",
        "sources": [{"type": "document", "id": "doc:0", "document": document}]});
    assert_eq!(answer["message"]["citations"], json!([expected]));
    // The documents are in the prompt.
    let read = |answer: &Value| answer["usage"]["tokens"]["input_tokens"].as_u64();
    let bare = server.post("/v2/chat", &ask(json!({}))).json();
    assert!(
        read(&answer) > read(&bare).map(|tokens| tokens + 60)
            && bare["message"]["citations"].is_null()
    );

    let answer = server.post("/v2/chat", &with(json!({"stream": true})));
    let events = answer.named();
    let names: Vec<&str> = events.iter().map(|(name, _)| *name).collect();
    let last = ["citation-start", "citation-end", "content-end", "message-end"];
    assert_eq!(names[names.len() - 4..], last);
    let citation = &events[events.len() - 4].1["delta"]["message"]["citations"];
    assert_eq!((&citation["text"], &citation["content_index"]), (&expected["text"], &json!(0)));
    assert_eq!(citation["sources"], expected["sources"]);

    let off = server.post("/v2/chat", &with(json!({"citation_options": {"mode": "OFF"}}))).json();
    assert!(off["message"].get("citations").is_none(), "{off}");
    let off = with(json!({"citation_options": {"mode": "OFF"}, "stream": true}));
    let names = server.post("/v2/chat", &off).text;
    assert!(names.contains("content-end") && !names.contains("citation-start"), "{names}");
    let grounded = server.post("/v2/chat", &ask(json!({"model": "bank"}))).json();
    assert_eq!(grounded["message"]["citations"][0]["sources"][0]["id"], "fees");
    for documents in [json!([""]), json!([{"data": {}}]), json!([{"id": "a"}]), json!([7])] {
        assert_eq!(server.post("/v2/chat", &ask(json!({ "documents": documents }))).status, 400);
    }
}

#[test]
fn unknown_models_are_refused_in_the_protocols_form() {
    let server = start();
    let answer = server.post("/v2/chat", &ask(json!({"model": "command-a"})));
    assert_eq!((answer.status, answer.json()["message"].is_string()), (404, true));
}
