//! The parameters of near duplicates.

use super::settings::{DedupSettings, NearLinking};
use crate::error::CurateError;
use catena_corpus::{Linking, MinHashConfig};

/// The name that means none.
pub(super) const OFF: &str = "off";

/// What the plan says of near duplicates; `None` if they stay.
pub(crate) fn near_config(dedup: &DedupSettings) -> Result<Option<MinHashConfig>, CurateError> {
    if dedup.near == OFF {
        return Ok(None);
    }
    let mut config = MinHashConfig::preset(&dedup.near)?;
    config.threshold = dedup.near_threshold.unwrap_or(config.threshold);
    config.keep_if_numbers_differ |= dedup.keep_if_numbers_differ;
    config.linking = match dedup.near_linking {
        NearLinking::Clusters => Linking::Clusters,
        NearLinking::Kept => Linking::Kept,
    };
    config.check()?;
    Ok(Some(config))
}
