//! Fields and parameters without effect, in every protocol.

use crate::support::{Server, start};
use camino::Utf8Path;
use serde_json::{Value, json};
use tempfile::TempDir;

/// What the answer names.
#[track_caller]
fn check(server: &Server, path: &str, body: &Value, expected: Option<&str>) {
    let answer = server.post(path, body);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    assert_eq!(answer.header("x-catena-ignored-fields"), expected, "{path} {body}");
}

#[test]
fn nested_fields_without_effect_are_named() {
    let server = start();
    let chat = |change: Value| {
        let mut body = json!({"model": "bank-model", "max_tokens": 2, "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Fee?"}]}]});
        let fields = change.as_object().expect("fields").clone();
        body.as_object_mut().expect("fields").extend(fields);
        body
    };
    let format = json!({"type": "json_schema", "json_schema": {"name": "a", "strict": true,
        "description": "b", "schema": {"type": "object", "title": "c"}}});
    let path = "/v1/chat/completions";
    check(&server, path, &chat(json!({})), None);
    let body = chat(json!({"response_format": format}));
    check(&server, path, &body, Some("response_format.json_schema.description"));
    let body = chat(json!({"stream": true, "stream_options": {"include_obfuscation": true}}));
    check(&server, path, &body, Some("stream_options.include_obfuscation"));
    let named = json!({"messages": [{"role": "user", "name": "Ann", "content": "Fee?"}]});
    check(&server, path, &chat(named), Some("messages[].name"));
    let answered = json!({"messages": [
        {"role": "user", "content": "Fee?"},
        {"role": "assistant", "content": null, "refusal": null, "annotations": [], "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "fee", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "a", "name": "fee", "content": "25"},
    ], "tools": [{"type": "function", "function": {"name": "fee", "parameters": {
        "type": "object", "properties": {"speed": {"type": "string", "examples": ["x"]}}}}}]});
    check(&server, path, &chat(answered), None);

    let cached = json!({"type": "ephemeral"});
    let blocks = json!({"messages": [
        {"role": "user", "content": [{"type": "text", "text": "Fee?", "cache_control": cached}]},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "a", "name": "fee", "input": {"any": {"thing": 1}}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": "no", "is_error": true}]},
    ], "system": [{"type": "text", "text": "Be brief.", "cache_control": cached}]});
    let expected =
        "messages[].content[].cache_control, messages[].content[].is_error, system[].cache_control";
    check(&server, "/v1/messages", &chat(blocks), Some(expected));
    let hidden = json!({"messages": [{"role": "user", "content": "Fee?", "id": 1}]});
    check(&server, "/v2/chat", &chat(hidden), Some("messages[].id"));
    let body = json!({"model": "bank-model", "stream": false, "options": {"num_ctx": 1, "top_k": 1},
                      "messages": [{"role": "user", "content": "Fee?", "tool_call_id": "x"}]});
    check(&server, "/api/chat", &body, Some("messages[].tool_call_id, options.num_ctx"));
    let body = json!({"model": "bank-model", "input": [
        {"type": "message", "role": "user", "id": "msg_1", "status": "completed", "content": [
            {"type": "input_text", "text": "Fee?", "detail": "low"}]}],
        "text": {"format": {"type": "text"}, "verbosity": "low"},
        "tools": [{"type": "function", "name": "fee", "strict": false, "cost": 1}]});
    let expected = "input[].content[].detail, tools[].cost, text.verbosity";
    let answer = server.post("/v1/responses", &body);
    let told = answer.header("x-catena-ignored-fields").unwrap_or_default();
    let sorted = |text: &str| {
        let mut names: Vec<String> = text.split(", ").map(str::to_owned).collect();
        names.sort();
        names
    };
    assert_eq!(sorted(told), sorted(expected), "{}", answer.text);
    let body = json!({"inputs": "Fee?", "parameters": {"max_new_tokens": 2, "extra": 1}});
    check(&server, "/generate", &body, Some("parameters.extra"));
}

/// A file that was to expire stays, and who sent it learns that.
#[test]
fn parts_of_a_form_without_effect_are_named() {
    let temporary = TempDir::new().expect("a folder");
    let server = start();
    server.app.keep_files(Utf8Path::from_path(temporary.path()).expect("UTF-8")).expect("a folder");
    let part = |name: &str, text: &str| {
        format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let form = [
        part("purpose", "user_data"),
        part("expires_after[anchor]", "created_at"),
        part("expires_after[seconds]", "3600"),
        part("file\"; filename=\"a", "text"),
        "--x--\r\n".to_owned(),
    ];
    let kind = [("content-type", "multipart/form-data; boundary=x")];
    let sent = server.send("POST", "/v1/files", &kind, &form.concat());
    assert_eq!((sent.status, &sent.json()["expires_at"]), (200, &Value::Null), "{}", sent.text);
    let told = "expires_after[anchor], expires_after[seconds]";
    assert_eq!(sent.header("x-catena-ignored-fields"), Some(told));
}

#[test]
fn unknown_parameters_of_the_address_are_named() {
    let server = start();
    let told = |path: &str| {
        let answer = server.get(path);
        (answer.status, answer.header("x-catena-ignored-fields").map(str::to_owned))
    };
    assert_eq!(told("/v1/models"), (200, None));
    assert_eq!(told("/v1/models?page=2"), (200, Some("?page".to_owned())));
    let body = json!({"model": "bank-model", "max_tokens": 2, "user": "ann",
                      "messages": [{"role": "user", "content": "Fee?"}]});
    check(&server, "/v1/messages?beta=true", &body, Some("user, ?beta"));
    let made = server.post("/v1/responses", &json!({"model": "bank-model", "input": "x"})).json();
    let items = format!("/v1/responses/{}/input_items", made["id"].as_str().expect("an id"));
    assert_eq!(told(&format!("{items}?limit=1&order=asc")), (200, None));
    assert_eq!(told(&format!("{items}?limit=1&include=x")), (200, Some("?include".to_owned())));
    // A refusal has no effect to tell of.
    assert_eq!(told(&format!("{items}?limit=0&include=x")), (400, None));
}
