//! `catena`: the command line, and the only place that composes the crates.
//!
//! **Invariant:** only this crate reads the environment, prints, and ends the process.

mod args;
mod bench;
mod classifier;
mod cores;
mod data;
mod doctor;
mod documents;
#[cfg(test)]
mod examples;
mod explain;
mod failure;
mod folders;
mod interrupt;
mod keys;
mod likelihood;
mod machine;
mod merged;
mod models;
mod once;
mod output;
#[cfg(test)]
mod pages;
mod plan;
mod progress;
mod project;
mod pull;
mod report;
mod runs;
mod serve;
mod sets;
mod stages;
mod tokenizer;
mod train;
mod up;

use args::{Cli, Command};
use clap::Parser;
use failure::{Exit, Failure};
use progress::say;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // A panic is a defect of ours: the default hook has printed where, this adds what to do.
    let Ok(outcome) = catch_unwind(AssertUnwindSafe(|| run(&cli))) else {
        say("\nerror: this is a defect of catena, not of your input\n");
        say("hint: report the lines above with the command you ran; finished work is on disk");
        return ExitCode::from(Exit::Bug as u8);
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(failure::render(&failure).trim_end());
            ExitCode::from(failure.exit() as u8)
        }
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    let cancel = interrupt::on_signal();
    if let Command::Doctor = cli.command {
        return doctor::run(cli.threads);
    }
    if let Command::Keys(args) = &cli.command {
        return keys::run(args);
    }
    machine::select_level()?;
    match &cli.command {
        Command::Up(args) => up::run(args, cli.threads, &cancel),
        Command::Plan(args) => plan::run(args, cli.threads, &cancel),
        Command::Pull(args) => pull::run(args, &cancel),
        Command::Bench(args) => bench::run(args, cli.threads, &cancel),
        Command::Train(args) => train::run(args, cli.threads, &cancel),
        Command::Data(args) => data::run(args, cli.threads, &cancel),
        Command::Tokenizer(args) => tokenizer::run(args, cli.threads, &cancel),
        Command::Serve(args) => serve::run(args, cli.threads, &cancel),
        Command::Keys(_) | Command::Doctor => Ok(()),
    }
}
