//! Finds the assistant's turns by rendering the conversation up to each of them.

use crate::error::DataError;
use catena_protocol::Role;
use catena_text::{ChatInput, ChatTemplate};
use std::ops::Range;

/// A rendered conversation with the bytes of the turns that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turns {
    pub(super) text: String,
    pub(super) turns: Vec<Range<usize>>,
}

/// Renders the conversation `input` and finds its `wanted` turns, messages by number.
///
/// A turn begins where the prompt of the messages before it ends, and ends where the messages up
/// to it end. Both must be what the whole text begins with: a template that writes earlier turns
/// differently once later ones follow gives the model, in training, a text that it never sees in
/// serving.
///
/// # Errors
/// [`DataError::TemplatePrefix`] with the first byte that is written differently;
/// [`DataError::Encode`].
pub(super) fn find_turns(
    template: &ChatTemplate,
    input: ChatInput<'_>,
    wanted: &[usize],
    name: &str,
) -> Result<Turns, DataError> {
    let render = |input: ChatInput<'_>| {
        let rendered = template.render_chat(&input);
        rendered.map_err(|source| DataError::Encode { record: name.to_owned(), source })
    };
    let rewrites = |offset| DataError::TemplatePrefix { record: name.to_owned(), offset };
    let text = render(input)?;
    let begins_with = |part: &str| {
        let same = part.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
        if same == part.len() { Ok(same) } else { Err(rewrites(same)) }
    };
    let mut turns = Vec::with_capacity(wanted.len());
    for &turn in wanted {
        let start = begins_with(&render(input.first(turn, true))?)?;
        let end = if turn + 1 == input.messages.len() {
            text.len()
        } else {
            begins_with(&render(input.first(turn + 1, false))?)?
        };
        if end < start {
            return Err(rewrites(end));
        }
        turns.push(start..end);
    }
    Ok(Turns { text, turns })
}

/// The assistant's messages from message `from` on, by number.
pub(super) fn assistant_turns(input: ChatInput<'_>, from: usize) -> Vec<usize> {
    let of_assistant = |&turn: &usize| input.messages[turn].role == Role::Assistant;
    (from..input.messages.len()).filter(of_assistant).collect()
}

/// Those of them that are trained on.
pub(super) fn wanted_turns(input: ChatInput<'_>, from: usize, last_only: bool) -> Vec<usize> {
    let mut turns = assistant_turns(input, from);
    if last_only {
        turns = turns.split_off(turns.len().saturating_sub(1));
    }
    turns.retain(|&turn| input.messages[turn].train != Some(false));
    turns
}
