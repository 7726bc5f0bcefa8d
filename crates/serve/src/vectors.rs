//! Texts to vectors, for every protocol that asks for them.

use crate::app::App;
use crate::context::{charged, note};
use crate::error::ApiError;
use axum::http::HeaderValue;
use axum::response::Response;
use catena_knowledge::Embedder;
use std::sync::Arc;
use std::time::Instant;

/// What is done with texts and vectors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EmbedOptions {
    /// Cut what is longer than the model reads; otherwise it is refused.
    pub(crate) truncate: bool,
    /// Scale vectors to unit length.
    pub(crate) normalize: bool,
    /// Keep only so many values of each vector, for models that were trained for it.
    pub(crate) dimensions: Option<usize>,
}

impl Default for EmbedOptions {
    fn default() -> Self {
        Self { truncate: false, normalize: true, dimensions: None }
    }
}

/// What an embedding request gives.
pub(crate) struct Vectors {
    /// One vector per text.
    pub(crate) rows: Vec<Vec<f32>>,
    /// Tokens read.
    pub(crate) tokens: usize,
    /// Texts that were cut.
    pub(crate) cut: usize,
}

/// Says how many texts were cut.
const CUT_INPUTS_HEADER: &str = "x-catena-truncated-inputs";

impl Vectors {
    /// Says in the answer's header how many texts were cut, if any were.
    pub(crate) fn tell(&self, response: Response) -> Response {
        tell_cut(self.cut, response)
    }
}

/// Says in the answer's header how many texts were cut, if any were.
pub(crate) fn tell_cut(cut: usize, mut response: Response) -> Response {
    if cut > 0 {
        response.headers_mut().insert(CUT_INPUTS_HEADER, HeaderValue::from(cut));
    }
    response
}

/// Embeds `texts` with the model called `name`.
///
/// # Errors
/// [`ApiError::InvalidField`], [`ApiError::InputTooLong`], [`ApiError::RateLimited`] if the tokens are
/// more than the key has left, [`ApiError::Knowledge`].
pub(crate) async fn embed(
    app: &App,
    (name, embedder): (&str, Arc<dyn Embedder>),
    texts: Vec<String>,
    options: EmbedOptions,
    started: Instant,
) -> Result<Vectors, ApiError> {
    let dim = embedder.dim();
    if let Some(asked) = options.dimensions.filter(|asked| !(1..=dim).contains(asked)) {
        let reason = format!("it is {asked}, the model gives 1 to {dim}");
        return Err(ApiError::InvalidField { field: "dimensions", reason });
    }
    note(|usage| usage.dimensions = options.dimensions);
    let work = move || {
        let (tokens, cut) = count(&*embedder, &texts, options.truncate)?;
        let rows = charged(tokens, || compute(&*embedder, &texts, options))?;
        Ok(Vectors { rows, tokens, cut })
    };
    let vectors = app.long_workers().run(work).await?;
    app.embedded(name, vectors.tokens, started.elapsed());
    Ok(vectors)
}

/// One vector for each token of each of `texts`, as the model called `name` gives them.
///
/// # Errors
/// As [`embed`].
pub(crate) async fn embed_tokens(
    app: &App,
    (name, embedder): (&str, Arc<dyn Embedder>),
    texts: Vec<String>,
    truncate: bool,
    started: Instant,
) -> Result<(Vec<Vec<Vec<f32>>>, usize), ApiError> {
    let work = move || {
        let (tokens, cut) = count(&*embedder, &texts, truncate)?;
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let rows = charged(tokens, || Ok(embedder.embed_tokens(&texts)?))?;
        Ok((rows, tokens, cut))
    };
    let (rows, tokens, cut) = app.long_workers().run(work).await?;
    app.embedded(name, tokens, started.elapsed());
    Ok((rows, cut))
}

/// Tokens that are read of `texts`, and how many of these are cut.
///
/// # Errors
/// [`ApiError::InputTooLong`] if one is too long and may not be cut.
fn count(
    embedder: &dyn Embedder,
    texts: &[String],
    truncate: bool,
) -> Result<(usize, usize), ApiError> {
    let limit = embedder.max_tokens();
    let (mut total, mut cut) = (0, 0);
    for (index, text) in texts.iter().enumerate() {
        let tokens = embedder.count_tokens(text);
        if tokens > limit && !truncate {
            return Err(ApiError::InputTooLong { index, tokens, limit });
        }
        total += tokens.min(limit);
        cut += usize::from(tokens > limit);
    }
    Ok((total, cut))
}

/// Computes.
fn compute(
    embedder: &dyn Embedder,
    texts: &[String],
    options: EmbedOptions,
) -> Result<Vec<Vec<f32>>, ApiError> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut vectors = if options.normalize {
        embedder.embed(&texts)?
    } else {
        embedder.embed_unscaled(&texts)?
    };
    if let Some(dimensions) = options.dimensions.filter(|&asked| asked < embedder.dim()) {
        for vector in &mut vectors {
            shorten(vector, dimensions, options.normalize);
        }
    }
    Ok(vectors)
}

/// Cuts a vector and makes it one of unit length again.
fn shorten(vector: &mut Vec<f32>, dimensions: usize, normalize: bool) {
    vector.truncate(dimensions);
    if normalize {
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        let scale = length.max(f32::MIN_POSITIVE).recip();
        for value in vector {
            *value *= scale;
        }
    }
}
