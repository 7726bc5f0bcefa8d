//! From samples to what objectives take.

use super::model::BaseModel;
use super::sentence;
use super::settings::{TrainSettings, TrainStage};
use crate::models::BoxError;
use catena_data::{
    Classes, EncodeOptions, EncodedLabel, EncodedSample, EncodedText, Encoder, TextEncoder, TrainOn,
};
use catena_protocol::TrainingSample;
use catena_text::Tokenizer;
use catena_train::{
    ClassifySample, EmbedSample, KtoSample, PreferenceSample, RerankSample, RewardSample, Sample,
    Target, TextRow,
};

/// The rows of a set.
pub(crate) enum Rows {
    /// Fine-tuning.
    Tokens(Vec<Sample>),
    /// Pre-training, with the bytes of text that each token stands for.
    Texts(Vec<Sample>, Vec<usize>),
    /// Words with labels.
    Words(Vec<Sample>),
    Pairs(Vec<PreferenceSample>),
    Judged(Vec<KtoSample>),
    Rewards(Vec<RewardSample>),
    Labelled(Vec<ClassifySample>),
    /// Texts of embeddings, and whether the model scales these to length 1.
    Near(Vec<EmbedSample>, bool),
    Ranked(Vec<RerankSample>),
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Tokens(rows) | Self::Texts(rows, _) | Self::Words(rows) => rows.len(),
            Self::Pairs(rows) => rows.len(),
            Self::Judged(rows) => rows.len(),
            Self::Rewards(rows) => rows.len(),
            Self::Labelled(rows) => rows.len(),
            Self::Near(rows, _) => rows.len(),
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
        join_texts: settings.pretrain.join_documents,
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
    let mut set = SetEncoder {
        chats: Encoder::new(&base.tokenizer, base.template.as_ref(), options(settings, base)),
        texts: TextEncoder::new(&base.tokenizer, settings.max_tokens),
        classes,
        has_types: base.has_token_types(),
        lost: 0,
    };
    let rows = match settings.stage {
        TrainStage::Pretrain => Rows::Texts(set.blocks(samples)?, token_bytes(&base.tokenizer)),
        TrainStage::Sft => Rows::Tokens(set.each(samples, SetEncoder::chat)?),
        TrainStage::Preference => Rows::Pairs(set.each(samples, SetEncoder::pair)?),
        TrainStage::Reward => Rows::Rewards(set.each(samples, SetEncoder::reward)?),
        TrainStage::Kto => Rows::Judged(set.each(samples, SetEncoder::judged)?),
        TrainStage::Classify => Rows::Labelled(set.each(samples, SetEncoder::labelled)?),
        TrainStage::Tag => Rows::Words(set.each(samples, SetEncoder::words)?),
        TrainStage::Embed => {
            Rows::Near(set.each(samples, SetEncoder::near)?, sentence::normalizes(base)?)
        }
        TrainStage::Rerank => Rows::Ranked(set.ranked(samples)?),
    };
    Ok((rows, set.lost))
}

/// The bytes of text that each token stands for; control tokens stand for none.
fn token_bytes(tokenizer: &Tokenizer) -> Vec<usize> {
    let ids = 0..u32::try_from(tokenizer.vocab_size()).unwrap_or(u32::MAX);
    let bytes = |id| if tokenizer.is_special(id) { 0 } else { tokenizer.token_bytes(id).len() };
    ids.map(bytes).collect()
}

/// What encodes the samples of one set. A row is `None` if nothing of it is trained any more.
struct SetEncoder<'a> {
    chats: Encoder<'a>,
    texts: TextEncoder<'a>,
    classes: &'a Classes,
    /// Whether the model tells the second of two texts from the first by the type of its tokens.
    has_types: bool,
    lost: usize,
}

