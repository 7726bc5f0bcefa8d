//! Tokens that may not follow.

use crate::error::EngineError;
use toktrie::SimpleVob;

/// The only token of `allowed`, if it is one that a row of `vocab_size` has.
pub(super) fn only_one(allowed: &SimpleVob, vocab_size: usize) -> Option<u32> {
    let mut words = allowed.as_slice().iter().enumerate().filter(|&(_, &word)| word != 0);
    let (idx, &word) = words.next()?;
    if word.count_ones() > 1 || words.next().is_some() {
        return None;
    }
    let token = u32::try_from(idx).ok()? * u32::BITS + word.trailing_zeros();
    ((token as usize) < vocab_size).then_some(token)
}

/// Sets every logit that is not `allowed` to minus infinity.
///
/// # Errors
/// [`EngineError::ConstraintLost`] if none is allowed.
pub(super) fn constrain(row_v: &mut [f32], allowed: &SimpleVob) -> Result<(), EngineError> {
    const WORD: usize = u32::BITS as usize;
    let mut any = 0;
    let words = allowed.as_slice();
    for (chunk, &word) in row_v.chunks_mut(WORD).zip(words) {
        // The last chunk may be shorter than its word.
        let word = word & (u32::MAX >> (WORD - chunk.len()));
        any |= word;
        match word {
            0 => chunk.fill(f32::NEG_INFINITY),
            u32::MAX => {}
            _ => {
                for (bit, logit) in chunk.iter_mut().enumerate() {
                    *logit = if word >> bit & 1 == 1 { *logit } else { f32::NEG_INFINITY };
                }
            }
        }
    }
    let covered = row_v.len().min(words.len() * WORD);
    row_v[covered..].fill(f32::NEG_INFINITY);
    if any == 0 {
        return Err(EngineError::ConstraintLost { reason: "no token may follow".to_owned() });
    }
    Ok(())
}

/// Sets the logits of `tokens` to minus infinity, unless nothing else is left.
pub(super) fn hold_back(row_v: &mut [f32], tokens: &[u32]) {
    let before: Vec<Option<f32>> =
        tokens.iter().map(|&token| row_v.get(token as usize).copied()).collect();
    for &token in tokens {
        if let Some(logit) = row_v.get_mut(token as usize) {
            *logit = f32::NEG_INFINITY;
        }
    }
    if row_v.iter().any(|&logit| logit > f32::NEG_INFINITY) {
        return;
    }
    for (&token, before) in tokens.iter().zip(before) {
        if let (Some(logit), Some(before)) = (row_v.get_mut(token as usize), before) {
            *logit = before;
        }
    }
}
