//! Completions that were liked or not.

use super::api::{Objective, Pass, Preparation, identify_config};
use super::preference::push_scales;
use super::reference::{reference_logps, row_logps, sums_of_rows};
use super::row::{Row, Sample, batch_of, check_samples};
use crate::error::TrainError;
use crate::loss::{KtoConfig, KtoExample, KtoKind, KtoOutcome, kto_divergence, kto_loss};
use crate::run::Figures;
use crate::trainable::Trainable;

/// A completion behind its prompt, with labels on the completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KtoSample {
    /// The row.
    pub row: Sample,
    /// Whether the completion was liked.
    pub desirable: bool,
}

/// KTO.
///
/// How far the policy has drifted is estimated on rows that pair each prompt with the completion
/// of the next sample.
pub struct Kto<'a> {
    samples: &'a [KtoSample],
    config: KtoConfig,
    max_tokens: usize,
    mismatched: Vec<Sample>,
    reference: Vec<f64>,
    reference_mismatched: Vec<f64>,
}

impl<'a> Kto<'a> {
    /// Takes samples of at most `max_tokens` tokens.
    ///
    /// # Errors
    /// There are none, one could not be trained on, or the configuration is out of range.
    pub fn new(
        samples: &'a [KtoSample],
        config: KtoConfig,
        max_tokens: usize,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        check_samples(samples, |index, sample| sample.row.check(index, max_tokens))?;
        let mismatched = match config.kind {
            KtoKind::ApoZeroUnpaired => Vec::new(),
            KtoKind::Kto => (0..samples.len())
                .map(|index| {
                    let other = &samples[(index + 1) % samples.len()].row;
                    mismatched(&samples[index].row, other, max_tokens)
                })
                .collect(),
        };
        let (reference, reference_mismatched) = (Vec::new(), Vec::new());
        Ok(Self { samples, config, max_tokens, mismatched, reference, reference_mismatched })
    }

    /// How far the policy is from the reference, on the mismatched rows of the pass.
    fn divergence(&self, model: &mut dyn Trainable, pass: &Pass<'_>) -> Result<f64, TrainError> {
        if self.mismatched.is_empty() {
            return Ok(0.0);
        }
        let chosen = || pass.chosen.iter().copied();
        let rows: Vec<&Sample> = chosen().map(|index| &self.mismatched[index]).collect();
        let policy = row_logps(model, &rows, pass.micro_step_tokens, pass.cancel(), |_| ())?;
        let reference: Vec<f64> = chosen().map(|index| self.reference_mismatched[index]).collect();
        Ok(kto_divergence(&policy, &reference))
    }

    fn examples(&self, indices: &[usize], losses: &[f64]) -> Vec<KtoExample> {
        let rows: Vec<&Sample> = indices.iter().map(|&index| &self.samples[index].row).collect();
        let example = |(&index, nll): (&usize, f64)| KtoExample {
            logp: -nll,
            reference_logp: self.reference[index],
            desirable: self.samples[index].desirable,
        };
        indices.iter().zip(sums_of_rows(&rows, losses)).map(example).collect()
    }
}

/// A prompt with another sample's completion, cut to what fits.
fn mismatched(prompt_of: &Sample, completion_of: &Sample, max_tokens: usize) -> Sample {
    let first = |row: &Sample| row.labels.iter().position(Option::is_some).unwrap_or(0) + 1;
    let (prompt, completion) = (first(prompt_of), first(completion_of));
    let mut tokens = prompt_of.tokens[..prompt].to_vec();
    tokens.extend(&completion_of.tokens[completion..]);
    tokens.truncate(max_tokens);
    let next = |at: usize| (at + 1 >= prompt).then(|| tokens.get(at + 1).copied()).flatten();
    let labels = (0..tokens.len()).map(next).collect();
    Sample { tokens, labels, ..Sample::default() }
}

