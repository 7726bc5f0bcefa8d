//! Adapters after a run: trained further, merged, written as GGUF.

use crate::support::{Done, run};
use crate::tiny::{ROWS, Tiny, assert_same, ok};
use camino::Utf8Path;
use catena_model::Checkpoint;
use serde_json::{Value, json};

/// A run that learns the rows by heart.
const LEARN: &str =
    "data = [\"sft.jsonl\"]\neval_data = [\"sft.jsonl\"]\nlearning_rate = 2e-2\nepochs = 40\n";
/// One that only measures: a step of next to nothing.
const MEASURE: &str =
    "data = [\"sft.jsonl\"]\neval_data = [\"sft.jsonl\"]\nlearning_rate = 1e-12\nmax_steps = 1\n";
const LORA: &str = "method = \"lora\"\nlora_rank = 4\nlora_alpha = 8.0\ntarget_modules = [\"q_proj\", \"v_proj\", \"up_proj\", \"down_proj\"]\n";

fn tuned() -> Tiny {
    let tiny = Tiny::new();
    tiny.train("sft", &format!("{LORA}{LEARN}"));
    tiny
}

fn text(path: &Utf8Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// A run goes on from a run's output, a PEFT folder or a GGUF file, of which the reference of
/// preference losses has the adapter too; keys that agree with it may stay.
#[test]
fn a_run_goes_on_from_an_adapter() {
    let tiny = tuned();
    let sft = tiny.adapter("sft");
    let dpo =
        "stage = \"preference\"\ndata = [\"pairs.jsonl\"]\nlearning_rate = 1e-12\nmax_steps = 1\n";
    for (name, start) in
        [("run", "sft"), ("folder", "sft/adapter"), ("file", "sft/adapter/adapter.gguf")]
    {
        tiny.train(name, &format!("{dpo}adapter = \"{start}\"\n"));
        assert_same(name, &tiny.adapter(name), &sft);
        // Policy and reference are one: the loss is that of a pair that is not told apart.
        let loss = tiny.losses(name)[0];
        assert!((loss - std::f64::consts::LN_2).abs() < 1e-5, "{name}: {loss}");
    }
    tiny.train("more", &format!("{LORA}{MEASURE}adapter = \"sft\"\n"));
    tiny.train("anew", &format!("{LORA}{MEASURE}"));
    let [sft, more, anew] = ["sft", "more", "anew"].map(|run| tiny.last_evaluation(run));
    assert!((more - sft).abs() < 1e-5 && anew > 1.5 * sft, "{sft} {more} {anew}");
}

/// What is asked for beside an adapter must be what it is.
#[test]
fn an_adapter_that_does_not_fit_is_refused() {
    let tiny = tuned();
    let file = tiny.write("go", "base/model", &format!("{MEASURE}adapter = \"sft\"\n"));
    let other = format!("{}/../model/tests/golden/adapters/attention", env!("CARGO_MANIFEST_DIR"));
    let [other, other_file] = ["", "/adapter.gguf"].map(|file| format!("adapter={other}{file}"));
    let cases = [
        ("lora_rank=8", "has shape [4, 64], the model trains [8, 64]"),
        ("lora_alpha=1.0", "by 2, the model by 0.25"),
        ("target_modules=['q_proj']", "which the model does not train"),
        ("target_modules=['all-linear']", "which the model trains"),
        ("use_dora=true", "by 2, the model by 2 and by magnitudes"),
        ("modules_to_save=['embed_tokens']", "which the model trains"),
        ("method=ia3", "`method` is ia3, the adapter was trained by lora"),
        ("method=full", "`method` is full, the adapter was trained by lora"),
        ("init_lora_weights=pissa", "`init_lora_weights` = pissa"),
        ("adapter=nowhere", "there is no PEFT folder, run or GGUF adapter at"),
        (&other, "has shape [128, 4], the model trains [64, 4]"),
        (&other_file, "has shape [128, 4]"),
        ("output=sft", "the run's own result"),
    ];
    for (change, said) in cases {
        let done = run(&["train", "run", &file, "--set", change]);
        assert_eq!(done.code, Some(2), "{change}: {}", done.stderr);
        assert!(done.stderr.contains(said), "{change}: {}", done.stderr);
        assert!(done.stderr.contains("cannot go on from the adapter"), "{change}: {}", done.stderr);
        assert!(!tiny.path("go").join("adapter").exists(), "{change}");
    }
}

/// A run from an adapter is another one than a run that begins anew, and is known again.
#[test]
fn what_a_run_went_on_from_is_part_of_it() {
    let tiny = tuned();
    tiny.train("go", &format!("{LORA}{MEASURE}adapter = \"sft\"\n"));
    let written = std::fs::read(tiny.path("go/adapter/adapter_model.safetensors")).unwrap();
    tiny.train("go", &format!("{LORA}{MEASURE}adapter = \"sft\"\n"));
    let again = std::fs::read(tiny.path("go/adapter/adapter_model.safetensors")).unwrap();
    assert!(written == again, "a finished run was changed");
    let anew = tiny.write("go", "base/model", &format!("{LORA}{MEASURE}"));
    let done = run(&["train", "run", &anew]);
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    assert!(done.stderr.contains("holds another run"), "{}", done.stderr);
}

/// Answers of the model as it was before a run are those of the adapter that the run went on from,
/// of a prefix too, which no key asked for.
#[test]
fn answers_before_a_run_are_those_of_its_start() {
    let tiny = Tiny::new();
    tiny.train("prefix", &format!("method = \"prefix\"\nnum_virtual_tokens = 3\n{LEARN}"));
    tiny.train("further", &format!("{MEASURE}adapter = \"prefix\"\n"));
    let answers = |name: &str, more: &[&str]| {
        let file = tiny.path(&format!("{name}.toml"));
        let [rows, to] = ["sft.jsonl", "answers.jsonl"].map(|name| tiny.path(name));
        let own = ["train", "predict", file.as_str(), "--data", rows.as_str()];
        let own = [&own[..], &["--max-new-tokens", "8", "--output", to.as_str()]].concat();
        ok(run(&[&own[..], more].concat()));
        text(&to)
    };
    let (first, start) = (answers("prefix", &[]), answers("further", &["--base"]));
    assert_eq!(start, first);
    assert_ne!(first, answers("prefix", &["--base"]), "the prefix has learnt nothing");
    answers("further", &[]);
}

/// Held to the choices a model writes nothing else, whatever it has learnt, and however few tokens
/// are allowed for other answers; how many were none of them is told.
#[test]
fn answers_are_held_to_those_of_the_training_data() {
    let tiny = tuned();
    let [file, rows, to] = ["sft.toml", "sft.jsonl", "answers.jsonl"].map(|name| tiny.path(name));
    let predict = |more: &[&str]| {
        let own = ["train", "predict", file.as_str(), "--data", rows.as_str()];
        let done = ok(run(&[&own[..], &["--output", to.as_str()], more].concat()));
        let lines: Vec<Value> =
            text(&to).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (serde_json::from_str::<Value>(&done.stdout).unwrap(), lines)
    };
    let untuned = ["--base", "--max-new-tokens", "1"];
    let (free, _) = predict(&untuned);
    assert_eq!(free, json!({"samples": 4, "accuracy": 0.0}));
    let (held, lines) = predict(&[&untuned[..], &["--choices"]].concat());
    assert_eq!((&held["choices"], &held["outside"]), (&json!(4), &json!(4)), "{held}");
    assert_eq!(held["free_accuracy"], 0.0);
    let choices = ROWS.map(|(_, place)| json!(format!(" {place}.")));
    assert!(lines.iter().all(|line| choices.contains(&line["answer"])), "{lines:?}");
    assert!(lines.iter().all(|line| line["free"].is_string()), "{lines:?}");
    let right = lines.iter().filter(|line| line["answer"] == line["wanted"]).count();
    assert_eq!(held["accuracy"], right as f64 / 4.0);

    // What was a choice already stays as it was.
    let (free, before) = predict(&[]);
    let (learnt, lines) = predict(&["--choices"]);
    assert_eq!(learnt["free_accuracy"], free["accuracy"], "{lines:?}");
    let mut outside = 0;
    for (line, before) in lines.iter().zip(&before) {
        assert!(choices.contains(&line["answer"]), "{line}");
        let is_choice = choices.contains(&before["answer"]);
        assert_eq!(line["answer"] == before["answer"], is_choice, "{line} {before}");
        outside += usize::from(!is_choice);
    }
    assert_eq!(learnt["outside"], outside, "{lines:?}");
    assert!(outside < 4, "the run has learnt nothing: {lines:?}");
}

fn merge(args: &[&str]) -> Done {
    run(&[&["train", "merge"][..], args].concat())
}

/// A merged model is as good as the base with its adapter, in every kind of files.
#[test]
fn an_adapter_is_merged_into_either_kind_of_files() {
    let tiny = tuned();
    let [file, output, base] = ["sft.toml", "sft", "base/model"].map(|name| tiny.path(name));
    let [folder, files] = ["merged", "files"].map(|name| tiny.path(name));
    let done = ok(merge(&[file.as_str(), "--out", folder.as_str()]));
    assert_eq!(done.stdout.trim(), folder);
    let more = ["--gguf", "q8_0", "--gguf", "f16", "--gguf", "q4_0", "--adapter-gguf"];
    let own = [output.as_str(), "--base", base.as_str(), "--out", files.as_str()];
    let done = ok(merge(&[&own[..], &more].concat()));
    let expected = ["model.q8_0.gguf", "model.f16.gguf", "model.q4_0.gguf", "adapter.gguf"];
    let expected = expected.map(|name| files.join(name).into_string());
    assert_eq!(done.stdout.lines().collect::<Vec<_>>(), expected);
    let bytes = |path: &Utf8Path| std::fs::read(path).unwrap();
    let adapter = bytes(&files.join("adapter.gguf"));
    assert!(adapter == bytes(&output.join("adapter/adapter.gguf")));

    let with_adapter = tiny.last_evaluation("sft");
    tiny.train("anew", &format!("{LORA}{MEASURE}"));
    assert!(tiny.last_evaluation("anew") > with_adapter + 0.5);
    for (name, model, near) in [
        ("of-folder", "merged", 0.02),
        ("of-f16", "files/model.f16.gguf", 0.02),
        ("of-q8", "files/model.q8_0.gguf", 0.05),
        ("of-q4", "files/model.q4_0.gguf", 0.4),
    ] {
        tiny.train_from(name, model, &format!("{LORA}{MEASURE}"));
        let loss = tiny.last_evaluation(name);
        assert!((loss - with_adapter).abs() < near, "{name}: {loss}, not {with_adapter}");
    }
    // From a GGUF adapter the same, but its base must be named.
    let gguf = files.join("adapter.gguf");
    let again = tiny.path("again");
    ok(merge(&[gguf.as_str(), "--base", base.as_str(), "--out", again.as_str()]));
    assert!(bytes(&again.join("model.safetensors")) == bytes(&folder.join("model.safetensors")));
}

/// A run that trained the model's own weights has them written as a GGUF file.
#[test]
fn a_whole_model_is_written_as_a_gguf_file() {
    let tiny = Tiny::new();
    let (base, whole) = (tiny.path("base"), tiny.path("whole"));
    let done = merge(&[base.as_str(), "--out", whole.as_str()]);
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    assert!(done.stderr.contains("`--gguf` writes it"), "{}", done.stderr);
    ok(merge(&[base.as_str(), "--out", whole.as_str(), "--gguf", "q8_0"]));
    let written = Checkpoint::open(&whole.join("model.q8_0.gguf")).unwrap();
    assert_eq!(written.config().hidden_size, 64);
}

/// What cannot be merged is told with what to do, and nothing is written over.
#[test]
fn merges_that_make_no_sense_are_refused() {
    let tiny = tuned();
    tiny.train(
        "reward",
        &format!("stage = \"reward\"\ndata = [\"pairs.jsonl\"]\nmax_steps = 1\n{LORA}"),
    );
    tiny.train("prefix", &format!("method = \"prefix\"\n{MEASURE}"));
    let names = ["sft", "base/model", "sft/adapter/adapter.gguf", "out", "nowhere"];
    let [sft, base, gguf, out, nowhere] = names.map(|name| tiny.path(name).into_string());
    let [reward, prefix] = ["reward", "prefix"].map(|name| tiny.path(name).into_string());
    let base = ["--base", base.as_str()];
    let refused = |source: &str, out: &str, more: &[&str], said: &str| {
        let done = merge(&[&[source, "--out", out][..], more].concat());
        assert!(matches!(done.code, Some(2 | 3)), "{said}: {}", done.stderr);
        assert!(done.stderr.contains(said), "{said}: {}", done.stderr);
        assert!(!Utf8Path::new(out).join("config.json").exists() || out == base[1], "{said}");
    };
    refused(&gguf, &out, &[], "does not name its base");
    refused(&sft, &out, &[], "--base MODEL");
    refused(&nowhere, &out, &base, "no adapter and no finished run");
    refused(&sft, base[1], &base, "already");
    refused(&reward, &out, &base, "a head for labels or scores");
    refused(&prefix, &out, &base, "cannot be merged");
    // A run that was not begun, one that was stopped, and a file that is none.
    let later = tiny.write("later", "base/model", &format!("{LORA}{LEARN}"));
    refused(&later, &out, &[], "catena train run");
    let checkpoint = tiny.path("later/run/checkpoint.safetensors");
    std::fs::create_dir_all(checkpoint.parent().unwrap()).unwrap();
    std::fs::write(&checkpoint, "").unwrap();
    refused(&later, &out, &[], "is not finished");
    let rows = tiny.path("sft.jsonl").into_string();
    refused(&rows, &out, &base, "neither a run's file nor a GGUF adapter");
    let done = merge(&[&sft, "--out", &out, "--gguf", "q3_0"]);
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    assert!(done.stderr.contains("q4_0"), "{}", done.stderr);
}
