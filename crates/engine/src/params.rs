//! What a request may ask of the sampler.

use crate::error::EngineError;

/// Most alternatives a request may ask to see beside each chosen token.
pub const MAX_TOP_LOGPROBS: usize = 20;
/// Most stop strings of one request, and most sequence breakers of its DRY rule.
pub const MAX_STOP_STRINGS: usize = 16;
/// Longest stop string in bytes.
pub const MAX_STOP_BYTES: usize = 1024;
/// Most tokens of one request that may have a bias.
pub const MAX_LOGIT_BIASES: usize = 1024;
/// Most outputs of one request.
pub const MAX_SAMPLES: usize = 128;
/// Longest sequence breaker of the DRY rule in bytes.
pub const MAX_BREAKER_BYTES: usize = 64;

/// How the next token is chosen. The rules apply in the order that the documentation of the
/// sampler gives: penalties, DRY, bias, constraint, temperature, top-k, typical, top-p, min-p,
/// XTC. `temperature` 0 is greedy: the largest logit, the lowest token id on a tie.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingParams {
    /// Most tokens to generate; 0 only scores the prompt.
    pub max_new_tokens: usize,
    /// The end of sequence and the stop tokens are held back until so many tokens were generated,
    /// unless a constraint leaves nothing else. Stop strings end the output at any length.
    pub min_new_tokens: usize,
    /// Divides the logits; 0 is greedy. In `0..=10`.
    pub temperature: f32,
    /// Keep the `k` most likely tokens; `None` keeps all.
    pub top_k: Option<usize>,
    /// Keep the tokens whose information is nearest to the distribution's entropy, until their
    /// probability reaches this. In `(0, 1]`, 1 keeps all. Meister et al. 2022, arXiv:2202.00666.
    pub typical_p: f32,
    /// Keep the smallest set whose probability reaches this. In `(0, 1]`.
    pub top_p: f32,
    /// Drop tokens less likely than this share of the most likely. In `[0, 1]`.
    pub min_p: f32,
    /// Sometimes drop the most likely tokens.
    pub xtc: Option<XtcParams>,
    /// Divides positive and multiplies negative logits of tokens seen in prompt or output.
    /// In `(0, 10]`, 1 does nothing. Keskar et al. 2019, arXiv:1909.05858, section 4.1.
    pub repetition_penalty: f32,
    /// Subtracted per earlier occurrence in the output. In `[-2, 2]`.
    pub frequency_penalty: f32,
    /// Subtracted once from tokens that occur in the output. In `[-2, 2]`.
    pub presence_penalty: f32,
    /// The three penalties look at the last so many tokens of prompt and output; `None` looks at
    /// all of them. At least 1.
    pub penalty_last_n: Option<usize>,
    /// Penalize tokens that would go on repeating what stands in prompt or output.
    pub dry: Option<DryParams>,
    /// Added to the logits of tokens, at most [`MAX_LOGIT_BIASES`] of them, each in
    /// `[-100, 100]`. In practice -100 bans a token and 100 makes it the only one.
    pub logit_bias: Vec<(u32, f32)>,
    /// Seed of the request's own random stream. Same seed, same output, whatever else runs.
    pub seed: u64,
    /// Outputs of the request, in `1..=128`: see [`SamplingParams::of_sample`].
    pub n: usize,
    /// Texts that end the output; they and what follows are not part of it.
    pub stop: Vec<String>,
    /// Leave the stop string that ended the output at the end of the text.
    pub include_stop_in_output: bool,
    /// Further tokens that end the output, beside the model's end-of-sequence tokens.
    pub stop_tokens: Vec<u32>,
    /// Generate past the model's end-of-sequence tokens (benchmarks).
    pub ignore_eos: bool,
    /// Report each chosen token's log-probability and that many alternatives.
    pub logprobs: Option<usize>,
}

/// The DRY rule ("don't repeat yourself"): a token that would extend a repetition of `len >=
/// allowed_length` tokens loses `multiplier * base^(len - allowed_length)` of its logit.
#[derive(Clone, Debug, PartialEq)]
pub struct DryParams {
    /// Penalty of the shortest repetition that is penalized. In `(0, 100]`.
    pub multiplier: f32,
    /// Growth of the penalty with each further token. In `[1, 10]`.
    pub base: f32,
    /// Repetitions shorter than this are free. In `1..=1000`.
    pub allowed_length: usize,
    /// Look for repetitions in the last so many tokens; `None` looks at all of them. At least 1.
    pub last_n: Option<usize>,
    /// Texts that no repetition spans, at most [`MAX_STOP_STRINGS`] of 1 to
    /// [`MAX_BREAKER_BYTES`] bytes each.
    pub sequence_breakers: Vec<String>,
}

impl Default for DryParams {
    /// The values that the rule's author recommends.
    fn default() -> Self {
        Self {
            multiplier: 0.8,
            base: 1.75,
            allowed_length: 2,
            last_n: None,
            sequence_breakers: ["\n", ":", "\"", "*"].map(str::to_owned).to_vec(),
        }
    }
}

/// The XTC rule ("exclude top choices"): with some probability, of all tokens that are likely
/// enough only the least likely one stays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct XtcParams {
    /// How often the rule acts. In `[0, 1]`.
    pub probability: f32,
    /// Probability from which a token is a top choice. In `(0, 1]`; above 0.5 there is never more
    /// than one, so nothing happens.
    pub threshold: f32,
}

