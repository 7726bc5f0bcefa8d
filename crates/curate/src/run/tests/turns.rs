//! Rows of turns keep their shape, and what is done to a text is done to each of their texts.

use super::*;
use serde_json::{Value, json};

/// Alpaca, ShareGPT, messages, a preference and KTO, with what `text` says in each of 13 turns.
fn shapes(text: impl Fn(usize) -> String) -> Vec<Value> {
    let t = |turn| Value::String(text(turn));
    vec![
        json!({"instruction": t(0), "input": t(1), "output": t(2)}),
        json!({"id": 7, "conversations": [
            {"from": "human", "value": t(3)},
            {"from": "gpt", "value": t(4), "weight": 0.5},
        ]}),
        json!({"source": "desk", "messages": [
            {"role": "system", "content": t(5)},
            {"role": "user", "content": [{"type": "text", "text": t(6)}, {"type": "image"}]},
            {"role": "assistant", "content": t(7)},
        ]}),
        json!({
            "prompt": t(8),
            "chosen": [{"role": "assistant", "content": t(9)}],
            "rejected": t(10),
        }),
        json!({"prompt": t(11), "completion": t(12), "label": true}),
    ]
}

fn raw(turn: usize) -> String {
    format!("Turn {turn}: Itâ€™s\u{a0}jo{turn}@example.com\u{200B}")
}

/// The rows with the ids that accounts know them by.
fn named(mut rows: Vec<Value>) -> Vec<Value> {
    for (row, number) in rows.iter_mut().zip(1..) {
        if row.get("id").is_none() {
            row["id"] = format!("in.jsonl:{number}").into();
        }
    }
    rows
}

#[test]
fn every_turn_is_repaired_normalized_and_masked_where_it_stands() {
    let (_guard, dir) = folder();
    let inputs = file(&dir, &shapes(raw));
    let plan = alone(CleaningPlan::default());
    let out = dir.join("out");
    let card = run(&plan, &inputs, &out);
    let expected = named(shapes(|turn| format!("Turn {turn}: It’s [EMAIL]")));
    assert_eq!(written(&out, "train"), expected);
    assert_eq!(card.summary.masked, BTreeMap::from([("email".to_owned(), 13)]));
    let audit = card.pii_audit.unwrap();
    assert_eq!((audit.texts, audit.texts_with_matches, audit.total()), (5, 5, 13));
    let changed = ["repaired", "normalized", "masked"].map(|name| card.summary.changed[name]);
    assert_eq!(changed, [5; 3]);
}

#[test]
fn what_stands_beside_turns_is_masked_once_and_the_id_stays() {
    let (_guard, dir) = folder();
    let row = |mail: &str, call: &str| {
        json!({"id": "jo@example.com", "user": mail, "conversations": [
            {"from": "human", "value": format!("Please write to {mail} today.")},
            {"from": "gpt", "value": "Done.", "tool": {"arguments": [format!("call {call}")]}},
        ]})
    };
    let inputs = file(&dir, &[row("ann@example.com", "13812345678")]);
    let out = dir.join("out");
    let plan = alone(CleaningPlan::default());
    let card = run(&plan, &inputs, &out);
    assert_eq!(written(&out, "train"), [row("[EMAIL]", "[PHONE]")]);
    let masked = [("email".to_owned(), 2), ("phone".to_owned(), 1)];
    assert_eq!(card.summary.masked, BTreeMap::from(masked));
    assert_eq!(card.summary.changed["masked_metadata"], 1);
    let audit = card.pii_audit.unwrap();
    assert_eq!((audit.texts, audit.total()), (1, 3), "the id is not masked");
}

