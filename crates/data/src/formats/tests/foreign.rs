//! Rows of any JSON give a sample or a reason, and what gives a sample is encoded or refused; nothing
//! panics.

use super::*;
use crate::encode::EncodeOptions;
use crate::lint::{LintOptions, lint};
use crate::test_support::{CHATML, CHATML_MARKED, template, tokenizer};
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

/// Rows of turns, which most random rows are not.
fn turns() -> impl Strategy<Value = Value> {
    let turn = (prop::sample::select(WORDS.to_vec()), value(), ".{0,12}").prop_map(|(role, extra, words)| {
        json!({"role": role, "from": role, "content": words, "value": words, "tool_calls": extra})
    });
    prop::collection::vec(turn, 0..6).prop_map(Value::Array)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_is_read_is_encoded_or_refused(
        a in turns(), b in turns(), words in ".{0,20}", flag in any::<bool>(), max in 0usize..60,
    ) {
        let (tokenizer, templates) = (tokenizer(), [template(CHATML), template(CHATML_MARKED)]);
        let rows = [
            json!({"messages": a}), json!({"conversations": a, "label": flag}), json!({"prompt": a, "completion": b}),
            json!({"prompt": words, "chosen": a, "rejected": b}), json!({"chosen": a, "rejected": b}),
            json!({"prompt": words, "completion": words, "label": flag}), json!({"text": words}),
            json!({"instruction": words, "input": words, "output": words}),
        ];
        let mut samples = Vec::new();
        for row in &rows {
            let row = fields(row);
            let peek = Peek::new(std::iter::once(&row));
            let Ok((format, mut layout, _)) = detect(camino::Utf8Path::new("rows"), &peek) else { continue };
            layout.turn_rule = TurnRule::Free;
            samples.extend(format.read(Fields(&row), &layout));
        }
        for template in &templates {
            let options = LintOptions {
                tokenizer: Some(&tokenizer),
                template: Some(template),
                eval: &samples,
                ..LintOptions::new(EncodeOptions::new(max))
            };
            let report = lint(&samples, &options).unwrap();
            // Each sample is its own leak, whatever else is wrong with it.
            prop_assert_eq!(report.of("eval-leak").count(), samples.len());
        }
    }

    #[test]
    fn no_entry_of_a_data_set_panics(
        pairs in prop::collection::vec((prop::sample::select(vec![
            "file_name", "hf_hub_url", "formatting", "ranking", "subset", "split", "folder", "num_samples", "columns", "tags",
        ]), value()), 0..8),
    ) {
        let entry: Map<String, Value> =
            pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        if let Err(error) = crate::dataset_info::entry_of("random", &entry) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
