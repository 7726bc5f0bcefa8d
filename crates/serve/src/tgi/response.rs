//! The answer of a generation, whole or token by token.

use super::request::{GenerateParameters, Prepared};
use crate::dialect::Dialect;
use crate::error::ApiError;
use crate::generation::Generation;
use crate::logprobs::{finite, token_text};
use crate::stream::{Out, Render};
use catena_engine::{Completion, EngineHandle, Event, StopCause, TokenEvent, TokenLogprob};
use catena_protocol::FinishReason;
use serde_json::{Value, json};

/// An answer in the making.
pub(crate) struct Reply {
    engine: EngineHandle,
    prefix: Option<String>,
    seed: Option<u64>,
    with_details: bool,
    with_top_tokens: bool,
    /// The prompt, if its tokens are part of the answer.
    prefill: Option<Vec<u32>>,
    max_new_tokens: usize,
    has_stop: bool,
    /// Tokens of each sample with their alternatives.
    tokens: Vec<Vec<(Value, Value)>>,
    /// The token that may be the last one.
    held: Option<TokenEvent>,
    index: usize,
}

impl Reply {
    pub(crate) fn new(
        engine: EngineHandle,
        parameters: &GenerateParameters,
        prepared: &Prepared,
    ) -> Self {
        let request = &prepared.request;
        let prefill = parameters.decoder_input_details.then(|| request.prompt_tokens.clone());
        Self {
            engine,
            prefix: prepared.prefix.clone(),
            seed: prepared.seed,
            with_details: parameters.details,
            with_top_tokens: parameters.top_n_tokens.is_some(),
            prefill,
            max_new_tokens: request.params.max_new_tokens,
            has_stop: !request.params.stop.is_empty(),
            tokens: vec![Vec::new(); request.params.n],
            held: None,
            index: 0,
        }
    }

    /// Takes note of a token of an answer that is sent whole.
    pub(crate) fn add_token(&mut self, token: &TokenEvent) {
        if self.with_details {
            let text = token_text(self.engine.intake().vocabulary(), token.token);
            let entry = self.entry(token.token, &text, token.logprob);
            let alternatives = self.alternatives(&token.top_logprobs);
            self.tokens[token.sample].push((entry, alternatives));
        }
    }

    /// The whole answer: the likeliest of `completions`, and the others among its details.
    pub(crate) fn whole(mut self, mut completions: Vec<Completion>) -> Value {
        completions.sort_by(|a, b| mean_logprob(b).total_cmp(&mean_logprob(a)));
        let mut sequences = completions.iter().map(|one| self.sequence(one)).collect::<Vec<_>>();
        let mut best = sequences.remove(0);
        let text = best["generated_text"].take();
        if !self.with_details {
            return json!({"generated_text": text});
        }
        if let Some(details) = best.as_object_mut() {
            details.remove("generated_text");
            if !sequences.is_empty() {
                details.insert("best_of_sequences".to_owned(), Value::Array(sequences));
            }
        }
        json!({"generated_text": text, "details": best})
    }

    /// One of the answers.
    fn sequence(&mut self, completion: &Completion) -> Value {
        let mut tokens = std::mem::take(&mut self.tokens[completion.sample]);
        if let Some(StopCause::Token { token, logprob }) = completion.stop_cause {
            let text = token_text(self.engine.intake().vocabulary(), token);
            tokens.push((self.entry(token, &text, logprob), json!([])));
        }
        let (tokens, top_tokens): (Vec<Value>, Vec<Value>) = tokens.into_iter().unzip();
        let mut sequence = self.details(completion);
        sequence["generated_text"] = json!(self.text(completion));
        sequence["prefill"] = self.prefill(completion);
        sequence["tokens"] = Value::Array(tokens);
        if self.with_top_tokens {
            sequence["top_tokens"] = Value::Array(top_tokens);
        }
        sequence
    }

    fn text(&self, completion: &Completion) -> String {
        [self.prefix.as_deref().unwrap_or_default(), &completion.text].concat()
    }

    fn details(&self, completion: &Completion) -> Value {
        json!({
            "finish_reason": finish_reason(completion),
            "generated_tokens": completion.usage.completion_tokens,
            "seed": self.seed,
        })
    }

    fn prefill(&self, completion: &Completion) -> Value {
        let vocabulary = self.engine.intake().vocabulary();
        let logprobs = [None].into_iter().chain(completion.prompt_logprobs.iter().map(Some));
        let tokens = self.prefill.iter().flatten().zip(logprobs);
        let entry = |(&token, logprob): (&u32, Option<&f32>)| {
            let logprob = logprob.map(|&logprob| finite(logprob));
            json!({"id": token, "text": token_text(vocabulary, token), "logprob": logprob})
        };
        tokens.map(entry).collect()
    }

