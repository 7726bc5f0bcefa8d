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
    ] {
        let file = tiny.write(name, "base/model", &format!("{SHORT}{keys}\n"));
        ok(run(&["train", "run", &file, "--threads", "2"]));
        let kept = std::fs::read(tiny.path(name).join("run/plan.json")).unwrap();
        let kept: Value = serde_json::from_slice(&kept).unwrap();
        let [planned, taken] =
            ["memory", "taken"].map(|part| kept[part]["peak_bytes"].as_f64().unwrap());
        let error = planned / taken - 1.0;
        assert!(error.abs() < MEMORY, "{name}: planned {planned}, taken {taken}");
    }
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
