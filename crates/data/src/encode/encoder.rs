//! The encoder: a tokenizer, a template and options.

use super::options::{EncodeOptions, Masking, TrainOn};
use super::row::Row;
use super::sample::EncodedSample;
use crate::error::DataError;
use catena_protocol::{ChatSample, CompletionSample, Content, TrainingSample};
use catena_text::{ChatTemplate, Frame, TextError, Tokenizer};

/// Encodes samples for training, exactly as serving encodes prompts.
///
/// Every method takes a name for the sample, by which errors speak of it.
#[derive(Clone, Debug)]
pub struct Encoder<'a> {
    pub(super) tokenizer: &'a Tokenizer,
    pub(super) template: Option<&'a ChatTemplate>,
    pub(super) options: EncodeOptions,
}

impl<'a> Encoder<'a> {
    /// An encoder with the model's tokenizer and, if it has one, chat template.
    pub fn new(
        tokenizer: &'a Tokenizer,
        template: Option<&'a ChatTemplate>,
        options: EncodeOptions,
    ) -> Self {
        Self { tokenizer, template, options }
    }

    /// Its options.
    pub fn options(&self) -> &EncodeOptions {
        &self.options
    }

    /// How the assistant's words will be found in conversations, and why, in words.
    pub fn masking(&self) -> &'static str {
        let marks = self.template.is_some_and(ChatTemplate::marks_generation);
        match (self.options.train_on, self.options.masking, marks) {
            (TrainOn::Everything, _, _) => "everything is trained, whoever says it",
            (_, Masking::Auto, true) => "by the `generation` marks of the chat template",
            (_, Masking::Auto, false) => {
                "by rendering up to each turn (the chat template has no `generation` marks)"
            }
            (_, Masking::Prefix, _) => "by rendering up to each turn (as asked)",
        }
    }

    /// The row of a text, a conversation or a completion: what is learned word for word.
    ///
    /// # Errors
    /// As the method of its kind; [`DataError::WrongSample`] for any other.
    pub fn encode(&self, name: &str, sample: &TrainingSample) -> Result<EncodedSample, DataError> {
        match sample {
            TrainingSample::Text(sample) => self.encode_text(name, &sample.text),
            TrainingSample::Chat(sample) => self.encode_chat(name, sample),
            TrainingSample::Completion(sample) => self.encode_completion(name, sample),
            TrainingSample::Preference(_)
            | TrainingSample::Unpaired(_)
            | TrainingSample::Classification(_)
            | TrainingSample::TokenLabels(_)
            | TrainingSample::Embedding(_)
            | TrainingSample::Rerank(_) => Err(DataError::WrongSample {
                record: name.to_owned(),
                found: sample.kind(),
                expected: "text, chat or completion",
            }),
        }
    }

    /// The row of a conversation.
    ///
    /// The assistant's words are found by the template's `{% generation %}` marks, or by rendering
    /// the conversation up to each of its turns. In the second way the token that ends a turn is
    /// the last one trained, and what follows the last turn trained is left out. Turns with
    /// `train: false` are not trained.
    ///
    /// A row may have nothing to train on, if its answers were cut off or all turns are left out:
    /// see [`EncodedSample::num_supervised`].
    ///
    /// # Errors
    /// [`DataError::NoTemplate`]; [`DataError::TemplatePrefix`] if the template writes earlier
    /// turns differently once later ones follow; [`DataError::MarkedTurns`] if single turns are
    /// asked for and the template's marks are not one a turn; [`DataError::Encode`].
    pub fn encode_chat(&self, name: &str, sample: &ChatSample) -> Result<EncodedSample, DataError> {
        let row = self.chat_row(name, &sample.messages, &sample.extras)?;
        Ok(row.finish(&self.options))
    }

    /// The row of a prompt with its completion.
    ///
    /// Of messages, every turn of the assistant in the completion is trained. Text is encoded with
    /// the tokens that the tokenizer puts before a text, and ends with those that it puts after
    /// one, or with its end token.
    ///
    /// # Errors
    /// As [`Encoder::encode_chat`].
    pub fn encode_completion(
        &self,
        name: &str,
        sample: &CompletionSample,
    ) -> Result<EncodedSample, DataError> {
        let mut row =
            self.completion_row(name, &sample.prompt, &sample.completion, &sample.extras)?;
        if self.options.train_on == TrainOn::Everything {
            row.trained.fill(true);
        }
        Ok(row.finish(&self.options))
    }

    /// Prompt and completion, of messages or of text.
    pub(super) fn completion_row(
        &self,
        name: &str,
        prompt: &Content,
        completion: &Content,
        extras: &catena_protocol::ChatExtras,
    ) -> Result<Row, DataError> {
        match (prompt, completion) {
            (Content::Text(prompt), Content::Text(completion)) => {
                self.text_row(name, prompt, completion, false)
            }
            _ => self.continued_row(name, prompt, completion, extras, false),
        }
    }

    /// The tokens around a plain text: those that the tokenizer puts there, and its end token if
    /// it puts none at the end.
    pub(super) fn text_frame(&self, name: &str) -> Result<Frame, DataError> {
        let mut frame = self.tokenizer.frame().map_err(|source| failed(name, source))?;
        if frame.after.is_empty() {
            frame.after.extend(self.tokenizer.eos_token_id());
        }
        Ok(frame)
    }

    /// How many tokens of a turn are trained: up to the first that ends it; if none is known to,
    /// up to the last control token, which does; all if there is none.
    pub(super) fn trained_tokens(&self, turn: &[u32]) -> usize {
        let ends = |id: &u32| {
            Some(*id) == self.tokenizer.eos_token_id() || self.options.end_tokens.contains(id)
        };
        let special = |id: &u32| self.tokenizer.is_special(*id);
        let end = turn.iter().position(ends).or_else(|| turn.iter().rposition(special));
        end.map_or(turn.len(), |end| end + 1)
    }
}

/// Names the sample in an error of tokenizer or template.
pub(super) fn failed(name: &str, source: TextError) -> DataError {
    DataError::Encode { record: name.to_owned(), source }
}