impl Default for SamplingParams {
    fn default() -> Self {
        Self {
            max_new_tokens: 256,
            min_new_tokens: 0,
            temperature: 0.0,
            top_k: None,
            typical_p: 1.0,
            top_p: 1.0,
            min_p: 0.0,
            xtc: None,
            repetition_penalty: 1.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            penalty_last_n: None,
            dry: None,
            logit_bias: Vec::new(),
            seed: 0,
            n: 1,
            stop: Vec::new(),
            include_stop_in_output: false,
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

    /// The parameters of output `sample_idx` of the `n`: the same with a seed of its own.
    ///
    /// Output 0 has the request's seed, so it equals that of the same request with `n` 1. The
    /// others mix seed and index by the finalizer of splitmix64.
    #[must_use]
    pub fn of_sample(&self, sample_idx: usize) -> Self {
        let seed = match sample_idx {
            0 => self.seed,
            _ => mix(self.seed ^ mix(sample_idx as u64)),
        };
        Self { seed, n: 1, ..self.clone() }
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`EngineError::ParameterOutOfRange`] naming the first parameter outside its range.
    pub fn validate(&self) -> Result<(), EngineError> {
        self.check_filters()?;
        self.check_penalties()?;
        self.check_ends()?;
        check(
            "logprobs",
            self.logprobs.map_or(0.0, |n| n as f64),
            self.logprobs.is_none_or(|n| n <= MAX_TOP_LOGPROBS),
            "0 to 20",
        )
    }

    fn check_filters(&self) -> Result<(), EngineError> {
        share("top_p", self.top_p)?;
        share("typical_p", self.typical_p)?;
        range("temperature", self.temperature, 0.0, 10.0, "0 to 10")?;
        range("min_p", self.min_p, 0.0, 1.0, "0 to 1")?;
        let top_k = self.top_k.map_or(1.0, |k| k as f64);
        check("top_k", top_k, self.top_k != Some(0), "1 or more")?;
        if let Some(xtc) = self.xtc {
            range("xtc_probability", xtc.probability, 0.0, 1.0, "0 to 1")?;
            share("xtc_threshold", xtc.threshold)?;
        }
        let in_range = (1..=MAX_SAMPLES).contains(&self.n);
        check("n", self.n as f64, in_range, "1 to 128")
    }

    fn check_penalties(&self) -> Result<(), EngineError> {
        positive("repetition_penalty", self.repetition_penalty, 10.0, "more than 0, at most 10")?;
        range("frequency_penalty", self.frequency_penalty, -2.0, 2.0, "-2 to 2")?;
        range("presence_penalty", self.presence_penalty, -2.0, 2.0, "-2 to 2")?;
        check("penalty_last_n", 0.0, self.penalty_last_n != Some(0), "1 or more")?;
        let count = self.logit_bias.len();
        check("logit_bias (count)", count as f64, count <= MAX_LOGIT_BIASES, "at most 1024")?;
        for &(_, bias) in &self.logit_bias {
            range("logit_bias", bias, -100.0, 100.0, "-100 to 100")?;
        }
        let Some(dry) = &self.dry else { return Ok(()) };
        positive("dry_multiplier", dry.multiplier, 100.0, "more than 0, at most 100")?;
        range("dry_base", dry.base, 1.0, 10.0, "1 to 10")?;
        let (length, allowed) = (dry.allowed_length, "1 to 1000");
        check("dry_allowed_length", length as f64, (1..=1000).contains(&length), allowed)?;
        check("dry_last_n", 0.0, dry.last_n != Some(0), "1 or more")?;
        let names = ("dry_sequence_breakers (count)", "dry_sequence_breakers (bytes)");
        texts(names, &dry.sequence_breakers, MAX_BREAKER_BYTES, "1 to 64 bytes each")
    }

    fn check_ends(&self) -> Result<(), EngineError> {
        let fits = self.min_new_tokens <= self.max_new_tokens;
        check("min_new_tokens", self.min_new_tokens as f64, fits, "at most `max_new_tokens`")?;
        let names = ("stop (count)", "stop (bytes)");
        texts(names, &self.stop, MAX_STOP_BYTES, "1 to 1024 bytes each")
    }
}

fn check(
    name: &'static str,
    value: f64,
    ok: bool,
    allowed: &'static str,
) -> Result<(), EngineError> {
    if ok { Ok(()) } else { Err(EngineError::ParameterOutOfRange { name, value, allowed }) }
}

/// Whether `value` is a number in `low..=high` (NaN is not).
fn range(
    name: &'static str,
    value: f32,
    low: f32,
    high: f32,
    allowed: &'static str,
) -> Result<(), EngineError> {
    check(name, value.into(), (low..=high).contains(&value), allowed)
}

fn positive(
    name: &'static str,
    value: f32,
    high: f32,
    allowed: &'static str,
) -> Result<(), EngineError> {
    check(name, value.into(), value > 0.0 && value <= high, allowed)
}

/// A positive share of one.
fn share(name: &'static str, value: f32) -> Result<(), EngineError> {
    positive(name, value, 1.0, "more than 0, at most 1")
}

/// At most [`MAX_STOP_STRINGS`] texts of 1 to `longest` bytes.
fn texts(
    (count_name, bytes_name): (&'static str, &'static str),
    texts: &[String],
    longest: usize,
    allowed: &'static str,
) -> Result<(), EngineError> {
    let count = texts.len();
    check(count_name, count as f64, count <= MAX_STOP_STRINGS, "at most 16 strings")?;
    let bad = texts.iter().map(String::len).find(|len| !(1..=longest).contains(len));
    check(bytes_name, bad.unwrap_or(1) as f64, bad.is_none(), allowed)
}

/// The finalizer of splitmix64.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
