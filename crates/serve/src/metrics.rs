//! Prometheus metrics under our names and under vLLM's, so that existing dashboards, autoscalers
//! and endpoint pickers work unchanged.
//!
//! Written here rather than taken from the `metrics` crates: those keep every histogram sample
//! until somebody scrapes and register in one global place, which two servers in a process (as in
//! our tests) cannot share.

use crate::app::App;
use catena_engine::EngineSnapshot;
use catena_protocol::FinishReason;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// vLLM's edges for the time to first token.
const TTFT_EDGES: &[f64] = &[
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    20.0, 40.0, 80.0, 160.0, 640.0, 2560.0,
];
/// vLLM's edges for the time between tokens.
const ITL_EDGES: &[f64] = &[
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0,
    40.0, 80.0,
];
/// vLLM's edges for whole requests.
const E2E_EDGES: &[f64] = &[
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0,
    480.0, 960.0, 1920.0, 7680.0,
];
const FINISH_REASONS: [(FinishReason, &str); 3] = [
    (FinishReason::Stop, "stop"),
    (FinishReason::Length, "length"),
    (FinishReason::Cancelled, "abort"),
];

/// Counts of one histogram.
struct Histogram {
    edges: &'static [f64],
    counts: Vec<u64>,
    sum: f64,
}

impl Histogram {
    fn new(edges: &'static [f64]) -> Self {
        Self { edges, counts: vec![0; edges.len() + 1], sum: 0.0 }
    }

    fn observe(&mut self, value: Duration) {
        let seconds = value.as_secs_f64();
        self.counts[self.edges.partition_point(|&edge| edge < seconds)] += 1;
        self.sum += seconds;
    }
}

/// Counts of one model.
struct ModelCounts {
    name: String,
    ttft: Histogram,
    itl: Histogram,
    e2e: Histogram,
    prompt_tokens: u64,
    generation_tokens: u64,
    /// By finish reason, in the order of [`FINISH_REASONS`].
    finished: [u64; 3],
    failed: u64,
}

/// Counts of a server's requests, by model.
pub(crate) struct Metrics(Vec<Mutex<ModelCounts>>);

impl Metrics {
    pub(crate) fn new(names: impl Iterator<Item = String>) -> Self {
        let counts = |name| {
            Mutex::new(ModelCounts {
                name,
                ttft: Histogram::new(TTFT_EDGES),
                itl: Histogram::new(ITL_EDGES),
                e2e: Histogram::new(E2E_EDGES),
                prompt_tokens: 0,
                generation_tokens: 0,
                finished: [0; 3],
                failed: 0,
            })
        };
        Self(names.map(counts).collect())
    }

    fn with(&self, model: &str, change: impl FnOnce(&mut ModelCounts)) {
        for counts in &self.0 {
            let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
            if counts.name == model {
                change(&mut counts);
                return;
            }
        }
    }

    pub(crate) fn first_token(&self, model: &str, after: Duration) {
        self.with(model, |counts| counts.ttft.observe(after));
    }

    pub(crate) fn next_token(&self, model: &str, after: Duration) {
        self.with(model, |counts| counts.itl.observe(after));
    }

    pub(crate) fn failed(&self, model: &str) {
        self.with(model, |counts| counts.failed += 1);
    }

    pub(crate) fn embedded(&self, model: &str, tokens: usize, took: Duration) {
        self.with(model, |counts| {
            counts.prompt_tokens += tokens as u64;
            counts.finished[0] += 1;
            counts.e2e.observe(took);
        });
    }

    pub(crate) fn finished(
        &self,
        model: &str,
        reason: FinishReason,
        usage: catena_protocol::Usage,
        took: Duration,
    ) {
        self.with(model, |counts| {
            counts.prompt_tokens += usage.prompt_tokens as u64;
            counts.generation_tokens += usage.completion_tokens as u64;
            let idx = FINISH_REASONS.iter().position(|(known, _)| *known == reason);
            counts.finished[idx.expect("every reason is in the table")] += 1;
            counts.e2e.observe(took);
        });
    }
}

/// The text of `/metrics`.
pub(crate) fn render(app: &App) -> String {
    let mut page = Page(String::new());
    let engines: Vec<(&str, EngineSnapshot)> =
        app.engines().into_iter().map(|(name, engine)| (name, engine.stats())).collect();
    for gauge in GAUGES {
        page.family(gauge.names, "gauge", gauge.help, |page, name| {
            for (model, stats) in &engines {
                page.sample(name, model, "", (gauge.value)(stats));
            }
        });
    }
    let names = ["catena_cache_config_info", "vllm:cache_config_info"];
    page.family(names, "gauge", "Size of the KV cache.", |page, name| {
        for (model, stats) in &engines {
            let labels = format!(",block_size=\"16\",num_gpu_blocks=\"{}\"", stats.num_blocks);
            page.sample(name, model, &labels, 1.0);
        }
    });
    let names = ["catena_num_preemptions_total", "vllm:num_preemptions_total"];
    page.family(names, "counter", "Sequences that gave up their blocks.", |page, name| {
        for (model, stats) in &engines {
            page.sample(name, model, "", stats.preemptions as f64);
        }
    });
    requests(&mut page, app.metrics());
    page.0
}

