//! The cleaned data sets of a project, as their cards tell them to the studio.

use crate::folders::{Found, find};
use camino::{Utf8Path, Utf8PathBuf};
use catena_curate::read_card;
use catena_protocol::CuratedSet;
use catena_studio::CuratedSource;
use std::io;

/// The file that ends a cleaning.
const CARD: &str = "card.json";
/// Most sets that are told of, the last written first.
const MAX_SETS: usize = 24;
/// Largest card.
const MAX_BYTES: u64 = 64 << 20;

/// The sets below a project's folder.
pub(crate) struct ProjectSets(pub(crate) Utf8PathBuf);

impl CuratedSource for ProjectSets {
    fn sets(&self) -> io::Result<Vec<CuratedSet>> {
        let holds = |folder: &Utf8Path| {
            let card = folder.join(CARD);
            let fits = std::fs::metadata(&card).is_ok_and(|file| file.len() <= MAX_BYTES);
            fits.then_some(card)
        };
        let found = find(&self.0, MAX_SETS, holds)?;
        Ok(found.iter().filter_map(|found| self.read(found)).collect())
    }
}

impl ProjectSets {
    /// Nothing for a file of the same name that is no card.
    fn read(&self, found: &Found) -> Option<CuratedSet> {
        let card = read_card(&found.folder).ok()?;
        let name = found.folder.strip_prefix(&self.0).unwrap_or(&found.folder);
        Some(card.curated_set(name.to_string(), found.idle().as_secs_f64()))
    }
}
