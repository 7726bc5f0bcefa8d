//! The text of a key.

use super::file::KeysError;

const PREFIX: &str = "ck_";
const ID_BYTES: usize = 4;
const SECRET_BYTES: usize = 24;
/// Longest text that is hashed to be looked up.
pub(super) const MAX_KEY_BYTES: usize = 256;

/// A new key's identity and its whole text.
///
/// # Errors
/// [`KeysError::Random`].
pub(super) fn generate() -> Result<(String, String), KeysError> {
    let mut bytes = [0; ID_BYTES + SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(KeysError::Random)?;
    let (id, secret) = bytes.split_at(ID_BYTES);
    let id = hex(id);
    let text = format!("{PREFIX}{id}_{}", hex(secret));
    Ok((id, text))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
