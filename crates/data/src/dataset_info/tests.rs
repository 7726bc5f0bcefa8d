//! The file of data sets: its keys, its errors, and LLaMA-Factory's own demo data.

use super::select::{draw, split_range};
use super::*;
use crate::error::DataError;
use crate::rows::{Row, RowLimits, RowPlace};
use crate::samples::SampleSet;
use crate::test_support::{folder, golden_json, put};
use camino::{Utf8Path, Utf8PathBuf};
use catena_protocol::{ChatMessage, Content, Role, TrainingSample};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write;

fn read(info: &Utf8Path, name: &str) -> Result<SampleSet, DataError> {
    read_dataset(info, name, &RowLimits::default(), 0)
}

#[test]
fn splits_are_those_of_datasets() {
    let goldens = golden_json("rows.json");
    for case in goldens["splits"].as_array().unwrap() {
        let expected: Vec<usize> = serde_json::from_value(case[1].clone()).unwrap();
        let range = split_range(case[0].as_str().unwrap(), 41).unwrap();
        assert_eq!(range.collect::<Vec<_>>(), expected, "{case}");
    }
    for wrong in ["test", "train[", "train[1]", "train[a:]", "train[:x%]", ""] {
        assert_eq!(split_range(wrong, 10), None, "{wrong}");
    }
    assert_eq!(split_range("train[99999999999999999999:]", 10), None);
    assert_eq!(split_range("train[8:3]", 10), Some(8..8));
}

#[test]
fn rows_are_drawn_once_before_any_comes_again() {
    let rows = |count: usize| -> Vec<Row> {
        let row = |line| Row { place: RowPlace { file: 0, line }, fields: Map::new() };
        (0..count).map(row).collect()
    };
    let lines = |wanted, seed| {
        draw(rows(10), wanted, seed).iter().map(|row| row.place.line).collect::<Vec<_>>()
    };
    let mut all = lines(10, 1);
    assert_ne!(all, (0..10).collect::<Vec<_>>());
    all.sort_unstable();
    assert_eq!(all, (0..10).collect::<Vec<_>>());
    assert_eq!(lines(4, 1), lines(10, 1)[..4]);
    assert_eq!(lines(23, 1)[..10], lines(10, 1));
    assert_eq!(lines(23, 1).len(), 23);
    assert_ne!(lines(10, 1), lines(10, 2));
    assert!(draw(rows(0), 3, 0).is_empty());
}