impl SetEncoder<'_> {
    /// One row for each sample.
    fn each<R>(
        &mut self,
        samples: &[TrainingSample],
        encode: impl Fn(&Self, &str, &TrainingSample) -> Result<Option<R>, BoxError>,
    ) -> Result<Vec<R>, BoxError> {
        let mut rows = Vec::with_capacity(samples.len());
        for (index, sample) in samples.iter().enumerate() {
            match encode(self, &format!("sample {index}"), sample)? {
                Some(row) => rows.push(row),
                None => self.lost += 1,
            }
        }
        Ok(rows)
    }

    /// Texts one after another in blocks.
    fn blocks(&self, samples: &[TrainingSample]) -> Result<Vec<Sample>, BoxError> {
        let texts = samples.iter().map(|sample| {
            let TrainingSample::Text(text) = sample else { return Err(wrong(sample, "text")) };
            Ok(text.text.as_str())
        });
        let texts = texts.collect::<Result<Vec<_>, _>>()?;
        let block = |block: catena_data::EncodedBlock| Sample {
            tokens: block.row.tokens,
            labels: block.row.labels,
            starts: block.starts,
        };
        let blocks = self.chats.pack_texts(texts)?.into_iter().map(block);
        Ok(blocks.filter(|row| row.num_supervised() > 0).collect())
    }

    fn chat(&self, name: &str, sample: &TrainingSample) -> Result<Option<Sample>, BoxError> {
        Ok(Some(row(self.chats.encode(name, sample)?)).filter(|row| row.num_supervised() > 0))
    }

    fn preference(&self, name: &str, sample: &TrainingSample) -> Result<[Sample; 2], BoxError> {
        let TrainingSample::Preference(sample) = sample else {
            return Err(wrong(sample, "preference"));
        };
        let pair = self.chats.encode_preference(name, sample)?;
        Ok([row(pair.chosen), row(pair.rejected)])
    }

    fn pair(
        &self,
        name: &str,
        sample: &TrainingSample,
    ) -> Result<Option<PreferenceSample>, BoxError> {
        let [chosen, rejected] = self.preference(name, sample)?;
        let trained = chosen.num_supervised() > 0 && rejected.num_supervised() > 0;
        Ok(trained.then_some(PreferenceSample { chosen, rejected }))
    }

    fn reward(
        &self,
        name: &str,
        sample: &TrainingSample,
    ) -> Result<Option<RewardSample>, BoxError> {
        let text = |row: Sample| TextRow { tokens: row.tokens, ..TextRow::default() };
        let [chosen, rejected] = self.preference(name, sample)?.map(text);
        let TrainingSample::Preference(pair) = sample else {
            return Err(wrong(sample, "preference"));
        };
        Ok(Some(RewardSample { chosen, rejected, margin: pair.margin.unwrap_or(0.0) }))
    }

    fn judged(&self, name: &str, sample: &TrainingSample) -> Result<Option<KtoSample>, BoxError> {
        let TrainingSample::Unpaired(sample) = sample else {
            return Err(wrong(sample, "unpaired"));
        };
        let encoded = self.chats.encode_unpaired(name, sample)?;
        let judged = KtoSample { row: row(encoded.row), desirable: encoded.label };
        Ok(Some(judged).filter(|judged| judged.row.num_supervised() > 0))
    }

    fn labelled(
        &self,
        name: &str,
        sample: &TrainingSample,
    ) -> Result<Option<ClassifySample>, BoxError> {
        let TrainingSample::Classification(sample) = sample else {
            return Err(wrong(sample, "classification"));
        };
        let (text, label) = self.texts.encode_classification(name, sample, self.classes)?;
        Ok(Some(ClassifySample { row: self.text_row(text), target: target(label) }))
    }

    fn words(&self, name: &str, sample: &TrainingSample) -> Result<Option<Sample>, BoxError> {
        let TrainingSample::TokenLabels(sample) = sample else {
            return Err(wrong(sample, "token_labels"));
        };
        let words = self.texts.encode_words(name, sample, self.classes)?;
        let label = |label: Option<EncodedLabel>| match label {
            Some(EncodedLabel::Class(class)) => u32::try_from(class).ok(),
            Some(EncodedLabel::Score(_)) | None => None,
        };
        let labels = words.labels.into_iter().map(label).collect();
        let row = Sample { tokens: words.tokens, labels, ..Sample::default() };
        Ok(Some(row).filter(|row| row.num_supervised() > 0))
    }

    fn near(&self, name: &str, sample: &TrainingSample) -> Result<Option<EmbedSample>, BoxError> {
        let TrainingSample::Embedding(sample) = sample else {
            return Err(wrong(sample, "embedding"));
        };
        let texts = self.texts.encode_embedding(name, sample)?.into_iter();
        let mut texts = texts.map(|text| self.text_row(text));
        let (anchor, positive) = (texts.next(), texts.next());
        Ok(Some(EmbedSample {
            anchor: anchor.unwrap_or_default(),
            positive: positive.unwrap_or_default(),
            negatives: texts.collect(),
            score: sample.score.map(narrow),
        }))
    }

    fn text_row(&self, encoded: EncodedText) -> TextRow {
        let types: Vec<u32> = encoded.tokens.types;
        let typed = self.has_types && types.iter().any(|&kind| kind > 0);
        TextRow { tokens: encoded.tokens.ids, token_types: if typed { types } else { Vec::new() } }
    }

    /// Documents of one query that stand together are ranked together.
    fn ranked(&self, samples: &[TrainingSample]) -> Result<Vec<RerankSample>, BoxError> {
        let mut rows: Vec<(&str, RerankSample)> = Vec::new();
        for (index, sample) in samples.iter().enumerate() {
            let TrainingSample::Rerank(sample) = sample else {
                return Err(wrong(sample, "rerank"));
            };
            let (text, score) = self.texts.encode_rerank(&format!("sample {index}"), sample)?;
            if rows.last().is_none_or(|(query, _)| *query != sample.query) {
                rows.push((&sample.query, RerankSample::default()));
            }
            if let Some((_, documents)) = rows.last_mut() {
                documents.rows.push(self.text_row(text));
                documents.relevance.push(narrow(score));
            }
        }
        Ok(rows.into_iter().map(|(_, documents)| documents).collect())
    }
}

fn row(encoded: EncodedSample) -> Sample {
    Sample { tokens: encoded.tokens, labels: encoded.labels, ..Sample::default() }
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
