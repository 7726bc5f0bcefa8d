//! Vectors of texts that should be near each other.

use super::api::{Objective, Pass, check_cancel};
use super::row::{Row, TextRow, batch_of_texts, check_samples, num_tokens};
use crate::check::check;
use crate::error::TrainError;
use crate::loss::{
    EmbeddingLoss, RankingConfig, Similarity, TripletConfig, TripletDistance, UnitVectors,
    cosent_loss, cosine_similarity_loss, ranking_loss, triplet_loss,
};
use crate::run::{Figures, groups};
use crate::trainable::Trainable;

/// Samples whose texts are told apart when they are evaluated, as if they were one step.
const EVALUATED_TOGETHER: usize = 64;

/// A text, what it should be near, and what it should not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EmbedSample {
    /// The query.
    pub anchor: TextRow,
    /// The text that answers it.
    pub positive: TextRow,
    /// Texts that do not; all samples of a set have the same number.
    pub negatives: Vec<TextRow>,
    /// How alike anchor and positive are, if somebody said.
    pub score: Option<f32>,
}

impl EmbedSample {
    fn rows(&self) -> impl Iterator<Item = &TextRow> {
        [&self.anchor, &self.positive].into_iter().chain(&self.negatives)
    }
}

/// What vectors are learnt by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EmbedLoss {
    /// InfoNCE: each anchor's own positive among the documents of the step.
    Ranking(RankingConfig),
    /// Positives nearer than negatives, each negative by itself.
    Triplet(TripletConfig),
    /// Cosines of anchors and positives in the order of their scores.
    CoSent {
        /// Multiple of the cosines.
        scale: f64,
    },
    /// Cosines of anchors and positives that are their scores.
    CosineSimilarity,
}

impl EmbedLoss {
    /// Its name in settings.
    fn name(self) -> &'static str {
        match self {
            Self::Ranking(_) => "ranking",
            Self::Triplet(_) => "triplet",
            Self::CoSent { .. } => "cosent",
            Self::CosineSimilarity => "cosine_similarity",
        }
    }

    /// Whether it looks at more than the angles of vectors.
    pub fn sees_lengths(self) -> bool {
        match self {
            Self::Ranking(config) => config.similarity == Similarity::Dot,
            Self::Triplet(config) => config.distance != TripletDistance::Cosine,
            Self::CoSent { .. } | Self::CosineSimilarity => false,
        }
    }

    /// Whether samples have scores, in the place of negatives.
    fn is_scored(self) -> bool {
        matches!(self, Self::CoSent { .. } | Self::CosineSimilarity)
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`TrainError::InvalidConfig`] names the first key out of range, its value and the range.
    pub fn validate(self) -> Result<(), TrainError> {
        match self {
            Self::Ranking(RankingConfig { scale, .. }) | Self::CoSent { scale } => {
                let holds = scale.is_finite() && scale > 0.0;
                check("similarity_scale", &scale, holds, "greater than 0")
            }
            Self::Triplet(TripletConfig { margin, .. }) => {
                let holds = margin.is_finite() && margin >= 0.0;
                check("triplet_margin", &margin, holds, "0 or more")
            }
            Self::CosineSimilarity => Ok(()),
        }
    }

    /// What a sample lacks for it.
    fn missing(self, sample: &EmbedSample) -> Option<&'static str> {
        match self {
            Self::Ranking(_) => None,
            Self::Triplet(_) => sample.negatives.is_empty().then_some("negative"),
            Self::CoSent { .. } | Self::CosineSimilarity => {
                sample.score.is_none().then_some("score")
            }
        }
    }
}

impl From<RankingConfig> for EmbedLoss {
    fn from(config: RankingConfig) -> Self {
        Self::Ranking(config)
    }
}

/// A loss of the texts of a step.
///
/// Texts are compared with those of the whole step, however many passes they take: the vectors are
/// computed first, and where they did not fit one pass, texts are run again for their gradient.
///
/// # Source
/// Gao et al. 2021, arXiv:2101.06983, for the two passes.
pub struct Embed<'a> {
    samples: &'a [EmbedSample],
    loss: EmbedLoss,
    normalized: bool,
}

