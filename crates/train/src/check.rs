//! Ranges of hyper-parameters.

use crate::error::TrainError;

/// [`TrainError::InvalidConfig`] unless `holds`.
pub(crate) fn check(
    key: &'static str,
    value: &impl ToString,
    holds: bool,
    range: &'static str,
) -> Result<(), TrainError> {
    if holds {
        return Ok(());
    }
    Err(TrainError::InvalidConfig { key, value: value.to_string(), range })
}
