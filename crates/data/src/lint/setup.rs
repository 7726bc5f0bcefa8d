//! What is wrong with tokenizer and template, whatever the samples.

use super::report::Severity;
use super::rules::Context;
use catena_protocol::TrainingSample;

/// `pad-is-eos`, `no-eos`.
///
/// A trainer that masks padding by its token masks the end token too if both are one; the model
/// then never learns to stop. Rows here carry their own labels, so padding is never found by its
/// token; the finding is for trainers that do.
pub(super) fn check(context: &mut Context<'_>) {
    let Some(tokenizer) = context.options.tokenizer else { return };
    let end = tokenizer.eos_token_id();
    match end {
        Some(end) if tokenizer.pad_token_id() == Some(end) => {
            let name = tokenizer.token_text(end).unwrap_or_default();
            let message = format!(
                "the padding token is the end token `{name}`: where padding is masked by its token, \
                 the end of answers is masked too, and the model never learns to stop"
            );
            context.find("pad-is-eos", Severity::Warning, None, message);
        }
        None if context.options.encode.end_tokens.is_empty() => {
            let text = |sample: &TrainingSample| matches!(sample, TrainingSample::Text(_));
            let text_only = context.samples.iter().all(text);
            let severity = if text_only { Severity::Warning } else { Severity::Error };
            let message = "the tokenizer names no end token, so that nothing ends an answer";
            context.find("no-eos", severity, None, message);
        }
        Some(_) | None => {}
    }
}
