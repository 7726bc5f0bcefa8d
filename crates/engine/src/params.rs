//! What a request may ask of the sampler.

use crate::error::EngineError;

/// Most alternatives a request may ask to see beside each chosen token.
pub const MAX_TOP_LOGPROBS: usize = 20;
/// Most stop strings of one request.
pub const MAX_STOP_STRINGS: usize = 16;
/// Longest stop string in bytes.
pub const MAX_STOP_BYTES: usize = 1024;

/// How the next token is chosen.
///
/// Order of the rules: repetition, frequency and presence penalties; the constraint's mask;
/// temperature; top-k; top-p; min-p. `temperature` 0 is greedy: the largest logit, the lowest
/// token id on a tie.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingParams {
    /// Most tokens to generate; 0 only scores the prompt.
    pub max_new_tokens: usize,
    /// Divides the logits; 0 is greedy. In `0..=10`.
    pub temperature: f32,
    /// Keep the `k` most likely tokens; `None` keeps all.
    pub top_k: Option<usize>,
    /// Keep the smallest set whose probability reaches this. In `(0, 1]`.
    pub top_p: f32,
    /// Drop tokens less likely than this share of the most likely. In `[0, 1]`.
    pub min_p: f32,
    /// Divides positive and multiplies negative logits of tokens seen in prompt or output.
    /// In `(0, 10]`, 1 does nothing. Keskar et al. 2019, arXiv:1909.05858, section 4.1.
    pub repetition_penalty: f32,
    /// Subtracted per earlier occurrence in the output. In `[-2, 2]`.
    pub frequency_penalty: f32,
    /// Subtracted once from tokens that occur in the output. In `[-2, 2]`.
    pub presence_penalty: f32,
    /// Seed of the request's own random stream. Same seed, same output, whatever else runs.
    pub seed: u64,
    /// Texts that end the output; they and what follows are not part of it.
    pub stop: Vec<String>,
    /// Further tokens that end the output, beside the model's end-of-sequence tokens.
    pub stop_tokens: Vec<u32>,
    /// Generate past the model's end-of-sequence tokens (benchmarks).
    pub ignore_eos: bool,
    /// Report each chosen token's log-probability and that many alternatives.
    pub logprobs: Option<usize>,
}

impl Default for SamplingParams {
    fn default() -> Self {
        Self {
            max_new_tokens: 256,
            temperature: 0.0,
            top_k: None,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            seed: 0,
            stop: Vec::new(),
            stop_tokens: Vec::new(),
            ignore_eos: false,
            logprobs: None,
        }
    }
}

impl SamplingParams {
    /// Greedy decoding of at most `max_new_tokens` tokens.
    pub fn greedy(max_new_tokens: usize) -> Self {
        Self { max_new_tokens, ..Self::default() }
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`EngineError::ParameterOutOfRange`] naming the first parameter outside its range.
    pub fn validate(&self) -> Result<(), EngineError> {
        let longest_stop = self.stop.iter().map(String::len).max().unwrap_or(1);
        let shortest_stop = self.stop.iter().map(String::len).min().unwrap_or(1);
        let checks: [(&'static str, f64, bool, &'static str); 11] = [
            (
                "temperature",
                self.temperature.into(),
                within(self.temperature, 0.0, 10.0),
                "0 to 10",
            ),
            ("top_k", self.top_k.map_or(1.0, |k| k as f64), self.top_k != Some(0), "1 or more"),
            (
                "top_p",
                self.top_p.into(),
                self.top_p > 0.0 && within(self.top_p, 0.0, 1.0),
                "more than 0, at most 1",
            ),
            ("min_p", self.min_p.into(), within(self.min_p, 0.0, 1.0), "0 to 1"),
            (
                "repetition_penalty",
                self.repetition_penalty.into(),
                self.repetition_penalty > 0.0 && within(self.repetition_penalty, 0.0, 10.0),
                "more than 0, at most 10",
            ),
            (
                "frequency_penalty",
                self.frequency_penalty.into(),
                within(self.frequency_penalty, -2.0, 2.0),
                "-2 to 2",
            ),
            (
                "presence_penalty",
                self.presence_penalty.into(),
                within(self.presence_penalty, -2.0, 2.0),
                "-2 to 2",
            ),
            (
                "stop (count)",
                self.stop.len() as f64,
                self.stop.len() <= MAX_STOP_STRINGS,
                "at most 16 strings",
            ),
            ("stop (bytes)", shortest_stop as f64, shortest_stop > 0, "1 to 1024 bytes each"),
            (
                "stop (bytes)",
                longest_stop as f64,
                longest_stop <= MAX_STOP_BYTES,
                "1 to 1024 bytes each",
            ),
            (
                "logprobs",
                self.logprobs.map_or(0.0, |n| n as f64),
                self.logprobs.is_none_or(|n| n <= MAX_TOP_LOGPROBS),
                "0 to 20",
            ),
        ];
        match checks.into_iter().find(|(_, _, ok, _)| !ok) {
            None => Ok(()),
            Some((name, value, _, allowed)) => {
                Err(EngineError::ParameterOutOfRange { name, value, allowed })
            }
        }
    }
}

/// Whether `value` is a number in `low..=high` (NaN is not).
fn within(value: f32, low: f32, high: f32) -> bool {
    (low..=high).contains(&value)
}
