//! `catena train`: runs described by one section of TOML, or by a LLaMA-Factory YAML as it is.

mod choices;
mod command;
mod details;
mod encode;
mod lint;
mod llama_factory;
mod losses;
mod merge;
mod model;
mod new_model;
mod objectives;
mod plan;
mod predict;
mod read;
mod reference;
mod run;
mod samples;
mod save;
mod schedules;
mod sentence;
mod settings;
mod start;
mod write;

pub(crate) use command::run;
pub(crate) use encode::Rows;
pub(crate) use model::BaseModel;
pub(crate) use run::{Finished, Prepared, run_prepared};
pub(crate) use settings::{ScheduleName, TrainSettings};
