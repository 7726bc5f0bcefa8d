//! Answers of a head.

use crate::args::PredictArgs;
use crate::failure::{Exit, Failure};
use crate::output::print_line;
use crate::train::encode::{self, Rows};
use crate::train::model::Fit;
use crate::train::objectives::objective;
use crate::train::read::RunFile;
use crate::train::run::{RUN_DIR, prepare};
use crate::train::samples::read_set;
use crate::train::save::labels;
use camino::Utf8Path;
use catena_model::training::Recompute;
use catena_protocol::Cancel;
use catena_train::{Checkpoint, Trainable};
use serde_json::json;

/// Tokens of a pass that only measures.
const PASS_TOKENS: usize = 512;

/// By the run's own head, with the values of its checkpoint.
pub(super) fn predict(
    file: &RunFile,
    args: &PredictArgs,
    threads: Option<usize>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let settings = &file.settings;
    let prepared = prepare(file, threads, cancel)?;
    let mut samples = read_set(file, &args.data)?.samples;
    samples.truncate(args.limit.unwrap_or(usize::MAX));
    let fail = |error| Failure::new(Exit::Usage, "cannot encode the samples", error);
    let (rows, _): (Rows, usize) =
        encode::encode(settings, &prepared.base, &prepared.classes, &samples).map_err(fail)?;
    let given = settings.micro_step_tokens.given();
    let width = labels(&prepared.classes).len();
    let mut test = objective(settings, &rows, width, given.unwrap_or(usize::MAX))?;
    let tokens = given.unwrap_or_else(|| test.longest().max(PASS_TOKENS));
    // Nothing goes back through the layers, so they need not keep anything, nor have gradients.
    let fit = Fit { tokens, recompute: Recompute::All, in_backward: true };
    let mut model = prepared.model(settings, fit)?;
    if !args.base {
        restore(&prepared.output.join(RUN_DIR), settings.end.keep_best, &mut model)?;
    }
    let figures = test
        .evaluate(&mut model, tokens, cancel)
        .map_err(|error| Failure::new(Exit::Environment, "cannot measure the model", error))?;
    print_line(
        &json!({
            "samples": samples.len(),
            "loss": figures.loss,
            "accuracy": figures.extra.get("accuracy"),
        })
        .to_string(),
    );
    Ok(())
}

fn restore(dir: &Utf8Path, best: bool, model: &mut dyn Trainable) -> Result<(), Failure> {
    let name = if best { Checkpoint::BEST_FILE_NAME } else { Checkpoint::FILE_NAME };
    let file = dir.join(name);
    let goal = || format!("cannot read the run in `{dir}`");
    let checkpoint = Checkpoint::load(&file)
        .map_err(|error| Failure::new(Exit::Environment, goal(), error))?
        .ok_or_else(|| {
            Failure::new(Exit::Usage, goal(), format!("there is no `{file}`"))
                .hint("`catena train run` makes it")
        })?;
    checkpoint.restore_values(model).map_err(|error| Failure::new(Exit::Usage, goal(), error))
}