impl Objective for Kto<'_> {
    fn name(&self) -> &'static str {
        "kto"
    }

    fn num_samples(&self) -> usize {
        self.samples.len()
    }

    fn num_tokens(&self, index: usize) -> usize {
        self.samples[index].row.tokens.len()
    }

    fn longest(&self) -> usize {
        let rows = self.samples.iter().map(|sample| &sample.row).chain(&self.mismatched);
        rows.map(|row| row.tokens.len()).max().unwrap_or(0)
    }

    fn reference_tokens(&self) -> usize {
        let rows = self.samples.iter().map(|sample| &sample.row).chain(&self.mismatched);
        rows.map(|row| row.tokens.len()).sum()
    }

    fn rehearse(&mut self) {
        self.reference = vec![0.0; self.samples.len()];
        self.reference_mismatched = vec![0.0; self.mismatched.len()];
    }

    fn identify(&self, feed: &mut dyn FnMut(&[u8])) {
        identify_config(&self.config, feed);
        for sample in self.samples {
            sample.row.identify(feed);
            feed(&[u8::from(sample.desirable)]);
        }
    }

    fn prepare(
        &mut self,
        model: &mut dyn Trainable,
        preparation: &Preparation<'_>,
    ) -> Result<(), TrainError> {
        let rows: Vec<&Sample> = self.samples.iter().map(|sample| &sample.row).collect();
        let max_tokens = self.max_tokens;
        self.reference = reference_logps(model, &rows, max_tokens, "rows", preparation)?;
        if !self.mismatched.is_empty() {
            let rows: Vec<&Sample> = self.mismatched.iter().collect();
            self.reference_mismatched =
                reference_logps(model, &rows, max_tokens, "mismatched", preparation)?;
        }
        Ok(())
    }

    fn run(&mut self, model: &mut dyn Trainable, pass: &Pass<'_>) -> Result<Figures, TrainError> {
        let divergence = self.divergence(model, pass)?;
        let mut sums = Sums { divergence, ..Sums::default() };
        for indices in pass.micro_steps(|index| self.num_tokens(index)) {
            let indices = indices?;
            let batch = batch_of(indices.iter().map(|&index| &self.samples[index].row));
            let examples = self.examples(indices, model.losses(&batch)?);
            let loss = kto_loss(&self.config, &examples, divergence, pass.chosen.len());
            if pass.learns() {
                let mut scales = Vec::new();
                for (outcome, &index) in loss.outcomes.iter().zip(indices) {
                    let count = self.samples[index].row.num_supervised();
                    push_scales(&mut scales, -outcome.grad, count);
                }
                model.backward_losses(&batch, &scales)?;
            }
            sums.add(&examples, &loss.outcomes, batch.tokens.len());
        }
        Ok(sums.figures())
    }
}

/// What a step adds up about its completions; liked ones first.
#[derive(Default)]
struct Sums {
    loss: f64,
    divergence: f64,
    tokens: usize,
    count: [usize; 2],
    reward: [f64; 2],
}

impl Sums {
    fn add(&mut self, examples: &[KtoExample], outcomes: &[KtoOutcome], tokens: usize) {
        self.tokens += tokens;
        for (example, outcome) in examples.iter().zip(outcomes) {
            let kind = usize::from(!example.desirable);
            self.loss += outcome.loss;
            self.count[kind] += 1;
            self.reward[kind] += outcome.reward;
        }
    }

    fn figures(&self) -> Figures {
        let mut extra = std::collections::BTreeMap::new();
        extra.insert("kl".to_owned(), self.divergence);
        let names = ["rewards/chosen", "rewards/rejected"];
        for ((name, sum), count) in names.iter().zip(self.reward).zip(self.count) {
            if count > 0 {
                extra.insert((*name).to_owned(), sum / count as f64);
            }
        }
        let supervised = self.count.iter().sum();
        Figures { loss: self.loss, supervised, tokens: self.tokens, extra }
    }
}
