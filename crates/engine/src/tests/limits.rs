//! What is refused, cancelled and counted.

use super::fake::{FakeRunner, MAX_POSITIONS, alphabet, tokens, vocabulary};
use crate::{
    DryParams, Engine, EngineError, KvBudget, Request, SamplingParams, SchedulerLimits, XtcParams,
    choose_kv_blocks,
};
use catena_kernels::{KvShape, KvType};
use catena_model::KvGroup;
use catena_protocol::{Cancel, CancelAfter, FinishReason, NoProgress};

fn engine(num_blocks: usize) -> Engine<FakeRunner> {
    Engine::new(FakeRunner::new(num_blocks, alphabet), vocabulary(), SchedulerLimits::default())
}

fn refused(num_blocks: usize, request: Request) -> EngineError {
    engine(num_blocks).add(request).expect_err("it is refused")
}

#[test]
fn requests_that_cannot_run_are_refused() {
    let empty = refused(4, Request::new(vec![], SamplingParams::greedy(1)));
    assert!(matches!(empty, EngineError::EmptyPrompt));
    let foreign = refused(4, Request::new(vec![1, 258], SamplingParams::greedy(1)));
    assert!(matches!(foreign, EngineError::TokenOutOfRange { position: 1, .. }));
    let start = Request { score_from: Some(0), ..Request::score(&[1], &[2]) };
    assert!(matches!(refused(4, start), EngineError::ScoreOutOfRange { start: 0, .. }));
}

#[test]
fn the_context_is_the_smaller_of_model_and_cache() {
    for (num_blocks, context) in [(4, 64), (100, MAX_POSITIONS)] {
        let request =
            |prompt: usize, new| Request::new(vec![1; prompt], SamplingParams::greedy(new));
        assert!(engine(num_blocks).add(request(context - 10, 10)).is_ok());
        let found = refused(num_blocks, request(context - 10, 11)).to_string();
        let prompt = context - 10;
        let expected = format!(
            "the prompt has {prompt} tokens and up to 11 were asked for, but the context holds \
             {context}"
        );
        assert_eq!(found, expected);
    }
    let request = Request::new(vec![1], SamplingParams::greedy(usize::MAX));
    assert!(matches!(refused(4, request), EngineError::ContextExceeded { .. }));
}

#[test]
fn every_parameter_has_its_range() {
    let base = SamplingParams::default;
    let dry = |dry| SamplingParams { dry: Some(dry), ..SamplingParams::default() };
    let bad = [
        SamplingParams { temperature: f32::NAN, ..base() },
        SamplingParams { temperature: -0.1, ..base() },
        SamplingParams { top_k: Some(0), ..base() },
        SamplingParams { top_p: 0.0, ..base() },
        SamplingParams { min_p: 1.5, ..base() },
        SamplingParams { repetition_penalty: 0.0, ..base() },
        SamplingParams { frequency_penalty: 3.0, ..base() },
        SamplingParams { presence_penalty: f32::INFINITY, ..base() },
        SamplingParams { stop: vec![String::new()], ..base() },
        SamplingParams { stop: vec!["x".repeat(1025)], ..base() },
        SamplingParams { stop: vec!["x".to_owned(); 17], ..base() },
        SamplingParams { logprobs: Some(21), ..base() },
        SamplingParams { typical_p: 0.0, ..base() },
        SamplingParams { n: 0, ..base() },
        SamplingParams { n: 129, ..base() },
        SamplingParams { min_new_tokens: 257, ..base() },
        SamplingParams { penalty_last_n: Some(0), ..base() },
        SamplingParams { logit_bias: vec![(1, 101.0)], ..base() },
        SamplingParams { logit_bias: vec![(1, f32::NAN)], ..base() },
        SamplingParams { logit_bias: vec![(1, 1.0); 1025], ..base() },
        SamplingParams { xtc: Some(XtcParams { probability: 2.0, threshold: 0.1 }), ..base() },
        SamplingParams { xtc: Some(XtcParams { probability: 0.5, threshold: 0.0 }), ..base() },
        dry(DryParams { multiplier: 0.0, ..DryParams::default() }),
        dry(DryParams { base: 0.5, ..DryParams::default() }),
        dry(DryParams { allowed_length: 0, ..DryParams::default() }),
        dry(DryParams { last_n: Some(0), ..DryParams::default() }),
        dry(DryParams { sequence_breakers: vec![String::new()], ..DryParams::default() }),
        dry(DryParams { sequence_breakers: vec!["x".repeat(65)], ..DryParams::default() }),
    ];
    for params in bad {
        let found = params.validate();
        assert!(matches!(found, Err(EngineError::ParameterOutOfRange { .. })), "{params:?}");
    }
    assert!(base().validate().is_ok());
    assert!(dry(DryParams::default()).validate().is_ok());
}

