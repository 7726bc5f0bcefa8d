//! Pre-training from nothing by command: a tokenizer, a new model, a run, and its folder.

use crate::support::{Done, run};
use camino::Utf8Path;
use catena_model::{Checkpoint, open_tokenizer};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// A text that a tiny model learns much of: sentences that follow rules.
fn document(number: usize) -> String {
    let animals = ["cat", "dog", "fox", "hen"];
    let places = ["house", "garden", "wood", "field"];
    let mut text = format!("# Story {number}\n\n");
    for line in 0..12 {
        let animal = animals[(number + line) % 4];
        let place = places[(number * 3 + line) % 4];
        text.push_str(&format!("The {animal} lives in the {place}, says the {animal}.\n"));
    }
    text
}

/// 24 documents to learn from, as Markdown, and four as JSON Lines to measure on.
pub(crate) fn write_texts(dir: &Path) {
    std::fs::create_dir(dir.join("docs")).unwrap();
    for number in 0..24 {
        std::fs::write(dir.join(format!("docs/{number:02}.md")), document(number)).unwrap();
    }
    let rows = (24..28).map(|number| serde_json::json!({"text": document(number)}).to_string());
    std::fs::write(dir.join("held_out.jsonl"), rows.collect::<Vec<_>>().join("\n")).unwrap();
}

pub(crate) fn path(dir: &Path, name: &str) -> String {
    dir.join(name).to_str().unwrap().to_owned()
}

pub(crate) fn train_tokenizer(dir: &Path, more: &[&str]) -> Done {
    let (docs, output) = (path(dir, "docs"), path(dir, "tokenizer"));
    let own = ["tokenizer", "train", &docs, "--vocab-size", "320", "--output", &output];
    run(&[&own[..], more].concat())
}

/// Settings of a run of a second, with more keys.
fn settings(dir: &Path, keys: &str, new_model: &str) -> String {
    let text = format!(
        "[train]\nstage = \"pretrain\"\ndata = [\"docs\"]\neval_data = [\"held_out.jsonl\"]\n\
         method = \"full\"\nmax_tokens = 64\nmicro_step_tokens = 256\nbatch_size = 4\nepochs = 4\n\
         learning_rate = 5e-3\noptimizer = \"muon\"\nmuon_adjust_lr = \"match_rms_adamw\"\n\
         eval_steps = 20\n{keys}\n{new_model}"
    );
    std::fs::write(dir.join("train.toml"), text).unwrap();
    path(dir, "train.toml")
}

pub(crate) const NEW_MODEL: &str =
    "[train.new_model]\ntokenizer = \"tokenizer\"\nhidden_size = 64\nnum_hidden_layers = 2\n";

fn ok(done: Done) -> Done {
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    done
}

