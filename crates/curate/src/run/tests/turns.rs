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

#[test]
fn every_turn_is_repaired_normalized_and_masked_where_it_stands() {
    let (_guard, dir) = folder();
    let inputs = file(&dir, &shapes(raw));
    let plan = alone(CleaningPlan::default());
    let out = dir.join("out");
    let card = run(&plan, &inputs, &out);
    assert_eq!(written(&out, "train"), shapes(|turn| format!("Turn {turn}: It’s [EMAIL]")));
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
fn tables_have_the_turns_as_text_and_as_they_were() {
    let (_guard, dir) = folder();
    let inputs = file(&dir, &shapes(raw));
    let mut plan = alone(CleaningPlan::default());
    "parquet".clone_into(&mut plan.write.format);
    let out = dir.join("out");
    run(&plan, &inputs, &out);
    let batch = read_table(&out.join("data/train-00000-of-00001.parquet")).unwrap().next();
    let batch = batch.unwrap().unwrap();
    let joined = "Turn 0: It’s [EMAIL]\n\nTurn 1: It’s [EMAIL]\n\nTurn 2: It’s [EMAIL]";
    assert_eq!(column(&batch, "text").value(0), joined);
    let rows = column(&batch, "metadata").iter();
    let rows: Vec<Value> = rows.map(|row| serde_json::from_str(row.unwrap()).unwrap()).collect();
    assert_eq!(rows, shapes(|turn| format!("Turn {turn}: It’s [EMAIL]")));
}

#[test]
fn rows_that_nothing_is_done_to_stay_as_they_were() {
    let (_guard, dir) = folder();
    let rows = shapes(raw);
    run(&CleaningPlan::unchanged(), &file(&dir, &rows), &dir.join("out"));
    assert_eq!(written(&dir.join("out"), "train"), rows);
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
    assert_eq!(written(&dir.join("out"), "train"), rows[..2]);
    assert_eq!(card.summary.dropped["dedup"]["passages"], 1);
    assert_eq!(card.summary.changed.get("passages_cut"), None);
    let text = |row: &Value| {
        row["prompt"].as_str().unwrap().len() + 2 + row["completion"].as_str().unwrap().len()
    };
    assert_eq!(card.summary.bytes_kept, (text(&rows[0]) + text(&rows[1])) as u64);
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
