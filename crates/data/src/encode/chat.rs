//! Rows of conversations.

use super::encoder::{Encoder, failed};
use super::join::{Joined, Joiner};
use super::marked::tokens_within;
use super::options::{Masking, TrainOn, Truncation};
use super::prefix::{assistant_turns, find_turns, wanted_turns};
use super::row::Row;
use crate::error::DataError;
use catena_protocol::{ChatExtras, ChatMessage, Content, Role};
use catena_text::{ChatInput, ChatTemplate};

impl Encoder<'_> {
    /// The row of a whole conversation.
    pub(super) fn chat_row(
        &self,
        name: &str,
        messages: &[ChatMessage],
        extras: &ChatExtras,
    ) -> Result<Row, DataError> {
        let (template, input) = (self.template(name)?, input(messages, extras));
        let options = &self.options;
        let everything = options.train_on == TrainOn::Everything;
        if everything && options.truncation != Truncation::Turns {
            let text = template.render_chat(&input).map_err(|source| failed(name, source))?;
            let tokens = self.tokenizer.encode(&text, false, true);
            return Ok(Row::whole(tokens.map_err(|source| failed(name, source))?));
        }
        if !everything && options.masking == Masking::Auto && template.marks_generation() {
            return self.marked_row(name, template, input);
        }
        let wanted = wanted_turns(input, 0, options.train_on == TrainOn::LastTurn);
        let mut row = self.prefix_row(name, template, input, (0, &wanted), false)?;
        if everything {
            row.trained.fill(true);
        }
        Ok(row)
    }

    /// The row of a conversation that goes on after `prompt`. `apart` encodes the prompt alone.
    pub(super) fn continued_row(
        &self,
        name: &str,
        prompt: &Content,
        completion: &Content,
        extras: &ChatExtras,
        apart: bool,
    ) -> Result<Row, DataError> {
        let turn = |content: &Content, role| match content {
            Content::Text(text) => vec![ChatMessage::new(role, text.as_str())],
            Content::Messages(messages) => messages.clone(),
        };
        let mut messages = turn(prompt, Role::User);
        let from = messages.len();
        messages.extend(turn(completion, Role::Assistant));
        let input = input(&messages, extras);
        let wanted = wanted_turns(input, from, false);
        self.prefix_row(name, self.template(name)?, input, (from, &wanted), apart)
    }

    fn template(&self, name: &str) -> Result<&ChatTemplate, DataError> {
        self.template.ok_or_else(|| DataError::NoTemplate { record: name.to_owned() })
    }

    /// The row whose `wanted` turns, from message `from` on, are found by rendering up to each.
    pub(super) fn prefix_row(
        &self,
        name: &str,
        template: &ChatTemplate,
        input: ChatInput<'_>,
        (from, wanted): (usize, &[usize]),
        apart: bool,
    ) -> Result<Row, DataError> {
        // Only this way of cutting asks where the other turns are, too.
        let sought = match self.options.truncation {
            Truncation::Turns => assistant_turns(input, from),
            Truncation::End | Truncation::Start => wanted.to_vec(),
        };
        let found = find_turns(template, input, &sought, name)?;
        let bounds = found.turns.iter().flat_map(|turn| [turn.start, turn.end]);
        let joiner = Joiner { tokenizer: self.tokenizer, control: true, apart };
        let joined = joiner.encode(&found.text, &bounds.collect::<Vec<_>>());
        let Joined { mut tokens, positions } = joined.map_err(|source| failed(name, source))?;
        let mut trained = vec![false; tokens.len()];
        let mut answers = Vec::with_capacity(sought.len());
        for (turn, message) in positions.chunks_exact(2).zip(&sought) {
            let (start, end) = (turn[0], turn[1]);
            let all = self.options.train_after_end;
            let len = if all { end - start } else { self.trained_tokens(&tokens[start..end]) };
            trained[start..start + len].fill(wanted.contains(message));
            answers.push(start..start + len);
        }
        // What comes after the last trained answer is never predicted, nor does anything depend
        // on it.
        if let Some(last) = trained.iter().rposition(|trained| *trained) {
            tokens.truncate(last + 1);
            trained.truncate(last + 1);
            answers.retain(|answer| answer.end <= last + 1);
        }
        Ok(Row { tokens, trained, answers })
    }

    /// The row whose answers stand between the template's marks.
    fn marked_row(
        &self,
        name: &str,
        template: &ChatTemplate,
        input: ChatInput<'_>,
    ) -> Result<Row, DataError> {
        let chat = template.render_marked(&input).map_err(|source| failed(name, source))?;
        let encoded = self.tokenizer.encode_rendered_with_offsets(&chat.text);
        let (tokens, spans) = encoded.map_err(|source| failed(name, source))?;
        let mut answers = tokens_within(&spans, &chat.generated);
        let assistant = |message: &&ChatMessage| message.role == Role::Assistant;
        let turns: Vec<&ChatMessage> = input.messages.iter().filter(assistant).collect();
        let last_only = self.options.train_on == TrainOn::LastTurn;
        if last_only || turns.iter().any(|turn| turn.train == Some(false)) {
            let marks = chat.generated.len();
            if answers.len() != turns.len() {
                let (record, turns) = (name.to_owned(), turns.len());
                return Err(DataError::MarkedTurns { record, marks, turns });
            }
            let last = turns.len().saturating_sub(1);
            let wanted = |at: usize| turns[at].train != Some(false) && (!last_only || at == last);
            let kept = answers.into_iter().enumerate().filter(|(at, _)| wanted(*at));
            answers = kept.map(|(_, answer)| answer).collect();
        }
        let mut trained = vec![false; tokens.len()];
        for answer in &answers {
            trained[answer.clone()].fill(true);
        }
        Ok(Row { tokens, trained, answers })
    }
}

/// What a template is given of a conversation.
pub(super) fn input<'m>(messages: &'m [ChatMessage], extras: &'m ChatExtras) -> ChatInput<'m> {
    let variables = Some(&extras.chat_template_kwargs);
    ChatInput { messages, tools: &extras.tools, variables, add_generation_prompt: false }
}
