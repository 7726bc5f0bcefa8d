//! What the commands write, in the libraries that people load it with.

use super::product::{binary, build, pull};
use crate::error::TaskError;
use crate::process::run;

/// Installs the libraries once, trains a tiny model in every way and a pulled one in one, and compares
/// losses, logits and greedy texts.
const SCRIPT: &str = "crates/catena/tests/exchange/run.py";

/// Builds and pulls, then has PEFT, transformers, sentence-transformers and llama.cpp read what was
/// written.
pub(crate) fn exchange() -> Result<(), TaskError> {
    build()?;
    pull()?;
    run("python3", &[SCRIPT, binary().as_str()])
}
