//! From samples to what objectives take.

use super::model::BaseModel;
use super::settings::{TrainSettings, TrainStage};
use crate::models::BoxError;
use catena_data::{
    Classes, EncodeOptions, EncodedLabel, EncodedSample, EncodedText, Encoder, TextEncoder, TrainOn,
};
use catena_protocol::TrainingSample;
use catena_train::{
    ClassifySample, EmbedSample, KtoSample, PreferenceSample, RerankSample, RewardSample, Sample,
    Target, TextRow,
};

/// The rows of a set.
pub(super) enum Rows {
    /// Pre-training and fine-tuning.
    Tokens(Vec<Sample>),
    /// Words with labels.
    Words(Vec<Sample>),
    Pairs(Vec<PreferenceSample>),
    Judged(Vec<KtoSample>),
    Rewards(Vec<RewardSample>),
    Labelled(Vec<ClassifySample>),
    Near(Vec<EmbedSample>),
    Ranked(Vec<RerankSample>),
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Tokens(rows) | Self::Words(rows) => rows.len(),
            Self::Pairs(rows) => rows.len(),
            Self::Judged(rows) => rows.len(),
            Self::Rewards(rows) => rows.len(),
            Self::Labelled(rows) => rows.len(),
            Self::Near(rows) => rows.len(),
            Self::Ranked(rows) => rows.len(),
        }
    }
}

/// The labels of a classifier's samples.
pub(super) fn classes(samples: &[TrainingSample]) -> Classes {
    let labels = samples.iter().flat_map(|sample| match sample {
        TrainingSample::Classification(sample) => vec![&sample.label],
        TrainingSample::TokenLabels(sample) => sample.labels.iter().collect(),
        TrainingSample::Text(_)
        | TrainingSample::Chat(_)
        | TrainingSample::Completion(_)
        | TrainingSample::Preference(_)
        | TrainingSample::Unpaired(_)
        | TrainingSample::Embedding(_)
        | TrainingSample::Rerank(_) => Vec::new(),
    });
    Classes::of(labels)
}

/// How a run encodes conversations.
pub(super) fn options(settings: &TrainSettings, base: &BaseModel) -> EncodeOptions {
    EncodeOptions {
        train_on: match (settings.train_on_prompt, settings.mask_history) {
            (true, _) => TrainOn::Everything,
            (false, true) => TrainOn::LastTurn,
            (false, false) => TrainOn::AllTurns,
        },
        end_tokens: base.end_tokens(),
        ..EncodeOptions::new(settings.max_tokens)
    }
}

