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
    std::fs::write(dir.join("empty.jsonl"), "").unwrap();
    std::fs::write(dir.join("empty.json"), "[]").unwrap();
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
        ("memory-without-unit", format!("{data}max_memory = \"4 pounds\"")),
        ("wrong-word", format!("{data}recompute = \"some\"")),
        ("unknown-module", format!("{data}target_modules = [\"q_prj\"]")),
        ("unknown-format", format!("{data}data_format = \"alpacca\"")),
        ("other-stage", format!("{data}stage = \"kto\"")),
        ("other-method", format!("{data}method = \"adalora\"")),
        ("empty-data", "data = [\"empty.jsonl\"]".to_owned()),
        ("empty-list", "data = [\"empty.json\"]".to_owned()),
    ];
    let mut text = String::new();
    for (name, keys) in cases {
        let file = write(dir.path(), &keys);
        let done = run(&["train", "run", &file]);
        assert!(!dir.path().join("out/adapter").exists(), "{name}: {}", done.stderr);
        text.push_str(&format!("--- {name}\n{}\n", said(dir.path(), &done)));
    }
    let long = run(&["train", "run", &write(dir.path(), data), "--set", "max_tokens=8193"]);
    text.push_str(&format!("--- beyond the context\n{}\n", said(dir.path(), &long)));
    let broken = write(dir.path(), data);
    std::fs::write(dir.path().join("rows.jsonl"), "{\"instruction\": \"a\"}\nno json\n").unwrap();
    text.push_str(&format!(
        "--- broken rows\n{}\n",
        said(dir.path(), &run(&["train", "run", &broken]))
    ));
    let yaml = dir.path().join("run.yaml");
    let keys = "stage: ppo\nfinetuning_typ: lora\nquantization_bit: 4\n";
    std::fs::write(&yaml, keys).unwrap();
    let done = run(&["train", "run", yaml.to_str().unwrap()]);
    text.push_str(&format!("--- keys of a YAML\n{}\n", said(dir.path(), &done)));
    let done = run(&["train", "lint", dir.path().join("none.toml").to_str().unwrap()]);
    text.push_str(&format!("--- no file\n{}\n", said(dir.path(), &done)));
    insta::assert_snapshot!(text);
}

/// Lint that finds errors has run, and its answer is no; a run of such samples is refused.
#[test]
fn samples_that_would_spoil_a_run_are_an_answer_of_lint_and_refuse_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "data = [\"rows.jsonl\"]");
    let short = ["--set", "max_tokens=20"];
    let looked = run(&[&["train", "lint", &file][..], &short].concat());
    assert_eq!(looked.code, Some(1), "{}", looked.stderr);
    assert!(looked.stdout.contains("error truncated"), "{}", looked.stdout);
    assert!(looked.stderr.contains("hint: mend the data"), "{}", looked.stderr);
    let refused = run(&[&["train", "run", &file][..], &short].concat());
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("would spoil the run"), "{}", refused.stderr);
    assert!(!dir.path().join("out").join("adapter").exists());
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

