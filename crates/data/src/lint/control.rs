//! Control tokens written in what people and models say.

use super::report::Severity;
use super::rules::Context;
use catena_protocol::{ChatMessage, TrainingSample};
use catena_text::Tokenizer;
use regex::Regex;

/// `control-token-in-text`.
///
/// A rendered conversation is encoded with its control tokens, those in its words included: an
/// answer that speaks of `<|im_end|>` ends there.
pub(super) fn check(context: &mut Context<'_>) {
    let Some(tokens) = context.options.tokenizer.and_then(control_tokens) else { return };
    for (at, sample) in context.samples.iter().enumerate() {
        let found = messages(sample).into_iter().find_map(|turn| tokens.find(turn.text()));
        if let Some(found) = found {
            let token = found.as_str();
            let message = format!("a turn holds the control token `{token}`, which is read as one");
            context.find("control-token-in-text", Severity::Warning, Some(at), message);
        }
    }
}

/// Finds any control token of the tokenizer; none if it has none, or too many to search for.
fn control_tokens(tokenizer: &Tokenizer) -> Option<Regex> {
    let count = u32::try_from(tokenizer.vocab_size()).ok()?;
    let special = (0..count).filter(|&id| tokenizer.is_special(id));
    let names = special.filter_map(|id| tokenizer.token_text(id));
    let names: Vec<String> = names.map(|name| regex::escape(&name)).collect();
    if names.is_empty() { None } else { Regex::new(&names.join("|")).ok() }
}

/// Every message of a sample that a template renders.
fn messages(sample: &TrainingSample) -> Vec<&ChatMessage> {
    match sample {
        TrainingSample::Chat(sample) => sample.messages.iter().collect(),
        TrainingSample::Completion(sample) => {
            sample.prompt.messages().iter().chain(sample.completion.messages()).collect()
        }
        TrainingSample::Preference(sample) => {
            let answers = sample.chosen.messages().iter().chain(sample.rejected.messages());
            sample.prompt.messages().iter().chain(answers).collect()
        }
        TrainingSample::Unpaired(sample) => {
            sample.prompt.messages().iter().chain(sample.completion.messages()).collect()
        }
        TrainingSample::Text(_)
        | TrainingSample::Classification(_)
        | TrainingSample::TokenLabels(_)
        | TrainingSample::Embedding(_)
        | TrainingSample::Rerank(_) => Vec::new(),
    }
}
