//! What all protocols ask of messages.

use crate::error::ApiError;
use catena_protocol::Role;
use std::fmt::Display;

/// Checks that a conversation in `field` has messages, and not too many.
///
/// # Errors
/// [`ApiError::InvalidField`].
pub(crate) fn check_messages(
    field: &'static str,
    count: usize,
    limit: usize,
) -> Result<(), ApiError> {
    if (1..=limit).contains(&count) {
        return Ok(());
    }
    let reason = format!("it has {count} messages, 1 to {limit} are taken");
    Err(ApiError::InvalidField { field, reason })
}

/// The role that `word` says of what stands at `place` in `field`; the protocol has the `known` ones.
///
/// # Errors
/// [`ApiError::InvalidField`].
pub(crate) fn role(
    (field, place): (&'static str, impl Display),
    word: &str,
    known: &[&str],
) -> Result<Role, ApiError> {
    let role = match word {
        "system" | "developer" => Some(Role::System),
        "user" => Some(Role::User),
        "assistant" => Some(Role::Assistant),
        "tool" => Some(Role::Tool),
        _ => None,
    };
    role.filter(|_| known.contains(&word)).ok_or_else(|| {
        let word: String = word.chars().take(40).collect();
        let known = known.join(", ");
        let reason = format!("{place} has the role `{word}`; known: {known}");
        ApiError::InvalidField { field, reason }
    })
}
