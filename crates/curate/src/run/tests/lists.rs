//! Documents that are dropped for their number of tokens or for their addresses.

use super::*;
use crate::sql::query;
use catena_text::{BpeOptions, Tokenizer, train_bpe};
use serde_json::{Value, json};

/// A small tokenizer, and its file.
fn tokenizer(dir: &Utf8Path) -> (Tokenizer, String) {
    let texts = (0..9).map(|_| STORY.to_owned());
    let options = BpeOptions::new(320);
    let made = train_bpe(texts, &options, 1, &NoProgress, &Cancel::new()).unwrap();
    let path = dir.join("tokenizer.json");
    fs::write(&path, made.to_json().unwrap()).unwrap();
    (made, path.into_string())
}

fn failure(plan: &CleaningPlan, inputs: &[String], out: &Utf8Path) -> CurateError {
    run_with(plan, inputs, out, 1, &NoProgress, &Cancel::new()).unwrap_err()
}

#[test]
fn tokens_are_counted_and_bounded() {
    let (_guard, dir) = folder();
    let (counter, path) = tokenizer(&dir);
    let long = format!("{STORY} <|end_of_text|> {STORY}");
    let texts = ["The river rose.", STORY, long.as_str()];
    let rows: Vec<Value> =
        (0..3).map(|at| json!({"id": at.to_string(), "text": texts[at]})).collect();
    let inputs = file(&dir, &rows);
    let count = |text: &str| counter.encode(text, false, false).unwrap().len() as u64;
    let mut plan = alone(CleaningPlan::unchanged());
    plan.rules.measure = true;
    plan.tokens.tokenizer = Some(path.clone());
    plan.tokens.at_least = Some(count(texts[1]));
    plan.tokens.at_most = Some(count(texts[2]) - 1);
    let out = dir.join("out");
    let card = run(&plan, &inputs, &out);
    assert_eq!(written(&out, "train").len(), 1);
    let dropped = [("at_least".to_owned(), 1), ("at_most".to_owned(), 1)];
    assert_eq!(card.summary.dropped["tokens"], BTreeMap::from(dropped));
    assert!(card.side_files.iter().any(|one| one.key == "tokens.tokenizer" && one.path == path));
    let asked = "SELECT tokens FROM attributes ORDER BY id";
    let on = [out.to_string()];
    let found = query(asked, &on, &ReadOptions::default(), 1, &dir, &Cancel::new());
    let found = found.and_then(|answer| answer.json_lines()).unwrap();
    let found = found.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let expected = texts.map(|text| json!({"tokens": count(text)}));
    assert_eq!(found.collect::<Vec<_>>(), expected);
    let story = explain(&out, "1").unwrap();
    let tokens = ("tokens".to_owned(), count(texts[1]) as f64);
    assert!(story.profile.contains(&tokens), "{:?}", story.profile);
    // A folder with the file is as good.
    plan.tokens.tokenizer = Some(dir.to_string());
    assert_eq!(run(&plan, &inputs, &dir.join("again")).summary, card.summary);
}

#[test]
fn what_cannot_count_tokens_is_told() {
    let (_guard, dir) = folder();
    let inputs = [input(&dir)];
    let mut plan = CleaningPlan::default();
    plan.tokens.at_most = Some(9);
    let error = failure(&plan, &inputs, &dir.join("a"));
    assert!(matches!(error, CurateError::NoTokenizer { key: "tokens.at_most" }), "{error}");
    plan.tokens.tokenizer = Some(inputs[0].clone());
    let error = failure(&plan, &inputs, &dir.join("b"));
    assert!(matches!(error, CurateError::Tokenizer { .. }), "{error}");
}

#[test]
fn pages_are_dropped_for_their_addresses() {
    let (_guard, dir) = folder();
    let row = |id: &str, url: Value| json!({"id": id, "text": format!("{STORY} {id}"), "url": url});
    let rows = [
        row("kept", json!("https://good.example/a")),
        row("domain", json!("https://www.spam.example/a")),
        row("word", json!("https://good.example/casino")),
        row("soft", json!("https://good.example/free-poker")),
        row("one", json!("https://good.example/free-software")),
        row("none", Value::Null),
        row("odd", json!(["https://spam.example/"])),
    ];
    let inputs = file(&dir, &rows);
    let list = |name: &str, lines: &str| {
        let path = dir.join(name);
        fs::write(&path, lines).unwrap();
        vec![path.into_string()]
    };
    let mut plan = alone(CleaningPlan::unchanged());
    plan.urls.domains = list("domains.txt", "# blocked\nspam.example\n");
    plan.urls.words = list("words.txt", "casino\n");
    plan.urls.soft_words = list("soft.txt", "free\npoker");
    let out = dir.join("out");
    let card = run(&plan, &inputs, &out);
    let kept: Vec<Value> = written(&out, "train").iter().map(|row| row["id"].clone()).collect();
    assert_eq!(kept, ["kept", "one", "none", "odd"]);
    let dropped = ["domain", "soft_words", "word"].map(|rule| (rule.to_owned(), 1));
    assert_eq!(card.summary.dropped["urls"], BTreeMap::from(dropped));
    assert_eq!(card.side_files.len(), 3);
    let story = explain(&out, "domain").unwrap();
    assert!(format!("{story:?}").contains("no page of `spam.example`"), "{story:?}");
    // Another list is other work.
    fs::write(dir.join("words.txt"), "software\n").unwrap();
    let error = failure(&plan, &inputs, &out);
    assert!(matches!(error, CurateError::OtherWork { .. }), "{error}");
    plan.urls.field = "address".to_owned();
    assert_eq!(run(&plan, &inputs, &dir.join("other")).summary.num_kept, 7);
    plan.urls.domains = vec![dir.join("missing.txt").into_string()];
    let error = failure(&plan, &inputs, &dir.join("missing"));
    assert!(matches!(error, CurateError::Io { action: "read", .. }), "{error}");
}