#[expect(clippy::needless_pass_by_value, reason = "rows are written where they are read")]
fn refused(entry: Value) -> String {
    let (_guard, dir) = folder();
    let info = put(&dir, "dataset_info.json", json!({ "mine": entry }).to_string());
    put(&dir, "rows.json", r#"[{"instruction": "a", "input": "", "output": "b"}]"#);
    let error = read(&info, "mine").unwrap_err();
    let hint = error.hint().unwrap_or("none");
    format!("{error}; hint: {hint}").replace(dir.as_str(), "DIR")
}

#[test]
fn wrong_entries_are_refused_by_name() {
    insta::assert_snapshot!(refused(json!({"file_name": "rows.json", "formating": "alpaca"})), @"unknown key `formating` of data set `mine` in DIR/dataset_info.json, perhaps `formatting` (known: file_name, hf_hub_url, ms_hub_url, om_hub_url, script_url, cloud_file_name, formatting, ranking, subset, split, folder, num_samples, columns, tags); hint: none");
    insta::assert_snapshot!(refused(json!({"file_name": "rows.json", "columns": {"promt": "a"}})), @"unknown key `columns.promt` of data set `mine` in DIR/dataset_info.json, perhaps `prompt` (known: prompt, query, response, history, messages, system, tools, images, videos, audios, chosen, rejected, kto_tag); hint: none");
    insta::assert_snapshot!(refused(json!({"file_name": "rows.json", "tags": {"role": "a"}})), @"unknown key `tags.role` of data set `mine` in DIR/dataset_info.json, perhaps `role_tag` (known: role_tag, content_tag, user_tag, assistant_tag, observation_tag, function_tag, system_tag); hint: none");
    insta::assert_snapshot!(refused(json!({"hf_hub_url": "org/set"})), @"data set `mine` is not here: its `hf_hub_url` is org/set; hint: download the data set and give its file in `file_name`");
    insta::assert_snapshot!(refused(json!({"script_url": "set.py"})), @"data set `mine` is not here: its `script_url` is set.py; hint: download the data set and give its file in `file_name`");
    insta::assert_snapshot!(refused(json!({})), @"`file_name` of data set `mine` in DIR/dataset_info.json is `missing`, expected the name of a file; hint: none");
    insta::assert_snapshot!(refused(json!({"file_name": "rows.json", "formatting": "chatml"})), @"`formatting` of data set `mine` in DIR/dataset_info.json is `chatml`, expected `alpaca`, `sharegpt` or `openai`; hint: none");
    insta::assert_snapshot!(refused(json!({"file_name": "rows.json", "ranking": 1})), @"`ranking` of data set `mine` in DIR/dataset_info.json is `1`, expected true or false; hint: none");
    insta::assert_snapshot!(refused(json!({"file_name": "rows.json", "num_samples": 0})), @"`num_samples` of data set `mine` in DIR/dataset_info.json is `0`, expected a whole number from 1; hint: none");
    insta::assert_snapshot!(refused(json!({"file_name": "rows.json", "num_samples": 1_000_000_000_000u64})), @"DIR/rows.json: `num_samples` exceeds the limit of 20000000; hint: split the input into smaller files or sets");
    insta::assert_snapshot!(refused(json!({"file_name": "rows.json", "columns": {"images": "pics"}})), @"`columns.images` of data set `mine` in DIR/dataset_info.json is `pics`, expected nothing: text alone can be trained on; hint: none");
    insta::assert_snapshot!(refused(json!({"file_name": "rows.json", "split": "test"})), @"`split` of data set `mine` in DIR/dataset_info.json is `test`, expected `train`, the one split of a local file, or a part such as `train[:10%]`; hint: none");
    insta::assert_snapshot!(refused(json!({"file_name": "rows.json", "split": "train[5:]"})), @"DIR/rows.json holds no rows; hint: add rows to the file");
    insta::assert_snapshot!(refused(json!({"file_name": "none.json"})), @"there is no file or folder DIR/none.json; hint: check the path");
    insta::assert_snapshot!(refused(json!("rows.json")), @r#"`mine` of data set `mine` in DIR/dataset_info.json is `"rows.json"`, expected an object; hint: none"#);
    insta::assert_snapshot!(refused(json!({"file_name": "rows.json", "formatting": "sharegpt"})), @"none of the 1 rows of DIR/rows.json fits the format `sharegpt`; the first, in line 1: `conversations` is missing; hint: look at that row, or name another format");
}

#[test]
fn names_are_listed_and_suggested() {
    let (_guard, dir) = folder();
    put(&dir, "dataset_info.json", r#"{"alpaca_en": {"file_name": "a.jsonl"}, "other": {}}"#);
    put(
        &dir,
        "a.jsonl",
        "{\"instruction\": \"a\", \"output\": \"b\", \"extra\": 1}\n{\"instruction\": \"a\"}\n",
    );
    assert_eq!(read_dataset_names(&dir).unwrap(), ["alpaca_en", "other"]);
    let error = read(&dir, "alpaca").unwrap_err().to_string().replace(dir.as_str(), "DIR");
    insta::assert_snapshot!(error, @"unknown data set `alpaca` in DIR/dataset_info.json, perhaps `alpaca_en` (known: 2 names)");
    let set = read(&dir, "alpaca_en").unwrap();
    assert_eq!((set.samples.len(), set.report.num_rows, set.report.dropped.len()), (1, 2, 1));
    assert_eq!(set.report.unknown_keys[0].key, "extra");
    assert_eq!(
        set.report.reason.replace(dir.as_str(), "DIR"),
        "`alpaca_en` in DIR/dataset_info.json"
    );
    let broken = put(&dir, "broken.json", "{\n\"a\": }");
    let error = read(&broken, "a").unwrap_err().to_string().replace(dir.as_str(), "DIR");
    insta::assert_snapshot!(error, @"DIR/broken.json, line 2: not JSON: expected value at line 2 column 6");
}

#[test]
fn local_files_come_first_and_what_is_passed_over_is_noted() {
    let (_guard, dir) = folder();
    let entry = json!({"file_name": "a.txt", "hf_hub_url": "org/set", "subset": "en", "columns": {"prompt": "text"},
        "num_samples": 3});
    put(&dir, "dataset_info.json", json!({ "wiki": entry }).to_string());
    put(&dir, "a.txt", "one\n\ntwo\n");
    let set = read(&dir, "wiki").unwrap();
    assert_eq!(
        set.report.notes,
        ["the local file is read, not `hf_hub_url`", "`subset` says nothing about a local file"]
    );
    // A prompt without an answer is text; three draws of two lines repeat one.
    assert_eq!((set.samples.len(), set.report.format), (3, "text"));
}

/// LLaMA-Factory's demo data, which lies beside the checkout where there is any.
fn demo() -> Option<Utf8PathBuf> {
    let path =
        Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/llamafactory_demo");
    path.exists().then_some(path)
}

/// One line of the digest that the golden was made with.
fn line(sample: &TrainingSample) -> String {
    let of = |content: &Content| content.messages().to_vec();
    let (mut turns, extras): (Vec<ChatMessage>, _) = if let TrainingSample::Chat(sample) = sample {
        (sample.messages.clone(), &sample.extras)
    } else if let TrainingSample::Preference(pair) = sample {
        ([of(&pair.prompt), of(&pair.chosen), of(&pair.rejected)].concat(), &pair.extras)
    } else {
        let TrainingSample::Unpaired(one) = sample else { panic!("{sample:?}") };
        let blank = vec![ChatMessage::new(Role::Assistant, "")];
        let completion = of(&one.completion);
        let pair = if one.label { [completion, blank] } else { [blank, completion] };
        ([of(&one.prompt), pair.concat()].concat(), &one.extras)
    };
    let has_system = turns.first().is_some_and(|turn| turn.role == Role::System);
    let system = if has_system { turns.remove(0).text().to_owned() } else { String::new() };
    let turns: Vec<Value> = turns
        .iter()
        .map(|turn| {
            if !turn.tool_calls.is_empty() {
                let mut calls =
                    json!(turn.tool_calls.iter().map(|call| &call.function).collect::<Vec<_>>());
                calls.sort_all_objects();
                return json!(["function", calls.to_string()]);
            }
            let role = match turn.role {
                Role::User => "user",
                Role::Assistant => "assistant",
                Role::Tool => "observation",
                Role::System => "system",
            };
            json!([role, turn.text()])
        })
        .collect();
    json!([turns, system, extras.tools.len()]).to_string()
}

#[test]
fn the_demo_data_is_read_as_llamafactory_reads_it() {
    let Some(demo) = demo() else { return };
    let goldens = golden_json("llamafactory_demo.json");
    for (name, expected) in goldens.as_object().unwrap() {
        let set = read(&demo, name).unwrap();
        let counts = (set.report.num_rows as u64, set.samples.len() as u64);
        assert_eq!(Some(counts.0), expected["rows"].as_u64(), "{name}");
        assert_eq!(Some(counts.1), expected["samples"].as_u64(), "{name}");
        let mut hasher = Sha256::new();
        for sample in &set.samples {
            hasher.update(line(sample).as_bytes());
            hasher.update(b"\n");
        }
        let digest = hasher.finalize().iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        assert_eq!(expected["sha256"], digest, "{name}: {}", line(&set.samples[0]));
        assert!(set.report.unknown_keys.is_empty(), "{:?}", set.report.unknown_keys);
    }
    for (name, kind, at_least) in [("wiki_demo", "text", 20), ("c4_demo", "text", 100)] {
        let set = read(&demo, name).unwrap();
        assert!(set.samples.len() >= at_least && set.samples.iter().all(|one| one.kind() == kind));
        assert!(set.report.dropped.is_empty());
    }
    let error = read(&demo, "alpaca_en").unwrap_err();
    assert!(matches!(error, DataError::RemoteDataset { key: "hf_hub_url", .. }), "{error}");
    let error = read(&demo, "mllm_demo").unwrap_err();
    assert!(matches!(error, DataError::BadValue { .. }), "{error}");
}

#[test]
fn every_entry_of_the_real_file_has_known_keys() {
    let Some(demo) = demo() else { return };
    let text = std::fs::read_to_string(demo.join("dataset_info.json")).unwrap();
    let info: Map<String, Value> = serde_json::from_str(&text).unwrap();
    assert!(info.len() > 100);
    for (name, entry) in &info {
        let entry = entry.as_object().unwrap();
        match entry_of(name, entry) {
            Ok(_) | Err(DataError::RemoteDataset { .. } | DataError::BadValue { .. }) => {}
            Err(error) => panic!("{name}: {error}"),
        }
    }
}
