//! Rows of any JSON give a sample or a reason, never a panic.

use super::*;
use proptest::prelude::*;
use serde_json::json;

/// Names that formats look for, so that random rows reach deep into them.
const NAMES: [&str; 34] = [
    "messages",
    "conversations",
    "role",
    "from",
    "content",
    "value",
    "instruction",
    "input",
    "output",
    "history",
    "system",
    "tools",
    "chosen",
    "rejected",
    "prompt",
    "completion",
    "label",
    "kto_tag",
    "text",
    "tokens",
    "tags",
    "anchor",
    "positive",
    "negative",
    "query",
    "document",
    "score",
    "tool_calls",
    "function",
    "name",
    "arguments",
    "type",
    "function_call",
    "chat_template_kwargs",
];
const WORDS: [&str; 12] = [
    "user",
    "assistant",
    "human",
    "gpt",
    "tool",
    "system",
    "function_call",
    "observation",
    "true",
    "[{\"name\":1}]",
    "{\"name\":\"f\",\"arguments\":\"{}\"}",
    "<think></think>{}",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<f64>().prop_map(|number| json!(number)),
        any::<i64>().prop_map(|number| json!(number)),
        ".{0,8}".prop_map(Value::String),
        prop::sample::select(WORDS.to_vec()).prop_map(|word| json!(word)),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((prop::sample::select(NAMES.to_vec()), inner), 0..5)
                .prop_map(|pairs| pairs
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect::<Map<_, _>>())
                .prop_map(Value::Object),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_row_panics_in_any_format(
        pairs in prop::collection::vec((prop::sample::select(NAMES.to_vec()), value()), 0..8),
        rule in 0usize..3,
    ) {
        let row: Map<String, Value> =
            pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let peek = Peek::new(std::iter::once(&row));
        for name in sample_formats() {
            let format = format_named(name).unwrap();
            let found = format.detect(&peek).map(|(layout, _)| layout);
            let mut layout = found.unwrap_or_else(|| format.default_layout());
            layout.turn_rule = [TurnRule::Free, TurnRule::Alternating, TurnRule::AlternatingMerged][rule];
            let mut unknown = UnknownKeys::new(format, &layout);
            unknown.look(&row);
            unknown.finish();
            match format.read(Fields(&row), &layout) {
                // What was read is written and read again.
                Ok(sample) => {
                    let json = serde_json::to_value(&sample).unwrap();
                    prop_assert_eq!(serde_json::from_value::<TrainingSample>(json).unwrap(), sample);
                }
                Err(reason) => prop_assert!(!reason.to_string().is_empty()),
            }
        }
    }
}
