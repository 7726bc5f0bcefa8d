//! A project, its stages, and what has to run again.
//!
//! A project is a folder with `catena.toml`. Its work is a list of [`Stage`]s, each a function of
//! its settings, its external inputs and the stages it names as inputs. The [`Pipeline`] gives
//! every stage a fingerprint over all of these; a stage whose fingerprint has a finished result
//! is not run again.
//!
//! A stage writes into a folder whose name ends in `.partial`; when it is done the folder is
//! renamed and a record is written to the project's database. A process killed at any moment
//! leaves either a record with its folder, or a folder a second run goes on in.
//! **Invariant:** a record never points at a folder that is missing or half written.

pub mod config;
mod error;
mod fingerprint;
pub mod memory;
mod output;
mod plan;
mod record;
mod runner;
mod stage;

pub use error::PipelineError;
pub use plan::{Action, PlannedStage};
pub use runner::{Finished, Pipeline};
pub use stage::{Settings, Stage, StageContext, Summary};

#[cfg(test)]
mod tests;
