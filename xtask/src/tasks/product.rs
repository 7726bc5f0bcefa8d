//! The binary: building it and running it.

use super::deps::{For, ensure};
use super::studio;
use crate::error::TaskError;
use crate::process::{
    become_command, command, lines_of, root, run, run_command, target_dir, variable,
};
use camino::Utf8PathBuf;
use std::fs;
use std::process::Command;

/// A text whose perplexity is measured where the shared data sets are.
const TEXT: &str = "../shared/data/llamafactory_demo/wiki_demo.txt";
/// What is measured of models other than the example's.
/// Large ones take minutes a round, so the rounds are two unless ROUNDS says more.
const OF_MODELS: [&str; 3] = ["prefill/512/", "decode/0/", "batch/16/"];
/// What is measured with and without activations in 8 bits: accuracy, and what accuracy costs.
const OF_PRECISION: [&str; 2] = ["perplexity/", "prefill/512/"];
/// What the example project needs, by name.
pub(crate) const PULLED: [&str; 3] = ["smollm2-135m-instruct", "all-minilm-l6-v2", "bank-support"];

/// The project that `up` runs.
pub(crate) const EXAMPLE: &str = "examples/bank-support";

/// Builds everything and leaves the binary at `bin/catena`.
pub(crate) fn build() -> Result<(), TaskError> {
    ensure(For::Product)?;
    studio::build()?;
    // The whole workspace, so that tests and product share one set of features and one build.
    run("cargo", &["build", "--release", "--locked", "--workspace"])?;
    install_binary()
}

/// Puts the binary in place by renaming, since the old one may be running.
fn install_binary() -> Result<(), TaskError> {
    let built = target_dir().join("release/catena");
    let bin = root().join("bin");
    fs::create_dir_all(&bin).map_err(TaskError::file(&bin))?;
    let fresh = bin.join(".catena.part");
    fs::copy(&built, &fresh).map_err(TaskError::file(&built))?;
    fs::rename(&fresh, bin.join("catena")).map_err(TaskError::file(&fresh))
}

/// Fetches the models and documents of the example.
pub(crate) fn pull() -> Result<(), TaskError> {
    run(binary().as_str(), &[&["pull"], PULLED.as_slice()].concat())
}

/// Builds, pulls, and runs the example project; with `ONCE=1` it asks one question and ends.
pub(crate) fn up() -> Result<(), TaskError> {
    build()?;
    pull()?;
    let mut args = vec!["up", EXAMPLE];
    if variable("ONCE").is_some_and(|once| once != "0") {
        args.push("--once");
    }
    Err(become_command(product(&args)))
}

/// Builds, measures the areas beside their peers, and writes the tables.
pub(crate) fn bench() -> Result<(), TaskError> {
    let areas = variable("AREA")
        .ok_or(TaskError::Unset { variable: "AREA", example: "make bench AREA=engine,models" })?;
    build()?;
    let results = root().join("bench/results");
    fs::create_dir_all(&results).map_err(TaskError::file(&results))?;
    for area in areas.split(',') {
        let mut measure = measurement(area)?;
        measure.args(["--peers", "--json", &format!("bench/results/{area}.json")]);
        let rounds = variable("ROUNDS").or_else(|| (area == "models").then(|| "2".to_owned()));
        if let Some(rounds) = rounds {
            measure.args(["--rounds", &rounds]);
        }
        run_command(measure)?;
    }
    run("python3", &["bench/report.py"])
}

/// The command that measures an area: one of the binary's own, `models`, which is `infer` on other
/// models than the example's, or `precise`, which is `infer` once more without rounding to 8 bits.
fn measurement(area: &str) -> Result<Command, TaskError> {
    let own = if ["models", "precise"].contains(&area) { "infer" } else { area };
    let mut measure = product(&["bench", own]);
    if area == "models" {
        measure.args(["--named", "--peer", "llama.cpp"]);
        measure.args(OF_MODELS.iter().flat_map(|cell| ["--only", cell]));
        let files = made_from("others", &lines_of(product(&["pull", PULLED[0]]))?)?;
        measure.args(files.iter().flat_map(|file| ["--model", file]));
    }
    if area == "data" {
        measure.arg("--large");
    }
    if area == "precise" {
        measure.args(["--precise", "--peer", "llama.cpp"]);
        measure.args(OF_PRECISION.iter().flat_map(|cell| ["--only", cell]));
    }
    if ["infer", "precise"].contains(&area) {
        for model in models_to_measure()? {
            measure.args(["--model", &model]);
        }
        let text = root().join(TEXT);
        if text.exists() {
            measure.args(["--perplexity", text.as_str()]);
        }
    }
    Ok(measure)
}

/// The model of the example, and its weights in the other formats, which are made once.
fn models_to_measure() -> Result<Vec<String>, TaskError> {
    let mut models = lines_of(product(&["pull", PULLED[0]]))?;
    let others = made_from("models", &models)?;
    models.extend(others);
    Ok(models)
}

/// Files that the peers' script makes from the example's model.
fn made_from(verb: &str, models: &[String]) -> Result<Vec<String>, TaskError> {
    let mut args = vec!["bench/peers/infer.py", verb];
    args.extend(models.iter().map(String::as_str));
    lines_of(command("python3", &args))
}

/// The binary with these arguments.
pub(crate) fn product(args: &[&str]) -> Command {
    command(binary().as_str(), args)
}

/// Where the binary is.
pub(crate) fn binary() -> Utf8PathBuf {
    root().join("bin/catena")
}
