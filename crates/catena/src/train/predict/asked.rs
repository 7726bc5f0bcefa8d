//! What a model is asked, and the answers that are right.

use crate::models::BoxError;
use crate::train::model::{BaseModel, Files};
use catena_data::{EncodeOptions, Encoder};
use catena_protocol::{Content, TrainingSample};

/// A sample as a question.
pub(super) struct Asked {
    /// The prompt as serving renders it.
    pub(super) prompt: Vec<u32>,
    /// The answer that is right.
    pub(super) wanted: String,
}

impl Asked {
    /// Whether `answer` is right.
    pub(super) fn is_right(&self, answer: &str) -> bool {
        answer.trim() == self.wanted.trim()
    }
}

/// The questions of samples.
pub(super) fn asked(
    base: &BaseModel,
    max_tokens: usize,
    samples: &[TrainingSample],
) -> Result<Vec<Asked>, BoxError> {
    let Files::Decoder(_) = &base.files else { return Err("an encoder writes no answers".into()) };
    let options = EncodeOptions::new(max_tokens);
    let encoder = Encoder::new(&base.tokenizer, base.template.as_ref(), options);
    let mut asked = Vec::with_capacity(samples.len());
    for (index, sample) in samples.iter().enumerate() {
        let wanted = wanted(sample)?;
        // The row's tokens up to the last answer are what the model is asked with.
        let row = encoder.encode(&format!("sample {index}"), sample)?;
        let trained = (0..row.tokens.len()).rev().take_while(|&at| row.is_trained(at));
        let prompt = row.tokens.len() - trained.count();
        asked.push(Asked { prompt: row.tokens[..prompt].to_vec(), wanted });
    }
    Ok(asked)
}

/// The last answer of a sample.
pub(super) fn wanted(sample: &TrainingSample) -> Result<String, BoxError> {
    match sample {
        TrainingSample::Completion(sample) => Ok(match &sample.completion {
            Content::Text(text) => text.clone(),
            Content::Messages(messages) => {
                messages.last().and_then(|message| message.content.clone()).unwrap_or_default()
            }
        }),
        TrainingSample::Chat(sample) => {
            let last = sample.messages.last();
            Ok(last.and_then(|message| message.content.clone()).unwrap_or_default())
        }
        TrainingSample::Text(_)
        | TrainingSample::Preference(_)
        | TrainingSample::Unpaired(_)
        | TrainingSample::Classification(_)
        | TrainingSample::TokenLabels(_)
        | TrainingSample::Embedding(_)
        | TrainingSample::Rerank(_) => Err(format!("a sample is of kind {}", sample.kind()).into()),
    }
}
