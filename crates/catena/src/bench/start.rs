//! From the start of a process to its first token, and the memory it then holds.

use crate::failure::{Exit, Failure};
use crate::models::{BoxError, LanguageModel, Numerics};
use crate::output::print_line;
use camino::Utf8Path;
use catena_engine::{KvBudget, Request, SamplingParams};
use catena_kernels::Pool;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

/// Tokens of the prompt.
const PROMPT_TOKENS: u32 = 20;
/// Tokens that the cache of the started process holds.
const CONTEXT_TOKENS: usize = 1024;

/// Seconds from starting this program to its first token, and its resident bytes at that moment.
pub(crate) fn measure(model: &Utf8Path, threads: usize) -> Result<(f64, f64), Failure> {
    let fail = |error: std::io::Error| {
        Failure::new(Exit::Environment, "cannot start this program for a measurement", error)
    };
    let program = std::env::current_exe().map_err(fail)?;
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(["--threads", &threads.to_string(), "bench", "infer", "--first-token", "--model"])
        .arg(model)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(fail)?;
    let mut line = String::new();
    let stdout = child.stdout.take().expect("stdout is piped");
    BufReader::new(stdout).read_line(&mut line).map_err(fail)?;
    let seconds = start.elapsed().as_secs_f64();
    child.wait().map_err(fail)?;
    let bytes = line.trim().parse::<f64>().map_err(|error| {
        Failure::new(Exit::Bug, format!("cannot read the measured memory from `{line}`"), error)
    })?;
    Ok((seconds, bytes))
}

/// Bytes of the cache that the started process may fill.
pub(crate) fn cache_bytes(model: &LanguageModel) -> u64 {
    let config = model.checkpoint.config();
    let heads = (config.num_hidden_layers * config.num_key_value_heads) as u64;
    // Keys and values in bf16.
    4 * heads * (config.head_dim * CONTEXT_TOKENS) as u64
}

/// The started process: one token, then its resident bytes on standard output.
pub(crate) fn first_token(model: &Utf8Path, pool: Arc<Pool>) -> Result<(), BoxError> {
    let model = LanguageModel::open(model)?;
    let budget = KvBudget::Sequences { count: 1, tokens: CONTEXT_TOKENS };
    let mut engine = model.engine(pool, Numerics::default(), 1, budget)?.0;
    let params = SamplingParams { ignore_eos: true, ..SamplingParams::greedy(1) };
    engine.add(Request::new((100..100 + PROMPT_TOKENS).collect(), params))?;
    while engine.has_work() {
        engine.step()?;
    }
    print_line(&catena_pipeline::memory::resident_bytes().to_string());
    Ok(())
}
