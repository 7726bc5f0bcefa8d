//! One question through the HTTP API, as any client would ask it.

use crate::failure::{Exit, Failure};
use catena_protocol::{AnswerReport, Citation};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_mins(2);

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: AssistantMessage,
}

#[derive(Deserialize)]
struct AssistantMessage {
    content: String,
    #[serde(default)]
    citations: Vec<Citation>,
}

/// Asks the assistant `model` at `address`.
pub(crate) fn ask(address: &str, model: &str, question: &str) -> Result<AnswerReport, Failure> {
    let fail = |error: ureq::Error| {
        Failure::new(Exit::Environment, format!("cannot ask the server at {address}"), error)
    };
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).proxy(None).build().into();
    let body = json!({
        "model": model,
        "messages": [{"role": "user", "content": question}],
        "temperature": 0,
    });
    let mut response =
        agent.post(format!("{address}/v1/chat/completions")).send_json(body).map_err(fail)?;
    let completion: Completion = response.body_mut().read_json().map_err(fail)?;
    let Some(choice) = completion.choices.into_iter().next() else {
        let cause = "the answer has no choices";
        return Err(Failure::new(Exit::Bug, "cannot read the server's answer", cause));
    };
    Ok(AnswerReport {
        question: question.to_owned(),
        text: choice.message.content,
        citations: choice.message.citations,
    })
}

/// The answer as people read it.
pub(crate) fn render(answer: &AnswerReport) -> String {
    let mut text = format!("Question: {}\nAnswer:   {}\n", answer.question, answer.text);
    for citation in &answer.citations {
        let (number, title, id) = (citation.number, &citation.title, &citation.document_id);
        let (start, end) = (citation.span.start, citation.span.end);
        text.push_str(&format!("  [{number}] {title} ({id}, bytes {start} to {end})\n"));
        text.push_str(&format!("      {}\n", citation.quote.replace('\n', " ")));
    }
    text
}
