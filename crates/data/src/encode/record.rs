//! From records to training tokens.

use super::encoder::Encoder;
use super::options::{EncodeOptions, Masking, TrainOn};
use crate::error::DataError;
use crate::record::Record;
use catena_protocol::{ChatExtras, ChatMessage, ChatSample, Role};
use catena_text::{ChatTemplate, Tokenizer};

/// A record as the trainer takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedRecord {
    /// Prompt and answer, in one row.
    pub tokens: Vec<u32>,
    /// For each position the token to predict there, that is the next one, where the loss counts;
    /// as long as `tokens`.
    pub labels: Vec<Option<u32>>,
    /// How many tokens of `tokens` are the prompt.
    pub prompt_tokens: usize,
}

impl EncodedRecord {
    /// Positions where the loss counts.
    pub fn num_supervised(&self) -> usize {
        self.labels.iter().flatten().count()
    }
}

/// Encodes `record` for training: the prompt exactly as serving renders and encodes it, then the
/// answer and the token that ends the turn; loss on answer and end only.
///
/// What follows the end of the turn in the template is left out. A row longer than `max_tokens`
/// loses its end. Answers are found by rendering, whatever marks the template has, because
/// evaluation continues after the very prompt that serving has.
///
/// # Errors
/// [`DataError::AnswerCutOff`] if no token of the answer fits; [`DataError::TemplatePrefix`] if
/// the template does not simply append the answer; [`DataError::Encode`].
pub fn encode_record(
    tokenizer: &Tokenizer,
    template: &ChatTemplate,
    record: &Record,
    max_tokens: usize,
) -> Result<EncodedRecord, DataError> {
    let options = EncodeOptions {
        train_on: TrainOn::LastTurn,
        masking: Masking::Prefix,
        ..EncodeOptions::new(max_tokens)
    };
    let mut messages: Vec<ChatMessage> =
        record.messages.iter().cloned().map(ChatMessage::from).collect();
    messages.push(ChatMessage::new(Role::Assistant, record.answer.as_str()));
    let sample = ChatSample { messages, extras: ChatExtras::default() };
    let encoder = Encoder::new(tokenizer, Some(template), options);
    let row = encoder.chat_row(&record.id, &sample.messages, &sample.extras)?;
    let prompt_tokens = row.prompt_tokens();
    if prompt_tokens >= max_tokens {
        let record = record.id.clone();
        return Err(DataError::AnswerCutOff { record, prompt_tokens, max_tokens });
    }
    let encoded = row.finish(encoder.options());
    Ok(EncodedRecord { tokens: encoded.tokens, labels: encoded.labels, prompt_tokens })
}
