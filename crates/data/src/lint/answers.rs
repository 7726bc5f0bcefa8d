//! Answers that teach nothing.

use super::report::Severity;
use super::rules::Context;
use catena_protocol::{ChatMessage, Content, Role, TrainingSample};

/// `empty-answer`, `same-answers`.
pub(super) fn check(context: &mut Context<'_>) {
    for (at, sample) in context.samples.iter().enumerate() {
        if let Some(which) = empty(sample) {
            let message = format!("{which} is empty");
            context.find("empty-answer", Severity::Warning, Some(at), message);
        }
        if let TrainingSample::Preference(pair) = sample
            && pair.chosen == pair.rejected
        {
            let message = "chosen and rejected are the same";
            context.find("same-answers", Severity::Error, Some(at), message);
        }
    }
}

/// What of the sample is empty that must not be, in words.
fn empty(sample: &TrainingSample) -> Option<&'static str> {
    let blank = |content: &Content| match content {
        Content::Text(text) => text.trim().is_empty(),
        Content::Messages(messages) => messages.iter().all(ChatMessage::is_blank),
    };
    let text = |text: &str| text.trim().is_empty();
    match sample {
        TrainingSample::Text(sample) => text(&sample.text).then_some("the text"),
        TrainingSample::Chat(sample) => {
            let mut answers = sample.messages.iter().filter(|turn| turn.role == Role::Assistant);
            answers.any(ChatMessage::is_blank).then_some("a turn of the assistant")
        }
        TrainingSample::Completion(sample) => blank(&sample.completion).then_some("the completion"),
        TrainingSample::Preference(sample) => {
            (blank(&sample.chosen) || blank(&sample.rejected)).then_some("an answer")
        }
        TrainingSample::Unpaired(sample) => blank(&sample.completion).then_some("the completion"),
        TrainingSample::Classification(sample) => text(&sample.text).then_some("the text"),
        TrainingSample::TokenLabels(sample) => {
            sample.tokens.is_empty().then_some("the list of words")
        }
        TrainingSample::Embedding(sample) => {
            (text(&sample.anchor) || text(&sample.positive)).then_some("anchor or positive")
        }
        TrainingSample::Rerank(sample) => {
            (text(&sample.query) || text(&sample.document)).then_some("query or document")
        }
    }
}
