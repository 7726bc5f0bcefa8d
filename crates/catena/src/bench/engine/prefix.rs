//! Sixteen sequences at once whose prompts begin alike.

use super::command::Subject;
use super::watch::watch;
use crate::bench::cells::{Named, Samples, percentile};
use crate::bench::sampling;
use crate::models::BoxError;
use catena_engine::{Request, Speculation};
use serde_json::{Value, json};

/// Sequences at once, tokens of a prompt, tokens that all prompts begin with, tokens of an answer.
const SEQUENCES: usize = 16;
const PROMPT: usize = 400;
const PREFIX: usize = 300;
const GENERATED: usize = 128;
/// Where a first wave of prompts finds an empty cache, and where the second finds the beginning.
const WAVES: [&str; 2] = ["infer/shared_prefix/16", "infer/shared_prefix/16/warm"];
/// The names of its cells.
pub(super) fn cells() -> Vec<Named> {
    let of_wave = |wave: &str| {
        [
            Named::more(wave, "tok/s"),
            Named::less(&format!("{wave}/ttft_p50"), "ms"),
            Named::less(&format!("{wave}/ttft_p99"), "ms"),
        ]
    };
    WAVES.into_iter().flat_map(of_wave).collect()
}

/// Both waves through a fresh engine.
pub(super) fn round(subject: &Subject<'_>, samples: &mut Samples) -> Result<(), BoxError> {
    let mut engine = subject.engine(SEQUENCES, PROMPT + GENERATED, Speculation::default())?;
    for (name, prompts) in WAVES.into_iter().zip(waves(subject)) {
        let request = |(seed, prompt)| Request::new(prompt, sampling::sampled(GENERATED, seed));
        let requests = (0..).zip(prompts).map(request).collect();
        let (watched, whole) = watch(&mut engine, requests)?;
        let tokens: usize = watched.iter().map(|one| one.completion.usage.completion_tokens).sum();
        let firsts: Vec<f64> = watched.iter().map(|one| one.first.as_secs_f64() * 1e3).collect();
        samples.push(name, tokens as f64 / whole.as_secs_f64());
        samples.push(&format!("{name}/ttft_p50"), percentile(&firsts, 50));
        samples.push(&format!("{name}/ttft_p99"), percentile(&firsts, 99));
    }
    Ok(())
}

/// What the peers are asked to measure.
pub(super) fn peers_task(subject: &Subject<'_>) -> Value {
    json!({
        "cells": WAVES, "waves": waves(subject), "prefix": PREFIX, "generated": GENERATED,
        "sampling": sampling::for_peers(),
    })
}

/// The prompts of the waves: one beginning for all, an end for each.
fn waves(subject: &Subject<'_>) -> Vec<Vec<Vec<u32>>> {
    let prefix = subject.random_tokens(PREFIX, 0);
    let prompt = |stream: usize| {
        let own = subject.random_tokens(PROMPT - PREFIX, 1 + stream as u64);
        [prefix.clone(), own].concat()
    };
    let wave = |wave: usize| (0..SEQUENCES).map(|idx| prompt(wave * SEQUENCES + idx)).collect();
    (0..WAVES.len()).map(wave).collect()
}
