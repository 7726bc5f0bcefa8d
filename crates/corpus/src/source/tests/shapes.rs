//! Which column is the text, and rows that have turns instead.

use super::*;
use serde_json::json;

#[test]
fn a_file_that_is_one_text_is_named_by_its_file() {
    let page: &[u8] = b"<html><body><h1>Fees</h1>";
    let folder = folder(&[("a/fees.html", page), ("a/notes.txt", b"One\n\ntwo"), ("b.md", b"x")]);
    let input = path(&folder, "");
    let found = documents(&input, &ReadOptions::default());
    let ids: Vec<&str> = found.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["a/fees.html", "a/notes.txt", "b.md"]);
    let options = ReadOptions { text_by: TextBy::Paragraph, ..ReadOptions::default() };
    let found = documents(&input, &options);
    let ids: Vec<&str> = found.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["a/fees.html", "a/notes.txt:1", "a/notes.txt:3", "b.md:1"]);
}

fn one(row: &Value) -> Row {
    let folder = folder(&[("x.jsonl", row.to_string().as_bytes())]);
    let mut rows = read(&path(&folder, "x.jsonl"), &ReadOptions::default());
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

/// The text, the id, the source and the metadata of a row.
fn check(row: &Value, expected: &(&str, &str, &str, Value)) {
    let Row::Document(found) = one(row) else { panic!("{row}") };
    let metadata = Value::Object(found.metadata);
    let found = (found.text.as_str(), found.id.as_str(), found.source.as_str(), metadata);
    assert_eq!(&found, expected, "{row}");
}

fn check_bad(row: &Value, expected: &str) {
    let Row::Bad(found) = one(row) else { panic!("{row}") };
    assert_eq!(found.reason.to_string(), expected, "{row}");
}

#[test]
fn columns_are_found_by_their_names() {
    check(&json!({"text": "t", "id": 7, "u": 1}), &("t", "7", "x.jsonl", json!({"u": 1})));
    check(
        &json!({"content": "c", "title": "x"}),
        &("c", "x.jsonl:1", "x.jsonl", json!({"title": "x"})),
    );
    check(
        &json!({"body": "b", "content": null}),
        &("b", "x.jsonl:1", "x.jsonl", json!({"content": null})),
    );
    check_bad(&json!({"x": 1, "y": "z"}), "no column holds text (columns: x, y)");
    check_bad(&json!({"text": 5}), "the text column `text` holds a number");
    check_bad(&json!({"text": " \n"}), "there is no text in it");
    check_bad(&json!([1]), "a row is a list, expected an object");
}

#[test]
fn a_column_makes_no_markup() {
    let row = json!({"text": "a < b", "format": "html"});
    let Row::Document(found) = one(&row) else { panic!("{row}") };
    assert_eq!((found.markup, &found.metadata["format"]), (None, &json!("html")));
}

#[test]
fn dolma_and_datatrove_documents_have_flat_metadata() {
    let dolma =
        json!({"id": "a", "text": "t", "source": "cc", "added": "2024", "metadata": {"url": "u"}});
    check(&dolma, &("t", "a", "cc", json!({"url": "u", "added": "2024"})));
    let datatrove = json!({"text": "t", "id": "a", "media": [], "metadata": {"media": 1}});
    check(&datatrove, &("t", "a", "x.jsonl", json!({"media": 1, "_media": []})));
}

#[test]
fn turns_are_joined_and_the_row_is_kept() {
    let kept = |row: Value, text: &str| {
        let Row::Document(found) = one(&row) else { panic!("{row}") };
        assert!(found.turns);
        assert_eq!(found.text, text);
        assert_eq!(Value::Object(found.metadata), row);
    };
    kept(json!({"instruction": "Add.", "input": "1 2", "output": "3"}), "Add.\n\n1 2\n\n3");
    kept(
        json!({"id": 3, "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Yes"}]}),
        "Hi\n\nYes",
    );
    kept(
        json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "Look"}]}, {"role": "assistant", "content": "I see"}]}),
        "Look\n\nI see",
    );
    kept(json!({"prompt": "p", "chosen": "c", "rejected": "r"}), "p\n\nc\n\nr");
    kept(json!({"prompt": "p", "completion": "c", "label": true}), "p\n\nc");
    kept(json!({"history": [["a", "b"]], "query": "q", "response": "r"}), "a\n\nb\n\nq\n\nr");
}

#[test]
fn the_texts_of_turns_are_those_that_are_joined_and_all_others_are_not() {
    let check = |row: Value| {
        let Value::Object(row) = row else { panic!("{row}") };
        let (mut turns, mut others) = (row.clone(), row.clone());
        let (mut texts, mut rest) = (Vec::new(), Vec::new());
        change_turns(&mut turns, |text| {
            texts.push(text.to_owned());
            Some("T".to_owned())
        });
        change_texts(&mut others, |text, is_turn| {
            rest.extend((!is_turn).then(|| text.to_owned()));
            (!is_turn).then(|| "O".to_owned())
        });
        let joined = join_turns(&row).unwrap();
        let mut parts: Vec<&str> = joined.split("\n\n").collect();
        parts.sort_unstable();
        texts.sort_unstable();
        assert_eq!(parts, texts);
        assert_eq!(join_turns(&turns).unwrap(), vec!["T"; texts.len()].join("\n\n"));
        assert_eq!(join_turns(&others).as_deref(), Some(joined.as_str()), "{rest:?}");
        (Value::Object(turns).to_string(), Value::Object(others).to_string())
    };
    let row = json!({
        "id": "x", "output": "b", "instruction": "a", "input": " ",
        "meta": {"content": "no turn", "n": 1},
    });
    let (turns, others) = check(row);
    let expected = r#"{"id":"x","output":"T","instruction":"T","input":" ","#.to_owned();
    assert_eq!(turns, expected + r#""meta":{"content":"no turn","n":1}}"#);
    let expected = r#"{"id":"O","output":"b","instruction":"a","input":" ","#.to_owned();
    assert_eq!(others, expected + r#""meta":{"content":"O","n":1}}"#);
    check(
        json!({"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Yes"}]}),
    );
    check(
        json!({"messages": [{"role": "user", "name": "Jo", "content": [{"type": "text", "text": "Look"}]}]}),
    );
    check(
        json!({"prompt": "p", "chosen": [{"role": "assistant", "content": "c"}], "rejected": "r"}),
    );
    check(json!({"prompt": "p", "completion": "c", "label": true}));
    check(json!({"history": [["a", "b"], [[[["deep"]]]]], "query": "q", "response": "r"}));
}

#[test]
fn named_columns_are_taken_at_their_word() {
    let folder = folder(&[(
        "x.jsonl",
        b"{\"text\":\"t\",\"abstract\":\"a\",\"key\":\"k\"}\n{\"text\":\"t\"}",
    )]);
    let options = ReadOptions {
        text_column: Some("abstract".to_owned()),
        id_column: Some("key".to_owned()),
        ..ReadOptions::default()
    };
    let expected = ["x.jsonl:1: a", "x.jsonl:2: BAD no_text: no column holds text (columns: text)"];
    assert_eq!(said(&path(&folder, "x.jsonl"), &options), expected);
    let Row::Document(found) = read(&path(&folder, "x.jsonl"), &options).remove(0) else {
        panic!()
    };
    assert_eq!(found.id, "k");
}
