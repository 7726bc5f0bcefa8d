//! `catena data` as a user meets it.

use crate::support::{Done, catena, done, printed, run, test_models, with_mounts};
use serde_json::json;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// English and Chinese sentences of many words, none like another.
pub(crate) fn sentence(seed: usize) -> String {
    const WHO: [&str; 6] = ["The bank", "A customer", "The clerk", "Our branch", "She", "客户"];
    const DID: [&str; 6] = ["asked about", "closed", "explained", "compared", "opened", "询问了"];
    const WHAT: [&str; 6] =
        ["an account", "the monthly fee", "a stolen card", "the mortgage", "a transfer", "贷款"];
    let pick = |words: [&'static str; 6], by: usize| words[seed / by % 6];
    let (who, did, what) = (pick(WHO, 1), pick(DID, 6), pick(WHAT, 36));
    format!("{who} {did} {what} in the week number {seed} of the long year, which nobody expected.")
}

/// Writes `rows` as JSON Lines with ids.
pub(crate) fn write_rows(path: &Path, rows: impl Iterator<Item = String>) {
    let mut text = String::new();
    for (at, row) in rows.enumerate() {
        let row = json!({ "id": format!("d{at}"), "text": row });
        writeln!(text, "{row}").unwrap();
    }
    fs::write(path, text).unwrap();
}

pub(crate) fn data(args: &[&str]) -> Done {
    run(&[&["data"], args].concat())
}

pub(crate) fn ok(args: &[&str]) -> String {
    let done = data(args);
    assert_eq!(done.code, Some(0), "{args:?}: {}", done.stderr);
    done.stdout
}

/// Every file below a folder, but those of the work itself, with its bytes.
pub(crate) fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with(".work") {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// The documents that a command wrote as JSON Lines.
pub(crate) fn lines(folder: &Path) -> String {
    let data = folder.join("data");
    let found = files(if data.exists() { &data } else { folder });
    let found =
        found.into_iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "jsonl"));
    found.map(|(_, bytes)| String::from_utf8(bytes).unwrap()).collect()
}

fn relative(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let strip = |(path, bytes): (PathBuf, _)| (path.strip_prefix(folder).unwrap().into(), bytes);
    files(folder).into_iter().map(strip).collect()
}

#[test]
fn data_help_pages() {
    let names = [
        "clean", "dedup", "mask", "convert", "semantic", "select", "mix", "pack", "explain", "sql",
        "judge", "rules", "plan",
    ];
    let mut pages: Vec<Vec<&str>> = vec![vec!["data", "--help"], vec!["bench", "data", "--help"]];
    pages.extend(names.iter().map(|name| vec!["data", name, "--help"]));
    let pages: Vec<&[&str]> = pages.iter().map(Vec::as_slice).collect();
    insta::assert_snapshot!(printed(&pages));
}

