//! Scores of texts and pairs of texts, and the order of passages that they give.

use crate::app::App;
use crate::context::charged;
use crate::error::ApiError;
use crate::vectors::{self, EmbedOptions};
use catena_knowledge::{Classifier, Embedder};
use std::sync::Arc;
use std::time::Instant;

/// A text, or a pair of them.
pub(crate) type Input = (String, Option<String>);

/// What ranks passages.
#[derive(Clone)]
pub(crate) enum Ranker {
    /// A cross-encoder reads query and passage together.
    CrossEncoder(Arc<dyn Classifier>),
    /// The cosine of their vectors.
    Embedder(Arc<dyn Embedder>),
}

/// A passage and how well it answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ranked {
    /// Its place in the request.
    pub(crate) index: usize,
    /// Its score, larger is better.
    pub(crate) score: f32,
}

/// Scores `inputs` with the model called `name`: one value per label for each, before any sigmoid or
/// softmax.
///
/// # Errors
/// [`ApiError::InputTooLong`] unless `truncate`, [`ApiError::RateLimited`] if the tokens are more than
/// the key has left, [`ApiError::Knowledge`].
pub(crate) async fn logits(
    app: &App,
    (name, classifier): (&str, Arc<dyn Classifier>),
    inputs: Vec<Input>,
    truncate: bool,
    started: Instant,
) -> Result<Vec<Vec<f32>>, ApiError> {
    let compute = move || {
        let limit = classifier.max_tokens();
        let inputs: Vec<(&str, Option<&str>)> =
            inputs.iter().map(|(first, second)| (first.as_str(), second.as_deref())).collect();
        let mut total = 0;
        for (index, &input) in inputs.iter().enumerate() {
            let tokens = classifier.count_tokens(input);
            if tokens > limit && !truncate {
                return Err(ApiError::InputTooLong { index, tokens, limit });
            }
            total += tokens.min(limit);
        }
        let logits = charged(total, || Ok(classifier.logits(&inputs)?))?;
        Ok((logits, total))
    };
    let (logits, tokens) = app.long_workers().run(compute).await?;
    app.embedded(name, tokens, started.elapsed());
    Ok(logits)
}

/// Ranks `texts` for `query` with the model called `name`, best first. The score is a
/// cross-encoder's logit, through the sigmoid unless `raw`, or a cosine.
///
/// # Errors
/// As [`logits`] and [`vectors::embed`].
pub(crate) async fn rank(
    app: &App,
    (name, ranker): (&str, Ranker),
    (query, texts): (String, Vec<String>),
    (truncate, raw): (bool, bool),
    started: Instant,
) -> Result<Vec<Ranked>, ApiError> {
    let scores: Vec<f32> = match ranker {
        Ranker::CrossEncoder(classifier) => {
            let inputs = texts.into_iter().map(|text| (query.clone(), Some(text))).collect();
            let logits = logits(app, (name, classifier), inputs, truncate, started).await?;
            let score = |logit: f32| if raw { logit } else { sigmoid(logit) };
            logits.into_iter().map(|logits| score(logits[0])).collect()
        }
        Ranker::Embedder(embedder) => {
            cosines(app, (name, embedder), (query, texts), truncate, started).await?
        }
    };
    let mut ranked: Vec<Ranked> =
        scores.into_iter().enumerate().map(|(index, score)| Ranked { index, score }).collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
    Ok(ranked)
}

/// The cosine of `query` with each of `texts`.
///
/// # Errors
/// As [`vectors::embed`].
pub(crate) async fn cosines(
    app: &App,
    embedder: (&str, Arc<dyn Embedder>),
    (query, mut texts): (String, Vec<String>),
    truncate: bool,
    started: Instant,
) -> Result<Vec<f32>, ApiError> {
    texts.insert(0, query);
    let options = EmbedOptions { truncate, ..EmbedOptions::default() };
    let vectors = vectors::embed(app, embedder, texts, options, started).await?.rows;
    let (query, texts) = vectors.split_first().expect("one vector per text");
    let dot = |text: &Vec<f32>| query.iter().zip(text).map(|(a, b)| a * b).sum();
    Ok(texts.iter().map(dot).collect())
}

/// Probabilities of labels: the sigmoid of one, the softmax of several.
pub(crate) fn probabilities(logits: &[f32]) -> Vec<f32> {
    if let [logit] = logits {
        return vec![sigmoid(*logit)];
    }
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shares: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let total: f32 = shares.iter().sum();
    shares.iter().map(|share| share / total).collect()
}

fn sigmoid(logit: f32) -> f32 {
    (1.0 + (-logit).exp()).recip()
}
