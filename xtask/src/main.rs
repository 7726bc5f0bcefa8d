//! The project's own tool: `cargo xtask <task>`. `make` and CI only call it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool prints")]

mod error;
mod layers;
mod process;
mod tasks;
mod tidy;

use error::TaskError;
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask TASK

  deps     say which programs are missing and why; install them when root, else print one line
  studio   build the studio's web app
  build    deps, studio, then the release binary at bin/catena
  up       build, pull, then `bin/catena up examples/bank-support` (ONCE=1 asks one question)
  test     build, pull, all tests, then the studio's browser test against a stand-in
  e2e      build, pull, serve the example, and drive its studio in a browser
  clients  build, pull, serve small models, and run the suites of clients that people use
  exchange build, pull, train a tiny model in every way, and compare what is written with PEFT,
           transformers, sentence-transformers and llama.cpp, which are installed once
  arm      the kernels' tests for 64-bit Arm in an emulator; a compiler for it is fetched once
  sanitize the kernels' tests with AddressSanitizer, AVX-512 and AMX emulated
  check    formatting, clippy, tidy, the studio's types, lints and unit tests
  tidy     the rules that no compiler checks
  ci       test, check, one whole run with one question, e2e, clients, exchange
  bench    `bin/catena bench` for the areas in AREA (infer, precise, models, kernels, engine, serve,
           train, data; several with commas) beside their peers, ROUNDS times in turn, then
           bench/RESULTS.md

Environment: CARGO_TARGET_DIR (default: the user's cache folder), XDG_CACHE_HOME, ONCE, AREA, ROUNDS.";

fn main() -> ExitCode {
    let task = std::env::args().nth(1).unwrap_or_default();
    let result = match task.as_str() {
        "deps" => tasks::deps(),
        "studio" => tasks::studio(),
        "build" => tasks::build(),
        "up" => tasks::up(),
        "test" => tasks::test(),
        "clients" => tasks::clients(),
        "exchange" => tasks::exchange(),
        "arm" => tasks::arm(),
        "sanitize" => tasks::sanitize(),
        "check" => tasks::check(),
        "tidy" => tidy::run(),
        "e2e" => tasks::e2e(),
        "ci" => tasks::ci(),
        "bench" => tasks::bench(),
        "" | "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(())
        }
        _ => Err(TaskError::UnknownTask { task }),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
