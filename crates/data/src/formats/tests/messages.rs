//! Messages in the shapes that data sets have.

use super::*;
use catena_protocol::{ChatSample, Label, Role};
use serde_json::json;

#[expect(clippy::needless_pass_by_value, reason = "rows are written where they are read")]
fn chat(row: Value) -> ChatSample {
    let TrainingSample::Chat(sample) = read(&row).unwrap() else { panic!("{row}") };
    sample
}

#[expect(clippy::needless_pass_by_value, reason = "rows are written where they are read")]
fn reason(row: Value) -> String {
    let reason = read(&row).unwrap_err();
    format!("{} ({})", reason, reason.code())
}

#[expect(clippy::needless_pass_by_value, reason = "rows are written where they are read")]
fn messages(list: Value) -> Value {
    json!({ "messages": list })
}

#[test]
fn tool_calls_are_read_in_all_their_spellings() {
    let user = json!({"role": "user", "content": "a"});
    let function = json!({"name": "fee", "arguments": {"card": "gold"}});
    let written = json!({"name": "fee", "arguments": "{\"card\": \"gold\"}"});
    for calls in [
        json!({"tool_calls": [{"id": "c", "type": "function", "function": function}]}),
        json!({"tool_calls": [{"id": "c", "type": "function", "function": written}]}),
        json!({"tool_calls": [function]}),
        json!({"tool_calls": json!([function]).to_string()}),
        json!({"function_call": written, "content": null}),
    ] {
        let mut message = fields(&calls);
        message.insert("role".into(), "assistant".into());
        let sample = chat(messages(json!([user, message])));
        let call = &sample.messages[1].tool_calls[0].function;
        assert_eq!(
            (call.name.as_str(), &call.arguments),
            ("fee", &json!({"card": "gold"})),
            "{calls}"
        );
        assert_eq!(sample.messages[1].content, None);
    }
    let tools = json!([{"name": "fee"}]);
    let wrapped = json!([{"type": "function", "function": {"name": "fee"}}]);
    let turns = json!([user, {"role": "assistant", "content": "b"}]);
    for tools in
        [tools.clone(), wrapped.clone(), tools.to_string().into(), json!([tools[0].to_string()])]
    {
        let sample = chat(json!({"messages": turns, "tools": tools}));
        assert_eq!(json!(sample.extras.tools), wrapped);
    }
    insta::assert_snapshot!(reason(json!({"messages": turns, "tools": "[{"})), @"`tools` is not a JSON list of tools (tools)");
    let broken = json!([user, {"role": "assistant", "tool_calls": [{"id": "x"}]}]);
    insta::assert_snapshot!(reason(messages(broken)), @"the function call in turn 2 is not JSON with a `name` (function-call)");
    let thinking = json!([{"from": "human", "value": "a"}, {"from": "function_call", "value": "<think>\nx\n</think>\n{\"name\": \"fee\", \"arguments\": {}}"}]);
    let sample = chat(json!({"conversations": thinking}));
    assert_eq!(sample.messages[1].text(), "<think>\nx\n</think>");
}

#[test]
fn parts_roles_and_flags_are_read() {
    let sample = chat(json!({
        "messages": [
            {"role": "developer", "content": "s"},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "assistant", "content": "c", "reasoning": "r", "weight": 0},
            {"role": "user", "content": "d", "name": "n"},
            {"role": "assistant", "content": "e", "train": true},
        ],
        "chat_template_kwargs": {"enable_thinking": false},
    }));
    let roles: Vec<Role> = sample.messages.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::System, Role::User, Role::Assistant, Role::User, Role::Assistant]);
    assert_eq!(sample.messages[1].text(), "ab");
    assert_eq!(
        (sample.messages[2].reasoning_content.as_deref(), sample.messages[2].train),
        (Some("r"), Some(false))
    );
    assert_eq!(
        (sample.messages[3].name.as_deref(), sample.messages[4].train),
        (Some("n"), Some(true))
    );
    assert_eq!(sample.extras.chat_template_kwargs["enable_thinking"], false);
}

