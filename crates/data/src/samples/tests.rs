//! Whole files, with the account of their rows.

use super::*;
use crate::test_support::{folder, put};
use catena_protocol::Content;

#[test]
fn every_row_is_a_sample_or_has_its_reason() {
    let (_guard, dir) = folder();
    let lines = [
        r#"{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}], "sorce": "x"}"#,
        r#"{"conversations": [{"from": "gpt", "value": "a"}, {"from": "human", "value": "b"}]}"#,
        r#"{"conversations": [{"from": "human", "value": "a"}]}"#,
        r#"{"conversations": [{"from": "gpt", "value": "a"}, {"from": "gpt", "value": "b"}]}"#,
    ];
    let path = put(&dir, "set.jsonl", lines.join("\n"));
    let set = read_samples(&path, &SampleOptions::default()).unwrap();
    assert_eq!((set.samples.len(), set.report.num_rows), (1, 4));
    assert_eq!(set.samples.len() + set.report.dropped.len(), set.report.num_rows);
    assert_eq!(set.report.place(set.places[0]), format!("{path}, line 1"));
    let drops = set.report.drops();
    let drops: Vec<_> =
        drops.iter().map(|one| (one.code, one.count, one.reason.as_str())).collect();
    assert_eq!(
        drops,
        [
            ("wrong-turn", 2, "turn 1 is of `gpt`, expected human or observation"),
            ("turn-count", 1, "the conversation has 1 turns, expected an even number"),
        ]
    );
    assert_eq!(set.report.drops()[1].first, format!("{path}, line 3"));
    assert_eq!(
        (set.report.format, set.report.reason.as_str()),
        ("sharegpt", "column `conversations` of `from` and `value`")
    );
    assert_eq!(set.report.unknown_keys.len(), 1);
}

#[test]
fn columns_and_tags_may_be_named() {
    let (_guard, dir) = folder();
    let path = put(&dir, "h2o.csv", "instruction,reply\n\"a, b\",c\n");
    let columns = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(part, column)| ((*part).to_owned(), (*column).to_owned())).collect()
    };
    let mut options = SampleOptions {
        format: Some("completion".into()),
        columns: columns(&[("prompt", "instruction"), ("completion", "reply")]),
        ..SampleOptions::default()
    };
    let set = read_samples(&path, &options).unwrap();
    let TrainingSample::Completion(sample) = &set.samples[0] else { panic!() };
    assert_eq!(sample.prompt, Content::Text("a, b".into()));
    options.columns = columns(&[("promt", "instruction")]);
    insta::assert_snapshot!(read_samples(&path, &options).unwrap_err(), @"unknown part `promt` of format `completion`, perhaps `prompt` (known: prompt, completion, tools)");
    options.format = None;
    let error = read_samples(&path, &options).unwrap_err().to_string();
    insta::assert_snapshot!(error.replace(dir.as_str(), "DIR"), @"columns are named for DIR/h2o.csv, but no format whose parts they hold");
    options = SampleOptions { format: Some("openai".into()), ..SampleOptions::default() };
    let error = read_samples(&path, &options).unwrap_err().to_string();
    insta::assert_snapshot!(error.replace(dir.as_str(), "DIR"), @"none of the 1 rows of DIR/h2o.csv fits the format `openai`; the first, in line 2: `messages` is missing");
    let turns = put(
        &dir,
        "turns.json",
        r#"[{"m": [{"who": "P", "says": "a"}, {"who": "M", "says": "b"}]}]"#,
    );
    let tags = Tags {
        role_tag: "who".into(),
        content_tag: "says".into(),
        user_tag: Some("P".into()),
        assistant_tag: Some("M".into()),
        ..Tags::openai()
    };
    let options = SampleOptions {
        format: Some("sharegpt".into()),
        columns: columns(&[("messages", "m")]),
        tags: Some(tags),
        ..SampleOptions::default()
    };
    let set = read_samples(&turns, &options).unwrap();
    let TrainingSample::Chat(sample) = &set.samples[0] else { panic!() };
    assert_eq!((sample.messages.len(), sample.messages[1].text()), (2, "b"));
    assert_eq!(set.report.unknown_keys, []);
}
