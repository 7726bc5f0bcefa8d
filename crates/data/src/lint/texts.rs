//! The words of a sample, for rules that compare samples.

use catena_protocol::{Content, Role, TrainingSample};

/// What is given and what is asked for, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Texts {
    /// Prompt, query or text.
    pub(super) prompt: String,
    /// Completions and answers, each.
    pub(super) answers: Vec<String>,
}

impl Texts {
    /// The words of `sample`. The system prompt is left out: many samples share it.
    pub(super) fn of(sample: &TrainingSample) -> Self {
        match sample {
            TrainingSample::Text(sample) => Self { prompt: sample.text.clone(), answers: vec![] },
            TrainingSample::Chat(sample) => {
                let spoken = |of_assistant: bool| {
                    let turns = sample.messages.iter().filter(move |turn| {
                        turn.role != Role::System && (turn.role == Role::Assistant) == of_assistant
                    });
                    turns.map(said)
                };
                Self {
                    prompt: spoken(false).collect::<Vec<_>>().join("\n"),
                    answers: spoken(true).collect(),
                }
            }
            TrainingSample::Completion(sample) => {
                Self { prompt: words(&sample.prompt), answers: vec![words(&sample.completion)] }
            }
            TrainingSample::Preference(sample) => {
                let answers = vec![words(&sample.chosen), words(&sample.rejected)];
                Self { prompt: words(&sample.prompt), answers }
            }
            TrainingSample::Unpaired(sample) => {
                Self { prompt: words(&sample.prompt), answers: vec![words(&sample.completion)] }
            }
            TrainingSample::Classification(sample) => {
                let second = sample.text_pair.as_deref().unwrap_or_default();
                Self { prompt: format!("{}\n{second}", sample.text), answers: vec![] }
            }
            TrainingSample::TokenLabels(sample) => {
                Self { prompt: sample.tokens.join(" "), answers: vec![] }
            }
            TrainingSample::Embedding(sample) => {
                Self { prompt: sample.anchor.clone(), answers: vec![sample.positive.clone()] }
            }
            TrainingSample::Rerank(sample) => {
                Self { prompt: format!("{}\n{}", sample.query, sample.document), answers: vec![] }
            }
        }
    }

    /// Everything in one text.
    pub(super) fn whole(&self) -> String {
        let parts: Vec<&str> =
            std::iter::once(&self.prompt).chain(&self.answers).map(String::as_str).collect();
        parts.join("\n")
    }
}

/// Content without its system prompt.
fn words(content: &Content) -> String {
    match content {
        Content::Text(text) => text.clone(),
        Content::Messages(messages) => {
            let spoken = messages.iter().filter(|turn| turn.role != Role::System);
            spoken.map(said).collect::<Vec<_>>().join("\n")
        }
    }
}

/// What a turn says and calls.
fn said(turn: &catena_protocol::ChatMessage) -> String {
    let calls = turn.tool_calls.iter().map(|call| {
        let function = &call.function;
        format!("{} {}", function.name, function.arguments)
    });
    let parts: Vec<String> = turn.content.iter().cloned().chain(calls).collect();
    parts.join("\n")
}
