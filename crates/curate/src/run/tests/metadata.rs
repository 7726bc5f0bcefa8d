//! Personal data beside the text.

use super::*;
use serde_json::{Value, json};

fn row(at: usize, mail: &str) -> Value {
    let text = format!("Letter {at} has nothing in it that would have to be masked.");
    json!({
        "id": at.to_string(), "text": text, "source": "in.jsonl",
        "title": format!("From {mail}"), "owner": mail, "year": 1999,
        "meta": {"people": [mail, "nobody"], "mail@example.com": null},
    })
}

#[test]
fn every_text_of_metadata_is_masked_and_counted() {
    let (_guard, dir) = folder();
    let inputs = file(&dir, &[row(0, "jo@example.com"), row(1, "nobody")]);
    let mut plan = alone(CleaningPlan::default());
    let out = dir.join("out");
    let card = run(&plan, &inputs, &out);
    assert_eq!(written(&out, "train"), [row(0, "[EMAIL]"), row(1, "nobody")]);
    assert_eq!(card.summary.masked, BTreeMap::from([("email".to_owned(), 3)]));
    let audit = card.pii_audit.unwrap();
    assert_eq!((audit.texts, audit.texts_with_matches, audit.total()), (2, 1, 3));
    let samples = &audit.samples[&catena_corpus::PiiRule::Email];
    assert!(samples.iter().any(|sample| sample.before == "From "), "{samples:?}");
    assert_eq!(card.summary.changed, BTreeMap::from([("masked_metadata".to_owned(), 1)]));
    let story = explain(&out, "0").unwrap();
    let step = ("masked_metadata".to_owned(), "email=3".to_owned());
    assert!(story.steps.contains(&step), "{story:?}");
    plan.pii.metadata = false;
    let out = dir.join("kept");
    let card = run(&plan, &inputs, &out);
    assert_eq!(written(&out, "train"), [row(0, "jo@example.com"), row(1, "nobody")]);
    let audit = card.pii_audit.unwrap();
    assert_eq!((audit.texts, audit.total()), (2, 0), "what stays is not told as masked");
}

#[test]
fn groups_of_splits_are_those_before_masking() {
    let (_guard, dir) = folder();
    let rows: Vec<Value> =
        (0..40).map(|at| row(at, &format!("jo{}@example.com", at / 2))).collect();
    let inputs = file(&dir, &rows);
    let mut plan = alone(CleaningPlan::default());
    plan.split.validation = 0.5;
    plan.split.group = Some("owner".to_owned());
    let ids = |plan: &CleaningPlan, out: &str| -> [Vec<Value>; 2] {
        let out = dir.join(out);
        run(plan, &inputs, &out);
        ["train", "validation"]
            .map(|split| written(&out, split).into_iter().map(|mut row| row["id"].take()).collect())
    };
    let masked = ids(&plan, "masked");
    assert!(masked.iter().all(|split| split.len() > 4), "{masked:?}");
    plan.pii.mask.clear();
    assert_eq!(masked, ids(&plan, "plain"));
}

#[test]
fn shares_are_those_of_labels_before_masking() {
    let (_guard, dir) = folder();
    let rows: Vec<Value> =
        (0..40).map(|at| row(at, &format!("jo{}@example.com", at % 4))).collect();
    let inputs = file(&dir, &rows);
    let mut plan = alone(CleaningPlan::default());
    plan.split.validation = 0.5;
    plan.split.stratify = Some("owner".to_owned());
    let out = dir.join("out");
    run(&plan, &inputs, &out);
    for split in ["train", "validation"] {
        let mut counts = [0; 4];
        for row in written(&out, split) {
            counts[row["id"].as_str().unwrap().parse::<usize>().unwrap() % 4] += 1;
        }
        assert_eq!(counts, [5; 4], "{split}");
    }
}

#[test]
fn all_may_be_held_out() {
    let (_guard, dir) = folder();
    let rows: Vec<Value> = (0..3).map(|at| row(at, "nobody")).collect();
    let inputs = file(&dir, &rows);
    for (exact, name) in [(false, "a"), (true, "b")] {
        let mut plan = alone(CleaningPlan::default());
        (plan.split.validation, plan.split.exact) = (1.0, exact);
        let out = dir.join(name);
        let card = run(&plan, &inputs, &out);
        assert_eq!(written(&out, "validation").len(), 3);
        assert!(card.files.iter().all(|file| file.split == "validation"), "{:?}", card.files);
    }
}

#[test]
fn samples_of_refused_rows_are_masked() {
    let (_guard, dir) = folder();
    let good = row(0, "nobody").to_string();
    let short = "{mail jo@example.com";
    // What the sample is cut off in may be half of an address or a number.
    let long = format!("{{{} 138123456789", "x ".repeat(93));
    let input = dir.join("in.jsonl");
    fs::write(&input, [good.as_str(), short, &long].join("\n")).unwrap();
    let inputs = [input.into_string()];
    let samples = |plan: &CleaningPlan, out: &str| -> Vec<String> {
        run(plan, &inputs, &dir.join(out));
        let text = fs::read_to_string(dir.join(out).join("rejected/00000.jsonl")).unwrap();
        let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        rows.map(|row| row["sample"].as_str().unwrap().to_owned()).collect()
    };
    let mut plan = CleaningPlan::default();
    let masked = samples(&plan, "masked");
    assert_eq!(masked[0], "{mail [EMAIL]");
    assert_eq!(masked[1], long[..188], "{masked:?}");
    plan.pii.mask.clear();
    assert_eq!(samples(&plan, "plain"), [short, &long[..200]]);
}
