//! Users whose prompts begin alike: the same questions to every server.

use super::client::{Answer, Client, at_once};
use super::target::Target;
use crate::bench::cells::{Named, Samples, percentile};
use crate::bench::infer::SEED;
use crate::models::BoxError;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::ops::Range;
use std::time::Instant;

/// Tokens of a prompt, tokens that all prompts begin with, tokens of an answer, and requests that a
/// user sends one after the other.
const PROMPT: usize = 400;
const PREFIX: usize = 300;
const GENERATED: usize = 128;
const REQUESTS: usize = 3;
const PATH: &str = "/v1/completions";
/// Token ids that are ordinary words in the usual vocabularies.
const IDS: Range<u32> = 1000..16_000;

/// How many users there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Users(pub(super) usize);

impl Users {
    /// Tokens that a sequence has at most.
    pub(super) const TOKENS: usize = PROMPT + GENERATED;

    /// The names of its cells.
    pub(super) fn cells(self) -> Vec<Named> {
        let [throughput, p50, p99] = self.names();
        vec![Named::more(&throughput, "tok/s"), Named::less(&p50, "ms"), Named::less(&p99, "ms")]
    }

    fn names(self) -> [String; 3] {
        let users = if self.0 == 1 { "1user".to_owned() } else { format!("{}users", self.0) };
        ["throughput", "ttft_p50", "ttft_p99"].map(|figure| format!("serve/{users}/{figure}"))
    }

    /// All of the users' requests to a fresh server.
    pub(super) fn round(self, target: &Target, samples: &mut Samples) -> Result<(), BoxError> {
        // What a first request costs is not what is measured.
        ask(target, &tokens(PROMPT, u64::MAX), 0)?;
        let prefix = tokens(PREFIX, 0);
        let start = Instant::now();
        let answers = at_once(self.0, |user| {
            let client = Client::new(&target.url);
            let one = |turn: usize| {
                let stream = 1 + (user * REQUESTS + turn) as u64;
                let prompt = [prefix.clone(), tokens(PROMPT - PREFIX, stream)].concat();
                client.streamed(PATH, &body(&target.model, &prompt, stream))
            };
            (0..REQUESTS).map(one).collect::<Result<Vec<Answer>, _>>()
        })?;
        let seconds = start.elapsed().as_secs_f64();
        let answers: Vec<Answer> = answers.into_iter().flatten().collect();
        let made: usize = answers.iter().map(|answer| answer.tokens).sum();
        let expected = self.0 * REQUESTS * GENERATED;
        if made != expected {
            return Err(format!("{made} tokens came, {expected} were asked for").into());
        }
        let firsts: Vec<f64> = answers.iter().map(Answer::until_first).collect();
        let [throughput, p50, p99] = self.names();
        samples.push(&throughput, made as f64 / seconds);
        samples.push(&p50, percentile(&firsts, 50));
        samples.push(&p99, percentile(&firsts, 99));
        Ok(())
    }
}

fn ask(target: &Target, prompt: &[u32], seed: u64) -> Result<Answer, BoxError> {
    Client::new(&target.url).streamed(PATH, &body(&target.model, prompt, seed))
}

fn body(model: &str, prompt: &[u32], seed: u64) -> Value {
    json!({
        "model": model, "prompt": prompt, "max_tokens": GENERATED, "ignore_eos": true,
        "temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05, "seed": seed,
        "stream": true, "stream_options": {"include_usage": true},
    })
}

fn tokens(count: usize, stream: u64) -> Vec<u32> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    rng.set_stream(stream);
    (0..count).map(|_| rng.random_range(IDS)).collect()
}