/// `--sample` shows a sample of any stage, and lint looks at all of them.
#[test]
fn samples_of_every_stage_are_shown() {
    let dir = tempfile::tempdir().unwrap();
    let rows = [
        ("sft", r#"{"instruction": "Say one.", "output": "One it is."}"#),
        ("preference", r#"{"prompt": "Say one.", "chosen": "One.", "rejected": "Two."}"#),
        ("kto", r#"{"prompt": "Say one.", "completion": "Two.", "label": false}"#),
        ("pretrain", r#"{"text": "One it is."}"#),
        ("classify", r#"{"text": "One it is.", "label": "number"}"#),
        ("tag", r#"{"tokens": ["Say", "one"], "tags": ["O", "B"]}"#),
        ("embed", r#"{"anchor": "one", "positive": "1", "negative": "two"}"#),
        ("rerank", r#"{"query": "one", "document": "One it is.", "score": 1}"#),
    ];
    let mut text = String::new();
    for (stage, row) in rows {
        let file = write(dir.path(), &format!("data = [\"rows.jsonl\"]\nstage = \"{stage}\""));
        std::fs::write(dir.path().join("rows.jsonl"), format!("{row}\n")).unwrap();
        let shown = run(&["train", "lint", &file, "--sample", "0"]);
        assert_eq!(shown.code, Some(0), "{stage}: {}", shown.stderr);
        let looked = run(&["train", "lint", &file]);
        assert_eq!(looked.code, Some(0), "{stage}: {}", looked.stderr);
        text.push_str(&format!("--- {stage}\n{}{}\n", shown.stdout, looked.stdout));
    }
    insta::assert_snapshot!(text);
}

/// Rows of about a hundred tokens, enough for steps that a small memory has to cut.
fn long_rows(dir: &Path) {
    let row = |index: usize| {
        let answer = format!("number {index} is what comes next. ").repeat(12);
        format!("{{\"instruction\": \"Count on from {index}.\", \"output\": \"{answer}\"}}\n")
    };
    std::fs::write(dir.join("rows.jsonl"), (0..12).map(row).collect::<String>()).unwrap();
}

/// A plan as JSON.
fn plan(file: &str, keys: &[&str]) -> serde_json::Value {
    let sets = keys.iter().flat_map(|key| ["--set", key]);
    let args: Vec<&str> = ["train", "plan", file, "--json"].into_iter().chain(sets).collect();
    let done = run(&args);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    serde_json::from_str(&done.stdout).unwrap()
}

/// The plan says before the first step what the run's peak then is, and the run keeps both.
#[test]
fn a_plan_is_kept_beside_what_was_taken() {
    let dir = tempfile::tempdir().unwrap();
    let keys = "data = [\"rows.jsonl\"]\nignore_lint = true\nmax_steps = 2\n\
                eval_share = 0.2\nkeep_best = true\nmax_tokens = 128\nbatch_size = 8";
    let file = write(dir.path(), "").replace("train.toml", "plan.toml");
    let text = std::fs::read_to_string(dir.path().join("train.toml")).unwrap();
    let ours = ["max_tokens", "micro_step_tokens", "batch_size"];
    let rest = text.lines().filter(|line| !ours.iter().any(|key| line.starts_with(key)));
    let text: Vec<&str> = rest.chain([keys]).collect();
    std::fs::write(&file, text.join("\n")).unwrap();
    long_rows(dir.path());
    let planned = plan(&file, &[]);
    assert!(!dir.path().join("out").exists(), "a plan writes nothing");
    assert_eq!(planned["recomputed_layers"], 0);
    // A step of eight rows in one pass.
    assert!(planned["micro_step_tokens"].as_u64().unwrap() > 512, "{planned}");
    let bytes = |plan: &serde_json::Value| plan["memory"]["peak_bytes"].as_f64().unwrap();

    // Half of what the activations took: fewer tokens, or layers that are computed again.
    let half = format!("max_memory={:.0}", bytes(&planned) * 0.5);
    let small = plan(&file, &[&half]);
    assert!(bytes(&small) <= bytes(&planned) * 0.5, "{small}");
    assert!(small["micro_step_tokens"].as_u64() < planned["micro_step_tokens"].as_u64());
    assert!(small["recomputed_layers"].as_u64().unwrap() > 0, "{small}");

    let losses = |output: &str, set: &str| -> Vec<f64> {
        let output_key = format!("output={output}");
        let done = run(&["train", "run", &file, "--set", &output_key, "--set", set]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        assert!(done.stderr.contains("  plan  memory "), "{}", done.stderr);
        assert!(done.stderr.contains("  planned "), "{}", done.stderr);
        let folder = dir.path().join(output).join("run");
        let kept = std::fs::read_to_string(folder.join("plan.json")).unwrap();
        let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
        let taken = kept["taken"]["peak_bytes"].as_f64().unwrap();
        let error = bytes(&kept) / taken - 1.0;
        assert!(error.abs() < 0.05, "{output}: planned {}, taken {taken}", bytes(&kept));
        assert!(kept["time"]["seconds"].as_f64().unwrap() > 0.0, "{kept}");
        assert!(kept["taken"]["seconds"].as_f64().unwrap() > 0.0, "{kept}");
        let lines = std::fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
        let loss = |line: &str| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["loss"].as_f64().unwrap()
        };
        lines.lines().map(loss).collect()
    };
    let whole = losses("whole", "seed=42");
    let cut = losses("cut", &half);
    for (whole, cut) in whole.iter().zip(&cut) {
        assert!((whole / cut - 1.0).abs() < 1e-2, "{whole} {cut}: the cut moved the loss");
    }
}

/// Too little memory is told before anything is trained, with what is needed and what helps.
#[test]
fn too_little_memory_is_told_before_the_first_step() {
    let dir = tempfile::tempdir().unwrap();
    let keys = "data = [\"rows.jsonl\"]\nignore_lint = true\nmethod = \"full\"\n\
                max_memory = \"600MB\"\nrecompute = \"off\"";
    let file = write(dir.path(), keys);
    let done = run(&["train", "run", &file]);
    assert_eq!(done.code, Some(3), "{}", done.stderr);
    for said in ["does not fit", "572 MiB (`max_memory`)", "adamw_8bit", "`method = \"lora\"`"] {
        assert!(done.stderr.contains(said), "{said}: {}", done.stderr);
    }
    assert!(!dir.path().join("out").exists(), "{}", done.stderr);
}

/// What the model writes before and while it learns is printed, kept, and ends where a turn does.
#[test]
fn texts_are_written_while_training() {
    let dir = tempfile::tempdir().unwrap();
    let keys = "data = [\"rows.jsonl\"]\nignore_lint = true\neval_steps = 10\nlearning_rate = 4e-3\n\
                sample_prompts = [\"Say three.\"]\nsample_tokens = 24\nepochs = 10";
    let file = write(dir.path(), "");
    let text = std::fs::read_to_string(&file).unwrap().replace("epochs = 1\n", "");
    std::fs::write(&file, text + keys).unwrap();
    let done = run(&["train", "run", &file]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let kept = std::fs::read_to_string(dir.path().join("out/run/samples.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> =
        kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{kept}");
    assert_eq!(lines[1]["step"], 20);
    assert_eq!(lines[1]["prompt"], "Say three.");
    assert_eq!(lines[1]["text"], "Three it is.", "{kept}");
    assert!(done.stderr.contains("step 20: Say three. -> Three it is."), "{}", done.stderr);
    let wrong = run(&["train", "run", &file, "--set", "stage=reward"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("`sample_prompts` are for"), "{}", wrong.stderr);
}