#[test]
fn rows_that_do_not_fit_say_why() {
    let user = json!({"role": "user", "content": "a"});
    insta::assert_snapshot!(reason(messages(json!([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]))), @"an image in `content` cannot be trained on (not-text)");
    insta::assert_snapshot!(reason(messages(json!([user, {"role": "narrator", "content": "b"}]))), @"turn 2 is of `narrator`, which is no known role (unknown-role)");
    insta::assert_snapshot!(reason(messages(json!([user, {"role": 3}]))), @"`role` is a number, expected a text (wrong-kind)");
    insta::assert_snapshot!(reason(messages(json!([user, {"role": "user"}]))), @"`content` is missing (missing-value)");
    insta::assert_snapshot!(reason(messages(json!([{"role": "system", "content": "s"}]))), @"the conversation has no turns (no-turns)");
    insta::assert_snapshot!(reason(messages(json!([user, {"role": "assistant", "content": "b", "weight": 0.5}]))), @"`weight` is a number, expected 0, 1, true or false (wrong-kind)");
    insta::assert_snapshot!(reason(json!({"conversations": [{"from": "human", "value": "a"}]})), @"the conversation has 1 turns, expected an even number (turn-count)");
    insta::assert_snapshot!(reason(json!({"conversations": [{"from": "gpt", "value": "a"}]})), @"turn 1 is of `gpt`, expected human or observation (wrong-turn)");
    insta::assert_snapshot!(reason(json!({"instruction": "a", "output": 3})), @"`output` is a number, expected a text (wrong-kind)");
    insta::assert_snapshot!(reason(json!({"instruction": "a", "output": "b", "history": [["q"]]})), @"`history` is a list, expected pairs of a question and an answer (wrong-kind)");
    insta::assert_snapshot!(reason(json!({"tokens": ["a", "b"], "tags": [1]})), @"2 words have 1 labels (label-count)");
    insta::assert_snapshot!(reason(json!({"query": "a", "document": "b", "score": "high"})), @"`score` is a text, expected a number (wrong-kind)");
    insta::assert_snapshot!(reason(json!({"prompt": "a", "chosen": "b", "rejected": {"role": "user"}})), @"`content` is missing (missing-value)");
}

#[test]
fn labels_are_names_or_numbers() {
    let label = |row: Value| {
        let TrainingSample::Classification(sample) = read(&row).unwrap() else { panic!("{row}") };
        sample.label
    };
    assert_eq!(label(json!({"text": "a", "label": 2})), Label::Number(2.0));
    assert_eq!(label(json!({"text": "a", "label": true})), Label::Number(1.0));
    assert_eq!(label(json!({"text": "a", "label": "2"})), Label::Name("2".into()));
    let judged = json!({"prompt": "a", "completion": "b", "label": "False"});
    let TrainingSample::Unpaired(sample) = read(&judged).unwrap() else { panic!() };
    assert!(!sample.label);
}

#[test]
fn unknown_keys_are_counted_with_the_nearest_known_one() {
    let format = format_named("openai").unwrap();
    let layout = format.default_layout();
    let mut unknown = UnknownKeys::new(format, &layout);
    for _ in 0..2 {
        unknown.look(&fields(&json!({
            "messages": [{"role": "user", "content": "a", "wieght": 1, "note": null}],
            "tool": [], "id": 7, "messages_id": 8, "tools": null,
        })));
    }
    let found: Vec<_> = unknown
        .finish()
        .into_iter()
        .map(|key| (key.key, key.count, key.nearest, key.alone))
        .collect();
    let near = |name: &str| Some(name.to_owned());
    assert_eq!(
        found,
        [
            ("id".into(), 2, None, 0),
            ("messages[].wieght".into(), 2, near("weight"), 2),
            ("messages_id".into(), 2, near("messages"), 0),
            ("tool".into(), 2, near("tools"), 2),
        ]
    );
}