#[test]
fn tables_have_turns_in_columns_or_as_they_were() {
    let (_guard, dir) = folder();
    let inputs = file(&dir, &shapes(raw));
    let mut plan = alone(CleaningPlan::default());
    "parquet".clone_into(&mut plan.write.format);
    let out = dir.join("out");
    run(&plan, &inputs, &out);
    let clean = |turn| format!("Turn {turn}: It’s [EMAIL]");
    let expected = shapes(clean);
    let batch = read_table(&out.join("data/train-00000-of-00001.parquet")).unwrap().next();
    let batch = batch.unwrap().unwrap();
    assert_eq!(column(&batch, "instruction").value(0), clean(0));
    // Contents that are texts and lists have no column.
    let joined = [5, 6, 7].map(clean).join("\n\n");
    let texts: Vec<Option<&str>> = column(&batch, "text").iter().collect();
    assert_eq!(texts, [None, None, Some(&*joined), None, None]);
    let third: Value = serde_json::from_str(column(&batch, "metadata").value(2)).unwrap();
    assert_eq!(third, expected[2]);
    // Read again, the others are the rows that they were, but for what is null.
    let again = dir.join("again");
    run(&CleaningPlan::unchanged(), &[out.join("data").into_string()], &again);
    let expected = named(expected).into_iter().enumerate().filter(|(at, _)| *at != 2);
    let read = written(&again, "train");
    for (at, mut row) in expected {
        row["id"] = row["id"].as_str().map_or_else(|| row["id"].to_string(), str::to_owned).into();
        let mut found = without_nulls(&read[at]);
        assert_eq!(found.as_object_mut().unwrap().shift_remove("source"), Some("in.jsonl".into()));
        assert_eq!(found, row);
    }
}

/// A value without the fields that are null.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let told = fields.iter().filter(|(_, value)| !value.is_null());
            told.map(|(name, value)| (name.clone(), without_nulls(value))).collect()
        }
        Value::Array(values) => values.iter().map(without_nulls).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

#[test]
fn rows_that_nothing_is_done_to_stay_as_they_were() {
    let (_guard, dir) = folder();
    let rows = shapes(raw);
    run(&CleaningPlan::unchanged(), &file(&dir, &rows), &dir.join("out"));
    assert_eq!(written(&dir.join("out"), "train"), named(rows));
}

#[test]
fn repeated_passages_drop_a_row_of_turns_or_leave_it_whole() {
    let (_guard, dir) = folder();
    let ask = "How long does a transfer to another bank take?";
    let rows = [
        json!({"prompt": ask, "completion": "One day within the country, as a rule."}),
        json!({"prompt": ask, "completion": "That depends on the country it goes to."}),
        json!({"prompt": ask, "completion": "One day within the country, as a rule."}),
    ];
    let mut plan = alone(CleaningPlan::default());
    (plan.dedup.lines, plan.dedup.substring_bytes) = (true, 30);
    let card = run(&plan, &file(&dir, &rows), &dir.join("out"));
    assert_eq!(written(&dir.join("out"), "train"), named(rows[..2].to_vec()));
    assert_eq!(card.summary.dropped["dedup"]["passages"], 1);
    assert_eq!(card.summary.changed.get("passages_cut"), None);
    let text = |row: &Value| {
        row["prompt"].as_str().unwrap().len() + 2 + row["completion"].as_str().unwrap().len()
    };
    assert_eq!(card.summary.bytes_kept, (text(&rows[0]) + text(&rows[1])) as u64);
}

#[test]
fn passages_in_a_new_row_of_turns_are_no_repeats() {
    let (_guard, dir) = folder();
    let questions = ["Is the bank open on Saturdays?", "May I pay with a foreign card?"];
    let answers = ["Yes, from nine to twelve o'clock.", "No, that is not possible here."];
    let rows = [(0, 0), (1, 1), (0, 1), (1, 0)]
        .map(|(at, with)| json!({"prompt": questions[at], "completion": answers[with]}));
    let mut plan = alone(CleaningPlan::default());
    plan.dedup.lines = true;
    let card = run(&plan, &file(&dir, &rows), &dir.join("out"));
    assert_eq!(written(&dir.join("out"), "train"), named(rows.to_vec()));
    assert_eq!(card.summary.dropped.get("dedup"), None);
}

#[test]
fn lines_are_not_cut_out_of_turns() {
    let (_guard, dir) = folder();
    let inputs = file(&dir, &shapes(raw));
    let refused = |plan: &CleaningPlan, out: &str| {
        let error = run_with(plan, &inputs, &dir.join(out), 1, &NoProgress, &Cancel::new());
        error.unwrap_err().to_string()
    };
    let mut plan = CleaningPlan::default();
    plan.repair.boilerplate = true;
    let holds = "cuts lines out of texts, and in.jsonl:1 holds turns instead of a text";
    assert_eq!(refused(&plan, "a"), format!("`repair.boilerplate` {holds}"));
    let mut plan = CleaningPlan::default();
    (plan.rules.sets, plan.rules.edit_lines) = (vec!["refinedweb".to_owned()], true);
    assert_eq!(refused(&plan, "b"), format!("`rules.edit_lines` {holds}"));
}

