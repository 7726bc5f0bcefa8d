//! Next-token prediction: pre-training and supervised fine-tuning.

use super::api::{Objective, Pass, Purpose, Step};
use super::row::{Row, Sample, batch_of, check_samples};
use crate::check::check;
use crate::error::TrainError;
use crate::neftune::add_neftune_noise;
use crate::run::Figures;
use crate::trainable::Trainable;
use catena_model::training::TrainBatch;

/// The mean negative log-likelihood of the supervised tokens of a step.
///
/// Every token of the step weighs the same, in whatever sample and micro-step it stands.
pub struct Sft<'a> {
    samples: &'a [Sample],
    /// Bytes of text that each token stands for.
    token_bytes: Option<&'a [usize]>,
    /// Weight of the loss that balances experts.
    router_aux_loss_coef: f64,
}

impl<'a> Sft<'a> {
    /// Takes samples of at most `max_tokens` tokens.
    ///
    /// # Errors
    /// There are none, or one could not be trained on.
    pub fn new(samples: &'a [Sample], max_tokens: usize) -> Result<Self, TrainError> {
        check_samples(samples, |index, sample| sample.check(index, max_tokens))?;
        Ok(Self { samples, token_bytes: None, router_aux_loss_coef: 0.0 })
    }

    /// Adds the loss that balances the experts of a model that has some, times `coefficient`, to what
    /// is learnt: that of each pass by its share of the step's tokens. What is evaluated stays the
    /// likelihood.
    ///
    /// # Errors
    /// [`TrainError::InvalidConfig`] for a coefficient below 0.
    ///
    /// # Source
    /// `router_aux_loss_coef` of Hugging Face `transformers`. There, passes weigh the same whatever
    /// their tokens.
    pub fn with_router_loss(mut self, coefficient: f64) -> Result<Self, TrainError> {
        let holds = coefficient.is_finite() && coefficient >= 0.0;
        check("router_aux_loss_coef", &coefficient, holds, "0 or more")?;
        self.router_aux_loss_coef = coefficient;
        Ok(self)
    }

    /// Says the loss in bits per byte of text too, which compares models of different tokenizers:
    /// all nats by `ln 2` and by the bytes of the tokens that were predicted. `token_bytes` has the
    /// UTF-8 bytes that each token stands for, none for control tokens, whose nats count.
    #[must_use]
    pub fn with_token_bytes(mut self, token_bytes: &'a [usize]) -> Self {
        self.token_bytes = Some(token_bytes);
        self
    }

    /// Bytes of the text that the samples predict.
    fn num_bytes(&self, chosen: &[usize]) -> Option<usize> {
        let token_bytes = self.token_bytes?;
        let labels = chosen.iter().flat_map(|&index| self.samples[index].labels.iter().flatten());
        Some(labels.map(|&label| token_bytes.get(label as usize).copied().unwrap_or(0)).sum())
    }
}

impl Objective for Sft<'_> {
    fn name(&self) -> &'static str {
        "sft"
    }

    fn num_samples(&self) -> usize {
        self.samples.len()
    }

    fn num_tokens(&self, index: usize) -> usize {
        self.samples[index].tokens.len()
    }

    fn identify(&self, feed: &mut dyn FnMut(&[u8])) {
        if self.router_aux_loss_coef > 0.0 {
            feed(&self.router_aux_loss_coef.to_le_bytes());
        }
        self.samples.iter().for_each(|sample| sample.identify(feed));
    }

    fn run(&mut self, model: &mut dyn Trainable, pass: &Pass<'_>) -> Result<Figures, TrainError> {
        let counts = pass.chosen.iter().map(|&index| self.samples[index].num_supervised());
        let supervised: usize = counts.sum();
        let mut figures = Figures { supervised, ..Figures::default() };
        let tokens: usize = pass.chosen.iter().map(|&index| self.num_tokens(index)).sum();
        let (mut num_rows, mut unevenness) = (0, 0.0);
        for indices in pass.micro_steps(|index| self.num_tokens(index)) {
            let mut batch = batch_of(indices?.iter().map(|&index| &self.samples[index]));
            let share = batch.tokens.len() as f64 / tokens as f64;
            let losses = match pass.purpose {
                Purpose::Learn(step) => {
                    add_noise(&mut batch, step, &mut num_rows, model.hidden_size());
                    batch.router_loss = narrow(share * self.router_aux_loss_coef);
                    let count = batch.labels.iter().flatten().count();
                    model.learn_losses(&batch, &vec![1.0 / supervised as f32; count])?
                }
                Purpose::Evaluate(_) => model.losses(&batch)?,
            };
            figures.loss += losses.iter().sum::<f64>();
            figures.tokens += batch.tokens.len();
            unevenness += share * model.router_loss().unwrap_or(0.0);
        }
        if let Some(bytes) = self.num_bytes(pass.chosen).filter(|&bytes| bytes > 0) {
            let bits = figures.loss / std::f64::consts::LN_2;
            figures.extra.insert("bits_per_byte".to_owned(), bits / bytes as f64);
        }
        figures.loss /= supervised as f64;
        if !pass.learns() {
            figures.extra.insert("perplexity".to_owned(), figures.loss.exp());
        } else if self.router_aux_loss_coef > 0.0 {
            figures.loss += self.router_aux_loss_coef * unevenness;
            figures.extra.insert("aux_loss".to_owned(), unevenness);
        }
        Ok(figures)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the backward pass is f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// Noise on the embeddings of each text; `row` counts the texts of the step.
fn add_noise(batch: &mut TrainBatch, step: Step, row: &mut u32, hidden_size: usize) {
    let Some((alpha, seed)) = step.noise else { return };
    batch.noise = vec![0.0; batch.tokens.len() * hidden_size];
    let ends = batch.seq_starts.iter().skip(1).copied().chain([batch.tokens.len()]);
    for (&start, end) in batch.seq_starts.iter().zip(ends) {
        let noise = &mut batch.noise[start * hidden_size..end * hidden_size];
        add_neftune_noise((seed, step.number, *row), alpha, noise, end - start, hidden_size);
        *row += 1;
    }
}
