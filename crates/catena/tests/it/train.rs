//! `catena train` as people use it: what it says about bad input, and a small run.

use crate::support::{Done, run, test_models};
use std::path::Path;

/// Four rows in Alpaca's columns.
const ROWS: &str = r#"{"instruction": "Say one.", "output": "One it is."}
{"instruction": "Say two.", "output": "Two it is."}
{"instruction": "Say three.", "output": "Three it is."}
{"instruction": "Say four.", "output": "Four it is."}
"#;

/// Writes a run's file, with more keys, and its data.
fn write(dir: &Path, keys: &str) -> String {
    let model = test_models().join("smollm2-135m-instruct.q4_1.gguf");
    let file = dir.join("train.toml");
    let text = format!(
        "[train]\nmodel = {model:?}\noutput = \"out\"\nmax_tokens = 64\nmicro_step_tokens = 128\n\
         batch_size = 2\nepochs = 1\n{keys}\n"
    );
    std::fs::write(&file, text).unwrap();
    std::fs::write(dir.join("rows.jsonl"), ROWS).unwrap();
    file.to_str().unwrap().to_owned()
}

fn said(dir: &Path, done: &Done) -> String {
    let text = done.stderr.replace(dir.to_str().unwrap(), "DIR");
    let model = test_models().join("smollm2-135m-instruct.q4_1.gguf");
    format!("exit {}\n{}", done.code.unwrap(), text.replace(model.to_str().unwrap(), "MODEL"))
}

/// Everything that is wrong with a file and its data is told before the first step.
#[test]
fn bad_input() {
    let dir = tempfile::tempdir().unwrap();
    let data = "data = [\"rows.jsonl\"]\n";
    let cases = [
        ("missing-data", "data = [\"nowhere.csv\"]".to_owned()),
        ("no-data", String::new()),
        ("unknown-key", format!("{data}lora_rnak = 8")),
        ("unknown-word", format!("{data}optimizer = \"adamv\"")),
        ("wrong-type", format!("{data}seed = \"many\"")),
        ("out-of-range", format!("{data}learning_rate = -1.0")),
        ("unknown-module", format!("{data}target_modules = [\"q_prj\"]")),
        ("unknown-format", format!("{data}data_format = \"alpacca\"")),
        ("other-stage", format!("{data}stage = \"kto\"")),
    ];
    let mut text = String::new();
    for (name, keys) in cases {
        let file = write(dir.path(), &keys);
        let done = run(&["train", "run", &file]);
        assert!(!dir.path().join("out/adapter").exists(), "{name}: {}", done.stderr);
        text.push_str(&format!("--- {name}\n{}\n", said(dir.path(), &done)));
    }
    let broken = write(dir.path(), data);
    std::fs::write(dir.path().join("rows.jsonl"), "{\"instruction\": \"a\"}\nno json\n").unwrap();
    text.push_str(&format!(
        "--- broken rows\n{}\n",
        said(dir.path(), &run(&["train", "run", &broken]))
    ));
    let yaml = dir.path().join("run.yaml");
    std::fs::write(&yaml, "stage: sft\nfinetuning_typ: lora\n").unwrap();
    let done = run(&["train", "run", yaml.to_str().unwrap()]);
    text.push_str(&format!("--- unknown key of a YAML\n{}\n", said(dir.path(), &done)));
    let done = run(&["train", "lint", dir.path().join("none.toml").to_str().unwrap()]);
    text.push_str(&format!("--- no file\n{}\n", said(dir.path(), &done)));
    insta::assert_snapshot!(text);
}

/// A run leaves an adapter; the same command again finds it finished and changes nothing; other
/// settings for the same folder are refused, and nothing of it is lost.
#[test]
fn a_run_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let data = "data = [\"rows.jsonl\"]\nignore_lint = true\n";
    let file = write(dir.path(), data);
    let first = run(&["train", "run", &file]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let adapter = dir.path().join("out/adapter/adapter_model.safetensors");
    let bytes = std::fs::read(&adapter).unwrap();
    let again = run(&["train", "run", &file]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(std::fs::read(&adapter).unwrap() == bytes, "a finished run was changed");
    let other = run(&["train", "run", &file, "--set", "learning_rate=1e-3"]);
    assert_eq!(other.code, Some(2), "{}", other.stderr);
    assert!(other.stderr.contains("choose another `output`"), "{}", other.stderr);
    assert!(std::fs::read(&adapter).unwrap() == bytes, "a refused run changed the folder");
}
