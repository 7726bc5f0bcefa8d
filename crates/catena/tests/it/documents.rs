//! What a project makes of a folder with files of many kinds.

use crate::support::{project, run, test_models};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// The stage after the index fails for want of scenarios, which ends the run early.
fn config() -> String {
    let models = test_models();
    let base = models.join("smollm2-135m-instruct.q4_1.gguf");
    let embedder = models.join("all-minilm-l6-v2");
    format!(
        "[project]\nname = \"mixed\"\n[model]\nbase = {base:?}\nembedder = {embedder:?}\n\
         [data]\nsource = \"docs\"\n[eval]\nscenarios = \"none.json\"\n"
    )
}

fn write_documents(docs: &Path) {
    let put = |name: &str, bytes: &[u8]| {
        let path = docs.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let fees = "# Fees\n\nA card is free of charge. Ask jo@example.com if a fee was taken.\n";
    put("fees.md", fees.as_bytes());
    put("guide/copy.txt", fees.to_uppercase().as_bytes());
    put("guide/README.md", "# Start here\n\nItâ€™s best to read the guide first.".as_bytes());
    put(
        "page.html",
        b"<html><head><title>Lost cards</title></head><body><nav><a href=x>Home</a></nav><main>\
          <p>A lost card is blocked at once when you call the bank, at any hour of the day.</p>\
          </main></body></html>",
    );
    put(
        "table.csv",
        b"id,title,text\n7,\"Call 13812345678\",The desk is open from nine to five.\n",
    );
    put("logo.png", b"\x89PNG\r\n\x1a\n\0\0");
}

/// The folder of the stage's result.
fn result(project: &Path) -> PathBuf {
    let folders = fs::read_dir(project.join(".catena/stages/data")).unwrap();
    let folders: Vec<PathBuf> = folders.map(|entry| entry.unwrap().path()).collect();
    let [folder] = folders.as_slice() else { panic!("{folders:?}") };
    folder.clone()
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn files_of_any_kind_become_a_cleaned_set() {
    let dir = tempfile::tempdir().unwrap();
    let folder = project(dir.path(), &config());
    write_documents(&dir.path().join("docs"));
    fs::write(dir.path().join("none.json"), "[]").unwrap();
    let done = run(&["up", &folder, "--once", "--port", "0"]);
    assert!(done.stderr.contains("stage `retrieval` did not finish"), "{}", done.stderr);
    assert!(done.stderr.contains("1 files or rows: unknown_format"), "{}", done.stderr);

    let result = result(dir.path());
    let lines = fs::read_to_string(result.join("data/train/00000.jsonl")).unwrap();
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let text = |id: &str| {
        let row = rows.iter().find(|row| row["id"] == id).unwrap();
        row["text"].as_str().unwrap().to_owned()
    };
    let ids: Vec<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["fees.md", "guide/README.md", "page.html", "7"]);
    assert!(text("fees.md").contains("Ask [EMAIL] if"), "{}", text("fees.md"));
    assert!(text("guide/README.md").contains("It’s best"), "{}", text("guide/README.md"));
    assert!(text("page.html").starts_with("A lost card"), "{}", text("page.html"));

    let profile = read_json(&result.join("profile.json"));
    assert_eq!((&profile["num_input"], &profile["num_kept"]), (&json!(5), &json!(4)));
    assert_eq!(profile["dropped"], json!({"exact_duplicate": 1}));
    assert_eq!(profile["masked"], json!({"email": 2, "phone": 1}));
    assert_eq!(profile["rejected"], json!({"unknown_format": 1}));
    assert!(profile["tokens"]["total"].as_u64().unwrap() > 30);
    assert_eq!(read_json(&result.join("card.json"))["summary"]["num_kept"], 4);
    let told = run(&["data", "explain", result.to_str().unwrap(), "guide/copy.txt"]);
    assert!(told.stdout.contains("exact duplicate of `fees.md`"), "{}{}", told.stdout, told.stderr);

    let chunks = chunks(&dir.path().join(".catena/stages/index"));
    let titles: Vec<&str> = chunks.iter().map(|row| row["title"].as_str().unwrap()).collect();
    for title in ["Fees", "Start here", "Lost cards", "Call [PHONE]"] {
        assert!(titles.contains(&title), "{title}: {titles:?}");
    }
}

/// The chunks of the index, which lie in the folder of their generation.
fn chunks(stage: &Path) -> Vec<Value> {
    let mut folders = vec![stage.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.ends_with("chunks.jsonl") {
                let text = fs::read_to_string(path).unwrap();
                return text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            }
        }
    }
    panic!("no chunks in {}", stage.display())
}
