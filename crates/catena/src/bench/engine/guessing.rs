//! Answers with guessed tokens and without: one that copies spans of its prompt, and one that a
//! draft model writes ahead.

use super::command::{PASSAGE, Subject};
use super::watch::{Watched, greedy, watch};
use crate::bench::cells::{Named, Samples};
use crate::models::BoxError;
use catena_engine::{Engine, ModelRunner, Request, Speculation};
use catena_protocol::{Message, Role};
use serde_json::{Value, json};

const GENERATED: usize = 160;
const COPY: &str = "infer/ngram/copy";
const DRAFT: &str = "infer/draft/answer";
/// Paragraphs of the passage that are in the prompt.
const PARAGRAPHS: usize = 2;

/// Guessed tokens changed a result.
#[derive(Debug, thiserror::Error)]
#[error("with guessed tokens the answer is `{with}`, without `{without}`")]
struct Changed {
    with: String,
    without: String,
}

/// The names of the cells of lookup: speed with guesses by speed without, and both.
pub(super) fn copy_cells() -> Vec<Named> {
    cells(COPY)
}

/// The names of the cells of a draft model.
pub(super) fn draft_cells() -> Vec<Named> {
    cells(DRAFT)
}

fn cells(cell: &str) -> Vec<Named> {
    vec![
        Named::more(cell, "ratio"),
        Named::more(&format!("{cell}/on"), "tok/s"),
        Named::more(&format!("{cell}/off"), "tok/s"),
    ]
}

/// The same prompt through an engine that guesses and one that does not.
///
/// # Errors
/// If the two answers differ.
pub(super) fn copy_round(subject: &Subject<'_>, samples: &mut Samples) -> Result<(), BoxError> {
    let prompt = copy_prompt(subject)?;
    let engine = |speculation| subject.engine(1, prompt.len() + GENERATED, speculation);
    compare(subject, COPY, &prompt, [engine(Speculation::On)?, engine(Speculation::Off)?], samples)
}

/// The same prompt through an engine with a draft model and one that does not guess.
///
/// # Errors
/// If the two answers differ.
pub(super) fn draft_round(subject: &Subject<'_>, samples: &mut Samples) -> Result<(), BoxError> {
    let prompt = ask(subject, "What are the most important points of this text, and why?")?;
    let tokens = prompt.len() + GENERATED;
    let with = subject.drafted_engine(tokens)?;
    let without = subject.engine(1, tokens, Speculation::Off)?;
    compare(subject, DRAFT, &prompt, [with, without], samples)
}

/// What the peers are asked to measure.
pub(super) fn peers_task(subject: &Subject<'_>) -> Result<Value, BoxError> {
    Ok(json!({
        "cell": COPY, "prompt": copy_prompt(subject)?, "generated": GENERATED,
        "warm_up": subject.warm_up(), "sampling": { "temperature": 0.0 },
    }))
}

fn compare(
    subject: &Subject<'_>,
    cell: &str,
    prompt: &[u32],
    engines: [Engine<ModelRunner>; 2],
    samples: &mut Samples,
) -> Result<(), BoxError> {
    let [with, without] = engines.map(|engine| answer(subject, engine, prompt));
    let (with, without) = (with?, without?);
    if with.completion.tokens != without.completion.tokens {
        let (with, without) = (with.completion.text, without.completion.text);
        return Err(Box::new(Changed { with, without }));
    }
    samples.push(cell, with.speed() / without.speed());
    samples.push(&format!("{cell}/on"), with.speed());
    samples.push(&format!("{cell}/off"), without.speed());
    Ok(())
}

fn answer(
    subject: &Subject<'_>,
    mut engine: Engine<ModelRunner>,
    prompt: &[u32],
) -> Result<Watched, BoxError> {
    watch(&mut engine, vec![Request::new(subject.warm_up(), greedy(4))])?;
    let request = Request::new(prompt.to_vec(), greedy(GENERATED));
    let (mut watched, _) = watch(&mut engine, vec![request])?;
    watched.pop().ok_or_else(|| "the engine gave no answer".into())
}

fn copy_prompt(subject: &Subject<'_>) -> Result<Vec<u32>, BoxError> {
    ask(subject, "Repeat this text word for word:")
}

/// The prompt that asks this of the passage.
fn ask(subject: &Subject<'_>, what: &str) -> Result<Vec<u32>, BoxError> {
    let paragraphs: Vec<&str> = PASSAGE.split("\n\n").take(PARAGRAPHS).collect();
    let ask = format!("{what}\n\n{}", paragraphs.join("\n\n"));
    Ok(subject.model.codec.encode_messages(&[Message::new(Role::User, ask)])?)
}