impl<'a> Embed<'a> {
    /// Takes texts of at most `max_tokens` tokens.
    ///
    /// # Errors
    /// There are none, one could not be trained on or lacks what the loss compares, the numbers of
    /// negatives differ, or a parameter of the loss is out of range.
    pub fn new(
        samples: &'a [EmbedSample],
        loss: impl Into<EmbedLoss>,
        max_tokens: usize,
    ) -> Result<Self, TrainError> {
        let loss = loss.into();
        loss.validate()?;
        check_samples(samples, |index, sample| {
            sample.rows().try_for_each(|row| row.check(index, max_tokens))?;
            let (found, expected) = (sample.negatives.len(), samples[0].negatives.len());
            if found != expected {
                return Err(TrainError::Negatives { index, found, expected });
            }
            if let Some(part) = loss.missing(sample) {
                return Err(TrainError::MissingPart { index, part, loss: loss.name() });
            }
            Ok(())
        })?;
        Ok(Self { samples, loss, normalized: false })
    }

    /// Whether the model's files scale its vectors to length 1: a loss that sees lengths then sees
    /// those.
    #[must_use]
    pub fn normalized(self, normalized: bool) -> Self {
        Self { normalized, ..self }
    }

    /// Columns of negatives that the loss looks at.
    fn num_negatives(&self) -> usize {
        if self.loss.is_scored() { 0 } else { self.samples[0].negatives.len() }
    }

    /// Anchors, positives, then the first negative of each, and so on.
    fn rows(&self, indices: &[usize]) -> Vec<&TextRow> {
        let of = |part: &dyn Fn(&'a EmbedSample) -> &'a TextRow| -> Vec<&'a TextRow> {
            indices.iter().map(|&index| part(&self.samples[index])).collect()
        };
        let mut rows = of(&|sample| &sample.anchor);
        rows.extend(of(&|sample| &sample.positive));
        for negative in 0..self.num_negatives() {
            rows.extend(of(&|sample| &sample.negatives[negative]));
        }
        rows
    }

    /// Tells the texts of `indices` apart.
    fn run_together(
        &self,
        model: &mut dyn Trainable,
        indices: &[usize],
        max_tokens: usize,
        learn: bool,
    ) -> Result<Figures, TrainError> {
        let rows = self.rows(indices);
        let lens: Vec<usize> = rows.iter().map(|row| row.tokens.len()).collect();
        let groups = groups(&lens, max_tokens);
        let width = model.output_width();
        let batches: Vec<_> = groups
            .iter()
            .map(|group| batch_of_texts(rows[group.clone()].iter().copied()))
            .collect();
        let mut vectors = Vec::with_capacity(rows.len() * width);
        for batch in &batches {
            vectors.extend_from_slice(model.outputs(batch)?);
        }
        let unit = (self.normalized && self.loss.sees_lengths())
            .then(|| UnitVectors::new(&vectors, width));
        let given = unit.as_ref().map_or(&vectors[..], UnitVectors::vectors);
        let (anchors, documents) = given.split_at(indices.len() * width);
        let loss = self.loss(indices, anchors, documents, width);
        if learn {
            let mut grads = loss.grads.concat();
            if let Some(unit) = &unit {
                grads = unit.backward(&grads);
            }
            for (batch, group) in batches.iter().zip(&groups) {
                if batches.len() > 1 {
                    model.outputs(batch)?;
                }
                model.backward_outputs(batch, &grads[group.start * width..group.end * width])?;
            }
        }
        Ok(Figures {
            loss: loss.loss,
            supervised: indices.len(),
            tokens: lens.iter().sum(),
            extra: [("accuracy".to_owned(), self.accuracy(indices, anchors, documents))].into(),
        })
    }

    /// The loss with its gradient by anchors and documents.
    fn loss(
        &self,
        indices: &[usize],
        anchors_bc: &[f32],
        documents_nc: &[f32],
        width: usize,
    ) -> EmbeddingLoss {
        match self.loss {
            EmbedLoss::Ranking(config) => ranking_loss(&config, anchors_bc, documents_nc, width),
            EmbedLoss::Triplet(config) => triplets(&config, anchors_bc, documents_nc, width),
            EmbedLoss::CoSent { scale } => {
                cosent_loss(scale, anchors_bc, documents_nc, &self.scores(indices), width)
            }
            EmbedLoss::CosineSimilarity => {
                cosine_similarity_loss(anchors_bc, documents_nc, &self.scores(indices), width)
            }
        }
    }

    fn scores(&self, indices: &[usize]) -> Vec<f32> {
        indices.iter().filter_map(|&index| self.samples[index].score).collect()
    }

