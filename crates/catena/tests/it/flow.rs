//! The whole flow on the real models, small: run, cached, one key changed, killed and resumed.

use crate::errors::taken_port;
use crate::support::{Done, catena, done, project, run, test_models, with_mounts};
use serde_json::Value;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Documents of the small project, out of the bank's 698.
const DOCUMENTS: usize = 16;
/// Its scenarios, out of 97.
const SCENARIOS: std::ops::Range<usize> = 50..58;

/// Its configuration; `write_inputs` writes what it reads.
fn config() -> String {
    let models = test_models();
    let base = models.join("smollm2-135m-instruct.q4_1.gguf");
    let embedder = models.join("all-minilm-l6-v2");
    format!(
        "[project]\nname = \"small\"\n\
         [model]\nbase = {base:?}\nembedder = {embedder:?}\n\
         [data]\nsource = \"documents.json\"\n\
         [synth]\ndocuments = 10\n\
         [train]\nlora_rank = 4\nbatch_size = 2\ncheckpoint_steps = 1\n\
         [eval]\nscenarios = \"tasks.json\"\nmax_new_tokens = 16\nrecords = 4\n\
         [quantize]\nformats = [\"q8_0\"]\n"
    )
}

/// The first documents of the real set and some of its scenarios, into a project's folder. The first
/// are read with the system's `gzip` so that the test does not lean on the code under test.
fn write_inputs(folder: &Path) {
    let set = test_models().join("bank-support");
    let packed = set.join("documents.json.gz");
    let output = Command::new("gzip").arg("-dc").arg(packed).output().unwrap();
    let write = |name: &str, rows: &[Value]| {
        std::fs::write(folder.join(name), serde_json::to_vec(rows).unwrap()).unwrap();
    };
    let all: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(all.len(), 698);
    write("documents.json", &all[..DOCUMENTS]);
    let tasks = std::fs::read(set.join("tasks.json")).unwrap();
    let tasks: Vec<Value> = serde_json::from_slice(&tasks).unwrap();
    write("tasks.json", &tasks[SCENARIOS]);
}

fn once(folder: &str) -> Value {
    let done = run(&["up", folder, "--once", "--json", "--port", "0"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let last = done.stdout.lines().last().unwrap();
    serde_json::from_str(last).unwrap()
}

fn statuses(report: &Value) -> Vec<(String, String)> {
    let stages = report["stages"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    stages.iter().map(|stage| (text(&stage["name"]), text(&stage["status"]))).collect()
}

fn ran(report: &Value) -> Vec<String> {
    statuses(report).into_iter().filter(|(_, s)| s == "ran").map(|(name, _)| name).collect()
}

#[test]
fn the_whole_flow() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("small");
    let folder = project(&path, &config());
    write_inputs(&path);

    let first = once(&folder);
    assert_eq!(ran(&first).len(), statuses(&first).len(), "everything runs at first");
    check_report(&first);

    let second = once(&folder);
    assert!(ran(&second).is_empty(), "{:?}", statuses(&second));
    assert_eq!(second["after"], first["after"]);
    assert_eq!(second["answer"]["text"], first["answer"]["text"], "greedy answers are stable");

    // One key of serving and evaluation: training is not touched.
    let changed = config().replace("max_new_tokens = 16", "max_new_tokens = 17");
    project(&path, &changed);
    let plan = run(&["plan", &folder]);
    assert!(plan.stdout.contains("eval.max_new_tokens 16 -> 17"), "{}", plan.stdout);
    let third = once(&folder);
    assert_eq!(ran(&third), ["evaluate-base", "evaluate-tuned", "evaluate-quantized"]);

    port_in_use(&folder);
    killed_and_resumed(&path, &folder, &first);
    interrupted_in_every_stage(&dir.path().join("interrupted"), &first);
}

/// Every figure the issue of the flow names is there and of the right kind.
fn check_report(report: &Value) {
    for stage in report["stages"].as_array().unwrap() {
        assert!(stage["seconds"].as_f64().unwrap() >= 0.0);
        assert!(stage["peak_bytes"].as_u64().unwrap() > 0);
    }
    for subject in ["before", "after", "quantized"] {
        assert!(report[subject]["answer_loss"].as_f64().unwrap() > 0.0, "{subject}");
        for share in ["token_f1", "citation_accuracy"] {
            let value = report[subject][share].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&value), "{subject} {share}");
        }
    }
    for method in ["keyword", "dense", "hybrid"] {
        let metrics = &report["retrieval"][method];
        let at = |k: &str| metrics[k].as_f64().unwrap();
        assert!(
            at("recall_at_5") <= at("recall_at_10") && at("recall_at_10") <= at("recall_at_20")
        );
        assert!((0.0..=1.0).contains(&at("mrr")));
    }
    assert_eq!(report["data_profile"]["num_kept"], DOCUMENTS);
    assert_eq!(report["data_profile"]["masked"], serde_json::json!({}));
    assert!(!report["answer"]["text"].as_str().unwrap().is_empty());
    assert!(report["answer"]["citations"].is_array());
    assert!(Path::new(report["report"].as_str().unwrap()).exists());
}

