//! The page of metrics.

use super::counts::{FINISH_REASONS, Metrics, ModelCounts};
use super::histogram::{Histogram, STEP_EDGES};
use super::page::{Names, Page, escape};
use crate::app::App;
use catena_engine::{AdapterLimits, BLOCK_TOKENS, EngineSnapshot};
use std::collections::BTreeSet;

/// The text of `/metrics`.
pub(crate) fn render(app: &App) -> String {
    let mut page = Page(String::new());
    engines(&mut page, app);
    adapters(&mut page, app);
    requests(&mut page, app.metrics());
    app.metrics().gen_ai().render(&mut page);
    http(&mut page, app);
    page.0
}

/// A value read from an engine.
struct EngineValue {
    names: Names,
    kind: &'static str,
    help: &'static str,
    value: fn(&EngineSnapshot) -> f64,
}

const fn gauge(names: Names, help: &'static str, value: fn(&EngineSnapshot) -> f64) -> EngineValue {
    EngineValue { names, kind: "gauge", help, value }
}

const fn counter(
    names: Names,
    help: &'static str,
    value: fn(&EngineSnapshot) -> f64,
) -> EngineValue {
    EngineValue { names, kind: "counter", help, value }
}

fn kv_usage(stats: &EngineSnapshot) -> f64 {
    stats.used_blocks as f64 / stats.num_blocks.max(1) as f64
}

fn cached_tokens(stats: &EngineSnapshot) -> f64 {
    stats.cached_tokens as f64
}

const ENGINE_VALUES: &[EngineValue] = &[
    gauge(
        ["catena_num_requests_running", "vllm:num_requests_running"],
        "Sequences that hold KV blocks.",
        |stats| stats.running as f64,
    ),
    gauge(
        ["catena_num_requests_waiting", "vllm:num_requests_waiting"],
        "Sequences that wait for KV blocks.",
        |stats| stats.waiting as f64,
    ),
    gauge(
        ["catena_kv_cache_usage_perc", "vllm:kv_cache_usage_perc"],
        "Share of the KV cache in use, 0 to 1.",
        kv_usage,
    ),
    gauge(
        ["", "vllm:gpu_cache_usage_perc"],
        "The older name of vllm:kv_cache_usage_perc.",
        kv_usage,
    ),
    counter(
        ["catena_num_preemptions_total", "vllm:num_preemptions_total"],
        "Sequences that gave up their blocks.",
        |stats| stats.preemptions as f64,
    ),
    counter(
        ["catena_prefix_cache_queries_total", "vllm:prefix_cache_queries_total"],
        "Tokens of prompts that were looked up in the cache.",
        |stats| stats.prompt_tokens as f64,
    ),
    counter(
        ["catena_prefix_cache_hits_total", "vllm:prefix_cache_hits_total"],
        "Those that were found.",
        cached_tokens,
    ),
    counter(
        ["", "vllm:prompt_tokens_cached_total"],
        "Tokens of prompts that were not computed again.",
        cached_tokens,
    ),
    counter(
        ["", "vllm:external_prefix_cache_queries_total"],
        "Tokens that were looked up in a cache beside this process; there is none.",
        |_| 0.0,
    ),
    counter(
        ["", "vllm:external_prefix_cache_hits_total"],
        "Those that were found there; there is none.",
        |_| 0.0,
    ),
    counter(
        ["catena_spec_decode_num_drafts_total", "vllm:spec_decode_num_drafts_total"],
        "How often tokens were guessed for a sequence.",
        |stats| stats.drafts as f64,
    ),
    counter(
        ["catena_spec_decode_num_draft_tokens_total", "vllm:spec_decode_num_draft_tokens_total"],
        "Tokens guessed ahead.",
        |stats| stats.guessed_tokens as f64,
    ),
    counter(
        [
            "catena_spec_decode_num_accepted_tokens_total",
            "vllm:spec_decode_num_accepted_tokens_total",
        ],
        "Those that came as guessed.",
        |stats| stats.accepted_tokens as f64,
    ),
    counter(["catena_engine_steps_total", ""], "Steps of the engine.", |stats| stats.steps as f64),
    counter(
        ["catena_engine_tokens_total", ""],
        "Tokens that steps ran through the model.",
        |stats| stats.batch_tokens as f64,
    ),
    counter(
        ["catena_engine_generated_tokens_total", ""],
        "Tokens generated, also by requests that have not ended.",
        |stats| stats.generated_tokens as f64,
    ),
];

