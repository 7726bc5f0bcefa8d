//! What a chat template leaves out of a conversation.

use super::report::Severity;
use super::rules::Context;
use catena_protocol::{ChatExtras, ChatMessage, Content, Role, TrainingSample};
use catena_text::{ChatInput, ChatTemplate};

/// What follows the thoughts that an answer begins with.
const THOUGHTS_END: &str = "</think>";

/// `template-drops-call`, `template-drops-tools`, `template-drops-words`.
///
/// A template that knows no tools writes nothing for a turn that calls one: the model learns to
/// end its turn at once.
pub(super) fn check(context: &mut Context<'_>) {
    let Some(template) = context.options.template else { return };
    for (at, sample) in context.samples.iter().enumerate() {
        for (messages, extras) in conversations(sample) {
            let input = ChatInput {
                messages: &messages,
                tools: &extras.tools,
                variables: Some(&extras.chat_template_kwargs),
                add_generation_prompt: false,
            };
            for (code, severity, message) in dropped(template, &input) {
                context.find(code, severity, Some(at), message);
            }
        }
    }
}

/// What of `input` is not in the text that the template makes of it.
fn dropped(
    template: &ChatTemplate,
    input: &ChatInput<'_>,
) -> Vec<(&'static str, Severity, String)> {
    // What cannot be rendered is found where it is encoded.
    let Ok(text) = template.render_chat(input) else { return Vec::new() };
    let mut found = Vec::new();
    let mut calls = input.messages.iter().flat_map(|turn| &turn.tool_calls);
    if let Some(call) = calls.find(|call| !text.contains(&call.function.name)) {
        let name = &call.function.name;
        let message = format!("the chat template leaves the call of `{name}` out");
        found.push(("template-drops-call", Severity::Error, message));
    }
    let mut names = input.tools.iter().filter_map(|tool| tool["function"]["name"].as_str());
    if let Some(name) = names.find(|name| !text.contains(name)) {
        let message = format!("the chat template leaves the tool `{name}` out");
        found.push(("template-drops-tools", Severity::Warning, message));
    }
    if let Some(turn) = input.messages.iter().find(|turn| !text.contains(spoken(turn))) {
        let (who, severity) = match turn.role {
            Role::Assistant => ("assistant", Severity::Error),
            Role::System => ("system", Severity::Warning),
            Role::User => ("user", Severity::Warning),
            Role::Tool => ("tool", Severity::Warning),
        };
        let message = format!("the chat template leaves words of the {who} out, or changes them");
        found.push(("template-drops-words", severity, message));
    }
    found
}

/// The words of a turn that every template keeps: without thoughts and outer white space.
fn spoken(turn: &ChatMessage) -> &str {
    let text = turn.text();
    let text = text.rsplit_once(THOUGHTS_END).map_or(text, |(_, words)| words);
    text.trim()
}

/// The conversations of a sample, each as it is rendered.
fn conversations(sample: &TrainingSample) -> Vec<(Vec<ChatMessage>, &ChatExtras)> {
    let joined = |prompt: &Content, completion: &Content| {
        prompt.messages().iter().chain(completion.messages()).cloned().collect::<Vec<_>>()
    };
    let found = match sample {
        TrainingSample::Chat(sample) => vec![(sample.messages.clone(), &sample.extras)],
        TrainingSample::Completion(sample) => {
            vec![(joined(&sample.prompt, &sample.completion), &sample.extras)]
        }
        TrainingSample::Preference(sample) => vec![
            (joined(&sample.prompt, &sample.chosen), &sample.extras),
            (joined(&sample.prompt, &sample.rejected), &sample.extras),
        ],
        TrainingSample::Unpaired(sample) => {
            vec![(joined(&sample.prompt, &sample.completion), &sample.extras)]
        }
        TrainingSample::Text(_)
        | TrainingSample::Classification(_)
        | TrainingSample::TokenLabels(_)
        | TrainingSample::Embedding(_)
        | TrainingSample::Rerank(_) => Vec::new(),
    };
    found.into_iter().filter(|(messages, _)| !messages.is_empty()).collect()
}
