//! What a run is said to take before its first step, beside what it then takes.

use crate::support::{done, run, with_mounts};
use crate::tiny::{Tiny, ok};
use serde_json::Value;

/// Keys of a short run.
const SHORT: &str = "data = [\"sft.jsonl\"]\nlearning_rate = 1e-3\nmax_steps = 3\n";
/// How far the memory may be off.
const MEMORY: f64 = 0.05;

/// Most of what a tiny model takes is the program, so all else must be counted as what it is.
#[test]
fn tiny_runs_take_the_memory_that_was_planned() {
    let tiny = Tiny::new();
    for (name, keys) in [
        ("pairs", "lora_rank = 4"),
        ("again", "lora_rank = 4\nrecompute = \"all\""),
        ("prefix", "method = \"prefix\""),
        ("whole", "method = \"full\""),
        ("whole8", "method = \"full\"\noptimizer = \"adamw_8bit\""),
        ("by-part", "method = \"full\"\noptimizer_in_backward = true\nmax_grad_norm = 0"),
    ] {
        let file = tiny.write(name, "base/model", &format!("{SHORT}{keys}\n"));
        ok(run(&["train", "run", &file, "--threads", "2"]));
        let kept = kept(&tiny, name);
        let [planned, taken] =
            ["memory", "taken"].map(|part| kept[part]["peak_bytes"].as_f64().unwrap());
        let error = planned / taken - 1.0;
        assert!(error.abs() < MEMORY, "{name}: planned {planned}, taken {taken}");
    }
}

/// The plan that a run kept.
fn kept(tiny: &Tiny, name: &str) -> Value {
    let kept = std::fs::read(tiny.path(name).join("run/plan.json")).unwrap();
    serde_json::from_slice(&kept).unwrap()
}

/// The same figures to the last digit, and what needs all gradients of a step is refused.
#[test]
fn an_optimizer_in_the_backward_pass_learns_the_same() {
    let tiny = Tiny::new();
    let keys = "method = \"full\"\noptimizer = \"adamw_8bit\"\nmax_grad_norm = 0.2\n\
                clip_grad_norm = \"per_tensor\"\n";
    let figures = ["auto", "true"].map(|in_backward| {
        let word = if in_backward == "auto" { "\"auto\"" } else { in_backward };
        let keys = format!("{SHORT}{keys}optimizer_in_backward = {word}\n");
        let file = tiny.write(in_backward, "base/model", &keys);
        let done = ok(run(&["train", "run", &file]));
        let said = done.stderr.contains("the optimizer in the backward pass");
        assert_eq!(said, in_backward == "true", "{}", done.stderr);
        let plan = kept(&tiny, in_backward);
        assert_eq!(plan["optimizer_in_backward"], in_backward == "true");
        let memory = &plan["memory"];
        let [values, gradients] =
            ["value_bytes", "gradient_bytes"].map(|part| memory[part].as_u64().unwrap());
        assert_eq!(gradients < values, in_backward == "true", "{plan}");
        tiny.figures(in_backward, "metrics.jsonl")
    });
    assert_eq!(figures[0].len(), 3);
    assert_eq!(figures[0], figures[1]);
    for (set, said) in [
        ("clip_grad_norm=global", "`max_grad_norm` bounds the norm of all"),
        ("micro_step_tokens=20", "takes a step in one pass"),
    ] {
        let file = tiny.path("true.toml");
        let args = ["train", "run", file.as_str(), "--set", "output=other", "--set", set];
        let refused = run(&args);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
        assert!(!tiny.path("other").exists(), "{set}");
    }
}

/// Layers that are computed again can be named; they must be there.
#[test]
fn layers_to_be_computed_again_are_chosen() {
    let tiny = Tiny::new();
    let planned = |recompute: &str| {
        let keys = format!("{SHORT}recompute = {recompute}\n");
        let file = tiny.write("chosen", "base/model", &keys);
        run(&["train", "plan", &file, "--json"])
    };
    let layers = |recompute: &str| -> Value {
        let plan: Value = serde_json::from_str(&ok(planned(recompute)).stdout).unwrap();
        plan["recomputed_layers"].clone()
    };
    assert_eq!(["[1]", "\"0-1\"", "[]", "1"].map(layers), [1, 2, 0, 1].map(Value::from));
    let refused = planned("\"1-2\"");
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    let said = "`recompute` has layer 2, counted from 0, of 2";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
}

/// A disk that cannot hold a checkpoint is told before the first step, not when the steps are to
/// be saved.
#[test]
fn a_disk_without_room_for_a_checkpoint_is_told_before_the_first_step() {
    let script = r#"
        mount -t tmpfs -o size=64k tmpfs "$1" || exit 99
        "$3" train run "$2" --set "output=$1/out"; echo "code $?"
        test -e "$1/out" && echo "something was written"
        mount -o remount,size=64m "$1" || exit 97
        "$3" train run "$2" --set "output=$1/out"; echo "code $?"
    "#;
    let Some(mut command) = with_mounts(script) else { return };
    let tiny = Tiny::new();
    let keys = format!("{SHORT}lora_rank = 8\ncheckpoint_steps = 1\n");
    let (file, disk) = (tiny.write("run", "base/model", &keys), tiny.path("disk"));
    std::fs::create_dir(&disk).unwrap();
    command.args([disk.as_str(), file.as_str(), env!("CARGO_BIN_EXE_catena")]);
    let ended = done(command.env("HF_HUB_OFFLINE", "1").output().unwrap());
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.starts_with("code 3\n"), "{}{}", ended.stdout, ended.stderr);
    assert!(!ended.stdout.contains("something was written"), "{}", ended.stdout);
    assert!(ended.stderr.contains("the run does not fit the disk"), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint: free some space"), "{}", ended.stderr);
    assert!(ended.stderr.contains("disk 3 checkpoints of "), "{}", ended.stderr);
    assert!(ended.stdout.ends_with("code 0\n"), "{}{}", ended.stdout, ended.stderr);
}