fn engines(page: &mut Page, app: &App) {
    let engines: Vec<(String, EngineSnapshot)> =
        app.engines().into_iter().map(|(name, engine)| (name, engine.stats())).collect();
    for EngineValue { names, kind, help, value } in ENGINE_VALUES {
        page.each(&engines, (*names, *kind, *help), |page, name, model, stats| {
            page.sample(name, model, "", value(stats));
        });
    }
    let names = ["", "vllm:num_requests_waiting_by_reason"];
    let help = "Sequences that wait, by what they wait for.";
    page.each(&engines, (names, "gauge", help), |page, name, model, stats| {
        page.sample(name, model, ",reason=\"capacity\"", stats.waiting as f64);
        // For anything but room nobody waits here.
        page.sample(name, model, ",reason=\"deferred\"", 0.0);
    });
    let names = [
        "catena_spec_decode_num_accepted_tokens_per_pos_total",
        "vllm:spec_decode_num_accepted_tokens_per_pos_total",
    ];
    let help = "Tokens that came as guessed, by how far ahead they were guessed.";
    page.each(&engines, (names, "counter", help), |page, name, model, stats| {
        for (position, &count) in stats.accepted_by_position.iter().enumerate() {
            page.sample(name, model, &format!(",position=\"{position}\""), count as f64);
        }
    });
    let names = ["catena_iteration_tokens_total", "vllm:iteration_tokens_total"];
    let help = "Tokens of a step of the engine.";
    page.each(&engines, (names, "histogram", help), |page, name, model, stats| {
        let steps = Histogram {
            edges: &STEP_EDGES,
            counts: stats.steps_by_tokens.to_vec(),
            sum: stats.batch_tokens as f64,
        };
        page.histogram(name, &[("model_name", model)], &steps);
    });
    let names = ["catena_cache_config_info", "vllm:cache_config_info"];
    page.each(&engines, (names, "gauge", "Size of the KV cache."), |page, name, model, stats| {
        let num_blocks = stats.num_blocks;
        let labels = format!(",block_size=\"{BLOCK_TOKENS}\",num_gpu_blocks=\"{num_blocks}\"");
        page.sample(name, model, &labels, 1.0);
    });
}

/// vLLM's account of adapters, by which a router sends a request to where its adapter is.
fn adapters(page: &mut Page, app: &App) {
    let mut running = BTreeSet::new();
    app.metrics().each(|name, counts| {
        if counts.running > 0 {
            running.insert(name.to_owned());
        }
    });
    let adapters: Vec<(String, String)> = app
        .registry()
        .declared()
        .into_iter()
        .filter_map(|listed| Some((listed.base?, listed.name)))
        .collect();
    let names = ["catena_lora_requests_info", "vllm:lora_requests_info"];
    let help = "Adapters that generations run with; the value is the time of this account.";
    page.family(names, "gauge", help, |page, name| {
        for (model, _) in app.engines() {
            let of_model =
                adapters.iter().filter(|(base, name)| *base == model && running.contains(name));
            let of_model: Vec<&str> = of_model.map(|(_, name)| name.as_str()).collect();
            let labels = format!(
                ",max_lora=\"{}\",running_lora_adapters=\"{}\",waiting_lora_adapters=\"\"",
                AdapterLimits::default().max_adapters,
                escape(&of_model.join(",")),
            );
            page.sample(name, &model, &labels, app.now() as f64);
        }
    });
}

fn requests(page: &mut Page, metrics: &Metrics) {
    type Count = fn(&ModelCounts) -> u64;
    let counters: [(Names, &str, Count); 3] = [
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
        (["catena_request_failure_total", ""], "Requests that the engine failed.", |counts| {
            counts.failed
        }),
    ];
    for (names, help, value) in counters {
        page.family(names, "counter", help, |page, name| {
            metrics.each(|model, counts| page.sample(name, model, "", value(counts) as f64));
        });
    }
    let names = ["catena_generations_running", ""];
    page.family(names, "gauge", "Generations that have begun and not ended.", |page, name| {
        metrics.each(|model, counts| page.sample(name, model, "", counts.running as f64));
    });
    let names = ["catena_request_success_total", "vllm:request_success_total"];
    page.family(names, "counter", "Requests that ended, by finish reason.", |page, name| {
        metrics.each(|model, counts| {
            for ((_, reason), count) in FINISH_REASONS.iter().zip(counts.finished) {
                let label = format!(",finished_reason=\"{reason}\"");
                page.sample(name, model, &label, count as f64);
            }
        });
    });
    for (names, help, pick) in HISTOGRAMS {
        page.family(*names, "histogram", help, |page, name| {
            metrics.each(|model, counts| {
                page.histogram(name, &[("model_name", model)], pick(counts));
            });
        });
    }
}

