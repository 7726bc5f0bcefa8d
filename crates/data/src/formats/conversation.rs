//! Conversations: a list of turns with a system prompt and tools beside it.

use super::fields::{Fields, as_list};
use super::layout::{Layout, Tags, TurnRule};
use super::message::{Speaker, message, speaker};
use super::reason::DropReason;
use catena_protocol::{ChatMessage, Role};
use serde_json::Value;

/// Who must speak at odd and at even turns.
const SIDES: [[Speaker; 2]; 2] =
    [[Speaker::User, Speaker::Tool], [Speaker::Assistant, Speaker::Function]];

/// The turns of a row, a system message first if there is one.
///
/// `answered` says whether the last turn must be the model's, if there is a rule for turns.
pub(super) fn turns(
    row: Fields<'_>,
    layout: &Layout,
    answered: bool,
) -> Result<Vec<ChatMessage>, DropReason> {
    let key = layout.need("messages");
    let mut turns = parse(as_list(key, row.need(key)?)?, layout)?;
    let mut system = match layout.column("system") {
        Some(key) => row.text(key)?.map(|text| ChatMessage::new(Role::System, text)),
        None => None,
    };
    if turns.first().is_some_and(|(speaker, _)| *speaker == Speaker::System) {
        system = Some(turns.remove(0).1);
    }
    if layout.turn_rule == TurnRule::AlternatingMerged {
        let results = turns.iter().rev().take_while(|(speaker, _)| *speaker == Speaker::Tool);
        turns.truncate(turns.len() - results.count());
    }
    if turns.is_empty() {
        return Err(DropReason::NoTurns);
    }
    if layout.turn_rule != TurnRule::Free {
        check_turns(&turns, layout, answered)?;
    }
    let system = system.filter(|message| !message.text().is_empty());
    Ok(system.into_iter().chain(turns.into_iter().map(|(_, message)| message)).collect())
}

/// The messages of a list, without a rule for their order.
pub(super) fn messages(
    key: &str,
    value: &Value,
    layout: &Layout,
) -> Result<Vec<ChatMessage>, DropReason> {
    let parsed = parse(as_list(key, value)?, layout)?;
    Ok(parsed.into_iter().map(|(_, message)| message).collect())
}

/// One message alone, which the model must have written.
pub(super) fn answer(value: &Value, layout: &Layout) -> Result<ChatMessage, DropReason> {
    let speaker = speaker(value, layout, 1)?;
    if !SIDES[1].contains(&speaker) {
        let expected = SIDES[1].map(|one| tag(one, &layout.tags)).join(" or ");
        return Err(DropReason::WrongTurn { turn: 1, found: tag(speaker, &layout.tags), expected });
    }
    message(value, &layout.tags, speaker, 1)
}

fn parse(list: &[Value], layout: &Layout) -> Result<Vec<(Speaker, ChatMessage)>, DropReason> {
    let one = |(at, value): (usize, &Value)| {
        let speaker = speaker(value, layout, at + 1)?;
        Ok((speaker, message(value, &layout.tags, speaker, at + 1)?))
    };
    list.iter().enumerate().map(one).collect()
}

fn check_turns(
    messages: &[(Speaker, ChatMessage)],
    layout: &Layout,
    answered: bool,
) -> Result<(), DropReason> {
    let merged = layout.turn_rule == TurnRule::AlternatingMerged;
    let (mut turns, mut before) = (0, None);
    for (speaker, _) in messages {
        let goes_on = merged && *speaker == Speaker::Tool && before == Some(Speaker::Tool);
        before = Some(*speaker);
        if goes_on {
            continue;
        }
        let side = SIDES[turns % 2];
        turns += 1;
        if !side.contains(speaker) {
            let (found, tags) =
                (tag(*speaker, &layout.tags), side.map(|one| tag(one, &layout.tags)));
            return Err(DropReason::WrongTurn { turn: turns, found, expected: tags.join(" or ") });
        }
    }
    match (turns % 2 == 0, answered) {
        (true, true) | (false, false) => Ok(()),
        (false, true) => Err(DropReason::TurnCount { turns, expected: "even" }),
        (true, false) => Err(DropReason::TurnCount { turns, expected: "odd" }),
    }
}

/// A speaker's name in the data set.
fn tag(speaker: Speaker, tags: &Tags) -> String {
    let (tag, known) = match speaker {
        Speaker::System => (&tags.system_tag, "system"),
        Speaker::User => (&tags.user_tag, "user"),
        Speaker::Assistant => (&tags.assistant_tag, "assistant"),
        Speaker::Function => (&tags.function_tag, "function_call"),
        Speaker::Tool => (&tags.observation_tag, "tool"),
    };
    tag.clone().unwrap_or_else(|| known.to_owned())
}
