//! From logits to tokens.

use crate::constraint::ConstraintState;
use crate::error::EngineError;
use crate::params::SamplingParams;
use crate::request::TokenLogprob;
use crate::sequence::Sequence;
use catena_kernels::{argmax, log_softmax_at};
use rand::RngCore;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use toktrie::SimpleVob;

/// A chosen token.
#[derive(Debug, PartialEq)]
pub(crate) struct Choice {
    /// The token.
    pub(crate) token: u32,
    /// Its log-probability, when asked for.
    pub(crate) logprob: Option<f32>,
    /// The most likely tokens, best first, when asked for.
    pub(crate) top_logprobs: Vec<TokenLogprob>,
}

/// Chooses tokens; holds only scratch space.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    row_v: Vec<f32>,
    candidates: Vec<Candidate>,
}

/// A token that may be chosen, with its unnormalized probability.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    token: u32,
    weight: f32,
}

impl Sampler {
    /// The next token of `sequence` from its logits.
    ///
    /// # Errors
    /// [`EngineError::ConstraintLost`].
    pub(crate) fn choose(
        &mut self,
        row_v: &[f32],
        sequence: &mut Sequence,
    ) -> Result<Choice, EngineError> {
        let allowed = sequence.constraint.as_mut().map(ConstraintState::allowed).transpose()?;
        let params = &sequence.params;
        let changes_logits = sequence.penalties.is_some() || allowed.is_some();
        let token = if changes_logits {
            self.row_v.clear();
            self.row_v.extend_from_slice(row_v);
            if let Some(penalties) = &sequence.penalties {
                penalties.apply(&mut self.row_v, params);
            }
            if let Some(allowed) = &allowed {
                mask(&mut self.row_v, allowed)?;
            }
            let changed = std::mem::take(&mut self.row_v);
            let token = self.pick(&changed, params, sequence.num_generated());
            self.row_v = changed;
            token
        } else {
            self.pick(row_v, params, sequence.num_generated())
        };
        let (logprob, top_logprobs) = match params.logprobs {
            None => (None, Vec::new()),
            Some(count) => {
                let log_total = log_sum_exp(row_v);
                (Some(row_v[token as usize] - log_total), most_likely(row_v, count, log_total))
            }
        };
        Ok(Choice { token, logprob, top_logprobs })
    }

    /// Draws number `draw_idx` of the request's random stream.
    fn pick(&mut self, row_v: &[f32], params: &SamplingParams, draw_idx: usize) -> u32 {
        let best = argmax(row_v);
        if params.temperature == 0.0 {
            return best;
        }
        let max = row_v[best as usize];
        self.candidates.clear();
        self.candidates.extend(row_v.iter().enumerate().filter_map(|(token, &logit)| {
            let weight = ((logit - max) / params.temperature).exp();
            let token = u32::try_from(token).expect("token ids are u32");
            (weight > 0.0).then_some(Candidate { token, weight })
        }));
        self.keep_top_k(params.top_k);
        self.keep_top_p(params.top_p);
        // The best token's weight is exactly 1.
        self.candidates.retain(|candidate| candidate.weight >= params.min_p);
        draw(&self.candidates, uniform(params.seed, draw_idx)).unwrap_or(best)
    }

    fn keep_top_k(&mut self, top_k: Option<usize>) {
        if let Some(k) = top_k.filter(|&k| k < self.candidates.len()) {
            self.candidates.select_nth_unstable_by(k - 1, by_weight);
            self.candidates.truncate(k);
            self.candidates.sort_unstable_by_key(|candidate| candidate.token);
        }
    }

    /// Keeps the fewest tokens whose probability reaches `top_p`.
    fn keep_top_p(&mut self, top_p: f32) {
        if top_p >= 1.0 {
            return;
        }
        let total: f64 = self.candidates.iter().map(|c| f64::from(c.weight)).sum();
        // Tokens below this share sum to less than 1 - top_p, so none of them is needed.
        let negligible = f64::from(1.0 - top_p) * total / self.candidates.len() as f64;
        self.candidates.retain(|candidate| f64::from(candidate.weight) >= negligible);
        self.candidates.sort_unstable_by(by_weight);
        let mut reached = 0.0;
        let needed = f64::from(top_p) * total;
        let count = self.candidates.iter().position(|candidate| {
            reached += f64::from(candidate.weight);
            reached >= needed
        });
        self.candidates.truncate(count.map_or(usize::MAX, |idx| idx + 1));
        self.candidates.sort_unstable_by_key(|candidate| candidate.token);
    }
}

/// Heaviest first; the lower token id first on a tie, so that no choice depends on memory order.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that sorting calls")]
fn by_weight(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    b.weight.total_cmp(&a.weight).then(a.token.cmp(&b.token))
}

/// The candidate at `share` (in `[0, 1)`) of the total weight.
fn draw(candidates: &[Candidate], share: f64) -> Option<u32> {
    let total: f64 = candidates.iter().map(|c| f64::from(c.weight)).sum();
    let target = share * total;
    let mut reached = 0.0;
    candidates
        .iter()
        .find(|candidate| {
            reached += f64::from(candidate.weight);
            reached > target
        })
        .or(candidates.last())
        .map(|candidate| candidate.token)
}

/// Number `draw_idx` of the stream of `seed`, in `[0, 1)`. Addressed by position, so preemption
/// and batching cannot shift it.
fn uniform(seed: u64, draw_idx: usize) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_word_pos(2 * draw_idx as u128);
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Sets every token that is not allowed to minus infinity.
fn mask(row_v: &mut [f32], allowed: &SimpleVob) -> Result<(), EngineError> {
    let mut any = false;
    for (token, logit) in row_v.iter_mut().enumerate() {
        if token < allowed.len() && allowed.get(token) {
            any = true;
        } else {
            *logit = f32::NEG_INFINITY;
        }
    }
    if any {
        return Ok(());
    }
    Err(EngineError::ConstraintLost { reason: "no token may follow".to_owned() })
}

/// `ln(sum(exp(x)))`.
fn log_sum_exp(row_v: &[f32]) -> f32 {
    let best = argmax(row_v);
    row_v[best as usize] - log_softmax_at(row_v, best)
}

fn most_likely(row_v: &[f32], count: usize, log_total: f32) -> Vec<TokenLogprob> {
    let mut best: Vec<TokenLogprob> = Vec::with_capacity(count + 1);
    for (token, &logit) in row_v.iter().enumerate() {
        let logprob = logit - log_total;
        if best.len() == count && best.last().is_none_or(|last| logprob <= last.logprob) {
            continue;
        }
        let at = best.partition_point(|other| other.logprob >= logprob);
        let token = u32::try_from(token).expect("token ids are u32");
        best.insert(at, TokenLogprob { token, logprob });
        best.truncate(count);
    }
    best
}