#[test]
fn parameters_must_fit_the_model() {
    let foreign = SamplingParams { logit_bias: vec![(258, 1.0)], ..SamplingParams::greedy(1) };
    let found = refused(4, Request::new(vec![1], foreign));
    assert!(matches!(found, EngineError::ParameterOutOfRange { name: "logit_bias", .. }));
    let many = Request { prompt_top_logprobs: 21, ..Request::score(&[1], &[2]) };
    let found = refused(4, many);
    assert!(matches!(found, EngineError::ParameterOutOfRange { name: "prompt_logprobs", .. }));
}

#[test]
fn a_refused_request_names_its_place_and_nothing_runs() {
    let mut engine = engine(4);
    let good = Request::new(tokens("ok"), SamplingParams::greedy(2));
    let bad = Request::new(vec![], SamplingParams::greedy(2));
    let found = engine.run_all(vec![good, bad], &NoProgress, &Cancel::new());
    assert!(matches!(found, Err(EngineError::BatchRequest { index: 1, .. })));
    assert!(!engine.has_work());
}

#[test]
fn cancelling_frees_the_blocks_at_once() {
    let mut engine = engine(8);
    let id = engine.add(Request::new(vec![5; 40], SamplingParams::greedy(30))).expect("added");
    engine.step().expect("it runs");
    assert_eq!(engine.stats().snapshot().used_blocks, 3);
    let completion = engine.cancel(id).pop().expect("it was running");
    assert_eq!((completion.finish_reason, completion.tokens.len()), (FinishReason::Cancelled, 1));
    assert_eq!(engine.stats().snapshot().used_blocks, 0);
    assert!(engine.cancel(id).is_empty());
}

#[test]
fn a_cancelled_job_keeps_what_is_done() {
    let mut engine = engine(64);
    let cancel = Cancel::new();
    let requests = (1..4).map(|n| Request::new(tokens("x"), SamplingParams::greedy(n))).collect();
    let mut done = Vec::new();
    let stop = CancelAfter { after: 1, cancel: cancel.clone() };
    let ended = engine.run_each(requests, &stop, &cancel, |index, _| done.push(index));
    assert!(matches!(ended, Err(EngineError::Interrupted { completed: 1, total: 3 })));
    assert_eq!(done, [0]);
    assert_eq!(engine.stats().snapshot().used_blocks, 0);
}

/// A group of layers whose blocks take `2 * 16 * 2 * head_dim` bytes in bf16.
fn group(head_dim: usize, sliding_window: Option<usize>) -> KvGroup {
    KvGroup { shape: KvShape { num_layers: 1, num_key_value_heads: 1, head_dim }, sliding_window }
}

#[test]
fn the_cache_is_sized_with_a_reason() {
    let limits = |max_running| SchedulerLimits { max_running, ..SchedulerLimits::default() };
    let choose = |budget, groups: &[KvGroup], max_running| {
        choose_kv_blocks(budget, groups, KvType::Bf16, limits(max_running), 1024)
    };
    let check = |budget, expected: &str| {
        let choice = choose(budget, &[group(1 << 14, None)], 9).expect("it fits");
        assert_eq!(choice.reason, expected);
    };
    let free = KvBudget::Available(2 << 30);
    let expected =
        "kv cache: 8192 tokens in 512 blocks, 512 MiB (a quarter of the 2048 MiB available)";
    check(free, expected);
    check(KvBudget::Bytes(10 << 20), "kv cache: 160 tokens in 10 blocks, 10 MiB (as configured)");
    let two = KvBudget::Sequences { count: 2, tokens: 100 };
    check(two, "kv cache: 224 tokens in 14 blocks, 14 MiB (2 sequences of 100 tokens)");
    let small = choose(free, &[group(16, None)], 8).expect("it fits");
    let expected = "kv cache: 8192 tokens in 512 blocks, 0 MiB (8 sequences of 1024 tokens)";
    assert_eq!(small.reason, expected);
    let none = choose(KvBudget::Bytes(5), &[group(16, None)], 8);
    assert!(matches!(none, Err(EngineError::KvCacheTooSmall { budget_bytes: 5, .. })));
}

#[test]
fn layers_with_a_window_get_what_their_windows_take() {
    let limits = SchedulerLimits { max_running: 2, max_batch_tokens: 64, max_logits_rows: 8 };
    let choose = |budget, groups: &[KvGroup]| {
        choose_kv_blocks(budget, groups, KvType::Bf16, limits, 1 << 16).expect("it fits").num_blocks
    };
    // A window of 100 and a step of 64 lie in at most 12 blocks.
    let groups = [group(1 << 14, None), group(1 << 14, Some(100))];
    assert_eq!(choose(KvBudget::Bytes(200 << 20), &groups), [176, 24]);
    assert_eq!(choose(KvBudget::Bytes(20 << 20), &groups), [10, 10]);
    assert_eq!(choose(KvBudget::Bytes(200 << 20), &groups[1..]), [24]);
}
