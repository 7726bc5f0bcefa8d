//! Help pages are part of the interface: a changed flag shows here.

use crate::support::{printed, run};

#[test]
fn help_pages() {
    let pages = [
        &["--help"][..],
        &["up", "--help"],
        &["serve", "--help"],
        &["keys", "--help"],
        &["keys", "create", "--help"],
        &["plan", "--help"],
        &["pull", "--help"],
        &["doctor", "--help"],
        &["bench", "--help"],
        &["bench", "infer", "--help"],
        &["bench", "engine", "--help"],
        &["bench", "train", "--help"],
        &["tokenizer", "train", "--help"],
        &["train", "--help"],
        &["train", "run", "--help"],
        &["train", "plan", "--help"],
        &["train", "lint", "--help"],
        &["train", "predict", "--help"],
        &["train", "merge", "--help"],
        &["train", "keys"],
        &["pull", "--list"],
    ];
    insta::assert_snapshot!(printed(&pages));
}

#[test]
fn doctor_names_its_choices() {
    let done = run(&["doctor", "--threads", "2"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    for line in ["kernels:", "threads:  2 (--threads)", "cache:"] {
        assert!(done.stdout.contains(line), "{}", done.stdout);
    }
}