    fn entry(&self, token: u32, text: &str, logprob: Option<f32>) -> Value {
        json!({
            "id": token,
            "text": text,
            "logprob": logprob.map(finite),
            "special": self.engine.intake().vocabulary().is_special(token),
        })
    }

    fn alternatives(&self, top: &[TokenLogprob]) -> Value {
        let vocabulary = self.engine.intake().vocabulary();
        let entry = |t: &TokenLogprob| {
            self.entry(t.token, &token_text(vocabulary, t.token), Some(t.logprob))
        };
        top.iter().map(entry).collect()
    }

    /// One event of the stream.
    fn event(&mut self, token: &Value, top: &[TokenLogprob], end: Option<&Completion>) -> Value {
        self.index += 1;
        let mut event = json!({
            "index": self.index,
            "token": token,
            "generated_text": end.map(|completion| self.text(completion)),
            "details": end.map(|completion| {
                let mut details = self.details(completion);
                details["input_length"] = json!(completion.usage.prompt_tokens);
                details
            }),
        });
        if self.with_top_tokens {
            event["top_tokens"] = self.alternatives(top);
        }
        event
    }

    fn token(&mut self, token: &TokenEvent, text: &str, end: Option<&Completion>) -> Value {
        let entry = self.entry(token.token, text, token.logprob);
        self.event(&entry, &token.top_logprobs, end)
    }

    /// The event of the last token, which brings the whole text: the token that ended the output, or
    /// the one that was held.
    fn last(&mut self, completion: &Completion) -> Vec<Value> {
        let mut events = Vec::new();
        let held = self.held.take();
        if let Some(StopCause::Token { token, logprob }) = completion.stop_cause {
            if let Some(held) = held {
                let text = [&held.text, completion.tail.as_str()].concat();
                events.push(self.token(&held, &text, None));
            }
            let text = token_text(self.engine.intake().vocabulary(), token);
            let entry = self.entry(token, &text, logprob);
            events.push(self.event(&entry, &[], Some(completion)));
        } else if let Some(held) = held {
            let text = [&held.text, completion.tail.as_str()].concat();
            events.push(self.token(&held, &text, Some(completion)));
        } else if let Some(&token) = completion.tokens.last() {
            // A constraint let nothing follow the token, which was sent already.
            let entry = self.entry(token, &completion.tail, None);
            events.push(self.event(&entry, &[], Some(completion)));
        }
        events
    }
}

impl Render<Generation> for Reply {
    fn opening(&mut self, _: &Generation, _: &mut Out) {}

    /// A token is held back until the next one where it may be the last: the event of the last one
    /// is another.
    fn item(&mut self, _: &Generation, (_, event): (usize, Event), out: &mut Out) {
        match event {
            Event::Token(token) => {
                if let Some(held) = self.held.take() {
                    out.data(&self.token(&held, &held.text, None));
                }
                if self.has_stop || self.index + 1 == self.max_new_tokens {
                    self.held = Some(token);
                } else {
                    out.data(&self.token(&token, &token.text, None));
                }
            }
            Event::Finished(completion) => {
                self.last(&completion).iter().for_each(|event| out.data(event));
            }
            Event::Failed(_) => {}
        }
    }

    fn closing(&mut self, _: &Generation, _: &mut Out) {}

    fn failed(&mut self, error: &ApiError, out: &mut Out) {
        out.data(&Dialect::Tgi.tell(&error.problem()).1);
    }
}

fn finish_reason(completion: &Completion) -> &'static str {
    match (completion.finish_reason, &completion.stop_cause) {
        (FinishReason::Stop, Some(StopCause::Text(_))) => "stop_sequence",
        (FinishReason::Stop, _) => "eos_token",
        (FinishReason::Length | FinishReason::Cancelled, _) => "length",
    }
}

/// The mean log-probability of an answer's tokens, the one that ended it included. Summed in
/// `f64`, as a client does with the numbers of the JSON: in `f32` two answers with the same
/// probabilities in another order would differ by rounding, and rank otherwise than they read.
fn mean_logprob(completion: &Completion) -> f64 {
    let ending = match completion.stop_cause {
        Some(StopCause::Token { logprob, .. }) => logprob,
        Some(StopCause::Text(_) | StopCause::Constraint) | None => None,
    };
    let logprobs = || completion.logprobs.iter().copied().chain(ending);
    logprobs().map(f64::from).sum::<f64>() / logprobs().count().max(1) as f64
}
