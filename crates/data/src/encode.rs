//! From records to training tokens.

use crate::error::DataError;
use crate::record::Record;
use catena_protocol::{Message, Role};
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
/// The answer is encoded apart from the prompt, because in serving, too, the model continues
/// after the prompt's last token. What follows the end of the turn in the template is left out.
/// A row longer than `max_tokens` loses its end.
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
    let fail = |source| DataError::Encode { record: record.id.clone(), source };
    let prompt = template.render(&record.messages, true).map_err(fail)?;
    let mut messages = record.messages.clone();
    messages.push(Message::new(Role::Assistant, record.answer.clone()));
    let whole = template.render(&messages, false).map_err(fail)?;
    let Some(answer) = whole.strip_prefix(prompt.as_str()) else {
        let same = prompt.bytes().zip(whole.bytes()).take_while(|(a, b)| a == b).count();
        return Err(DataError::TemplatePrefix { record: record.id.clone(), offset: same });
    };

    let mut tokens = tokenizer.encode(&prompt, false, true).map_err(fail)?;
    let prompt_tokens = tokens.len();
    if prompt_tokens >= max_tokens {
        let record = record.id.clone();
        return Err(DataError::AnswerCutOff { record, prompt_tokens, max_tokens });
    }
    tokens.extend(tokenizer.encode(answer, false, true).map_err(fail)?);
    let is_end = |&id: &u32| Some(id) == tokenizer.eos_token_id();
    if let Some(end) = tokens[prompt_tokens..].iter().position(is_end) {
        tokens.truncate(prompt_tokens + end + 1);
    }
    tokens.truncate(max_tokens);

    let next = |at: usize| (at + 1 >= prompt_tokens).then(|| tokens.get(at + 1).copied()).flatten();
    let labels = (0..tokens.len()).map(next).collect();
    Ok(EncodedRecord { tokens, labels, prompt_tokens })
}

#[cfg(test)]
mod tests;
