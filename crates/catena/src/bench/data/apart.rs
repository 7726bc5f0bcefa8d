//! Measurements in a process of their own, which has a peak of its own.

use super::corpus::Corpus;
use super::run::Figures;
use super::{clean, dedup};
use crate::args::DataStep;
use crate::bench::peers::check_cancel;
use crate::failure::{Exit, Failure};
use crate::output::print_line;
use catena_protocol::Cancel;
use clap::ValueEnum;
use std::process::{Command, Stdio};

/// Starts this program once more for `step`.
pub(super) fn measure(
    step: DataStep,
    corpus: &Corpus,
    threads: usize,
    cancel: &Cancel,
) -> Result<Figures, Failure> {
    let goal = "cannot start this program for a measurement";
    let fail = |error: std::io::Error| Failure::new(Exit::Environment, goal, error);
    let name = step.to_possible_value().expect("no step is hidden");
    let done = Command::new(std::env::current_exe().map_err(fail)?)
        .args(["--threads", &threads.to_string(), "bench", "data", "--step", name.get_name()])
        .args(["--near", corpus.path.as_str()])
        .stderr(Stdio::inherit())
        .output()
        .map_err(fail)?;
    check_cancel(cancel)?;
    let goal = format!("cannot measure `{}`", name.get_name());
    if !done.status.success() {
        let cause = format!("the process that measured it ended with {}", done.status);
        return Err(Failure::new(Exit::Environment, goal, cause));
    }
    serde_json::from_slice(&done.stdout).map_err(|error| Failure::new(Exit::Bug, goal, error))
}

/// Measures `step` in this process and prints the figures.
pub(super) fn run(
    step: DataStep,
    corpus: &Corpus,
    threads: usize,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let figures = match step {
        DataStep::Minhash => dedup::minhash(corpus, threads, cancel),
        DataStep::Clean => clean::clean(corpus, threads, cancel),
    }?;
    print_line(&serde_json::to_string(&figures).expect("figures are plain data"));
    Ok(())
}
