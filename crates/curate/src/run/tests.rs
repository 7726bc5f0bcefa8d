//! Whole runs over small inputs: what stays, what is said of the rest, and that it is always the
//! same.

mod lists;
mod metadata;
mod once;
mod pages;
mod turns;

use super::*;
use crate::account::explain;
use crate::error::CurateError;
use crate::plan::{CleaningPlan, NearLinking};
use camino::{Utf8Path, Utf8PathBuf};
use catena_corpus::ReadOptions;
use catena_protocol::{Cancel, NoProgress, Progress};
use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

/// A folder that goes away with its guard.
fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let guard = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
    (guard, path)
}

const STORY: &str = "The river rose in the night and the people of the valley went up to the hills \
    with what they had. In the morning they saw that the bridge had gone, and that the mill was \
    standing in the water to its roof. Nobody was hurt, and the older ones said that it had been \
    worse in the year of the great snow.";

/// Documents of every kind that a plan has to do with.
fn input(folder: &Utf8Path) -> String {
    let path = folder.join("in.jsonl");
    let other = "A quite different text about the market on Saturdays, where farmers sell apples, \
        eggs and cheese, and where the band plays when the weather is good enough for it.";
    let near = STORY.replace("older ones", "elders");
    let rows = [
        serde_json::json!({"id": "story", "text": STORY, "shelf": 3}),
        serde_json::json!({"id": "copy", "text": STORY.to_uppercase()}),
        serde_json::json!({"id": "near", "text": near}),
        serde_json::json!({"id": "empty", "text": "--- * ---"}),
        serde_json::json!({"id": "broken", "text": format!("{other} Itâ€™s open all day.")}),
        serde_json::json!({"id": "mail", "text": "Please write to jo@example.com or to \
            ann@example.com, and call 13812345678 if nobody answers within two days."}),
        serde_json::json!({"id": "zh", "text": "图书馆每天早上九点开门，晚上八点关门，周末只开放阅览室，\
            借书需要带上有效证件，每人最多可以借五本书，借期为三十天。"}),
        serde_json::json!({"id": 7, "text": 8}),
    ];
    let mut lines: Vec<String> = rows.iter().map(ToString::to_string).collect();
    lines.push("{not json".to_owned());
    fs::write(&path, lines.join("\n")).unwrap();
    path.into_string()
}