/// A gauge read from an engine.
struct Gauge {
    names: [&'static str; 2],
    help: &'static str,
    value: fn(&EngineSnapshot) -> f64,
}

const GAUGES: &[Gauge] = &[
    Gauge {
        names: ["catena_num_requests_running", "vllm:num_requests_running"],
        help: "Sequences that hold KV blocks.",
        value: |stats| stats.running as f64,
    },
    Gauge {
        names: ["catena_num_requests_waiting", "vllm:num_requests_waiting"],
        help: "Sequences that wait for KV blocks.",
        value: |stats| stats.waiting as f64,
    },
    Gauge {
        names: ["catena_kv_cache_usage_perc", "vllm:kv_cache_usage_perc"],
        help: "Share of the KV cache in use, 0 to 1.",
        value: |stats| stats.used_blocks as f64 / stats.num_blocks.max(1) as f64,
    },
];

fn requests(page: &mut Page, metrics: &Metrics) {
    type Count = fn(&ModelCounts) -> u64;
    let counters: [([&'static str; 2], &str, Count); 2] = [
        (
            ["catena_prompt_tokens_total", "vllm:prompt_tokens_total"],
            "Tokens of the prompts of ended requests.",
            |counts| counts.prompt_tokens,
        ),
        (
            ["catena_generation_tokens_total", "vllm:generation_tokens_total"],
            "Tokens generated by ended requests.",
            |counts| counts.generation_tokens,
        ),
    ];
    for (names, help, value) in counters {
        page.family(names, "counter", help, |page, name| {
            metrics.each(|counts| page.sample(name, &counts.name, "", value(counts) as f64));
        });
    }
    let names = ["catena_request_success_total", "vllm:request_success_total"];
    page.family(names, "counter", "Requests that ended, by finish reason.", |page, name| {
        metrics.each(|counts| {
            for ((_, reason), count) in FINISH_REASONS.iter().zip(counts.finished) {
                let label = format!(",finished_reason=\"{reason}\"");
                page.sample(name, &counts.name, &label, count as f64);
            }
        });
    });
    let names = ["catena_request_failure_total", ""];
    page.family(names, "counter", "Requests that the engine failed.", |page, name| {
        metrics.each(|counts| page.sample(name, &counts.name, "", counts.failed as f64));
    });
    type Pick = fn(&ModelCounts) -> &Histogram;
    let histograms: [([&'static str; 2], &str, Pick); 3] = [
        (
            ["catena_time_to_first_token_seconds", "vllm:time_to_first_token_seconds"],
            "From the request's arrival to its first token.",
            |counts| &counts.ttft,
        ),
        (
            ["catena_inter_token_latency_seconds", "vllm:inter_token_latency_seconds"],
            "Between one token and the next.",
            |counts| &counts.itl,
        ),
        (
            ["catena_e2e_request_latency_seconds", "vllm:e2e_request_latency_seconds"],
            "From the request's arrival to its end.",
            |counts| &counts.e2e,
        ),
    ];
    for (names, help, pick) in histograms {
        page.family(names, "histogram", help, |page, name| {
            metrics.each(|counts| page.histogram(name, &counts.name, pick(counts)));
        });
    }
}

impl Metrics {
    fn each(&self, mut visit: impl FnMut(&ModelCounts)) {
        for counts in &self.0 {
            visit(&counts.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// The exposition format, version 0.0.4.
struct Page(String);

impl Page {
    /// Writes one family under each of its names that is not empty.
    fn family(
        &mut self,
        names: [&'static str; 2],
        kind: &str,
        help: &str,
        mut samples: impl FnMut(&mut Page, &str),
    ) {
        for name in names.into_iter().filter(|name| !name.is_empty()) {
            self.line(format_args!("# HELP {name} {help}"));
            self.line(format_args!("# TYPE {name} {kind}"));
            samples(self, name);
        }
    }

    fn sample(&mut self, name: &str, model: &str, labels: &str, value: f64) {
        let model = escape(model);
        self.line(format_args!("{name}{{model_name=\"{model}\"{labels}}} {value}"));
    }

    fn histogram(&mut self, name: &str, model: &str, histogram: &Histogram) {
        let mut total = 0;
        for (idx, count) in histogram.counts.iter().enumerate() {
            total += count;
            let edge =
                histogram.edges.get(idx).map_or_else(|| "+Inf".to_owned(), ToString::to_string);
            let label = format!(",le=\"{edge}\"");
            self.sample(&format!("{name}_bucket"), model, &label, total as f64);
        }
        self.sample(&format!("{name}_sum"), model, "", histogram.sum);
        self.sample(&format!("{name}_count"), model, "", total as f64);
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{text}").expect("writing to a string cannot fail");
    }
}

/// A label value's text.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