type Pick = fn(&ModelCounts) -> &Histogram;

const HISTOGRAMS: &[(Names, &str, Pick)] = &[
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
        ["", "vllm:time_per_output_token_seconds"],
        "The older name of vllm:inter_token_latency_seconds.",
        |counts| &counts.itl,
    ),
    (
        ["catena_e2e_request_latency_seconds", "vllm:e2e_request_latency_seconds"],
        "From the request's arrival to its end.",
        |counts| &counts.e2e,
    ),
    (
        ["catena_request_queue_time_seconds", "vllm:request_queue_time_seconds"],
        "From a request's arrival at the engine until it was given blocks.",
        |counts| &counts.queue,
    ),
    (
        ["catena_request_prefill_time_seconds", "vllm:request_prefill_time_seconds"],
        "From then to its first token.",
        |counts| &counts.prefill,
    ),
    (
        ["catena_request_inference_time_seconds", "vllm:request_inference_time_seconds"],
        "From when it was given blocks to its last token.",
        |counts| &counts.inference,
    ),
    (
        ["catena_request_decode_time_seconds", "vllm:request_decode_time_seconds"],
        "From a request's first token to its last.",
        |counts| &counts.decode,
    ),
    (
        ["catena_request_prompt_tokens", "vllm:request_prompt_tokens"],
        "Tokens of a request's prompt.",
        |counts| &counts.request_prompt_tokens,
    ),
    (
        ["catena_request_generation_tokens", "vllm:request_generation_tokens"],
        "Tokens generated for a request.",
        |counts| &counts.request_generation_tokens,
    ),
    (
        ["catena_request_params_n", "vllm:request_params_n"],
        "Answers that a request asks for.",
        |counts| &counts.params_n,
    ),
    (
        ["catena_request_params_max_tokens", "vllm:request_params_max_tokens"],
        "Most tokens that a request asks for.",
        |counts| &counts.params_max_tokens,
    ),
];

fn http(page: &mut Page, app: &App) {
    let names = ["catena_http_requests_total", ""];
    page.family(names, "counter", "HTTP requests by route and status.", |page, name| {
        app.metrics().each_http(|(route, method, status), count| {
            let status = status.to_string();
            let labels = [("route", route.as_str()), ("method", method), ("status", &status)];
            page.plain(name, &labels, count as f64);
        });
    });
    let names = ["catena_http_request_duration_seconds", ""];
    page.family(
        names,
        "histogram",
        "From a request's arrival to its answer's end.",
        |page, name| {
            app.metrics().each_route(|route, seconds| {
                page.histogram(name, &[("route", route)], seconds);
            });
        },
    );
    let names = ["catena_http_errors_total", ""];
    page.family(
        names,
        "counter",
        "HTTP requests that an error answers, by its code.",
        |page, name| {
            app.metrics()
                .each_error(|code, count| page.plain(name, &[("code", code)], count as f64));
        },
    );
    let names = ["catena_work_waiting", ""];
    page.family(names, "gauge", "Requests that wait for a worker.", |page, name| {
        for (kind, waiting) in app.waiting_for_workers() {
            page.plain(name, &[("kind", kind)], waiting as f64);
        }
    });
    let names = ["catena_audit_lines_lost_total", ""];
    page.family(names, "counter", "Lines that the audit log could not take.", |page, name| {
        page.plain(name, &[], app.audit_lines_lost() as f64);
    });
    let names = ["catena_trace_spans_lost_total", ""];
    page.family(names, "counter", "Spans that no collector of traces took.", |page, name| {
        page.plain(name, &[], app.trace_spans_lost() as f64);
    });
}