    /// Share of the anchors that are nearest to their own positive; with scores, share of the pairs
    /// of samples that are in the order of their scores.
    fn accuracy(&self, indices: &[usize], anchors_bc: &[f32], documents_nc: &[f32]) -> f64 {
        let (b, width) = (indices.len(), anchors_bc.len() / indices.len());
        let score = |row: usize, document: usize| {
            cosine(&anchors_bc[row * width..][..width], &documents_nc[document * width..][..width])
        };
        if self.loss.is_scored() {
            let given = self.scores(indices);
            let own: Vec<f64> = (0..b).map(|row| score(row, row)).collect();
            let pairs = (0..b).flat_map(|i| (0..b).map(move |j| (i, j)));
            let ordered: Vec<bool> =
                pairs.filter(|&(i, j)| given[i] > given[j]).map(|(i, j)| own[i] > own[j]).collect();
            let right = ordered.iter().filter(|&&right| right).count();
            return right as f64 / ordered.len().max(1) as f64;
        }
        let is_nearest = |row: &usize| {
            let others = (0..documents_nc.len() / width).filter(|other| other != row);
            others.into_iter().all(|other| score(*row, *row) > score(*row, other))
        };
        (0..b).filter(is_nearest).count() as f64 / b as f64
    }
}

/// The mean over the columns of negatives.
fn triplets(
    config: &TripletConfig,
    anchors_bc: &[f32],
    documents_nc: &[f32],
    width: usize,
) -> EmbeddingLoss {
    let len = anchors_bc.len();
    let (positives_bc, negatives_nc) = documents_nc.split_at(len);
    let share = len as f64 / negatives_nc.len() as f64;
    let (mut loss, mut grads) = (0.0, vec![vec![0.0; len], vec![0.0; documents_nc.len()]]);
    for (column, negatives_bc) in (1usize..).zip(negatives_nc.chunks_exact(len)) {
        let one = triplet_loss(config, anchors_bc, positives_bc, negatives_bc, width);
        loss += share * one.loss;
        add_share(&mut grads[0], &one.grads[0], share);
        add_share(&mut grads[1][..len], &one.grads[1], share);
        add_share(&mut grads[1][column * len..][..len], &one.grads[2], share);
    }
    EmbeddingLoss { loss, grads }
}

#[expect(clippy::cast_possible_truncation, reason = "the backward pass is f32")]
fn add_share(to: &mut [f32], from: &[f32], share: f64) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += share as f32 * from;
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(1e-12)
}

impl Objective for Embed<'_> {
    fn name(&self) -> &'static str {
        "embed"
    }

    fn num_samples(&self) -> usize {
        self.samples.len()
    }

    fn num_tokens(&self, index: usize) -> usize {
        num_tokens(self.rows(&[index]))
    }

    fn longest(&self) -> usize {
        let all: Vec<usize> = (0..self.samples.len()).collect();
        self.rows(&all).iter().map(|row| row.tokens.len()).max().unwrap_or(0)
    }

    fn identify(&self, feed: &mut dyn FnMut(&[u8])) {
        match self.loss {
            EmbedLoss::Ranking(config) => feed(format!("{config:?}").as_bytes()),
            loss @ (EmbedLoss::Triplet(_)
            | EmbedLoss::CoSent { .. }
            | EmbedLoss::CosineSimilarity) => feed(format!("{loss:?}").as_bytes()),
        }
        if self.normalized && self.loss.sees_lengths() {
            feed(b"normalized");
        }
        for sample in self.samples {
            sample.rows().for_each(|row| row.identify(feed));
            if self.loss.is_scored() {
                feed(&sample.score.unwrap_or_default().to_le_bytes());
            }
        }
    }

    fn run(&mut self, model: &mut dyn Trainable, pass: &Pass<'_>) -> Result<Figures, TrainError> {
        let (max_tokens, learn) = (pass.micro_step_tokens, pass.learns());
        let together = if learn { pass.chosen.len() } else { EVALUATED_TOGETHER };
        let mut figures = Figures::default();
        let mut accurate = 0.0;
        for indices in pass.chosen.chunks(together) {
            check_cancel(pass.cancel())?;
            let found = self.run_together(model, indices, max_tokens, learn)?;
            let weight = indices.len() as f64;
            figures.loss += found.loss * weight;
            accurate += found.extra["accuracy"] * weight;
            figures.supervised += indices.len();
            figures.tokens += found.tokens;
        }
        figures.loss /= figures.supervised as f64;
        figures.extra.insert("accuracy".to_owned(), accurate / figures.supervised as f64);
        Ok(figures)
    }
}
