//! The commands of `catena data` that do one thing each, with their cards.

use crate::data::{data, files, lines, ok, sentence, write_rows};
use crate::support::test_models;
use camino::{Utf8Path, Utf8PathBuf};
use catena_corpus::open_datatrove;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

/// A folder that goes away with its guard.
fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let guard = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
    (guard, path)
}

/// `count` documents, and a line that is none.
fn input(path: &Utf8Path, count: usize) {
    write_rows(path.as_std_path(), (0..count).map(sentence));
    let text = fs::read_to_string(path).unwrap() + "{\"id\": \"broken\"\n";
    fs::write(path, text).unwrap();
}

fn json(path: &Utf8Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The card of a folder, whose files must be as it says, and whose README must name its command.
fn card(folder: &Utf8Path, command: &str) -> Value {
    checked(folder, ("card.json", "README.md"), command)
}

fn checked(folder: &Utf8Path, (card, readme): (&str, &str), command: &str) -> Value {
    let card = json(&folder.join(card));
    assert_eq!(card["command"], command, "{card}");
    for file in card["files"].as_array().unwrap() {
        let path = folder.join(file["path"].as_str().unwrap());
        let digest = catena_store::digest_file(&path).unwrap().to_hex();
        assert_eq!(file["sha256"], digest, "{path}");
    }
    assert!(card["inputs"].as_array().unwrap().iter().all(|one| one["sha256"].is_string()));
    let readme = fs::read_to_string(folder.join(readme)).unwrap();
    assert!(readme.contains(&format!("Made by `catena data {command}`")), "{readme}");
    card
}

fn ids(folder: &Utf8Path) -> Vec<String> {
    let text = lines(folder.as_std_path());
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn sources_are_mixed_by_weights() {
    let (_guard, dir) = folder();
    fs::create_dir(dir.join("lang=en")).unwrap();
    let (a, b) = (dir.join("a.jsonl"), dir.join("lang=en/b.jsonl"));
    input(&a, 60);
    write_rows(b.as_std_path(), (500..560).map(sentence));
    let mix = |name: &str, sources: [&str; 2], seed: &str| {
        let out = dir.join(name);
        let args = ["--bytes", "4000", "--seed", seed, "--out", out.as_str()];
        ok(&[&["mix"], &sources[..], &args].concat());
        out
    };
    let weighted = [format!("{a}=0.75"), format!("{b}=0.25")];
    let weighted = weighted.each_ref().map(String::as_str);
    let first = mix("first", weighted, "1");
    let told = card(&first, "mix");
    assert_eq!(told["settings"]["seed"], 1);
    assert_eq!(told["counts"]["documents read"], 120);
    assert_eq!(told["rejected"], serde_json::json!({"not_json": 1}));
    let taken = |source: &Value| source["taken_bytes"].as_u64().unwrap();
    let sources = told["settings"]["sources"].as_array().unwrap();
    assert_eq!(sources.iter().map(taken).collect::<Vec<_>>(), [3000, 1000]);
    assert_eq!(sources[1]["source"], b.as_str());
    let rejected = fs::read_to_string(first.join("rejected/00000.jsonl")).unwrap();
    assert_eq!(rejected.lines().count(), 1, "{rejected}");
    assert_eq!(ids(&first), ids(&mix("again", weighted, "1")));
    assert_ne!(ids(&first), ids(&mix("other", weighted, "2")));
    // An equals sign in a path is none of a weight.
    let plain = mix("plain", [a.as_str(), b.as_str()], "1");
    assert!(card(&plain, "mix")["settings"]["sources"][1]["weight"].is_null());
    let wrong = data(&["mix", &format!("{a}=half"), "--bytes", "9", "--out", first.as_str()]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("`half`"), "{}", wrong.stderr);
    // Documents that were mixed are read as a data set, its card and rejected rows left out.
    let count = "SELECT count(*) AS n FROM documents";
    let answer = ok(&["sql", count, "--on", first.as_str(), "--format", "csv"]);
    assert_eq!(answer, format!("n\n{}\n", ids(&first).len()));
}

#[test]
fn what_an_earlier_or_a_killed_run_left_is_gone() {
    let (_guard, dir) = folder();
    let (path, out) = (dir.join("in.jsonl"), dir.join("out"));
    write_rows(path.as_std_path(), (0..9).map(sentence));
    let mix = |format: &str| {
        let given = ["mix", path.as_str(), "--bytes", "300", "--out", out.as_str()];
        data(&[&given[..], &["--format", format]].concat())
    };
    assert_eq!(mix("jsonl").code, Some(0));
    // As if a run had been killed while it put its files in their places.
    let (left, staged) = (out.join("data/train/00001.jsonl"), out.join(".catena.part"));
    fs::create_dir(&staged).unwrap();
    fs::write(staged.join(".places.json"), "[\"data/train/00001.jsonl\"]").unwrap();
    fs::copy(out.join("data/train/00000.jsonl"), &left).unwrap();
    assert_eq!(mix("jsonl").code, Some(0));
    assert!(!left.exists() && !staged.exists());
    // Another form does not stand beside the first.
    assert_eq!(mix("csv").code, Some(0));
    let names = fs::read_dir(out.join("data/train")).unwrap();
    let names: Vec<_> = names.map(|one| one.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names, ["00000.csv"]);
    card(&out, "mix");
    // A cleaned set is not written over.
    let clean = dir.join("clean");
    ok(&["convert", path.as_str(), "--out", clean.as_str()]);
    let refused = data(&["mix", path.as_str(), "--bytes", "300", "--out", clean.as_str()]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("choose another --out"), "{}", refused.stderr);
}

/// Packs 40 documents into `dir/name/train`, and tells the card.
fn pack(dir: &Utf8Path, name: &str, args: &[&str]) -> Value {
    let path = dir.join("in.jsonl");
    if !path.exists() {
        input(&path, 40);
    }
    let model = test_models().join("smollm2-135m-instruct.q4_1.gguf");
    let out = dir.join(name).join("train");
    let given = ["pack", path.as_str(), "--tokenizer", model.to_str().unwrap()];
    ok(&[&given[..], &["--out", out.as_str()], args].concat());
    checked(&dir.join(name), ("train.card.json", "train.README.md"), "pack")
}

/// The tokens of each document or sequence in all shards that the card of `dir/name` names.
fn packed(dir: &Utf8Path, name: &str) -> Vec<Vec<u32>> {
    let folder = dir.join(name);
    let card = json(&folder.join("train.card.json"));
    let mut all = Vec::new();
    for file in card["files"].as_array().unwrap().iter().filter(|one| one["num_rows"].is_u64()) {
        let mut shard = open_datatrove(&folder.join(file["path"].as_str().unwrap())).unwrap();
        assert_eq!(file["num_tokens"], shard.tokens());
        for document in 0..shard.documents() {
            let mut tokens = Vec::new();
            shard.read(document, &mut tokens).unwrap();
            all.push(tokens);
        }
    }
    all
}

#[test]
fn documents_are_packed_into_sequences() {
    let (_guard, dir) = folder();
    // One shard, as trainers of documents want it.
    let plain = pack(&dir, "plain", &[]);
    assert_eq!(plain["counts"]["documents written"], 40);
    assert_eq!(plain["rejected"], serde_json::json!({"not_json": 1}));
    let documents = packed(&dir, "plain");
    let row = documents.concat();
    assert_eq!((documents.len(), number(&plain, "tokens written")), (40, row.len() as u64));
    let concat = pack(&dir, "concat", &["--length", "16"]);
    assert_eq!(packed(&dir, "concat").concat(), row[..row.len() / 16 * 16]);
    assert_eq!(number(&concat, "tokens left over"), row.len() as u64 % 16);
    // Fitted together no document is cut that fits.
    let fit = ["--length", "64", "--packing", "best-fit", "--shard-tokens"];
    let fitted = pack(&dir, "fitted", &[&fit[..], &["64"]].concat());
    let places = number(&fitted, "tokens written");
    assert_eq!(places, 64 * number(&fitted, "sequences written"));
    assert_eq!(places - number(&fitted, "places filled up"), row.len() as u64);
    assert_eq!(number(&fitted, "documents cut"), 0);
    assert!(dir.join("fitted/train-00005.ds").exists());
    // Fewer shards than before leave none of those behind.
    pack(&dir, "fitted", &[&fit[..], &["640"]].concat());
    assert!(!dir.join("fitted/train-00005.ds").exists());
}

#[test]
fn a_seed_decides_the_order_of_sequences() {
    let (_guard, dir) = folder();
    let sequences = ["--length", "16", "--shard-tokens", "160"];
    pack(&dir, "none", &sequences);
    for (name, seed) in [("one", "1"), ("same", "1"), ("two", "2")] {
        pack(&dir, name, &[&sequences[..], &["--shuffle=8", "--seed", seed]].concat());
    }
    let bytes = |name: &str| -> BTreeMap<String, Vec<u8>> {
        let name_of =
            |path: std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        let files = files(dir.join(name).as_std_path()).into_iter();
        files.map(|(path, bytes)| (name_of(path), bytes)).collect()
    };
    assert!(bytes("one") == bytes("same"));
    assert!(bytes("one").contains_key("train-00003.ds"), "{:?}", bytes("one").keys());
    let [none, one, two] = ["none", "one", "two"].map(|name| packed(&dir, name));
    assert!(one != two && one != none);
    let sorted = |mut all: Vec<Vec<u32>>| {
        all.sort();
        all
    };
    assert_eq!(sorted(one), sorted(none));
}

fn number(card: &Value, name: &str) -> u64 {
    card["counts"][name].as_u64().unwrap()
}

#[test]
fn documents_that_say_the_same_are_dropped() {
    let (_guard, dir) = folder();
    let path = dir.join("in.jsonl");
    write_rows(path.as_std_path(), [sentence(1), sentence(40), sentence(1)].into_iter());
    // What stands beside a text may make it another sample.
    let labelled = serde_json::json!({"id": "d3", "text": sentence(1), "label": 1});
    let text = fs::read_to_string(&path).unwrap() + &format!("{labelled}\n");
    fs::write(&path, text).unwrap();
    let encoder =
        Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/golden/encoders/embed_mean");
    let out = dir.join("out");
    ok(&[
        "semantic",
        path.as_str(),
        "--out",
        out.as_str(),
        "--embedder",
        encoder.as_str(),
        "--threshold",
        "0.9999",
    ]);
    assert_eq!(ids(&out), ["d0", "d1", "d3"]);
    let told = card(&out, "semantic");
    assert_eq!(told["counts"]["documents dropped"], 1);
    assert!(told["models"].as_array().unwrap().len() > 3, "{told}");
    let decisions = fs::read_to_string(out.join("decisions.jsonl")).unwrap();
    let third: Value = serde_json::from_str(decisions.lines().nth(2).unwrap()).unwrap();
    assert_eq!((&third["id"], &third["duplicate_of"]), (&"d2".into(), &"d0".into()));
}

#[test]
fn a_choice_is_accounted_for() {
    let (_guard, dir) = folder();
    let (path, out) = (dir.join("in.jsonl"), dir.join("out"));
    input(&path, 20);
    let select = ["select", path.as_str(), "--out", out.as_str(), "--score", "length"];
    ok(&[&select[..], &["--at-least", "17", "--documents", "5"]].concat());
    let told = card(&out, "select");
    assert_eq!(told["settings"]["score"], "length");
    assert_eq!(number(&told, "documents written"), 5);
    let decisions = fs::read_to_string(out.join("decisions.jsonl")).unwrap();
    let decisions = decisions.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut counts = BTreeMap::new();
    for decision in decisions {
        *counts.entry(decision["dropped_by"].as_str().unwrap_or("none").to_owned()).or_insert(0) +=
            1;
    }
    let bound = number(&told, "documents out of bounds");
    assert!((1..=15).contains(&bound), "{told}");
    let expected = [("bound", bound), ("budget", 15 - bound), ("none", 5)];
    let expected = expected.map(|(name, count)| (name.to_owned(), count));
    assert_eq!(counts, expected.into_iter().filter(|(_, count)| *count > 0).collect());
    let (chosen, all) = (ids(&out), (0..4).map(|at| format!("d{at}")));
    for id in all {
        let verdict = if chosen.contains(&id) { "kept" } else { "dropped" };
        let told = ok(&["explain", out.as_str(), &id]);
        assert!(told.starts_with(&format!("{id}: {verdict}\n")), "{told}");
    }
}

#[test]
fn copies_are_dropped_and_nothing_else() {
    let (_guard, dir) = folder();
    let (path, out) = (dir.join("in.jsonl"), dir.join("out"));
    let broken = "Itâ€™s jane@example.org who wrote this.".to_owned();
    let rows = [sentence(1), broken.clone(), sentence(1).to_uppercase(), sentence(77)];
    write_rows(path.as_std_path(), rows.into_iter());
    ok(&["dedup", path.as_str(), "--out", out.as_str()]);
    assert_eq!(ids(&out), ["d0", "d1", "d3"]);
    assert!(lines(out.as_std_path()).contains(&broken));
    assert!(ok(&["explain", out.as_str(), "d2"]).contains("exact duplicate of `d0`"));
}

#[test]
fn personal_data_is_masked_and_nothing_else() {
    let (_guard, dir) = folder();
    let path = dir.join("in.jsonl");
    let mail = "Itâ€™s jane@example.org or 13812345678.".to_owned();
    write_rows(path.as_std_path(), [mail.clone(), mail].into_iter());
    let mask = |name: &str, args: &[&str]| {
        let out = dir.join(name);
        ok(&[&["mask", path.as_str(), "--out", out.as_str()], args].concat());
        (lines(out.as_std_path()), out)
    };
    let (text, out) = mask("all", &[]);
    assert_eq!(text.matches("Itâ€™s [EMAIL] or [PHONE].").count(), 2, "{text}");
    let audit = json(&out.join("pii_audit.json"));
    assert_eq!((&audit["texts"], &audit["texts_with_matches"]), (&2.into(), &2.into()));
    assert!(!audit.to_string().contains("jane"), "{audit}");
    let (text, _) = mask("mails", &["--kinds", "email"]);
    assert!(text.contains("[EMAIL] or 13812345678"), "{text}");
    let secret = dir.join("secret.key");
    let style = ["--style", "pseudonym", "--key-file", secret.as_str()];
    fs::write(&secret, "one").unwrap();
    let (one, _) = mask("one", &style);
    assert!(!one.contains("jane") && one == mask("same", &style).0, "{one}");
    fs::write(&secret, "two").unwrap();
    assert_ne!(one, mask("two", &style).0);
    let keyless = dir.join("keyless");
    let args = ["mask", path.as_str(), "--out", keyless.as_str(), "--style", "pseudonym"];
    assert_eq!(data(&args).code, Some(2));
}
