//! Which format a row is of, and what it becomes.

use super::*;
use serde_json::json;

fn check(row: Value, name: &str, reason: &str, kind: &str) {
    let map = fields(&row);
    let peek = Peek::new(std::iter::once(&map));
    let (format, _, why) = detect(camino::Utf8Path::new("rows"), &peek).unwrap();
    assert_eq!((format.name(), why.as_str()), (name, reason), "{row}");
    assert_eq!(read(&row).unwrap().kind(), kind, "{row}");
}

#[test]
fn formats_are_known_by_their_columns() {
    let turns = json!([{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]);
    let messages = json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]);
    let one = json!([{"from": "human", "value": "a"}]);
    let answer = json!({"from": "gpt", "value": "b"});
    let user = json!([{"role": "user", "content": "a"}]);
    let good = json!([{"role": "assistant", "content": "b"}]);
    check(
        json!({"instruction": "a", "input": "", "output": "b"}),
        "alpaca",
        "columns `instruction` and `output`",
        "chat",
    );
    check(
        json!({"instruction": "a", "chosen": "b", "rejected": "c"}),
        "alpaca_ranking",
        "columns `instruction` and `chosen` and `rejected`",
        "preference",
    );
    check(
        json!({"instruction": "a", "output": "b", "kto_tag": true}),
        "alpaca_kto",
        "columns `instruction` and `output` and `kto_tag`",
        "unpaired",
    );
    check(
        json!({"conversations": turns, "tools": "[]"}),
        "sharegpt",
        "column `conversations` of `from` and `value`",
        "chat",
    );
    check(
        json!({"conversations": one, "chosen": answer, "rejected": answer}),
        "sharegpt_ranking",
        "columns `conversations` of `from` and `value`, `chosen` and `rejected`",
        "preference",
    );
    check(
        json!({"conversations": turns, "label": false}),
        "sharegpt_kto",
        "columns `conversations` of `from` and `value`, and `label` is true or false",
        "unpaired",
    );
    check(
        json!({"messages": messages}),
        "openai",
        "column `messages` of `role` and `content`",
        "chat",
    );
    check(
        json!({"conversations": messages}),
        "openai",
        "column `conversations` of `role` and `content`",
        "chat",
    );
    check(
        json!({"messages": messages, "label": true}),
        "openai_kto",
        "columns `messages` of `role` and `content`, and `label` is true or false",
        "unpaired",
    );
    check(
        json!({"prompt": "a", "completion": "b"}),
        "completion",
        "columns `prompt` and `completion`",
        "completion",
    );
    check(
        json!({"question": "a", "answer": "b"}),
        "completion",
        "columns `question` and `answer`",
        "completion",
    );
    check(
        json!({"prompt": user, "completion": good, "label": true}),
        "unpaired",
        "columns `prompt` and `completion`, and `label` is true or false",
        "unpaired",
    );
    check(
        json!({"prompt": "a", "chosen": "b", "rejected": "c"}),
        "preference",
        "columns `prompt`, `chosen` and `rejected`",
        "preference",
    );
    check(
        json!({"chosen": messages, "rejected": [user[0], answer]}),
        "preference",
        "columns `chosen` and `rejected`, which hold the prompt",
        "preference",
    );
    check(
        json!({"messages": messages, "prompt": "a", "chosen": messages, "rejected": messages}),
        "preference",
        "columns `prompt`, `chosen` and `rejected`",
        "preference",
    );
    check(json!({"text": "a"}), "text", "column `text`", "text");
    check(
        json!({"text": "a", "category": "b"}),
        "classification",
        "columns `text` and `category`",
        "classification",
    );
    check(
        json!({"text": "a", "label": 1}),
        "classification",
        "columns `text` and `label`",
        "classification",
    );
    check(
        json!({"premise": "a", "hypothesis": "b", "label": 2}),
        "classification",
        "columns `premise`, `hypothesis` and `label`",
        "classification",
    );
    check(
        json!({"tokens": ["a"], "ner_tags": [3]}),
        "token_labels",
        "columns `tokens` and `ner_tags`",
        "token_labels",
    );
    check(
        json!({"anchor": "a", "positive": "b", "negative": "c"}),
        "embedding",
        "columns `anchor`, `positive`, `negative`",
        "embedding",
    );
    check(
        json!({"sentence1": "a", "sentence2": "b", "score": "0.5"}),
        "embedding",
        "columns `sentence1`, `sentence2`, `score`",
        "embedding",
    );
    check(
        json!({"query": "a", "passage": "b", "label": 1}),
        "rerank",
        "columns `query`, `passage` and `label`",
        "rerank",
    );
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
        for (part, _) in &layout.columns {
            assert!(format.parts().contains(&part.as_str()), "{name} {part}");
        }
    }
}
