//! What is counted of requests, by model and by route.

use super::gen_ai::GenAiMetrics;
use super::histogram::{E2E_EDGES, Histogram, ITL_EDGES, SAMPLE_EDGES, TOKEN_EDGES, TTFT_EDGES};
use catena_engine::Timing;
use catena_protocol::{FinishReason, Usage};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(super) const FINISH_REASONS: [(FinishReason, &str); 3] = [
    (FinishReason::Stop, "stop"),
    (FinishReason::Length, "length"),
    (FinishReason::Cancelled, "abort"),
];

/// Counts of one model.
pub(super) struct ModelCounts {
    pub(super) ttft: Histogram,
    pub(super) itl: Histogram,
    pub(super) e2e: Histogram,
    pub(super) queue: Histogram,
    pub(super) prefill: Histogram,
    pub(super) decode: Histogram,
    pub(super) inference: Histogram,
    pub(super) request_prompt_tokens: Histogram,
    pub(super) request_generation_tokens: Histogram,
    pub(super) params_n: Histogram,
    pub(super) params_max_tokens: Histogram,
    pub(super) prompt_tokens: u64,
    pub(super) generation_tokens: u64,
    /// By finish reason, in the order of [`FINISH_REASONS`].
    pub(super) finished: [u64; 3],
    pub(super) failed: u64,
    /// Generations that have begun and not ended.
    pub(super) running: u64,
}

impl Default for ModelCounts {
    fn default() -> Self {
        Self {
            ttft: Histogram::new(TTFT_EDGES),
            itl: Histogram::new(ITL_EDGES),
            e2e: Histogram::new(E2E_EDGES),
            queue: Histogram::new(E2E_EDGES),
            prefill: Histogram::new(E2E_EDGES),
            decode: Histogram::new(E2E_EDGES),
            inference: Histogram::new(E2E_EDGES),
            request_prompt_tokens: Histogram::new(TOKEN_EDGES),
            request_generation_tokens: Histogram::new(TOKEN_EDGES),
            params_n: Histogram::new(SAMPLE_EDGES),
            params_max_tokens: Histogram::new(TOKEN_EDGES),
            prompt_tokens: 0,
            generation_tokens: 0,
            finished: [0; 3],
            failed: 0,
            running: 0,
        }
    }
}

/// Counts of one model, shared by all that runs with it: who has them looks up no name for each token.
#[derive(Clone, Default)]
pub(crate) struct ModelMetrics(Arc<Mutex<ModelCounts>>);