fn run_with(
    plan: &CleaningPlan,
    inputs: &[String],
    folder: &Utf8Path,
    threads: usize,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<crate::Card, CurateError> {
    let options = ReadOptions::default();
    let curation =
        Curation { inputs, plan, folder, threads, overwrite: false, options, sync: false };
    curate(&curation, progress, cancel)
}

fn run(plan: &CleaningPlan, inputs: &[String], folder: &Utf8Path) -> crate::Card {
    run_with(plan, inputs, folder, 2, &NoProgress, &Cancel::new()).unwrap()
}

fn texts(folder: &Utf8Path) -> BTreeMap<String, serde_json::Value> {
    let text = fs::read_to_string(folder.join("data/train/00000.jsonl")).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    rows.map(|row| (row["id"].as_str().unwrap().to_owned(), row)).collect()
}

/// The plan, so that no row is dropped for being like another.
fn alone(mut plan: CleaningPlan) -> CleaningPlan {
    plan.dedup.exact = false;
    "off".clone_into(&mut plan.dedup.near);
    plan
}

/// A file of `rows`.
fn file(folder: &Utf8Path, rows: &[serde_json::Value]) -> [String; 1] {
    let lines: Vec<String> = rows.iter().map(ToString::to_string).collect();
    let path = folder.join("in.jsonl");
    fs::write(&path, lines.join("\n")).unwrap();
    [path.into_string()]
}

/// The rows of a split that were written, as they stand in the file.
fn written(folder: &Utf8Path, split: &str) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(folder.join(format!("data/{split}/00000.jsonl"))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every file below the folder with its bytes.
fn bytes(folder: &Utf8Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in next.read_dir_utf8().unwrap() {
            let path = entry.unwrap().into_path();
            if path.is_dir() {
                left.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

#[test]
fn every_row_is_kept_or_accounted_for() {
    let (_guard, dir) = folder();
    let out = dir.join("out");
    let card = run(&CleaningPlan::default(), &[input(&dir)], &out);
    let kept = texts(&out);
    assert_eq!(kept.keys().collect::<Vec<_>>(), ["broken", "mail", "story", "zh"]);
    assert!(kept["broken"]["text"].as_str().unwrap().contains("It’s open"), "{}", kept["broken"]);
    assert_eq!(kept["story"]["shelf"], 3);
    let mail = kept["mail"]["text"].as_str().unwrap();
    assert!(mail.contains("[EMAIL] or to [EMAIL]") && mail.contains("[PHONE]"), "{mail}");
    let summary = &card.summary;
    assert_eq!((summary.num_read, summary.num_kept, summary.num_rejected()), (7, 4, 2));
    let text = serde_json::to_string_pretty(summary).unwrap();
    insta::assert_snapshot!("summary", text.replace(dir.as_str(), "DIR"));
    let rejected = fs::read_to_string(out.join("rejected/00000.jsonl")).unwrap();
    assert_eq!(rejected.lines().count(), 2);
}

#[test]
fn titles_are_cleaned_like_texts() {
    let (_guard, dir) = folder();
    let input = dir.join("in.jsonl");
    let rows = [
        serde_json::json!({"id": "a", "title": "Ask jo@example.com,\nItâ€™s free", "text": "One."}),
        serde_json::json!({"id": "b", "title": 7, "text": "Two."}),
        serde_json::json!({"id": "c", "text": "Three: ann@example.com."}),
    ];
    fs::write(&input, rows.map(|row| row.to_string()).join("\n")).unwrap();
    let out = dir.join("out");
    let card = run(&CleaningPlan::default(), &[input.to_string()], &out);
    let kept = texts(&out);
    assert_eq!(kept["a"]["title"], "Ask [EMAIL], It’s free");
    assert_eq!(kept["b"]["title"], 7);
    assert_eq!(card.summary.masked["email"], 2);
    let changed = &card.summary.changed;
    assert_eq!(
        (changed["title_repaired"], changed["masked_metadata"], changed["masked"]),
        (1, 1, 1)
    );
    let steps = explain(&out, "a").unwrap().steps;
    let masked = ("masked_metadata".to_owned(), "email=1".to_owned());
    assert!(steps.contains(&masked), "{steps:?}");
}

#[test]
fn what_is_alike_to_a_dropped_document_alone_may_stay() {
    let (_guard, dir) = folder();
    let input = dir.join("in.jsonl");
    // Each step changes four of 60 words: 0.87 to the next and 0.75 to the one after it.
    let text = |step: usize| {
        let words: Vec<String> = (step * 4..step * 4 + 60).map(word).collect();
        words.join(" ")
    };
    let rows: Vec<String> = (0..3)
        .map(|step| serde_json::json!({"id": step, "text": text(step)}).to_string())
        .collect();
    fs::write(&input, rows.join("\n")).unwrap();
    let kept = |linking: NearLinking| {
        let mut plan = CleaningPlan::default();
        plan.dedup.near_linking = linking;
        let out = dir.join(format!("{linking:?}"));
        run(&plan, &[input.to_string()], &out);
        texts(&out).into_keys().collect::<Vec<_>>()
    };
    assert_eq!(kept(NearLinking::Clusters), ["0"]);
    assert_eq!(kept(NearLinking::Kept), ["0", "2"]);
}

/// A made-up word of letters, another for each number.
fn word(number: usize) -> String {
    let letter = |at: usize| char::from(b'a' + u8::try_from(at % 26).unwrap());
    format!("w{}{}", letter(number), letter(number / 26))
}

#[test]
fn every_document_has_its_story() {
    let (_guard, dir) = folder();
    let out = dir.join("out");
    let mut plan = CleaningPlan::default();
    plan.language.keep = vec!["en".to_owned()];
    plan.rules.sets = vec!["gopher-quality@datatrove".to_owned()];
    plan.rules.thresholds.insert("gopher-quality@datatrove/gopher_short_doc".to_owned(), 20.0);
    run(&plan, &[input(&dir)], &out);
    let story = |id: &str| {
        let story = explain(&out, id).unwrap();
        let steps: Vec<String> =
            story.steps.iter().map(|(step, text)| format!("{step}: {text}")).collect();
        steps.join("\n").replace(dir.as_str(), "DIR")
    };
    let stories = ["story", "copy", "near", "empty", "mail", "zh"].map(|id| {
        let story = story(id);
        format!("{id}\n{story}\n")
    });
    insta::assert_snapshot!("stories", stories.join("\n"));
    assert!(matches!(explain(&out, "nobody"), Err(CurateError::UnknownId { .. })));
    assert!(matches!(explain(&dir, "story"), Err(CurateError::NotCurated { .. })));
}

#[test]
fn threads_do_not_change_a_byte() {
    let (_guard, dir) = folder();
    let inputs: Vec<String> = (0..3)
        .map(|at| {
            let folder = dir.join(format!("{at}"));
            fs::create_dir(&folder).unwrap();
            input(&folder)
        })
        .collect();
    let mut plan = CleaningPlan::default();
    plan.split.validation = 0.4;
    for format in ["parquet", "jsonl", "dolma"] {
        format.clone_into(&mut plan.write.format);
        let once = |threads: usize| {
            let out = dir.join(format!("{format}{threads}"));
            run_with(&plan, &inputs, &out, threads, &NoProgress, &Cancel::new()).unwrap();
            bytes(&out)
        };
        let (one, three) = (once(1), once(3));
        assert_eq!(one.keys().collect::<Vec<_>>(), three.keys().collect::<Vec<_>>());
        for (name, bytes) in &one {
            assert!(bytes == &three[name], "{name} differs");
        }
    }
}

/// Asks to stop after so many reports.
struct StopAfter {
    left: AtomicU64,
    cancel: Cancel,
}

impl Progress for StopAfter {
    fn begin(&self, _what: &str, _total: Option<u64>, _unit: &str) {}
    fn update(&self, _done: u64) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.cancel.cancel();
        }
    }
    fn note(&self, _text: &str) {}
    fn end(&self) {}
}

#[test]
fn a_run_that_was_stopped_anywhere_goes_on_to_the_same_bytes() {
    let (_guard, dir) = folder();
    let inputs = [input(&dir)];
    let plan = CleaningPlan::default();
    let whole = dir.join("whole");
    run(&plan, &inputs, &whole);
    let whole = bytes(&whole);
    let mut stopped = 0;
    for reports in 1..8 {
        let out = dir.join(format!("stopped{reports}"));
        let cancel = Cancel::new();
        let progress = StopAfter { left: AtomicU64::new(reports), cancel: cancel.clone() };
        match run_with(&plan, &inputs, &out, 1, &progress, &cancel) {
            Err(CurateError::Interrupted) => stopped += 1,
            Err(other) => panic!("{other}"),
            Ok(_) => {}
        }
        run(&plan, &inputs, &out);
        assert!(bytes(&out) == whole, "stopped after {reports} reports");
    }
    assert!(stopped > 0, "nothing was stopped");
}

#[test]
fn inputs_that_are_refused_leave_nothing() {
    let (_guard, dir) = folder();
    fs::write(dir.join("odd.xyz"), "\u{0}\u{1}\u{2}").unwrap();
    let out = dir.join("out");
    for name in ["missing.jsonl", "*.jsonl", "odd.xyz"] {
        let (plan, inputs) = (CleaningPlan::unchanged(), [dir.join(name).into_string()]);
        let refused = run_with(&plan, &inputs, &out, 1, &NoProgress, &Cancel::new());
        assert!(refused.is_err() && !out.exists(), "{name}: {refused:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn what_a_loss_of_power_tore_is_made_again() {
    let (_guard, dir) = folder();
    let (inputs, plan, out) = ([input(&dir)], CleaningPlan::default(), dir.join("out"));
    run(&plan, &inputs, &out);
    let whole = bytes(&out);
    let mark = out.join(".work/mark.json");
    let ours: serde_json::Value = serde_json::from_slice(&whole[".work/mark.json"]).unwrap();
    let other_start = || {
        let mut other = ours.clone();
        other["boot"] = "another start of the machine".into();
        fs::write(&mark, other.to_string()).unwrap();
    };
    let changed = |name: &str| fs::metadata(out.join(name)).unwrap().modified().unwrap();
    let data = "data/train/00000.jsonl";
    // What is whole stays.
    let before = changed(data);
    other_start();
    run(&plan, &inputs, &out);
    assert_eq!(changed(data), before);
    // What is torn is made again, and so is what was not done.
    for name in [data, "attributes/00000.parquet", "duplicates.parquet", "card.json"] {
        fs::write(out.join(name), &whole[name][..whole[name].len() / 2]).unwrap();
        other_start();
        run(&plan, &inputs, &out);
        assert!(bytes(&out) == whole, "{name}");
    }
    fs::remove_file(out.join("card.json")).unwrap();
    fs::write(out.join(".work/00000.arrow"), "torn").unwrap();
    other_start();
    run(&plan, &inputs, &out);
    assert!(bytes(&out) == whole);
}

#[test]
fn a_folder_belongs_to_one_plan() {
    let (_guard, dir) = folder();
    let (inputs, out) = ([input(&dir)], dir.join("out"));
    let first = run(&CleaningPlan::default(), &inputs, &out);
    let again = run(&CleaningPlan::default(), &inputs, &out);
    assert_eq!(first, again);
    let mut plan = CleaningPlan::default();
    plan.dedup.exact = false;
    let other = run_with(&plan, &inputs, &out, 1, &NoProgress, &Cancel::new());
    assert!(matches!(other, Err(CurateError::OtherWork { .. })));
    let none = dir.join("none.jsonl");
    fs::write(&none, "{\"id\":\"a\",\"text\":\"---\"}\n").unwrap();
    let all = run_with(&plan, &[none.to_string()], &dir.join("o2"), 1, &NoProgress, &Cancel::new());
    assert!(matches!(all, Err(CurateError::AllDropped { count: 1, .. })));
}

#[test]
fn what_is_wrong_with_a_plan_is_said_before_anything_is_read() {
    let (_guard, dir) = folder();
    let (inputs, out) = ([input(&dir)], dir.join("out"));
    let refused = |change: fn(&mut CleaningPlan)| {
        let mut plan = CleaningPlan::default();
        change(&mut plan);
        let error = run_with(&plan, &inputs, &out, 1, &NoProgress, &Cancel::new()).unwrap_err();
        assert!(!out.exists(), "{error}");
        error.to_string()
    };
    let errors = [
        refused(|plan| "docx".clone_into(&mut plan.write.format)),
        refused(|plan| plan.split.validation = 1.5),
        refused(|plan| (plan.split.validation, plan.split.test) = (0.5, 0.75)),
        refused(|plan| "nonsense".clone_into(&mut plan.dedup.near)),
        refused(|plan| plan.dedup.near_threshold = Some(2.0)),
        refused(|plan| plan.dedup.substring_bytes = 3),
    ];
    insta::assert_snapshot!("refused", errors.join("\n"));
}

#[test]
fn data_sets_are_read_by_configuration_and_their_licences_told() {
    let (_guard, dir) = folder();
    let set = dir.join("set");
    fs::create_dir(&set).unwrap();
    let readme = "---\nlicense: cc-by-4.0\nlanguage:\n- en\nconfigs:\n\
        - config_name: small\n  data_files:\n  - split: train\n    path: a.jsonl\n\
        \x20 - split: test\n    path: b.jsonl\n\
        - config_name: large\n  data_files: c.jsonl\n---\n";
    fs::write(set.join("README.md"), readme).unwrap();
    for name in ["a", "b", "c"] {
        let row = serde_json::json!({"id": name, "text": format!("{name} {STORY}")});
        fs::write(set.join(format!("{name}.jsonl")), row.to_string()).unwrap();
    }
    let read = |config: Option<&str>, split: Option<&str>| {
        let mut plan = CleaningPlan::unchanged();
        plan.read.config = config.map(str::to_owned);
        plan.read.split = split.map(str::to_owned);
        let out = dir.join(format!("{config:?}{split:?}"));
        let card = run_with(&plan, &[set.to_string()], &out, 1, &NoProgress, &Cancel::new())?;
        Ok::<_, CurateError>((texts(&out).into_keys().collect::<String>(), card))
    };
    for (config, split, ids) in
        [(None, None, "ab"), (None, Some("test"), "b"), (Some("large"), None, "c")]
    {
        let (found, card) = read(config, split).unwrap();
        assert_eq!(found, ids);
        assert_eq!(card.input_sets[0].about.license, ["cc-by-4.0"]);
        assert!(card.readme().contains("licence cc-by-4.0, languages en"), "{}", card.readme());
        assert!(card.report().contains("<td>cc-by-4.0</td>"));
    }
    let error = read(Some("medium"), None).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{set}/README.md has no configuration `medium` (known: small, large)")
    );
}

#[test]
fn splits_have_the_same_labels() {
    let (_guard, dir) = folder();
    let rows = (0..60).map(|at| {
        let topic = if at % 3 == 0 { "rare" } else { "common" };
        let text = if at % 4 == 0 {
            format!("第{at}号读者今天在图书馆里借了一本关于历史的书，他说下个星期会还回来。")
        } else {
            format!("The reader with the number {at} has borrowed a book about history today.")
        };
        serde_json::json!({"id": format!("d{at}"), "text": text, "topic": topic, "author": at / 3})
    });
    let lines: Vec<String> = rows.map(|row| row.to_string()).collect();
    let path = dir.join("in.jsonl");
    fs::write(&path, lines.join("\n")).unwrap();
    let inputs = [path.into_string()];
    let mut plan = CleaningPlan::unchanged();
    plan.language.detect = true;
    (plan.split.validation, plan.split.test) = (0.2, 0.1);
    let card = |plan: &CleaningPlan, name: &str| run(plan, &inputs, &dir.join(name));
    let labels = |card: &crate::Card| -> Vec<Vec<(String, usize)>> {
        let rows = &card.split.as_ref().unwrap().rows;
        rows.iter().map(|row| row.labels.clone().into_iter().collect()).collect()
    };
    assert_eq!(card(&plan, "hash").split, None);
    plan.split.stratify = Some("topic".to_owned());
    let by_topic = card(&plan, "topic");
    let sizes = BTreeMap::from([("test", 6), ("train", 42), ("validation", 12)]);
    assert_eq!(by_topic.splits(), sizes);
    let of = |common, rare| vec![("common".to_owned(), common), ("rare".to_owned(), rare)];
    assert_eq!(labels(&by_topic), [of(28, 14), of(8, 4), of(4, 2)]);
    let written = fs::read_to_string(dir.join("topic/data/test/00000.jsonl")).unwrap();
    assert_eq!(written.matches("\"rare\"").count(), 2, "{written}");
    for name in ["README.md", "report.html"] {
        let text = fs::read_to_string(dir.join("topic").join(name)).unwrap();
        assert!(text.contains("common 28, rare 14"), "{text}");
    }
    plan.split.stratify = Some("language".to_owned());
    let of = |en, zh| vec![("en".to_owned(), en), ("zh".to_owned(), zh)];
    assert_eq!(labels(&card(&plan, "language"))[1..], [of(9, 3), of(4, 2)]);
    // Authors stay together, and every split is near its size.
    plan.split.stratify = None;
    (plan.split.exact, plan.split.group) = (true, Some("author".to_owned()));
    let grouped = card(&plan, "author");
    let groups: usize = grouped.split.as_ref().unwrap().rows.iter().map(|row| row.groups).sum();
    assert_eq!((grouped.splits(), groups), (sizes, 20));
}

#[test]
fn what_was_masked_is_told_without_showing_it() {
    let (_guard, dir) = folder();
    let inputs: Vec<String> = ["a", "b"]
        .map(|name| {
            let folder = dir.join(name);
            fs::create_dir(&folder).unwrap();
            input(&folder)
        })
        .to_vec();
    let out = dir.join("out");
    let card = run(&CleaningPlan::default(), &inputs, &out);
    let audit = card.pii_audit.as_ref().unwrap();
    // Of each input six documents have a letter, and one of them has personal data.
    assert_eq!((audit.texts, audit.texts_with_matches, audit.total()), (12, 2, 6));
    let counts: BTreeMap<String, u64> =
        audit.counts.iter().map(|(kind, count)| (kind.name().to_owned(), *count)).collect();
    assert_eq!(counts, card.summary.masked);
    let shown = card.curated_set("out".to_owned(), 0.0).audit.unwrap();
    assert_eq!((shown.num_documents, shown.num_with_matches, &shown.counts), (12, 2, &counts));
    assert!(shown.samples.iter().any(|sample| sample.value == "1*********8"), "{shown:?}");
    let text = fs::read_to_string(out.join("pii_audit.json")).unwrap();
    assert_eq!(&serde_json::from_str::<catena_corpus::PiiAudit>(&text).unwrap(), audit);
    for name in ["pii_audit.json", "README.md", "report.html"] {
        let text = fs::read_to_string(out.join(name)).unwrap();
        assert!(text.contains("1*********8"), "{name}: {text}");
        for hidden in ["jo@", "ann@", "1381234"] {
            assert!(!text.contains(hidden), "{name} shows {hidden}: {text}");
        }
    }
    let mut plan = CleaningPlan::default();
    plan.pii.mask.clear();
    let card = run(&plan, &inputs, &dir.join("unmasked"));
    assert_eq!(card.pii_audit, None);
    assert!(!dir.join("unmasked/pii_audit.json").exists());
}

#[test]
fn what_has_changed_since_is_not_taken_for_done() {
    let (_guard, dir) = folder();
    let inputs = [input(&dir)];
    let (bench, secret) = (dir.join("bench.jsonl"), dir.join("secret.key"));
    let row = |words: &str| serde_json::json!({ "text": words }).to_string();
    fs::write(&bench, row(&"one two three four five ".repeat(4))).unwrap();
    fs::write(&secret, "first secret").unwrap();
    let mut plan = CleaningPlan::default();
    plan.decontaminate.against = vec![bench.to_string()];
    plan.pii.style = crate::PiiStyle::Pseudonym;
    plan.pii.key_file = Some(secret.to_string());
    let out = dir.join("out");
    let again = || run_with(&plan, &inputs, &out, 1, &NoProgress, &Cancel::new());
    let first = again().unwrap();
    assert_eq!(first, again().unwrap());
    assert!(first.inputs[0].version.is_some(), "{:?}", first.inputs);
    let known: Vec<_> =
        first.side_files.iter().map(|one| (one.key.as_str(), one.sha256.is_some())).collect();
    assert_eq!(known, [("decontaminate.against", true), ("pii.key_file", false)]);
    let text = fs::read_to_string(out.join("card.json")).unwrap();
    assert!(!text.contains(&super::write::digest(&secret, &Cancel::new()).unwrap()), "{text}");
    // The same length each time, so that only the contents tell.
    for (path, other) in [
        (&bench, row(&"ten six seven nine four ".repeat(4))),
        (&secret, "other secret".to_owned()),
        (
            &Utf8PathBuf::from(&inputs[0]),
            fs::read_to_string(&inputs[0]).unwrap().replace("jo@", "mo@"),
        ),
    ] {
        assert_eq!(fs::read(path).unwrap().len(), other.len());
        fs::write(path, other).unwrap();
        let error = again().unwrap_err();
        assert!(matches!(error, CurateError::OtherWork { .. }), "{path}: {error}");
        let options = ReadOptions::default();
        let (inputs, plan, folder) = (&inputs[..], &plan, &*out);
        let curation =
            Curation { inputs, plan, folder, threads: 1, overwrite: true, options, sync: true };
        let card = curate(&curation, &NoProgress, &Cancel::new()).unwrap();
        assert_ne!(card.fingerprint, first.fingerprint);
        assert_eq!(card, again().unwrap());
    }
}

#[test]
fn samples_of_evaluation_sets_are_found() {
    let (_guard, dir) = folder();
    let bench = dir.join("bench.jsonl");
    let words: Vec<&str> = STORY.split(' ').take(20).collect();
    let row = serde_json::json!({"text": words.join(" ")});
    fs::write(&bench, row.to_string()).unwrap();
    let mut plan = CleaningPlan::default();
    plan.decontaminate.against = vec![bench.to_string()];
    let card = run(&plan, &[input(&dir)], &dir.join("out"));
    assert_eq!(card.summary.dropped["decontaminate"][bench.as_str()], 3);
    // A row that would not be looked for is not passed over, unless there is nothing in it.
    let row = serde_json::json!({"ctx": words.join(" "), "label": 1});
    fs::write(&bench, format!("{row}\n{{\"ctx\": \" \"}}\n")).unwrap();
    let (inputs, out) = ([input(&dir)], dir.join("named"));
    let refused = run_with(&plan, &inputs, &out, 1, &NoProgress, &Cancel::new()).unwrap_err();
    let expected = "row bench.jsonl:1 of an evaluation set cannot be looked for";
    assert_eq!(refused.to_string(), expected);
    plan.decontaminate.text = Some("ctx".to_owned());
    let card = run(&plan, &inputs, &out);
    assert_eq!(card.summary.dropped["decontaminate"][bench.as_str()], 3);
}

#[test]
fn passages_that_occurred_before_are_cut() {
    let (_guard, dir) = folder();
    let footer = "Copyright of the town of Riverside, all rights reserved.";
    let tale = "There once was a miller who had three sons and a cat that could talk.";
    let rows = [
        serde_json::json!({"id": "a", "text": format!("The first page has news.\n{footer}\n")}),
        serde_json::json!({"id": "b", "text": format!("Another page about bread.\n{footer}\n")}),
        serde_json::json!({"id": "c", "text": format!("{footer}\n")}),
        serde_json::json!({"id": "d", "text": format!("Some say: {tale} The end.")}),
        serde_json::json!({"id": "e", "text": format!("Others say: {tale} No end.")}),
    ];
    let lines: Vec<String> = rows.iter().map(ToString::to_string).collect();
    let input = dir.join("in.jsonl");
    fs::write(&input, lines.join("\n")).unwrap();
    let mut plan = CleaningPlan::default();
    "off".clone_into(&mut plan.dedup.near);
    (plan.dedup.lines, plan.dedup.substring_bytes) = (true, 40);
    let out = dir.join("out");
    let card = run(&plan, &[input.into_string()], &out);
    let kept = texts(&out);
    let text = |id: &str| kept[id]["text"].as_str().unwrap();
    assert_eq!(kept.keys().collect::<Vec<_>>(), ["a", "b", "d", "e"]);
    assert!(text("a").contains(footer) && text("d").contains(tale));
    assert_eq!(text("b").trim(), "Another page about bread.");
    assert!(text("e").starts_with("Others") && !text("e").contains("miller"), "{}", text("e"));
    let summary = &card.summary;
    assert_eq!(summary.dropped["dedup"]["passages"], 1);
    assert_eq!(summary.changed["passages_cut"], 2);
    let written: usize = kept.keys().map(|id| text(id).len()).sum();
    assert_eq!(summary.bytes_kept, written as u64);
    let story = explain(&out, "c").unwrap();
    assert!(!story.kept, "{:?}", story.steps);
    let story = explain(&out, "e").unwrap();
    assert!(story.kept && story.steps.iter().any(|(step, _)| step == "passages"), "{story:?}");
}

#[test]
fn what_a_query_finds_is_what_was_written() {
    let (_guard, dir) = folder();
    let out = dir.join("out");
    let card = run(&CleaningPlan::default(), &[input(&dir)], &out);
    let ask = |query: &str| {
        let on = [out.to_string()];
        let options = ReadOptions::default();
        let answer = crate::query(query, &on, &options, 2, &dir, &Cancel::new());
        answer.unwrap().json_lines().unwrap()
    };
    let count = ask("SELECT count(*) AS n FROM documents");
    assert_eq!(count.trim(), format!("{{\"n\":{}}}", card.summary.num_kept));
    let dropped = ask("SELECT verdict['rule'] AS rule FROM attributes WHERE verdict IS NOT NULL");
    assert_eq!(dropped.trim(), "{\"rule\":\"empty\"}");
    let masked = ask("SELECT mask_pii('to a@b.org')['text'] AS text");
    assert_eq!(masked.trim(), "{\"text\":\"to [EMAIL]\"}");
    let copies = ask("SELECT id, kind FROM duplicates ORDER BY id");
    assert_eq!(
        copies.trim(),
        "{\"id\":\"copy\",\"kind\":\"exact\"}\n{\"id\":\"near\",\"kind\":\"near\"}"
    );
    let rejected = ask("SELECT place, reason FROM rejected ORDER BY place");
    assert_eq!(
        rejected.trim(),
        "{\"place\":\"in.jsonl:8\",\"reason\":\"text_type\"}\n\
         {\"place\":\"in.jsonl:9\",\"reason\":\"not_json\"}"
    );
    let on = [out.to_string()];
    let wrong = crate::query("SELECT x", &on, &ReadOptions::default(), 1, &dir, &Cancel::new());
    assert!(matches!(wrong, Err(CurateError::Query { .. })));
}
