//! All that is measured.

use super::counts::{FINISH_REASONS, Metrics, ModelCounts};
use super::family::{Families, Family, Kind, Names};
use super::histogram::{Histogram, STEP_EDGES};
use crate::app::App;
use catena_engine::{AdapterLimits, BLOCK_TOKENS, EngineSnapshot};
use std::collections::BTreeSet;

/// What is known now.
pub(super) fn collect(app: &App) -> Vec<Family> {
    let mut families = Families::default();
    engines(&mut families, app);
    adapters(&mut families, app);
    requests(&mut families, app.metrics());
    app.metrics().gen_ai().collect(&mut families);
    http(&mut families, app);
    observers(&mut families, app);
    families.0
}

/// A value read from an engine.
struct EngineValue {
    names: Names,
    kind: Kind,
    help: &'static str,
    value: fn(&EngineSnapshot) -> f64,
}

const fn gauge(names: Names, help: &'static str, value: fn(&EngineSnapshot) -> f64) -> EngineValue {
    EngineValue { names, kind: Kind::Gauge, help, value }
}

const fn counter(
    names: Names,
    help: &'static str,
    value: fn(&EngineSnapshot) -> f64,
) -> EngineValue {
    EngineValue { names, kind: Kind::Counter, help, value }
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

fn engines(families: &mut Families, app: &App) {
    let engines: Vec<(String, EngineSnapshot)> =
        app.engines().into_iter().map(|(name, engine)| (name, engine.stats())).collect();
    for EngineValue { names, kind, help, value } in ENGINE_VALUES {
        families.add(*names, *kind, help, |points| {
            for (model, stats) in &engines {
                points.of_model(model, &[], value(stats));
            }
        });
    }
    let names = ["", "vllm:num_requests_waiting_by_reason"];
    let help = "Sequences that wait, by what they wait for.";
    families.add(names, Kind::Gauge, help, |points| {
        for (model, stats) in &engines {
            points.of_model(model, &[("reason", "capacity")], stats.waiting as f64);
            // For anything but room nobody waits here.
            points.of_model(model, &[("reason", "deferred")], 0.0);
        }
    });
    let names = [
        "catena_spec_decode_num_accepted_tokens_per_pos_total",
        "vllm:spec_decode_num_accepted_tokens_per_pos_total",
    ];
    let help = "Tokens that came as guessed, by how far ahead they were guessed.";
    families.add(names, Kind::Counter, help, |points| {
        for (model, stats) in &engines {
            for (position, &count) in stats.accepted_by_position.iter().enumerate() {
                points.of_model(model, &[("position", &position.to_string())], count as f64);
            }
        }
    });
    steps(families, &engines);
    let names = ["catena_cache_config_info", "vllm:cache_config_info"];
    families.add(names, Kind::Gauge, "Size of the KV cache.", |points| {
        for (model, stats) in &engines {
            let (tokens, blocks) = (BLOCK_TOKENS.to_string(), stats.num_blocks.to_string());
            let labels = [("block_size", tokens.as_str()), ("num_gpu_blocks", &blocks)];
            points.of_model(model, &labels, 1.0);
        }
    });
}

fn steps(families: &mut Families, engines: &[(String, EngineSnapshot)]) {
    let names = ["catena_iteration_tokens_total", "vllm:iteration_tokens_total"];
    families.add(names, Kind::Histogram, "Tokens of a step of the engine.", |points| {
        for (model, stats) in engines {
            let steps = Histogram {
                edges: &STEP_EDGES,
                counts: stats.steps_by_tokens.to_vec(),
                sum: stats.batch_tokens as f64,
            };
            points.sizes(&[("model_name", model)], steps);
        }
    });
}

/// vLLM's account of adapters, by which a router sends a request to where its adapter is.
fn adapters(families: &mut Families, app: &App) {
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
    families.add(names, Kind::Gauge, help, |points| {
        for (model, _) in app.engines() {
            let of_model =
                adapters.iter().filter(|(base, name)| *base == model && running.contains(name));
            let of_model: Vec<&str> = of_model.map(|(_, name)| name.as_str()).collect();
            let (most, named) =
                (AdapterLimits::default().max_adapters.to_string(), of_model.join(","));
            let labels = [
                ("max_lora", most.as_str()),
                ("running_lora_adapters", &named),
                ("waiting_lora_adapters", ""),
            ];
            points.of_model(&model, &labels, app.now() as f64);
        }
    });
}

fn requests(families: &mut Families, metrics: &Metrics) {
    type Count = fn(&ModelCounts) -> u64;
    let counters: [(Names, &'static str, Count); 3] = [
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
        families.add(names, Kind::Counter, help, |points| {
            metrics.each(|model, counts| points.of_model(model, &[], value(counts) as f64));
        });
    }
    let names = ["catena_generations_running", ""];
    families.add(names, Kind::Gauge, "Generations that have begun and not ended.", |points| {
        metrics.each(|model, counts| points.of_model(model, &[], counts.running as f64));
    });
    let names = ["catena_request_success_total", "vllm:request_success_total"];
    families.add(names, Kind::Counter, "Requests that ended, by finish reason.", |points| {
        metrics.each(|model, counts| {
            for ((_, reason), count) in FINISH_REASONS.iter().zip(counts.finished) {
                points.of_model(model, &[("finished_reason", *reason)], count as f64);
            }
        });
    });
    for (names, help, pick) in HISTOGRAMS {
        families.add(*names, Kind::Histogram, help, |points| {
            metrics.each(|model, counts| {
                points.sizes(&[("model_name", model)], pick(counts).clone());
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

fn http(families: &mut Families, app: &App) {
    let metrics = app.metrics();
    let help = "HTTP requests by route and status.";
    families.add(["catena_http_requests_total", ""], Kind::Counter, help, |points| {
        metrics.each_http(|(route, method, status), count| {
            let status = status.to_string();
            let labels = [("route", route.as_str()), ("method", method), ("status", &status)];
            points.number(&labels, count as f64);
        });
    });
    let names = ["catena_http_request_duration_seconds", ""];
    let help = "From a request's arrival to its answer's end.";
    families.add(names, Kind::Histogram, help, |points| {
        metrics.each_route(|route, seconds| points.sizes(&[("route", route)], seconds.clone()));
    });
    let help = "HTTP requests that an error answers, by its code.";
    families.add(["catena_http_errors_total", ""], Kind::Counter, help, |points| {
        metrics.each_error(|code, count| points.number(&[("code", code)], count as f64));
    });
    let help = "Requests that wait for a worker.";
    families.add(["catena_work_waiting", ""], Kind::Gauge, help, |points| {
        for (kind, waiting) in app.waiting_for_workers() {
            points.number(&[("kind", kind)], waiting as f64);
        }
    });
}

/// What those who observe the server did not get.
fn observers(families: &mut Families, app: &App) {
    for (name, help, lost) in [
        (
            "catena_audit_lines_lost_total",
            "Lines that the audit log could not take.",
            app.audit_lines_lost(),
        ),
        (
            "catena_trace_spans_lost_total",
            "Spans that no collector of traces took.",
            app.trace_spans_lost(),
        ),
        (
            "catena_metric_pushes_lost_total",
            "Pushes of metrics that no collector took.",
            app.metric_pushes_lost(),
        ),
    ] {
        families.add([name, ""], Kind::Counter, help, |points| points.number(&[], lost as f64));
    }
}
