//! How much memory a run may take, and what is said if that is too little.

use super::record::gib;
use crate::failure::{Exit, Failure};
use crate::machine::Choice;
use crate::train::model::Fit;
use crate::train::objectives::clips_by_tensor;
use crate::train::run::Prepared;
use crate::train::settings::{
    ByteSize, OptimizerName, RecomputeChoice, RecomputeWord, TrainMethod, TrainSettings,
};
use catena_pipeline::memory::{available_bytes, resident_bytes};

/// Share of the free memory that a run may take.
const SHARE: f64 = 0.9;
/// Free memory where the system does not tell.
const ASSUMED_MEMORY: u64 = 2 << 30;

/// The memory that the process may take, with what it has already.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a number of bytes"
)]
pub(super) fn limit(settings: &TrainSettings) -> Result<Choice<u64>, Failure> {
    if let Some(given) = max_memory(settings)? {
        return Ok(Choice { value: given, reason: "`max_memory`".to_owned() });
    }
    let (free, found) = match available_bytes() {
        Some(free) => (free, "what is free"),
        None => (ASSUMED_MEMORY, "the 2 GiB that are taken to be free"),
    };
    let value = resident_bytes() + (free as f64 * SHARE) as u64;
    Ok(Choice {
        value,
        reason: format!("{:.0} % of {found}; `max_memory` overrides", SHARE * 100.0),
    })
}

/// Bytes of `max_memory`, if it is set.
///
/// # Errors
/// It is no number of bytes.
pub(in crate::train) fn max_memory(settings: &TrainSettings) -> Result<Option<u64>, Failure> {
    let Some(size) = &settings.max_memory else { return Ok(None) };
    if let Some(bytes) = size.bytes() {
        return Ok(Some(bytes));
    }
    let cause = match size {
        ByteSize::Bytes(bytes) => format!("`max_memory` is {bytes} bytes"),
        ByteSize::Text(text) => format!("`max_memory` is `{text}`, which is no amount of memory"),
    };
    Err(Failure::new(Exit::Usage, "cannot train with these settings", cause)
        .hint("write a number with a unit, such as \"4GiB\" or \"500MB\""))
}

pub(super) fn too_little(
    settings: &TrainSettings,
    prepared: &Prepared,
    needed: u64,
    limit: &Choice<u64>,
    least: Fit,
    begun: Option<usize>,
) -> Failure {
    let cause = format!(
        "it takes {} at least, with micro-steps of {} tokens, and may take {} ({})",
        gib(needed),
        least.tokens,
        gib(limit.value),
        limit.reason
    );
    let mut help = Vec::new();
    let (auto, all) = (RecomputeWord::Auto, RecomputeWord::All);
    if ![auto, all].map(RecomputeChoice::Word).contains(&settings.recompute) {
        help.push("`recompute = \"auto\"`");
    }
    if settings.micro_step_tokens.given().is_some() {
        help.push("`micro_step_tokens = \"auto\"`");
    } else if begun.is_some() {
        help.push("another `output`: a run that goes on keeps the micro-steps it began with");
    }
    let in_backward = settings.optimizer_details.optimizer_in_backward.given();
    if settings.method == TrainMethod::Full && in_backward.is_none() && !clips_by_tensor(settings) {
        help.push(
            "`clip_grad_norm = \"per_tensor\"`, so that the optimizer runs in the backward pass",
        );
    }
    if matches!(settings.method, TrainMethod::Full | TrainMethod::Freeze) {
        help.push("`method = \"lora\"`");
    }
    if matches!(settings.optimizer, OptimizerName::Adamw) && settings.method == TrainMethod::Full {
        help.push("`optimizer = \"adamw_8bit\"`");
    }
    help.push("a smaller `max_tokens`");
    if !prepared.base.is_gguf() && settings.method == TrainMethod::Lora {
        help.push("the model as a 4-bit GGUF");
    }
    help.push("a larger `max_memory`");
    Failure::new(Exit::Environment, "the run does not fit the memory", cause)
        .hint(format!("these help, the first ones most: {}", help.join(", ")))
}
