//! Prompt scoring: the log-probabilities of given tokens.

use super::fake::{FakeRunner, noise, tokens, vocabulary};
use crate::{Engine, Request, SamplingParams, SchedulerLimits};
use catena_protocol::{Cancel, FinishReason, NoProgress};

/// Log-probabilities straight from the rule.
fn expected(prompt: &[u32], from: usize) -> Vec<f32> {
    let logprob = |at: usize| {
        let row_v = noise(&prompt[..at]);
        let total: f64 = row_v.iter().map(|&x| f64::from(x).exp()).sum();
        #[expect(clippy::cast_possible_truncation, reason = "a logarithm")]
        let log_total = total.ln() as f32;
        row_v[prompt[at] as usize] - log_total
    };
    (from..prompt.len()).map(logprob).collect()
}

fn check(limits: SchedulerLimits, num_blocks: usize) {
    let context = tokens("The fee of a wire transfer is");
    let answers = ["25 dollars.", "x", "", "free of charge for premium accounts and students."];
    let requests = answers.iter().map(|a| Request::score(&context, &tokens(a))).collect();
    let mut engine = Engine::new(FakeRunner::new(num_blocks, noise), vocabulary(), limits);
    let completions = engine.run_all(requests, &NoProgress, &Cancel::new()).expect("it runs");
    for (completion, answer) in completions.iter().zip(answers) {
        let prompt = [context.clone(), tokens(answer)].concat();
        let expected = expected(&prompt, context.len());
        assert_eq!(completion.prompt_logprobs.len(), expected.len(), "{answer:?}");
        for (found, expected) in completion.prompt_logprobs.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
        }
        assert_eq!(completion.usage.completion_tokens, 0);
        assert_eq!(completion.finish_reason, FinishReason::Length);
    }
}

#[test]
fn continuations_are_scored_as_the_model_says() {
    check(SchedulerLimits::default(), 64);
}

#[test]
fn scores_do_not_depend_on_how_prompts_are_cut() {
    let cut = |max_batch_tokens, max_logits_rows| SchedulerLimits {
        max_batch_tokens,
        max_running: 3,
        max_logits_rows,
    };
    for (max_batch_tokens, max_logits_rows) in [(1, 1), (7, 1), (7, 3), (16, 2), (512, 5)] {
        check(cut(max_batch_tokens, max_logits_rows), 6);
    }
}

#[test]
fn scoring_and_generating_go_together() {
    let prompt = tokens("score me, then go on");
    let request =
        Request { score_from: Some(1), ..Request::new(prompt.clone(), SamplingParams::greedy(12)) };
    let mut engine =
        Engine::new(FakeRunner::new(16, noise), vocabulary(), SchedulerLimits::default());
    let plain = Request::new(prompt.clone(), SamplingParams::greedy(12));
    let both = engine.run_all(vec![request, plain], &NoProgress, &Cancel::new()).expect("it runs");
    assert_eq!(both[0].tokens, both[1].tokens);
    assert_eq!(both[0].prompt_logprobs.len(), prompt.len() - 1);
    assert!(both[1].prompt_logprobs.is_empty());
}

#[test]
fn alternatives_stand_beside_each_scored_token() {
    let prompt = tokens("what else could stand here");
    let request = Request { prompt_top_logprobs: 3, ..Request::score(&prompt[..5], &prompt[5..]) };
    let limits = SchedulerLimits { max_batch_tokens: 4, ..SchedulerLimits::default() };
    let mut engine = Engine::new(FakeRunner::new(16, noise), vocabulary(), limits);
    let done =
        engine.run_all(vec![request], &NoProgress, &Cancel::new()).expect("it runs").remove(0);
    assert_eq!(done.prompt_top_logprobs.len(), prompt.len() - 5);
    for (at, top) in (5..).zip(&done.prompt_top_logprobs) {
        let row_v = noise(&prompt[..at]);
        let mut best: Vec<usize> = (0..row_v.len()).collect();
        best.sort_by(|&a, &b| row_v[b].total_cmp(&row_v[a]));
        let found: Vec<usize> = top.iter().map(|other| other.token as usize).collect();
        assert_eq!(found, best[..3]);
    }
}
