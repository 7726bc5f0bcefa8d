//! The rows of a sample of any kind, as people read them.

use super::tokens::{preview, preview_text};
use crate::encode::{
    Classes, EncodeOptions, EncodedLabel, EncodedSample, EncodedText, Encoder, TextEncoder,
};
use crate::error::DataError;
use catena_protocol::{Label, TokenLabelSample, TrainingSample};
use catena_text::{ChatTemplate, Tokenizer};

/// One row of a sample.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SampleRow {
    /// Which one, and what is known of it, such as `chosen` or `label spam`; nothing where there is
    /// one row without a label.
    pub title: String,
    /// Its tokens as one text, what is trained on between `«` and `»`; of words with labels each
    /// label in brackets after the first token of its word.
    pub text: String,
    /// Tokens of the row.
    pub num_tokens: usize,
    /// Those that are trained on, or that carry a label.
    pub num_trained: usize,
    /// Tokens that did not fit; of words with labels, words.
    pub num_lost: usize,
}

/// The rows that `sample` gives, encoded as in a run with these options.
///
/// # Errors
/// As the encoder of its kind.
pub fn preview_sample(
    tokenizer: &Tokenizer,
    template: Option<&ChatTemplate>,
    options: &EncodeOptions,
    name: &str,
    sample: &TrainingSample,
) -> Result<Vec<SampleRow>, DataError> {
    let encoder = Encoder::new(tokenizer, template, options.clone());
    let texts = TextEncoder::new(tokenizer, options.max_tokens);
    let row = |title: &str, row: &EncodedSample| trained_row(tokenizer, title.to_owned(), row);
    let text = |title: String, text: EncodedText| text_row(tokenizer, title, text);
    Ok(match sample {
        TrainingSample::Text(_) | TrainingSample::Chat(_) | TrainingSample::Completion(_) => {
            vec![row("", &encoder.encode(name, sample)?)]
        }
        TrainingSample::Preference(sample) => {
            let pair = encoder.encode_preference(name, sample)?;
            vec![row("chosen", &pair.chosen), row("rejected", &pair.rejected)]
        }
        TrainingSample::Unpaired(sample) => {
            let judged = encoder.encode_unpaired(name, sample)?;
            vec![row(if judged.label { "wanted" } else { "not wanted" }, &judged.row)]
        }
        TrainingSample::Classification(sample) => {
            let encoded = texts.encode(name, &sample.text, sample.text_pair.as_deref())?;
            vec![text(format!("label {}", in_words(&sample.label)), encoded)]
        }
        TrainingSample::TokenLabels(sample) => vec![words(tokenizer, &texts, name, sample)?],
        TrainingSample::Embedding(sample) => {
            let score = sample.score.map(|score| format!(", score {score}")).unwrap_or_default();
            let titles = ["anchor".to_owned(), format!("positive{score}")].into_iter();
            let titles = titles.chain(std::iter::repeat("negative".to_owned()));
            let encoded = texts.encode_embedding(name, sample)?;
            titles.zip(encoded).map(|(title, encoded)| text(title, encoded)).collect()
        }
        TrainingSample::Rerank(sample) => {
            let (encoded, score) = texts.encode_rerank(name, sample)?;
            vec![text(format!("query and document, score {score}"), encoded)]
        }
    })
}

fn trained_row(tokenizer: &Tokenizer, title: String, row: &EncodedSample) -> SampleRow {
    SampleRow {
        title,
        text: preview_text(&preview(tokenizer, row)),
        num_tokens: row.tokens.len(),
        num_trained: row.num_supervised(),
        num_lost: row.lost_tokens,
    }
}

/// A text that is judged as a whole.
fn text_row(tokenizer: &Tokenizer, title: String, text: EncodedText) -> SampleRow {
    let labels = vec![None; text.tokens.ids.len()];
    let row = EncodedSample { tokens: text.tokens.ids, labels, ..EncodedSample::default() };
    SampleRow { num_lost: text.lost_tokens, ..trained_row(tokenizer, title, &row) }
}

/// Words, each label after the token that carries it.
fn words(
    tokenizer: &Tokenizer,
    texts: &TextEncoder<'_>,
    name: &str,
    sample: &TokenLabelSample,
) -> Result<SampleRow, DataError> {
    let classes = Classes::of(&sample.labels);
    let encoded = texts.encode_words(name, sample, &classes)?;
    let labels = vec![None; encoded.tokens.len()];
    let row = EncodedSample { tokens: encoded.tokens, labels, ..EncodedSample::default() };
    let of_class = |label: &EncodedLabel| match label {
        EncodedLabel::Class(class) => match &classes {
            Classes::Named(names) => names[*class].clone(),
            Classes::Numbered(_) | Classes::Score => class.to_string(),
        },
        EncodedLabel::Score(score) => score.to_string(),
    };
    let tokens = preview(tokenizer, &row).into_iter().zip(&encoded.labels);
    let said = tokens.map(|(token, label)| match label {
        Some(label) => format!("{}[{}]", token.text, of_class(label)),
        None => token.text,
    });
    Ok(SampleRow {
        title: String::new(),
        text: said.collect(),
        num_tokens: row.tokens.len(),
        num_trained: encoded.labels.iter().flatten().count(),
        num_lost: encoded.lost_words,
    })
}

fn in_words(label: &Label) -> String {
    match label {
        Label::Number(number) => number.to_string(),
        Label::Name(name) => name.clone(),
    }
}
