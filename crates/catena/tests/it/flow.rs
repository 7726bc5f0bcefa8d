//! The whole flow on the real models, small: run, cached, one key changed, killed and resumed.

use crate::errors::taken_port;
use crate::support::{Done, catena, done, project, run, test_models};
use serde_json::Value;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Documents of the small project, out of the bank's 698.
const DOCUMENTS: usize = 40;

fn config() -> String {
    let models = test_models();
    let base = models.join("smollm2-135m-instruct.q4_1.gguf");
    let embedder = models.join("all-minilm-l6-v2");
    let tasks = models.join("bank-support/tasks.json");
    format!(
        "[project]\nname = \"small\"\n\
         [model]\nbase = {base:?}\nembedder = {embedder:?}\n\
         [data]\nsource = \"documents.json\"\n\
         [synth]\ndocuments = 14\n\
         [train]\nlora_rank = 4\nbatch_size = 4\ncheckpoint_steps = 1\n\
         [eval]\nscenarios = {tasks:?}\nmax_new_tokens = 24\nrecords = 4\n\
         [quantize]\nformats = [\"q8_0\"]\n"
    )
}

/// The first documents of the real set, read with the system's `gzip` so that the test does not
/// lean on the code under test.
fn write_documents(path: &Path) {
    let packed = test_models().join("bank-support/documents.json.gz");
    let output = Command::new("gzip").arg("-dc").arg(packed).output().unwrap();
    let all: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(all.len(), 698);
    std::fs::write(path, serde_json::to_vec(&all[..DOCUMENTS]).unwrap()).unwrap();
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
    write_documents(&path.join("documents.json"));

    let first = once(&folder);
    assert_eq!(ran(&first).len(), statuses(&first).len(), "everything runs at first");
    check_report(&first);

    let second = once(&folder);
    assert!(ran(&second).is_empty(), "{:?}", statuses(&second));
    assert_eq!(second["after"], first["after"]);
    assert_eq!(second["answer"]["text"], first["answer"]["text"], "greedy answers are stable");

    // One key of serving and evaluation: training is not touched.
    let changed = config().replace("max_new_tokens = 24", "max_new_tokens = 25");
    project(&path, &changed);
    let plan = run(&["plan", &folder]);
    assert!(plan.stdout.contains("eval.max_new_tokens 24 -> 25"), "{}", plan.stdout);
    let third = once(&folder);
    assert_eq!(ran(&third), ["evaluate-base", "evaluate-tuned", "evaluate-quantized"]);

    port_in_use(&folder);
    killed_and_resumed(&path, &folder, &first);
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
    std::fs::copy(path.join("documents.json"), other.join("documents.json")).unwrap();
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

#[test]
fn ctrl_c_ends_a_run_with_130_and_keeps_what_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("small");
    let folder = project(&path, &config());
    write_documents(&path.join("documents.json"));
    let mut command = catena(&["up", &folder, "--once", "--port", "0"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let stages = path.join(".catena/stages");
    let deadline = Instant::now() + Duration::from_mins(2);
    while !stages.join("synth").exists() {
        assert!(Instant::now() < deadline, "no synth stage within two minutes");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    let ended = done(child.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(130), "{text}");
    assert!(text.contains("run the same command again"), "{text}");
    let plan = run(&["plan", &folder]);
    assert!(plan.stdout.contains("up to date"), "{}", plan.stdout);
}
