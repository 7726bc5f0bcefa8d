//! Guesses change how many steps a text takes, and nothing else.

use super::fake::{
    FakeRunner, MAX_POSITIONS, Rule, almost_refrain, alphabet, noise, refrain, tokens, vocabulary,
};
use crate::{
    Completion, Constraint, Engine, EngineError, EngineOptions, EngineSnapshot, Request,
    SamplingParams, SchedulerLimits, Speculation, Vocabulary,
};
use catena_protocol::{Cancel, NoProgress};

fn run(
    speculation: Speculation,
    rule: Rule,
    requests: Vec<Request>,
) -> (Vec<Completion>, EngineSnapshot) {
    let options = EngineOptions { speculation, ..EngineOptions::default() };
    let runner = FakeRunner::new(200, rule);
    let limits = SchedulerLimits::default();
    let mut engine = Engine::with_options(runner, vocabulary(), limits, options);
    let completions = engine.run_all(requests, &NoProgress, &Cancel::new()).expect("the jobs run");
    let stats = engine.stats().snapshot();
    (completions, stats)
}

/// As [`run`], with a draft model of `draft_blocks` blocks.
fn run_drafted(
    rules: (Rule, Rule),
    draft_blocks: usize,
    requests: Vec<Request>,
) -> (Vec<Completion>, EngineSnapshot) {
    let limits = SchedulerLimits { max_batch_tokens: 64, ..SchedulerLimits::default() };
    let draft = FakeRunner::draft(draft_blocks, rules.1, 0.1);
    let mut engine = Engine::new(FakeRunner::new(200, rules.0), vocabulary(), limits)
        .with_draft(draft, &vocabulary())
        .expect("both have the same tokens");
    let completions = engine.run_all(requests, &NoProgress, &Cancel::new()).expect("the jobs run");
    let stats = engine.stats().snapshot();
    assert_eq!(stats.used_blocks, 0);
    (completions, stats)
}

fn essence(completions: &[Completion]) -> Vec<(&[u32], &str, &[f32], usize)> {
    let count = |c: &Completion| c.usage.completion_tokens;
    completions.iter().map(|c| (&c.tokens[..], &c.text[..], &c.logprobs[..], count(c))).collect()
}

#[test]
fn a_text_that_repeats_takes_fewer_steps() {
    let prompt = "abcdefghijklmnopqrstuvwxyzabc";
    let request = || vec![Request::new(tokens(prompt), SamplingParams::greedy(80))];
    let (plain, slow) = run(Speculation::Off, alphabet, request());
    let (guessed, fast) = run(Speculation::On, alphabet, request());
    assert_eq!(essence(&plain), essence(&guessed));
    assert_eq!((slow.steps, slow.guessed_tokens), (80, 0));
    assert!(fast.steps <= 12, "{} steps", fast.steps);
    assert!(fast.accepted_tokens >= 68 && fast.accepted_tokens <= fast.guessed_tokens);
    assert_eq!(fast.accepted_by_position.iter().sum::<u64>(), fast.accepted_tokens);
    let positions = fast.accepted_by_position;
    assert!(positions.is_sorted_by(|near, far| near >= far), "{positions:?}");
    assert!(fast.drafts >= positions[0] && positions[0] > 0 && slow.drafts == 0);
    assert_eq!(fast.steps_by_tokens.iter().sum::<u64>(), fast.steps);
    assert_eq!(fast.used_blocks, 0);
}

/// Requests of every kind.
fn mixed_requests() -> Vec<Request> {
    let kind = |n: u64| {
        let params = SamplingParams {
            temperature: if n.is_multiple_of(2) { 0.0 } else { 0.9 },
            top_p: 0.8,
            seed: n,
            repetition_penalty: if n.is_multiple_of(3) { 1.3 } else { 1.0 },
            frequency_penalty: 0.1,
            stop: vec!["qq".to_owned()],
            logprobs: Some(2),
            ..SamplingParams::greedy(60)
        };
        let request = Request::new(tokens(&"say it again, ".repeat(4)), params);
        match n % 4 {
            1 => request.with_constraint(Constraint::Regex("[a-c]{1,50}".to_owned())),
            3 => request.with_constraint(Constraint::JsonObject),
            _ => request,
        }
    };
    (0..12).map(kind).collect()
}

#[test]
fn every_kind_of_request_gets_the_same_text() {
    for rule in [noise as Rule, alphabet] {
        let (plain, _) = run(Speculation::Off, rule, mixed_requests());
        let (guessed, stats) = run(Speculation::On, rule, mixed_requests());
        assert_eq!(essence(&plain), essence(&guessed));
        assert!(stats.guessed_tokens > 0);
    }
}

