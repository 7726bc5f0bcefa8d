//! Help pages are part of the interface: a changed flag shows here.

use crate::support::{catena, done, printed};

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
fn doctor_names_its_choices_and_their_reasons() {
    let doctor = |level: &str, args: &[&str]| {
        let args = [&["doctor"][..], args].concat();
        let done = done(catena(&args).env("CATENA_SIMD", level).output().unwrap());
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        done.stdout
    };
    let says = |said: &str, lines: &[&str]| {
        for line in lines {
            assert!(said.contains(line), "no `{line}` in:\n{said}");
        }
    };
    // A level is named as the variable takes it; an empty variable asks for nothing.
    let forced = doctor("scalar", &["--threads", "2"]);
    says(&forced, &["kernels:  scalar (CATENA_SIMD)", "threads:  2 (--threads)", "cache:"]);
    let chosen = doctor("", &[]);
    says(&chosen, &["kernels:  ", "; CATENA_SIMD overrides)", "; --threads overrides)"]);
}
