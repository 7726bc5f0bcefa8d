//! An answer that copies spans of its prompt, with guessed tokens and without.

use super::command::{Named, PASSAGE, Subject};
use super::watch::{Watched, greedy, watch};
use crate::bench::cells::Samples;
use crate::models::BoxError;
use catena_engine::{PromptCodec, Request, Speculation};
use catena_protocol::{Message, Role};
use serde_json::{Value, json};

const GENERATED: usize = 160;
const CELL: &str = "infer/ngram/copy";
const ASK: &str = "Repeat this text word for word:";
/// Paragraphs of the passage that are asked for.
const PARAGRAPHS: usize = 2;

/// Guessed tokens changed a result.
#[derive(Debug, thiserror::Error)]
#[error("with guessed tokens the answer is `{with}`, without `{without}`")]
struct Changed {
    with: String,
    without: String,
}

/// The names of its cells: speed with guesses by speed without, and both.
pub(super) fn cells() -> Vec<Named> {
    vec![
        Named::more(CELL, "ratio"),
        Named::more(&format!("{CELL}/on"), "tok/s"),
        Named::more(&format!("{CELL}/off"), "tok/s"),
    ]
}

/// The same prompt through an engine that guesses and one that does not.
///
/// # Errors
/// If the two answers differ.
pub(super) fn round(subject: &Subject<'_>, samples: &mut Samples) -> Result<(), BoxError> {
    let with = answer(subject, Speculation::Ngram)?;
    let without = answer(subject, Speculation::Off)?;
    if with.completion.tokens != without.completion.tokens {
        let (with, without) = (with.completion.text, without.completion.text);
        return Err(Box::new(Changed { with, without }));
    }
    samples.push(CELL, with.speed() / without.speed());
    samples.push(&format!("{CELL}/on"), with.speed());
    samples.push(&format!("{CELL}/off"), without.speed());
    Ok(())
}

/// What the peers are asked to measure.
pub(super) fn peers_task(subject: &Subject<'_>) -> Result<Value, BoxError> {
    Ok(json!({
        "cell": CELL, "prompt": prompt(subject)?, "generated": GENERATED,
        "warm_up": subject.warm_up(), "sampling": { "temperature": 0.0 },
    }))
}

fn answer(subject: &Subject<'_>, speculation: Speculation) -> Result<Watched, BoxError> {
    let prompt = prompt(subject)?;
    let mut engine = subject.engine(1, prompt.len() + GENERATED, speculation)?;
    watch(&mut engine, vec![Request::new(subject.warm_up(), greedy(1))])?;
    let (mut watched, _) = watch(&mut engine, vec![Request::new(prompt, greedy(GENERATED))])?;
    watched.pop().ok_or_else(|| "the engine gave no answer".into())
}

fn prompt(subject: &Subject<'_>) -> Result<Vec<u32>, BoxError> {
    let paragraphs: Vec<&str> = PASSAGE.split("\n\n").take(PARAGRAPHS).collect();
    let ask = format!("{ASK}\n\n{}", paragraphs.join("\n\n"));
    Ok(subject.model.codec.encode_chat(&[Message::new(Role::User, ask)])?)
}