fn evaluations(dir: &Path, output: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(dir.join(output).join("run/evaluations.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The loss that transformers finds of the finished folder, by the script of the example;
/// `CATENA_TEST_PYTHON` names a Python that has it.
fn loss_in_transformers(dir: &Path, model: &str) -> Option<f64> {
    let python = std::env::var("CATENA_TEST_PYTHON").ok()?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/pretraining/check.py");
    let held_out = path(dir, "held_out.jsonl");
    let done = Command::new(python).args([script, model, &held_out, "64"]).output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    let loss = said.split("loss ").nth(1).and_then(|text| text.split(',').next());
    Some(loss.unwrap_or_else(|| panic!("{said}")).parse().unwrap())
}

/// Loss falls, bits per byte are what they say, the folder is a model that gives the same loss, and
/// neither the run nor its result depends on the number of threads.
#[test]
fn a_model_is_trained_from_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    write_texts(dir);
    ok(train_tokenizer(dir, &[]));
    let file = settings(dir, "output = \"out\"", NEW_MODEL);
    let said = ok(run(&["train", "run", &file, "--threads", "2"])).stderr;
    assert!(said.contains("new model: llama, 2 layers of width 64"), "{said}");
    assert!(said.contains("bits_per_byte"), "{said}");
    let figures = evaluations(dir, "out");
    let number = |figures: &Value, key: &str| figures[key].as_f64().unwrap();
    let (first, last) = (&figures[0], &figures[figures.len() - 1]);
    assert!(number(last, "loss") < 0.6 * number(first, "loss"), "{figures:?}");
    let tokenizer = open_tokenizer(Utf8Path::new(&path(dir, "tokenizer"))).unwrap();
    let tokens = |number| tokenizer.encode(&document(number), false, false).unwrap().len() + 1;
    let (bytes, predicted): (usize, usize) =
        ((24..28).map(|n| document(n).len()).sum(), (24..28).map(tokens).sum());
    assert_eq!(number(last, "supervised"), predicted as f64);
    let bits = number(last, "loss") * predicted as f64 / std::f64::consts::LN_2 / bytes as f64;
    assert!((number(last, "bits_per_byte") - bits).abs() < 1e-9, "{last}");

    let model = path(dir, "out/model");
    let config = Checkpoint::open(Utf8Path::new(&model)).unwrap().config().clone();
    assert_eq!((config.vocab_size, config.hidden_size), (tokenizer.vocab_size(), 64));
    assert_eq!(config.eos_token_ids, [tokenizer.eos_token_id().unwrap()]);
    if let Some(loss) = loss_in_transformers(dir, &model) {
        assert!((loss - number(last, "loss")).abs() < 5e-3, "{loss} in transformers, {last}");
    }
    let again = "model = \"out/model\"\noutput = \"again\"\nmax_steps = 1\nwarmup_steps = 1\n";
    ok(run(&["train", "run", &settings(dir, again, "")]));
    let loaded = &evaluations(dir, "again")[0];
    // What rounding the weights to bf16 moves; a step of warming up has a rate of zero.
    assert!((number(loaded, "loss") - number(last, "loss")).abs() < 5e-3, "{loaded} {last}");

    let file = settings(dir, "output = \"one\"", NEW_MODEL);
    ok(run(&["train", "run", &file, "--threads", "1"]));
    for name in ["model/model.safetensors", "run/metrics.jsonl", "new_model/config.json"] {
        let read = |output: &str| std::fs::read(dir.join(output).join(name)).unwrap();
        assert!(read("out") == read("one"), "{name} depends on the number of threads");
    }
    let other = settings(dir, "output = \"out\"\nseed = 1", NEW_MODEL);
    assert_eq!(run(&["train", "run", &other]).code, Some(2), "another seed is another run");
}

/// A folder with a configuration and no weights is a start if that is meant.
#[test]
fn a_configuration_is_enough() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    write_texts(dir);
    ok(train_tokenizer(dir, &[]));
    let file = settings(dir, "output = \"out\"\nmax_steps = 2", NEW_MODEL);
    ok(run(&["train", "run", &file]));
    let keys = "output = \"again\"\nmax_steps = 2\nmodel = \"out/new_model\"\n";
    let file = settings(dir, keys, "");
    let refused = run(&["train", "run", &file]);
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(refused.stderr.contains("`train_from_scratch = true`"), "{}", refused.stderr);
    ok(run(&["train", "run", &file, "--set", "train_from_scratch=true"]));
    let metrics = |output: &str| std::fs::read(dir.join(output).join("run/metrics.jsonl")).unwrap();
    assert!(metrics("out") == metrics("again"), "the same model trains otherwise");
    // Weights that are there are not read.
    ok(run(&[
        "train",
        "run",
        &file,
        "--set",
        "train_from_scratch=true",
        "--set",
        "model=out/model",
        "--set",
        "output=third",
    ]));
    assert!(metrics("out") == metrics("third"), "weights were read");
}

/// What is said about bad input, before anything is written.
#[test]
fn bad_input() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    write_texts(dir);
    let mut text = String::new();
    let mut tell = |name: &str, done: &Done| {
        assert_ne!(done.code, Some(0), "{name}");
        let said = done.stderr.replace(dir.to_str().unwrap(), "DIR");
        text.push_str(&format!("--- {name}\nexit {}\n{said}\n", done.code.unwrap()));
    };
    tell("small vocabulary", &train_tokenizer(dir, &["--special", "<a>", "--eos", "end"]));
    let (none, out) = (path(dir, "none"), path(dir, "t"));
    let train = |file: &str, more: &[&str]| {
        let own = ["tokenizer", "train", file, "--output", &out];
        run(&[&own[..], more].concat())
    };
    tell("no file", &train(&none, &["--vocab-size", "300"]));
    tell("small vocabulary", &train(&path(dir, "docs"), &["--vocab-size", "100"]));
    let cut = ["--vocab-size", "300", "--pre-tokenizer", "llama"];
    let unknown = train(&path(dir, "docs"), &cut).stderr;
    assert!(unknown.contains("pre-tokenizer `llama` is not supported"), "{unknown}");
    std::fs::write(dir.join("empty.txt"), " \n").unwrap();
    tell("no text", &train(&path(dir, "empty.txt"), &["--vocab-size", "300"]));
    let chat = "{\"instruction\": \"Say one.\", \"output\": \"One.\"}\n";
    std::fs::write(dir.join("chat.jsonl"), chat).unwrap();
    tell("no texts", &train(&path(dir, "chat.jsonl"), &["--vocab-size", "300"]));
    ok(train_tokenizer(dir, &["--chat"]));
    tell("tokenizer there", &train_tokenizer(dir, &[]));

    let cases = [
        ("two models", "model = \"x\"", NEW_MODEL.to_owned()),
        ("method", "method = \"lora\"", NEW_MODEL.to_owned()),
        ("no tokenizer", "", "[train.new_model]\nsize = \"1M\"".to_owned()),
        ("no size", "", "[train.new_model]\ntokenizer = \"tokenizer\"".to_owned()),
        ("both sizes", "", format!("{NEW_MODEL}size = \"1M\"")),
        ("odd heads", "", format!("{NEW_MODEL}num_attention_heads = 3")),
        ("family", "", format!("{NEW_MODEL}model_type = \"lama\"")),
        ("unknown key", "", format!("{NEW_MODEL}hidden_sise = 64")),
    ];
    for (name, keys, new_model) in cases {
        let file = settings(dir, "output = \"out\"", &new_model);
        let own = ["train", "run", &file];
        let done = match keys.split_once(" = ") {
            Some((key, value)) => run(&[&own[..], &["--set", &format!("{key}={value}")]].concat()),
            None => run(&own),
        };
        tell(name, &done);
    }
    assert!(!dir.join("out/model").exists());
    insta::assert_snapshot!(text);
}
