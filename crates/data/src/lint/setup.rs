//! What is wrong with tokenizer and template, whatever the samples.

use super::report::Severity;
use super::rules::Context;
use crate::encode::{Masking, TrainOn};
use catena_protocol::TrainingSample;
use catena_text::{ChatTemplate, Tokenizer};

/// `pad-is-eos`, `no-eos`, `no-generation-mark`.
pub(super) fn check(context: &mut Context<'_>) {
    let Some(tokenizer) = context.options.tokenizer else { return };
    let answers = context.samples.iter().any(is_answered);
    let texts = context.samples.iter().any(|sample| matches!(sample, TrainingSample::Text(_)));
    if answers || texts || context.samples.is_empty() {
        ends(context, tokenizer, if answers { Severity::Error } else { Severity::Warning });
    }
    if let Some(template) = context.options.template {
        marks(context, template);
    }
}

/// A trainer that masks padding by its token masks the end token too if both are one; the model
/// then never learns to stop. Rows here carry labels of their own, made of positions, so the end is
/// trained all the same; an end that is not trained is `no-end-of-turn`.
fn ends(context: &mut Context<'_>, tokenizer: &Tokenizer, severity: Severity) {
    match tokenizer.eos_token_id() {
        Some(end) if tokenizer.pad_token_id() == Some(end) => {
            let name = tokenizer.token_text(end).unwrap_or_default();
            let message = format!(
                "the padding token is the end token `{name}`: the end of answers is trained here, \
                 where no token is masked for being padding, but not by trainers that do so"
            );
            context.find("pad-is-eos", Severity::Warning, None, message);
        }
        None if context.options.encode.end_tokens.is_empty() => {
            let message = "the tokenizer names no end token, so that nothing ends an answer";
            context.find("no-eos", severity, None, message);
        }
        Some(_) | None => {}
    }
}

/// Without marks the words of the assistant are still found, in another way.
fn marks(context: &mut Context<'_>, template: &ChatTemplate) {
    let options = &context.options.encode;
    let needed = options.train_on != TrainOn::Everything && options.masking == Masking::Auto;
    let chats = context.samples.iter().any(|sample| matches!(sample, TrainingSample::Chat(_)));
    if needed && chats && !template.marks_generation() {
        let message = "the chat template has no `{% generation %}` mark: answers are found by \
                       rendering each conversation up to its turns, where the template writes \
                       earlier turns the same whatever follows";
        context.find("no-generation-mark", Severity::Warning, None, message);
    }
}

/// Whether a sample holds answers that must end.
fn is_answered(sample: &TrainingSample) -> bool {
    match sample {
        TrainingSample::Chat(_)
        | TrainingSample::Completion(_)
        | TrainingSample::Preference(_)
        | TrainingSample::Unpaired(_) => true,
        TrainingSample::Text(_)
        | TrainingSample::Classification(_)
        | TrainingSample::TokenLabels(_)
        | TrainingSample::Embedding(_)
        | TrainingSample::Rerank(_) => false,
    }
}
