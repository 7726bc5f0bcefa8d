//! What can be said against a plan before anything is read.

use super::form::WriteForm;
use super::near::near_config;
use super::settings::CleaningPlan;
use super::split::Splitter;
use crate::error::CurateError;
use catena_corpus::SubstringDedup;

impl CleaningPlan {
    /// Checks the settings that are first used when documents were read and judged: those of
    /// duplicates, splits and writing.
    ///
    /// # Errors
    /// Names that are unknown, numbers out of range.
    pub fn check(&self) -> Result<(), CurateError> {
        near_config(&self.dedup)?;
        if self.dedup.substring_bytes > 0 {
            SubstringDedup::check(self.dedup.substring_bytes)?;
        }
        Splitter::new(&self.split)?;
        WriteForm::new(&self.write)?;
        Ok(())
    }
}