impl ModelMetrics {
    fn with<T>(&self, change: impl FnOnce(&mut ModelCounts) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes what a generation asks for.
    pub(crate) fn began(&self, n: usize, max_tokens: usize) {
        self.with(|counts| {
            counts.params_n.observe(n as f64);
            counts.params_max_tokens.observe(max_tokens as f64);
        });
    }

    /// Counts a generation as running, or as no longer so.
    pub(crate) fn set_running(&self, runs: bool) {
        self.with(|counts| {
            counts.running = if runs { counts.running + 1 } else { counts.running - 1 };
        });
    }

    pub(crate) fn first_token(&self, after: Duration) {
        self.with(|counts| counts.ttft.observe(after.as_secs_f64()));
    }

    pub(crate) fn next_token(&self, after: Duration) {
        self.with(|counts| counts.itl.observe(after.as_secs_f64()));
    }

    /// Notes how long the parts of a generation took in the engine.
    pub(crate) fn timed(&self, timing: Timing) {
        self.with(|counts| {
            counts.queue.observe(timing.queue.as_secs_f64());
            counts.prefill.observe(timing.prefill.as_secs_f64());
            counts.decode.observe(timing.decode.as_secs_f64());
            counts.inference.observe(timing.inference().as_secs_f64());
        });
    }

    pub(crate) fn failed(&self) {
        self.with(|counts| counts.failed += 1);
    }

    /// Counts texts that were turned into vectors or scores.
    pub(crate) fn embedded(&self, tokens: usize, took: Duration) {
        self.with(|counts| {
            counts.prompt_tokens += tokens as u64;
            counts.request_prompt_tokens.observe(tokens as f64);
            counts.finished[0] += 1;
            counts.e2e.observe(took.as_secs_f64());
        });
    }

    pub(crate) fn finished(&self, reason: FinishReason, usage: Usage, took: Duration) {
        self.with(|counts| {
            counts.prompt_tokens += usage.prompt_tokens as u64;
            counts.generation_tokens += usage.completion_tokens as u64;
            let idx = FINISH_REASONS.iter().position(|(known, _)| *known == reason);
            counts.finished[idx.expect("every reason is in the table")] += 1;
            counts.e2e.observe(took.as_secs_f64());
            if reason != FinishReason::Cancelled {
                counts.request_prompt_tokens.observe(usage.prompt_tokens as f64);
                counts.request_generation_tokens.observe(usage.completion_tokens as f64);
            }
        });
    }
}

/// Counts of one route and status.
pub(super) type HttpCounts = BTreeMap<(String, String, u16), u64>;

/// Counts of a server's requests. Names are those of the models served, so there are not many.
#[derive(Default)]
pub(crate) struct Metrics {
    models: Mutex<BTreeMap<String, ModelMetrics>>,
    http: Mutex<HttpCounts>,
    http_seconds: Mutex<BTreeMap<String, Histogram>>,
    errors: Mutex<BTreeMap<&'static str, u64>>,
    gen_ai: GenAiMetrics,
}

impl Metrics {
    /// Counts of these models from the start, so that a scrape shows zeros.
    pub(crate) fn new(names: impl Iterator<Item = String>) -> Self {
        let models = names.map(|name| (name, ModelMetrics::default())).collect();
        Self { models: Mutex::new(models), ..Self::default() }
    }

    /// The counts of a model, which has some from now on.
    pub(crate) fn of(&self, model: &str) -> ModelMetrics {
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counts) = models.get(model) {
            return counts.clone();
        }
        models.entry(model.to_owned()).or_default().clone()
    }

    /// What OpenTelemetry's conventions measure.
    pub(crate) fn gen_ai(&self) -> &GenAiMetrics {
        &self.gen_ai
    }

    /// Counts an HTTP request. A client that went away before its answer has status 499, as in
    /// nginx.
    pub(crate) fn answered(&self, route: &str, method: &str, status: u16, took: Duration) {
        let key = (route.to_owned(), method.to_owned(), status);
        *self.http.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
        let mut seconds = self.http_seconds.lock().unwrap_or_else(PoisonError::into_inner);
        let histogram = seconds.entry(route.to_owned());
        histogram.or_insert_with(|| Histogram::new(TTFT_EDGES)).observe(took.as_secs_f64());
    }

    /// Counts an answer that is an error.
    pub(crate) fn refused(&self, code: &'static str) {
        *self.errors.lock().unwrap_or_else(PoisonError::into_inner).entry(code).or_default() += 1;
    }

    pub(super) fn each_error(&self, mut visit: impl FnMut(&str, u64)) {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.iter().for_each(|(code, count)| visit(code, *count));
    }

    pub(super) fn each(&self, mut visit: impl FnMut(&str, &ModelCounts)) {
        let models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        models.iter().for_each(|(name, counts)| counts.with(|counts| visit(name, counts)));
    }

    pub(super) fn each_http(&self, mut visit: impl FnMut(&(String, String, u16), u64)) {
        let http = self.http.lock().unwrap_or_else(PoisonError::into_inner);
        http.iter().for_each(|(key, count)| visit(key, *count));
    }

    pub(super) fn each_route(&self, mut visit: impl FnMut(&str, &Histogram)) {
        let seconds = self.http_seconds.lock().unwrap_or_else(PoisonError::into_inner);
        seconds.iter().for_each(|(route, histogram)| visit(route, histogram));
    }
}
