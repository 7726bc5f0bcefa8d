//! Forms, tools and templates that are broken or cost too much.

use crate::support::start;
use crate::wire::{CHAT, chat, is_up};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A malformed schema or pattern ended vLLM's engine for everyone.
#[test]
fn s13_a_bad_schema_harms_only_its_request() {
    let server = start();
    let mut deep = json!({"type": "string"});
    for _ in 0..40 {
        deep = json!({"type": "array", "items": deep});
    }
    let choices: Vec<String> = (0..40_000).map(|idx| idx.to_string()).collect();
    for form in [
        json!({"type": "json_schema", "json_schema": {"schema": {"type": 5}}}),
        json!({"type": "json_schema", "json_schema": {"schema": {"type": "string", "pattern": "("}}}),
        json!({"type": "json_schema", "json_schema": {"schema": {"$ref": "#/nowhere"}}}),
        json!({"type": "json_schema", "json_schema": {"schema": {"enum": choices}}}),
        json!({"type": "json_schema", "json_schema": {"schema": deep}}),
        json!({"type": "json_schema"}),
    ] {
        let mut body = chat();
        body["stream"] = json!(false);
        body["max_tokens"] = json!(8);
        body["response_format"] = form;
        let answer = server.post(CHAT, &body);
        assert!([200, 400, 413].contains(&answer.status), "{}", answer.text);
    }
    for tool in [
        json!({"type": "function", "function": {"name": "f", "parameters": {"type": 5}}}),
        json!({"type": "function", "function": {"name": "f", "parameters": {"pattern": "("}}}),
        json!({"type": "function", "function": {"name": "f", "parameters": []}}),
        json!({"type": "function", "function": {"name": "a b\n", "parameters": {}}}),
        json!({"type": "function", "function": {}}),
        json!({"type": 5}),
    ] {
        let mut body = chat();
        body["stream"] = json!(false);
        body["tools"] = json!([tool]);
        body["tool_choice"] = json!("required");
        body["max_tokens"] = json!(8);
        let answer = server.post(CHAT, &body);
        assert!([200, 400].contains(&answer.status), "{tool}: {}", answer.text);
    }
    is_up(&server);
}

/// Patterns and schemas of a few bytes kept the compilers of grammars busy for minutes.
#[test]
fn s15_forms_that_cost_too_much_are_refused_or_made_in_time() {
    let server = start();
    let recursive = json!({"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"});
    let choices: Vec<String> = (0..5000).map(|idx| idx.to_string()).collect();
    let forms = [
        json!({"regex": "(a{1,1000}){1,1000}"}),
        json!({"regex": "("}),
        json!({"regex": "(a)\\1"}),
        json!({"json": recursive}),
        json!({"json": {"type": "string", "maxLength": 1_000_000_000}}),
        json!({"json": {"type": "array", "minItems": 1_000_000_000}}),
        json!({"choice": choices}),
        json!({"grammar": "start: start"}),
    ];
    for form in forms {
        let begun = Instant::now();
        let mut body = chat();
        body["stream"] = json!(false);
        body["structured_outputs"] = form.clone();
        body["max_tokens"] = json!(8);
        let answer = server.post(CHAT, &body);
        assert!([200, 400].contains(&answer.status), "{form}: {}", answer.text);
        // Seconds at most where a test runs beside many others; minutes elsewhere.
        assert!(begun.elapsed() < Duration::from_secs(20), "{form}");
    }
    is_up(&server);
}

/// Clients of vLLM put loops into templates, and values into their variables that do the same.
#[test]
fn s16_clients_set_no_templates_and_no_other_variables() {
    let server = start();
    let endless = "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}";
    let variables = |value: Value| ("chat_template_kwargs", value);
    for (field, value) in [
        ("chat_template", json!(endless)),
        variables(json!({"chat_template": endless})),
        variables(json!({"messages": []})),
        variables(json!({"add_generation_prompt": false})),
        variables(json!({"tokenize": true})),
        variables(json!({"enable_thinking": [[[]]]})),
        variables(json!({"__class__": "x"})),
        variables(json!([])),
    ] {
        let mut body = chat();
        body[field] = value.clone();
        let answer = server.post(CHAT, &body);
        assert_eq!(answer.status, 400, "{field} {value}: {}", answer.text);
    }
    is_up(&server);
}
