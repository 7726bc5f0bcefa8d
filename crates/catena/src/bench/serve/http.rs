//! What HTTP costs: the same work through a server and through an engine in this process.

use super::client::{Client, at_once};
use super::target::{SERVED, Target, own_ticks};
use crate::bench::cells::{Named, Samples, percentile};
use crate::models::{BoxError, LanguageModel, Numerics};
use crate::serve::instant_model;
use camino::Utf8Path;
use catena_engine::{EngineHandle, EngineOptions, KvBudget, Request, SamplingParams};
use catena_kernels::Pool;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;

/// Sequences at once, tokens of their prompts and answers, and passes through each of the two.
const BATCH: usize = 32;
const PROMPT: usize = 64;
const GENERATED: usize = 128;
const PASSES: usize = 5;
/// Single requests, and those before them that are not counted.
const SINGLE: usize = 400;
const WARM_UP: usize = 50;
const PROMPT_TEXT: &str = "a few words";

const ONE: &str = "serve/http_overhead/1";
const MANY: &str = "serve/http_overhead/32";
const CPU: &str = "serve/http_overhead/32/cpu";
const CLIENT: &str = "serve/http_overhead/32/client";

/// The names of its cells: of one request, what HTTP adds to its time; of a batch, what it takes of
/// the tokens per second and of the server's processor time, and what part of the machine's the
/// client takes, whose work would be another machine's.
pub(super) fn cells() -> Vec<Named> {
    vec![
        Named::less(ONE, "ms"),
        Named::less(MANY, "%"),
        Named::less(CPU, "%"),
        Named::less(CLIENT, "%"),
    ]
}

/// All figures once.
pub(super) fn round(
    path: &Utf8Path,
    model: &LanguageModel,
    pool: &Arc<Pool>,
    threads: usize,
    samples: &mut Samples,
) -> Result<(), BoxError> {
    samples.push(ONE, single()?);
    // What the server takes too.
    let (options, numerics) = (EngineOptions::default(), Numerics::default());
    let budget = KvBudget::Sequences { count: BATCH, tokens: 2 * (PROMPT + GENERATED) };
    let (engine, _, cache) =
        model.engine_and_decoder(pool.clone(), numerics, BATCH, budget, options)?;
    // As much for the server, whose memory would else come into use while it is measured.
    let server = Target::of_model(path, threads, BATCH, cache.bytes)?;
    let engine = EngineHandle::spawn(engine, BATCH)?;
    let (mut direct, mut through) = (Vec::new(), Vec::new());
    let (mut http, mut all, mut client) = (0, 0, 0);
    // The first pass of both warms up.
    for pass in 0..=PASSES {
        let of_engine = through_engine(&engine, pass)?;
        let before = (server.ticks(), own_ticks());
        let of_server = through_server(&server, pass)?;
        if pass == 0 {
            continue;
        }
        direct.push(of_engine);
        through.push(of_server);
        let after = (server.ticks(), own_ticks());
        if let ((Some(before), Some(own)), (Some(after), Some(own_after))) = (before, after) {
            http += after.0 - before.0;
            all += after.1 - before.1;
            client += own_after - own;
        }
    }
    // The server keeps every core busy, so what the client takes is missing from it.
    let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    let of_client = share(client, client + all);
    let left = percentile(&direct, 50) * (1.0 - of_client);
    samples.push(MANY, 100.0 * (1.0 - percentile(&through, 50) / left));
    if all > 0 {
        samples.push(CPU, 100.0 * share(http, all));
        samples.push(CLIENT, 100.0 * of_client);
    }
    Ok(())
}

/// Milliseconds that HTTP adds to a request, at the median.
fn single() -> Result<f64, BoxError> {
    let server = Target::instant()?;
    let client = Client::new(&server.url);
    let body = json!({"model": SERVED, "prompt": PROMPT_TEXT, "max_tokens": 1});
    let through = timed(|| client.whole("/v1/completions", &body).map(drop))?;
    let model = instant_model()?;
    let prompt = model.codec.encode_text(PROMPT_TEXT)?;
    let direct = timed(|| {
        let request = Request::new(prompt.clone(), SamplingParams::greedy(1));
        Ok(model.engine.generate(request).map(drop)?)
    })?;
    Ok(through - direct)
}

/// Median milliseconds of `work`.
fn timed(work: impl Fn() -> Result<(), BoxError>) -> Result<f64, BoxError> {
    let mut times = Vec::with_capacity(SINGLE);
    for idx in 0..WARM_UP + SINGLE {
        let start = Instant::now();
        work()?;
        if idx >= WARM_UP {
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok(percentile(&times, 50))
}

/// Tokens per second of a batch.
fn through_engine(engine: &EngineHandle, pass: usize) -> Result<f64, BoxError> {
    let start = Instant::now();
    let counts = at_once(BATCH, |user| {
        let params = SamplingParams { ignore_eos: true, ..SamplingParams::greedy(GENERATED) };
        let done = engine.generate(Request::new(prompt(pass, user), params))?;
        Ok(done.usage.completion_tokens)
    })?;
    speed(&counts, start)
}

fn through_server(server: &Target, pass: usize) -> Result<f64, BoxError> {
    let start = Instant::now();
    let counts = at_once(BATCH, |user| {
        let answer =
            Client::new(&server.url).streamed("/v1/completions", &body(&prompt(pass, user)))?;
        Ok(answer.tokens)
    })?;
    speed(&counts, start)
}

fn body(prompt: &[u32]) -> Value {
    json!({
        "model": SERVED, "prompt": prompt, "max_tokens": GENERATED, "ignore_eos": true,
        "temperature": 0.0, "stream": true, "stream_options": {"include_usage": true},
    })
}

/// Prompts of which none begins as another.
fn prompt(pass: usize, user: usize) -> Vec<u32> {
    let first = 1000 + pass * BATCH + user;
    (0..PROMPT).map(|place| u32::try_from(first + place * 97).expect("a token")).collect()
}

fn speed(counts: &[usize], start: Instant) -> Result<f64, BoxError> {
    let made: usize = counts.iter().sum();
    if made != BATCH * GENERATED {
        return Err(format!("{made} tokens came, {} were asked for", BATCH * GENERATED).into());
    }
    Ok(made as f64 / start.elapsed().as_secs_f64())
}
