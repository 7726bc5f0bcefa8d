//! The stages of a knowledge project, in the order they run.
//!
//! ```text
//! data ─► index ─► retrieval
//!   └───────┴────► synth ─► evaluate-base
//!                    └────► train ─► merge ─► evaluate-tuned
//!                                      └────► quantize ─► evaluate-quantized
//! ```

mod common;
mod data;
mod evaluate;
mod index;
mod inputs;
mod list;
mod merge;
mod profile;
mod quantize;
mod retrieval;
mod sources;
mod synth;
mod train;

pub(crate) use data::PROFILE_FILE;
pub(crate) use inputs::{Inputs, ModelInput, ServedInputs};
pub(crate) use list::all;
pub(crate) use sources::{DataPlan, documents};
pub(crate) use synth::HELDOUT_FILE;
pub(crate) use train::METRICS_FILE;

use common::{digest_setting, setting, summary};