/// Encodes a set for the stage. Rows that lost all that is trained are left out; how many is told.
pub(super) fn encode(
    settings: &TrainSettings,
    base: &BaseModel,
    classes: &Classes,
    samples: &[TrainingSample],
) -> Result<(Rows, usize), BoxError> {
    let encoder = Encoder::new(&base.tokenizer, base.template.as_ref(), options(settings, base));
    let texts = TextEncoder::new(&base.tokenizer, settings.max_tokens);
    let named = || samples.iter().enumerate().map(|(index, s)| (format!("sample {index}"), s));
    let mut lost = 0;
    let rows = match settings.stage {
        TrainStage::Pretrain => {
            let texts = samples.iter().map(|sample| {
                let TrainingSample::Text(text) = sample else {
                    return Err(wrong(sample, "text"));
                };
                Ok(text.text.as_str())
            });
            let texts = texts.collect::<Result<Vec<_>, _>>()?;
            let block = |block: catena_data::EncodedBlock| Sample {
                tokens: block.row.tokens,
                labels: block.row.labels,
                starts: block.starts,
            };
            let blocks = encoder.pack_texts(texts)?.into_iter().map(block);
            Rows::Tokens(blocks.filter(|row| row.num_supervised() > 0).collect())
        }
        TrainStage::Sft => {
            let mut rows = Vec::with_capacity(samples.len());
            for (name, sample) in named() {
                rows.push(row(encoder.encode(&name, sample)?));
            }
            let all = rows.len();
            rows.retain(|row| row.num_supervised() > 0);
            lost = all - rows.len();
            Rows::Tokens(rows)
        }
        TrainStage::Preference => {
            let mut pairs = Vec::with_capacity(samples.len());
            for (name, sample) in named() {
                let pair = preference(&encoder, &name, sample)?;
                if pair.chosen.num_supervised() > 0 && pair.rejected.num_supervised() > 0 {
                    pairs.push(pair);
                } else {
                    lost += 1;
                }
            }
            Rows::Pairs(pairs)
        }
        TrainStage::Reward => {
            let mut pairs = Vec::with_capacity(samples.len());
            for (name, sample) in named() {
                let pair = preference(&encoder, &name, sample)?;
                let text = |row: Sample| TextRow { tokens: row.tokens, ..TextRow::default() };
                pairs.push(RewardSample {
                    chosen: text(pair.chosen),
                    rejected: text(pair.rejected),
                    margin: 0.0,
                });
            }
            Rows::Rewards(pairs)
        }
        TrainStage::Kto => {
            let mut rows = Vec::with_capacity(samples.len());
            for (name, sample) in named() {
                let TrainingSample::Unpaired(sample) = sample else {
                    return Err(wrong(sample, "unpaired"));
                };
                let encoded = encoder.encode_unpaired(&name, sample)?;
                let judged = KtoSample { row: row(encoded.row), desirable: encoded.label };
                if judged.row.num_supervised() > 0 {
                    rows.push(judged);
                } else {
                    lost += 1;
                }
            }
            Rows::Judged(rows)
        }
        TrainStage::Classify => {
            let mut rows = Vec::with_capacity(samples.len());
            for (name, sample) in named() {
                let TrainingSample::Classification(sample) = sample else {
                    return Err(wrong(sample, "classification"));
                };
                let (text, label) = texts.encode_classification(&name, sample, classes)?;
                rows.push(ClassifySample { row: text_row(text), target: target(label) });
            }
            Rows::Labelled(rows)
        }
        TrainStage::Tag => {
            let mut rows = Vec::with_capacity(samples.len());
            for (name, sample) in named() {
                let TrainingSample::TokenLabels(sample) = sample else {
                    return Err(wrong(sample, "token_labels"));
                };
                let words = texts.encode_words(&name, sample, classes)?;
                let label = |label: Option<EncodedLabel>| match label {
                    Some(EncodedLabel::Class(class)) => u32::try_from(class).ok(),
                    Some(EncodedLabel::Score(_)) | None => None,
                };
                let labels = words.labels.into_iter().map(label).collect();
                let row = Sample { tokens: words.tokens, labels, ..Sample::default() };
                if row.num_supervised() > 0 {
                    rows.push(row);
                } else {
                    lost += 1;
                }
            }
            Rows::Words(rows)
        }
        TrainStage::Embed => {
            let mut rows = Vec::with_capacity(samples.len());
            for (name, sample) in named() {
                let TrainingSample::Embedding(sample) = sample else {
                    return Err(wrong(sample, "embedding"));
                };
                let mut texts = texts.encode_embedding(&name, sample)?.into_iter().map(text_row);
                let (anchor, positive) = (texts.next(), texts.next());
                rows.push(EmbedSample {
                    anchor: anchor.unwrap_or_default(),
                    positive: positive.unwrap_or_default(),
                    negatives: texts.collect(),
                });
            }
            Rows::Near(rows)
        }
        TrainStage::Rerank => {
            // Documents of one query that stand together are ranked together.
            let mut rows: Vec<(String, RerankSample)> = Vec::new();
            for (name, sample) in named() {
                let TrainingSample::Rerank(sample) = sample else {
                    return Err(wrong(sample, "rerank"));
                };
                let (text, score) = texts.encode_rerank(&name, sample)?;
                if rows.last().is_none_or(|(query, _)| *query != sample.query) {
                    rows.push((sample.query.clone(), RerankSample::default()));
                }
                if let Some((_, documents)) = rows.last_mut() {
                    documents.rows.push(text_row(text));
                    documents.relevance.push(narrow(score));
                }
            }
            Rows::Ranked(rows.into_iter().map(|(_, documents)| documents).collect())
        }
    };
    Ok((rows, lost))
}

fn preference(
    encoder: &Encoder<'_>,
    name: &str,
    sample: &TrainingSample,
) -> Result<PreferenceSample, BoxError> {
    let TrainingSample::Preference(sample) = sample else {
        return Err(wrong(sample, "preference"));
    };
    let pair = encoder.encode_preference(name, sample)?;
    Ok(PreferenceSample { chosen: row(pair.chosen), rejected: row(pair.rejected) })
}

fn row(encoded: EncodedSample) -> Sample {
    Sample { tokens: encoded.tokens, labels: encoded.labels, ..Sample::default() }
}

fn text_row(encoded: EncodedText) -> TextRow {
    let types: Vec<u32> = encoded.tokens.types;
    let typed = types.iter().any(|&kind| kind > 0);
    TextRow { tokens: encoded.tokens.ids, token_types: if typed { types } else { Vec::new() } }
}

fn target(label: EncodedLabel) -> Target {
    match label {
        EncodedLabel::Class(class) => Target::Label(u32::try_from(class).unwrap_or(u32::MAX)),
        EncodedLabel::Score(score) => Target::Numbers(vec![narrow(score)]),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the model's arithmetic is f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}

fn wrong(sample: &TrainingSample, wanted: &str) -> BoxError {
    format!("a sample is of kind {}, this stage learns from {wanted}", sample.kind()).into()
}
