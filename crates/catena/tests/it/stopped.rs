//! Training runs that a signal stops and that go on: they end with the bytes of one that nobody touched.

use crate::pretrain::{NEW_MODEL, path, train_tokenizer, write_texts};
use crate::support::{Done, catena, done, run};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What a run leaves, but for its pace.
const KEPT: [&str; 6] = [
    "model/model.safetensors",
    "run/checkpoint.safetensors",
    "run/best.safetensors",
    "run/metrics.jsonl",
    "run/evaluations.jsonl",
    "run/samples.jsonl",
];

/// A run of a few seconds of a tiny model, which is measured and writes every 20 steps. The
/// micro-step is chosen, and must be found again.
fn write_run(dir: &Path) -> String {
    write_texts(dir);
    let made = train_tokenizer(dir, &[]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let prompts: Vec<String> = (0..12).map(|number| format!("\"The cat {number}\"")).collect();
    let text = format!(
        "[train]\nstage = \"pretrain\"\ndata = [\"docs\"]\neval_data = [\"held_out.jsonl\"]\n\
         method = \"full\"\nmax_tokens = 64\nbatch_size = 4\nepochs = 8\nlearning_rate = 5e-3\n\
         checkpoint_steps = 7\neval_steps = 20\nkeep_best = true\nsample_tokens = 32\n\
         sample_prompts = [{}]\noutput = \"straight\"\n{NEW_MODEL}",
        prompts.join(", ")
    );
    std::fs::write(dir.join("train.toml"), text).unwrap();
    path(dir, "train.toml")
}

fn finish(file: &str, output: &str) -> Done {
    let ended = run(&["train", "run", file, "--set", &format!("output={output}")]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended
}

fn start(file: &str, output: &str) -> Child {
    let mut command = catena(&["train", "run", file, "--set", &format!("output={output}")]);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until a run has done so many steps.
fn wait_for_steps(dir: &Path, output: &str, steps: usize, child: &mut Child) {
    let metrics = dir.join(output).join("run/metrics.jsonl");
    let deadline = Instant::now() + Duration::from_mins(4);
    let done = || std::fs::read_to_string(&metrics).is_ok_and(|text| text.lines().count() >= steps);
    while !done() {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before step {steps}");
        assert!(Instant::now() < deadline, "no step {steps} within four minutes");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

fn interrupt(child: &Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
}

/// What an interrupted run says.
fn interrupted(mut child: Child, mut said: impl Read) -> String {
    let mut text = String::new();
    said.read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{text}");
    assert!(text.contains("run the same command again"), "{text}");
    text
}

fn assert_same(dir: &Path, output: &str) {
    for name in KEPT {
        let read = |output: &str| std::fs::read(dir.join(output).join(name)).unwrap();
        assert!(read(output) == read("straight"), "{output}/{name} is another");
    }
}

#[test]
fn a_stopped_run_goes_on_and_ends_with_the_same_bytes() {
    let guard = tempfile::tempdir().unwrap();
    let dir = guard.path();
    let file = write_run(dir);
    finish(&file, "straight");

    // Killed again and again, between checkpoints and near evaluations.
    for steps in [3, 19, 20, 44, 97] {
        let mut child = start(&file, "killed");
        wait_for_steps(dir, "killed", steps, &mut child);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    finish(&file, "killed");
    assert_same(dir, "killed");

    // Ctrl-C in the middle of a step.
    let mut child = start(&file, "stopped");
    wait_for_steps(dir, "stopped", 24, &mut child);
    interrupt(&child);
    let said = child.stderr.take().unwrap();
    let text = interrupted(child, said);
    assert!(text.contains("interrupted at step"), "{text}");
    finish(&file, "stopped");
    assert_same(dir, "stopped");

    // Ctrl-C while texts are written, which belong to the evaluation of step 40. Where the texts
    // are done before the signal is there, the next run has its chance.
    let names = ["written", "written1", "written2", "written3", "written4"];
    let cut = names.into_iter().find(|name| {
        let mut child = start(&file, name);
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("  step 40: ") {
            line.clear();
            assert!(lines.read_line(&mut line).unwrap() > 0, "no text was written");
        }
        interrupt(&child);
        interrupted(child, lines).contains("interrupted at step 40")
    });
    let cut = cut.expect("one of five signals comes while texts are written");
    let kept = std::fs::read_to_string(dir.join(cut).join("run/samples.jsonl")).unwrap();
    assert!(!kept.contains("\"step\":40"), "a cut text is not kept");
    finish(&file, cut);
    assert_same(dir, cut);
    another_processor(dir, &file, cut);
}

/// A run that goes on with another instruction set says so.
fn another_processor(dir: &Path, file: &str, output: &str) {
    let set = format!("output={output}");
    let args = ["train", "run", file, "--set", &set];
    let on = |level: &str| done(catena(&args).env("CATENA_SIMD", level).output().unwrap());
    assert!(!finish(file, output).stderr.contains("warning"), "the same machine");
    if on("avx2").code != Some(0) {
        // There is no other instruction set than the plainest.
        return;
    }
    let elsewhere = on("scalar");
    assert_eq!(elsewhere.code, Some(0), "{}", elsewhere.stderr);
    assert!(elsewhere.stderr.contains("were computed with"), "{}", elsewhere.stderr);
    assert_same(dir, output);
}
