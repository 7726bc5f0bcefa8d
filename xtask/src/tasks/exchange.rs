//! What the commands write, in the libraries that people load it with.

use super::product::{binary, build};
use crate::error::TaskError;
use crate::process::run;

/// Installs the libraries once, trains a tiny model in every way, and compares losses and logits.
const SCRIPT: &str = "crates/catena/tests/exchange/run.py";

/// Builds, then has PEFT, transformers and sentence-transformers read what was written.
pub(crate) fn exchange() -> Result<(), TaskError> {
    build()?;
    run("python3", &[SCRIPT, binary().as_str()])
}
