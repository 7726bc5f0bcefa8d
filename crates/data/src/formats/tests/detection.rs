//! Which format a row is of, and what it becomes.

use super::*;
use serde_json::json;

#[expect(clippy::needless_pass_by_value, reason = "rows are written where they are read")]
fn check(row: Value, name: &str, reason: &str, kind: &str) {
    let map = fields(&row);
    let peek = Peek::new(std::iter::once(&map));
    let (format, _, why) = detect(camino::Utf8Path::new("rows"), &peek).unwrap();
    assert_eq!((format.name(), why.as_str()), (name, reason), "{row}");
    assert_eq!(read(&row).unwrap().kind(), kind, "{row}");
}

fn turns() -> Value {
    json!([{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}])
}

fn messages() -> Value {
    json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])
}

#[test]
fn a_margin_is_read_if_there_is_one() {
    let margin = |row: Value| {
        let TrainingSample::Preference(pair) = read(&row).unwrap() else { panic!("{row}") };
        pair.margin
    };
    let row = json!({"prompt": "a", "chosen": "b", "rejected": "c", "margin": "0.5"});
    assert_eq!(margin(row), Some(0.5));
    let row = json!({"prompt": "a", "chosen": "b", "rejected": "c", "margin": null});
    assert_eq!(margin(row), None);
    let row = json!({"prompt": "a", "chosen": "b", "rejected": "c"});
    assert_eq!(margin(row), None);
}

#[test]
fn conversations_are_known_by_their_columns() {
    let check = |row, name, reason| check(row, name, reason, "chat");
    let row = json!({"instruction": "a", "input": "", "output": "b"});
    check(row, "alpaca", "columns `instruction` and `output`");
    let row = json!({"instruction": "a", "context": "c", "response": "b", "category": "d"});
    check(row, "alpaca", "columns `instruction` and `response`");
    let row = json!({"conversations": turns(), "tools": "[]"});
    check(row, "sharegpt", "column `conversations` of `from` and `value`");
    let row = json!({"messages": messages()});
    check(row, "openai", "column `messages` of `role` and `content`");
    let row = json!({"conversations": messages()});
    check(row, "openai", "column `conversations` of `role` and `content`");
}

#[test]
fn preferences_are_known_by_their_columns() {
    let check = |row, name, reason| check(row, name, reason, "preference");
    let row = json!({"instruction": "a", "chosen": "b", "rejected": "c"});
    check(row, "alpaca_ranking", "columns `instruction` and `chosen` and `rejected`");
    let one = json!([{"from": "human", "value": "a"}]);
    let answer = json!({"from": "gpt", "value": "b"});
    let row = json!({"conversations": one, "chosen": answer, "rejected": answer});
    let reason = "columns `conversations` of `from` and `value`, `chosen` and `rejected`";
    check(row, "sharegpt_ranking", reason);
    let one = json!([{"role": "user", "content": "a"}]);
    let answer = json!({"role": "assistant", "content": "b"});
    let row = json!({"messages": one, "chosen": answer, "rejected": answer});
    let reason = "columns `messages` of `role` and `content`, `chosen` and `rejected`";
    check(row, "openai_ranking", reason);
    let explicit = "columns `prompt`, `chosen` and `rejected`";
    let row = json!({"prompt": "a", "chosen": "b", "rejected": "c"});
    check(row, "preference", explicit);
    let (both, other) = (messages(), json!([one[0], {"role": "assistant", "content": "c"}]));
    let row = json!({"messages": both, "prompt": "a", "chosen": both, "rejected": other});
    check(row, "preference", explicit);
    let row = json!({"chosen": both, "rejected": other});
    check(row, "preference", "columns `chosen` and `rejected`, which hold the prompt");
}

#[test]
fn completions_and_judgements_are_known_by_their_columns() {
    let row = json!({"prompt": "a", "completion": "b"});
    check(row, "completion", "columns `prompt` and `completion`", "completion");
    let row = json!({"question": "a", "answer": "b"});
    check(row, "completion", "columns `question` and `answer`", "completion");
    let check = |row, name, reason| check(row, name, reason, "unpaired");
    let row = json!({"instruction": "a", "output": "b", "kto_tag": true});
    check(row, "alpaca_kto", "columns `instruction` and `output` and `kto_tag`");
    let row = json!({"conversations": turns(), "label": false});
    let reason = "columns `conversations` of `from` and `value`, and `label` is true or false";
    check(row, "sharegpt_kto", reason);
    let row = json!({"messages": messages(), "label": true});
    let reason = "columns `messages` of `role` and `content`, and `label` is true or false";
    check(row, "openai_kto", reason);
    let row = json!({"prompt": "a", "completion": "b", "label": true});
    let reason = "columns `prompt` and `completion`, and `label` is true or false";
    check(row, "unpaired", reason);
    check(json!({"prompt": "a", "completion": "b", "label": 1}), "unpaired", reason);
}

#[test]
fn texts_and_pairs_are_known_by_their_columns() {
    check(json!({"text": "a"}), "text", "column `text`", "text");
    let classified = |row, reason| check(row, "classification", reason, "classification");
    classified(json!({"text": "a", "category": "b"}), "columns `text` and `category`");
    classified(json!({"text": "a", "label": 1}), "columns `text` and `label`");
    let row = json!({"premise": "a", "hypothesis": "b", "label": 2});
    classified(row, "columns `premise`, `hypothesis` and `label`");
    let row = json!({"tokens": ["a"], "ner_tags": [3]});
    check(row, "token_labels", "columns `tokens` and `ner_tags`", "token_labels");
    let row = json!({"anchor": "a", "positive": "b", "negative": "c"});
    check(row, "embedding", "columns `anchor`, `positive`, `negative`", "embedding");
    let row = json!({"sentence1": "a", "sentence2": "b", "score": "0.5"});
    check(row, "embedding", "columns `sentence1`, `sentence2`, `score`", "embedding");
    let row = json!({"query": "a", "passage": "b", "label": 1});
    check(row, "rerank", "columns `query`, `passage` and `label`", "rerank");
}

#[test]
fn unknown_columns_name_themselves_and_the_formats() {
    let map = fields(&json!({"foo": 1, "bar": "x"}));
    let peek = Peek::new(std::iter::once(&map));
    let error = detect(camino::Utf8Path::new("rows.json"), &peek).err().unwrap();
    insta::assert_snapshot!(error, @"the columns of rows.json fit no known format: bar, foo (formats: sharegpt_ranking, openai_ranking, alpaca_ranking, preference, sharegpt_kto, openai_kto, alpaca_kto, unpaired, sharegpt, openai, alpaca, token_labels, embedding, rerank, classification, completion, text)");
    let error = format_named("alpacca").err().unwrap();
    assert!(
        error.to_string().starts_with("unknown format `alpacca`, perhaps `alpaca` (known: "),
        "{error}"
    );
}

#[test]
fn a_format_has_columns_for_its_parts_by_default() {
    for name in sample_formats() {
        let format = format_named(name).unwrap();
        let layout = format.default_layout();
        for part in layout.columns.keys() {
            assert!(format.parts().contains(&part.as_str()), "{name} {part}");
        }
    }
}