#[test]
fn rows_that_differ_beside_their_texts_are_no_copies() {
    let (_guard, dir) = folder();
    let ask = |images: &str, call: &str| {
        json!({"images": [images], "messages": [
            {"role": "user", "content": STORY},
            {"role": "assistant", "content": "I look it up.",
             "tool_calls": [{"function": {"name": "find", "arguments": call}}]},
        ]})
    };
    let judged = |label: bool| json!({"prompt": STORY, "completion": "Well told.", "label": label});
    let pair = |chosen: &str, rejected: &str| json!({"prompt": STORY.replace("mill", "farm"), "chosen": chosen, "rejected": rejected});
    let about = |question: &str| json!({"instruction": question, "input": STORY.replace("mill", "barn"), "output": "Yes."});
    let captioned = |image: &str| json!({"text": STORY.replace("mill", "shop"), "image": image});
    let rows = [
        ask("a.png", "{}"),
        ask("b.png", "{}"),
        ask("a.png", r#"{"year": 1784}"#),
        judged(true),
        judged(false),
        pair("It was long ago.", "Never."),
        pair("Never.", "It was long ago."),
        about("Did it rain?"),
        about("Did he pay?"),
        captioned("a.png"),
        captioned("b.png"),
    ];
    // The same once more, in another case, under another name, and with a word changed.
    let mut again = ask("a.png", "{}");
    again["messages"][0]["content"] = STORY.to_uppercase().into();
    again["timestamp"] = 7.into();
    let mut near = again.clone();
    near["messages"][0]["content"] = STORY.replace("older ones", "elders").into();
    let all = [&rows[..], &[again, near]].concat();
    let card = run(&CleaningPlan::default(), &file(&dir, &all), &dir.join("out"));
    let ids = |rows: Vec<Value>| -> Vec<String> {
        rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let kept = ids(written(&dir.join("out"), "train"));
    assert_eq!(kept, ids(named(rows.to_vec())), "{:?}", card.summary.dropped);
    assert_eq!(
        card.summary.dropped["dedup"],
        BTreeMap::from([("exact".to_owned(), 1), ("near".to_owned(), 1),])
    );
}

#[test]
fn a_row_without_an_id_is_explained_by_the_one_that_was_written() {
    let (_guard, dir) = folder();
    let rows =
        [json!({"prompt": "¿", "completion": "?"}), json!({"prompt": STORY, "completion": "Yes."})];
    let (once, twice) = (dir.join("once"), dir.join("twice"));
    run(&CleaningPlan::default(), &file(&dir, &rows), &once);
    run(&CleaningPlan::default(), &[once.join("data").into_string()], &twice);
    let [first, second] = [&once, &twice].map(|out| written(out, "train"));
    assert_eq!((&first[0]["id"], &second), (&json!("in.jsonl:2"), &first));
    assert!(explain(&twice, "in.jsonl:2").unwrap().kept);
}

#[test]
fn documents_with_the_same_id_are_told_apart_by_place() {
    let (_guard, dir) = folder();
    let other = STORY.replace("river", "wind").replace("bridge", "roof").replace("mill", "barn");
    let rows = [json!({"id": "a", "text": STORY}), json!({"id": "a", "text": other})];
    let again = json!({"id": "a", "text": STORY});
    let out = dir.join("out");
    let mut plan = CleaningPlan::default();
    "off".clone_into(&mut plan.dedup.near);
    run(&plan, &file(&dir, &[&rows[..], &[again]].concat()), &out);
    let kept = |id: &str| explain(&out, id).unwrap().kept;
    assert_eq!(["in.jsonl:1", "in.jsonl:2", "in.jsonl:3"].map(kept), [true, true, false]);
    let story = explain(&out, "a").unwrap();
    let others = "2 more have this id and are known by place: in.jsonl:2, in.jsonl:3";
    assert!(story.kept && story.steps.contains(&("others".to_owned(), others.to_owned())));
}
