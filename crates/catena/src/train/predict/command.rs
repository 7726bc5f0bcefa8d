//! How a stage's answers are found.

use super::{scored, written};
use crate::args::PredictArgs;
use crate::failure::{Exit, Failure};
use crate::train::read::RunFile;
use crate::train::settings::TrainStage;
use catena_protocol::Cancel;

/// Runs `catena train predict`.
pub(in crate::train) fn run(
    file: &RunFile,
    args: &PredictArgs,
    threads: Option<usize>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let refused = |cause: &'static str| Err(Failure::new(Exit::Usage, "cannot predict", cause));
    match file.settings.stage {
        TrainStage::Sft => written::predict(file, args, threads, cancel),
        TrainStage::Classify | TrainStage::Tag if args.choices => {
            refused("`--choices` is for answers that are written; a head has no others")
        }
        TrainStage::Classify | TrainStage::Tag => scored::predict(file, args, threads, cancel),
        TrainStage::Pretrain
        | TrainStage::Reward
        | TrainStage::Preference
        | TrainStage::Kto
        | TrainStage::Embed
        | TrainStage::Rerank => {
            refused("answers are compared for the stages sft, classify and tag")
        }
    }
}