#[test]
fn guesses_stop_at_the_token_limit() {
    let prompt = "abcdefghijklmnopqrstuvwxyzabcdefgh";
    for max_new_tokens in 1..20 {
        let request = Request::new(tokens(prompt), SamplingParams::greedy(max_new_tokens));
        let (completions, _) = run(Speculation::On, alphabet, vec![request]);
        assert_eq!(completions[0].tokens.len(), max_new_tokens);
    }
}

#[test]
fn a_draft_that_is_right_saves_steps_also_where_texts_are_drawn() {
    for temperature in [0.0, 0.7] {
        let params = SamplingParams { temperature, seed: 3, ..SamplingParams::greedy(120) };
        let request = || vec![Request::new(tokens("a prompt of its own"), params.clone())];
        let (plain, _) = run(Speculation::Off, noise, request());
        let (drafted, stats) = run_drafted((noise, noise), 100, request());
        assert_eq!(essence(&plain), essence(&drafted));
        let tokens = plain[0].tokens.len();
        assert!(stats.steps as usize <= 4 + tokens / 8, "{} steps, {tokens} tokens", stats.steps);
    }
}

#[test]
fn drafts_of_any_quality_change_no_text() {
    for rule in [refrain as Rule, almost_refrain, alphabet, noise] {
        let (plain, _) = run(Speculation::Off, refrain, mixed_requests());
        // Plenty of blocks, too few for all, and too few for one.
        for blocks in [200, 15, 2] {
            let (drafted, stats) = run_drafted((refrain, rule), blocks, mixed_requests());
            assert_eq!(essence(&plain), essence(&drafted));
            assert!(stats.guessed_tokens > 0);
        }
    }
}

#[test]
fn samples_of_one_prompt_share_what_the_draft_model_read() {
    let params = SamplingParams { temperature: 0.8, n: 6, ..SamplingParams::greedy(40) };
    let prompt = tokens(&"a long beginning that all of them share; ".repeat(5));
    let request = || vec![Request::new(prompt.clone(), params.clone()); 2];
    let (plain, _) = run(Speculation::Off, refrain, request());
    let (drafted, stats) = run_drafted((refrain, almost_refrain), 60, request());
    assert_eq!(essence(&plain), essence(&drafted));
    assert!(stats.accepted_tokens > 0, "{stats:?}");
}

#[test]
fn a_draft_that_is_wrong_is_given_up() {
    let request = Request::new(tokens("0"), SamplingParams::greedy(MAX_POSITIONS - 1));
    let request =
        Request { params: SamplingParams { ignore_eos: true, ..request.params }, ..request };
    let (plain, _) = run(Speculation::Off, noise, vec![request.clone()]);
    let (drafted, stats) = run_drafted((noise, alphabet), 100, vec![request]);
    assert_eq!(essence(&plain), essence(&drafted));
    assert!(plain[0].tokens.len() > 500);
    assert!((1..200).contains(&stats.guessed_tokens), "{stats:?}");
}

#[test]
fn a_draft_of_other_tokens_is_refused() {
    let other = Vocabulary::new([(b"a".to_vec(), false), (b"b".to_vec(), false)], vec![]);
    let limits = SchedulerLimits::default();
    let engine = Engine::new(FakeRunner::new(10, noise), vocabulary(), limits);
    let refused = engine.with_draft(FakeRunner::draft(10, noise, 0.1), &other).err();
    assert!(matches!(refused, Some(EngineError::DraftVocabulary { token: 0 })), "{refused:?}");
}

#[test]
fn tokens_that_the_draft_model_lacks_fail_nobody() {
    let requests = || -> Vec<Request> {
        let ask = |text: &str| Request::new(tokens(text), SamplingParams::greedy(40));
        vec![ask("plain"), ask("caf\u{e9}"), ask("\u{6c34} and plain")]
    };
    let (plain, _) = run(Speculation::Off, refrain, requests());
    let mut draft = FakeRunner::draft(100, refrain, 0.1);
    draft.vocab_size = 128;
    let limits = SchedulerLimits::default();
    let mut engine = Engine::new(FakeRunner::new(200, refrain), vocabulary(), limits)
        .with_draft(draft, &vocabulary())
        .expect("the tokens that both have are the same");
    let drafted = engine.run_all(requests(), &NoProgress, &Cancel::new()).expect("the jobs run");
    assert_eq!(essence(&plain), essence(&drafted));
}