#[test]
fn documents_are_cleaned_explained_and_queried() {
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (dir.path().join("in.jsonl"), dir.path().join("out"));
    let more = ["Write to jane.doe@example.org today.".to_owned(), sentence(3), "¿".to_owned()];
    write_rows(&input, (0..40).map(sentence).chain(more));
    let text = fs::read_to_string(&input).unwrap() + "{\"id\": \"broken\"\n";
    fs::write(&input, text).unwrap();
    let (input, out) = (input.to_str().unwrap(), out.to_str().unwrap());
    let card: serde_json::Value =
        serde_json::from_str(ok(&["clean", input, "--out", out, "--json"]).trim()).unwrap();
    assert_eq!(card["summary"]["num_read"], 43, "{card}");
    let kept = lines(Path::new(out));
    assert!(kept.contains("[EMAIL]") && !kept.contains("jane.doe"), "{kept}");
    assert_eq!(kept.matches("week number 3 of").count(), 1);
    assert!(ok(&["explain", out, "d41"]).starts_with("d41: dropped"));
    assert!(ok(&["explain", out, "d40", "--profile"]).starts_with("d40: kept"));
    let query = "SELECT count(*) AS n FROM attributes";
    assert_eq!(ok(&["sql", query, "--on", out, "--format", "csv"]), "n\n43\n");
    let query = "SELECT repair_text('Itâ€™s')['text'] AS t";
    assert!(ok(&["sql", query, "--format", "jsonl"]).contains("It’s"), "{}", ok(&["sql", query]));
    let judge = ["judge", out, "--rules", "c4-paragraph@datatrove"];
    let judged = ok(&judge);
    assert!(judged.starts_with("0 of 43 documents break no rule"), "{judged}");
    let threshold =
        judged.lines().nth(1).unwrap().trim().split_once("  ").unwrap().1.to_owned() + "=0";
    let looser = ok(&[&judge[..], &["--threshold", &threshold]].concat());
    assert!(!looser.starts_with("0 of 43"), "{looser}");
    // A line that is no JSON spoils no question about the documents, only one about the rows.
    let count = |table: &str| format!("SELECT count(*) AS n FROM {table}");
    let documents = data(&["sql", &count("documents"), "--on", input, "--format", "csv"]);
    assert_eq!((documents.code, documents.stdout.as_str()), (Some(0), "n\n43\n"));
    assert!(documents.stderr.contains("1 rows are no documents"), "{}", documents.stderr);
    let rows = data(&["sql", &count("rows"), "--on", input]);
    assert_eq!(rows.code, Some(2), "{}", rows.stderr);
    let wrong = data(&["explain", out, "nobody"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
    // The same again is done already; another plan does not replace it unasked.
    ok(&["clean", input, "--out", out]);
    let other = data(&["clean", input, "--out", out, "--languages", "en"]);
    assert_ne!(other.code, Some(0));
    assert!(other.stderr.contains("--overwrite"), "{}", other.stderr);
}

#[test]
fn a_killed_run_goes_on_to_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in");
    fs::create_dir(&input).unwrap();
    // Notes that cost no time make the first file over the size of a part, so that there is something
    // to go on from; the texts of the second are the work that is left.
    let notes = "note ".repeat(13_000);
    let noted = |row| json!({"id": format!("n{row}"), "text": sentence(row), "notes": notes});
    let noted: Vec<String> = (0..1_100).map(|row| noted(row).to_string()).collect();
    fs::write(input.join("0.jsonl"), noted.join("\n")).unwrap();
    let rows = (0..160usize).map(|row| {
        let first = (row + 10) * 500;
        (first..first + 500).map(sentence).collect::<Vec<_>>().join("\n")
    });
    write_rows(&input.join("1.jsonl"), rows);
    let input = input.to_str().unwrap();
    let out = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let plan = ["--set", "pii.mask=[]", "--set", "dedup.near=\"off\""];
    let clean = |out: &str, threads: &str| {
        let args = ["data", "clean", input, "--out", out, "--threads", threads];
        catena(&[&args[..], &plan].concat())
    };
    let whole = out("whole");
    let first = done(clean(&whole, "1").output().unwrap());
    assert_eq!(first.code, Some(0), "{}", first.stderr);

    let stopped = out("stopped");
    let num_done = || {
        let parts = fs::read_dir(Path::new(&stopped).join("attributes")).into_iter().flatten();
        parts.filter(|part| part.as_ref().unwrap().path().extension().unwrap() == "parquet").count()
    };
    for signal in ["-INT", "-KILL"] {
        let mut child = clean(&stopped, "2").stderr(std::process::Stdio::piped()).spawn().unwrap();
        while num_done() == 0 {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it could be stopped");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let pid = child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let ended = child.wait_with_output().unwrap();
        assert!(!ended.status.success(), "{signal}");
        assert!(!Path::new(&stopped).join("card.json").exists(), "{signal}");
    }
    let last = done(clean(&stopped, "2").output().unwrap());
    assert_eq!(last.code, Some(0), "{}", last.stderr);
    assert!(relative(Path::new(&whole)) == relative(Path::new(&stopped)));
}

#[test]
fn a_full_disk_is_said_and_cleaning_goes_on() {
    let script = r#"
        mount -t tmpfs -o size=400k tmpfs "$1" || exit 99
        "$3" data clean "$2" --out "$1/out"; echo "code $?"
        mount -o remount,size=64m "$1" || exit 97
        "$3" data clean "$2" --out "$1/out"; echo "code $?"
    "#;
    let Some(mut command) = with_mounts(script) else { return };
    let dir = tempfile::tempdir().unwrap();
    let (input, disk) = (dir.path().join("in.jsonl"), dir.path().join("disk"));
    fs::create_dir(&disk).unwrap();
    write_rows(&input, (0..400).map(|at| (at * 50..at * 50 + 50).map(sentence).collect()));
    command.args([&disk, &input]).arg(env!("CARGO_BIN_EXE_catena"));
    let ended = done(command.output().unwrap());
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.starts_with("code 3\n"), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("No space left on device"), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint: free some space and run again"), "{}", ended.stderr);
    assert!(ended.stdout.ends_with("code 0\n"), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn documents_are_selected_by_any_score() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.jsonl");
    let odd = "zq xv jjk wqz pfft blorg qqx vvz kkj wub zzx qpd".to_owned();
    let plain = "Once upon a time, there was a little girl who lived in a small house.".to_owned();
    write_rows(&input, (0..30).map(sentence).chain([odd.clone(), plain, "Short.".to_owned()]));
    let input = input.to_str().unwrap();
    let select = |name: &str, args: &[&str]| {
        let out = dir.path().join(name);
        let out = out.to_str().unwrap();
        ok(&[&["select", input, "--out", out], args].concat());
        lines(Path::new(out))
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .collect::<Vec<_>>()
    };
    let shortest = select("s", &["--score", "length", "--ascending", "--documents", "1"]);
    assert_eq!(shortest[0]["text"], "Short.");
    let model = test_models().join("smollm2-135m-instruct.q4_1.gguf");
    let model = ["--score", "perplexity", "--model", model.to_str().unwrap()];
    let easiest = select("p", &[&model[..], &["--documents", "1", "--ascending"]].concat());
    assert_eq!(easiest[0]["id"], "d31", "{easiest:?}");
    let plain = select("q", &[&model[..], &["--at-most", "100"]].concat());
    assert!((1..=32).contains(&plain.len()), "{}", plain.len());
    assert!(plain.iter().all(|one| one["perplexity"].as_f64().unwrap() <= 100.0), "{plain:?}");
    let encoder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/golden/encoders/bert_sequence");
    let encoder = ["--score", "classifier", "--model", encoder.to_str().unwrap()];
    let cards = select("c", &[&encoder[..], &["--label", "card"]].concat());
    assert!(cards.iter().all(|one| (0.0..=1.0).contains(&one["classifier"].as_f64().unwrap())));
    let out = dir.path().join("n");
    let args = ["select", input, "--out", out.to_str().unwrap()];
    let unnamed = data(&[&args[..], &encoder].concat());
    assert!(unnamed.stderr.contains("refund, card, transfer"), "{}", unnamed.stderr);
    let like = dir.path().join("like.txt");
    fs::write(&like, odd).unwrap();
    let like = ["--score", "likeness", "--like", like.to_str().unwrap(), "--documents", "1"];
    assert_eq!(select("l", &like)[0]["id"], "d30");
    assert_eq!(select("d", &["--diverse", "facility", "--documents", "5"]).len(), 5);
    let drawn = ["--score", "flesch", "--draw", "--documents", "7", "--seed", "3"];
    assert_eq!(select("r", &drawn), select("r2", &drawn));
}

#[test]
fn tokens_are_counted_by_the_tokenizer_of_a_model_file() {
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (dir.path().join("in.jsonl"), dir.path().join("out"));
    write_rows(&input, ["One two three.".to_owned(), sentence(1)].into_iter());
    let (input, out) = (input.to_str().unwrap(), out.to_str().unwrap());
    let model = test_models().join("smollm2-135m-instruct.q4_1.gguf");
    let bound = "tokens.at_least=5";
    let args = ["data", "clean", input, "--out", out, "--set", bound, "--tokenizer"];
    let mut command = catena(&[&args[..], &[model.to_str().unwrap()]].concat());
    // The tokenizer goes into the cache as a file that the plan can name.
    let ended = done(command.env("XDG_CACHE_HOME", dir.path()).output().unwrap());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("tokens: at_least"), "{}", ended.stderr);
    let query = "SELECT id FROM attributes WHERE tokens > 10";
    assert_eq!(ok(&["sql", query, "--on", out, "--format", "jsonl"]), "{\"id\":\"d1\"}\n");
    let plan = fs::read_to_string(Path::new(out).join("plan.toml")).unwrap();
    assert!(plan.contains("catena/tokenizers/"), "{plan}");
}

#[test]
fn what_changes_its_type_is_written_in_every_form() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.jsonl");
    let rows =
        [r#"{"text":"one","n":1}"#, r#"{"text":"two","n":"2"}"#, r#"{"text":"six","n":[6]}"#];
    fs::write(&input, rows.join("\n")).unwrap();
    let formats =
        ["jsonl", "jsonl.gz", "jsonl.zst", "parquet", "arrow", "csv", "tsv", "dolma", "datatrove"];
    for format in formats {
        let out = dir.path().join(format);
        let out = out.to_str().unwrap();
        ok(&["convert", input.to_str().unwrap(), "--out", out, "--format", format]);
        let on = format!("{out}/data");
        let query = "SELECT text, metadata FROM documents ORDER BY id";
        let answer = ok(&["sql", query, "--on", &on, "--format", "csv"]);
        for text in ["one", "two", "six"] {
            assert!(answer.contains(text), "{format}: {answer}");
        }
        assert_eq!(answer.lines().count(), 4, "{format}: {answer}");
    }
}

#[test]
fn bad_use_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.jsonl");
    write_rows(&input, (0..3).map(sentence));
    let (input, out) = (input.to_str().unwrap(), dir.path().join("out"));
    let out = out.to_str().unwrap();
    let broken = dir.path().join("broken.jsonl");
    fs::write(&broken, "{\"id\": \"a\", \"text\": \"b\"}\n{\"id\":\n").unwrap();
    let cases: [&[&str]; 10] = [
        &["clean", "missing.jsonl", "--out", out],
        &["clean", input, "--out", out, "--rules", "gofer"],
        &["clean", input, "--out", out, "--set", "dedup.neer=1"],
        &["clean", input, "--out", out, "--format", "docx"],
        &["select", input, "--out", out, "--score", "beauty"],
        &["select", input, "--out", out, "--score", "perplexity"],
        &["select", input, "--out", out, "--diverse", "relevance"],
        &["sql", "SELEC 1"],
        &["sql", "SELECT id FROM rows", "--on", broken.to_str().unwrap()],
        &["explain", out, "d1"],
    ];
    let mut text = String::new();
    for args in cases {
        let done = data(args);
        let said = done.stderr.replace(dir.path().to_str().unwrap(), "DIR");
        let args = args.join(" ").replace(dir.path().to_str().unwrap(), "DIR");
        text.push_str(&format!("$ catena data {args}\nexit {}\n{said}\n", done.code.unwrap()));
    }
    insta::assert_snapshot!(text);
}