fn port_in_use(folder: &str) {
    let (_listener, port) = taken_port();
    let done: Done = run(&["up", folder, "--once", "--port", &port.to_string()]);
    assert_eq!(done.code, Some(3), "{}", done.stderr);
    assert!(done.stderr.contains(&port.to_string()), "{}", done.stderr);
    assert!(done.stderr.contains("--port 0"), "{}", done.stderr);
}

/// A run killed in the middle of training ends, after a second start, with the same figures.
fn killed_and_resumed(path: &Path, folder: &str, expected: &Value) {
    project(path, &config().replace("rank = 4", "rank = 2"));
    let straight = once(folder);
    assert_ne!(straight["after"], expected["after"]);
    // The same configuration in a second project: killed once its first checkpoint is written.
    let other = path.with_file_name("killed");
    let other_folder = project(&other, &config().replace("rank = 4", "rank = 2"));
    write_inputs(&other);
    let mut child = catena(&["up", &other_folder, "--once", "--port", "0"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for_checkpoint(&other, &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    let plan = run(&["plan", &other_folder]);
    assert!(plan.stdout.contains("resumes"), "{}", plan.stdout);
    let resumed = once(&other_folder);
    assert_eq!(resumed["loss_curve"], straight["loss_curve"], "bit-exact resume");
    assert_eq!(resumed["after"], straight["after"]);
    assert_eq!(resumed["quantized"], straight["quantized"]);
}

fn wait_for_checkpoint(project: &Path, child: &mut std::process::Child) {
    let deadline = Instant::now() + Duration::from_mins(4);
    let stage = project.join(".catena/stages/train");
    loop {
        let found = std::fs::read_dir(&stage)
            .into_iter()
            .flatten()
            .flatten()
            .any(|entry| entry.path().join("run/checkpoint.safetensors").exists());
        if found {
            return;
        }
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it could be killed");
        assert!(Instant::now() < deadline, "no checkpoint within four minutes");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Ctrl-C in each stage ends the run with 130, says how to go on and keeps what is done: going on
/// from there ends with the figures of a run that nobody touched.
fn interrupted_in_every_stage(path: &Path, expected: &Value) {
    let folder = project(path, &config());
    write_inputs(path);
    let names: Vec<String> = statuses(expected).into_iter().map(|(name, _)| name).collect();
    for name in &names {
        interrupt(path, &folder, name);
    }
    let ended = once(&folder);
    for figures in ["before", "after", "quantized", "retrieval", "loss_curve"] {
        assert_eq!(ended[figures], expected[figures], "{figures}");
    }
}

/// Runs until `stage` has begun and presses Ctrl-C.
fn interrupt(path: &Path, folder: &str, stage: &str) {
    let mut command = catena(&["up", folder, "--once", "--port", "0"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let begun = path.join(".catena/stages").join(stage);
    let deadline = Instant::now() + Duration::from_mins(4);
    while !begun.exists() {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before {stage} began");
        assert!(Instant::now() < deadline, "{stage} did not begin within four minutes");
        std::thread::park_timeout(Duration::from_millis(5));
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    let ended = done(child.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(130), "{stage}: {text}");
    assert!(text.contains("run the same command again"), "{stage}: {text}");
    let plan = run(&["plan", folder]);
    let before = plan.stdout.lines().take_while(|line| !line.starts_with(stage));
    let kept = before.filter(|line| !line.contains("up to date")).count();
    assert_eq!(kept, 0, "{stage}: {}", plan.stdout);
}

/// A disk that fills up while the stages write: the answer says so, and what was done before is
/// still there when space is free again. The small disk is a file system in memory, in a
/// namespace of its own, with room for the data but not for their index.
#[test]
fn a_full_disk_is_said_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    project(dir.path(), &config());
    write_inputs(dir.path());
    let script = r#"
        mount -t tmpfs -o size=360k tmpfs "$1" && cd "$1" || exit 99
        cp ../*.toml ../*.json . || exit 98
        "$2" up . --once --port 0; echo "code $?"
        mount -o remount,size=64m "$1" || exit 97
        "$2" plan .; echo "code $?"
    "#;
    let disk = dir.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let Some(mut command) = with_mounts(script) else { return };
    command.arg(&disk).arg(env!("CARGO_BIN_EXE_catena"));
    let ended = done(command.env("HF_HUB_OFFLINE", "1").output().unwrap());
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("code 3\n"), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("No space left on device"), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint: free some space and run again"), "{}", ended.stderr);
    let data = ended.stdout.lines().find(|line| line.starts_with("data ")).unwrap();
    assert!(data.contains("up to date"), "{}", ended.stdout);
    assert!(ended.stdout.ends_with("code 0\n"), "{}", ended.stdout);
}
