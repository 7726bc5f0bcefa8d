//! Where a command's result goes: a folder here, or one in an object store.

use super::failure::curate_failure;
use crate::failure::{Exit, Failure};
use crate::machine::cache_dir;
use crate::progress::for_stderr;
use camino::{Utf8Path, Utf8PathBuf};
use catena_corpus::{KeyOptions, Opener, PathKind, content_key};
use catena_curate::{ObjectFiles, is_object};
use std::fs;

/// The folder that a command writes to.
pub(super) struct Output {
    /// Here, in any case: what goes to a store is gathered in the cache first, so that a run that
    /// was killed goes on.
    pub(super) folder: Utf8PathBuf,
    /// What the user named.
    named: Utf8PathBuf,
}

impl Output {
    /// The folder for what the user named.
    pub(super) fn new(named: &Utf8Path) -> Result<Self, Failure> {
        Self::of(named.to_owned(), named)
    }

    /// The folder for files whose paths all begin with `path`.
    pub(super) fn beside(path: &Utf8Path) -> Result<Self, Failure> {
        Self::of(path.parent().unwrap_or(Utf8Path::new("")).to_owned(), path)
    }

    /// `key` tells work that goes to the same place in a store apart.
    fn of(named: Utf8PathBuf, key: &Utf8Path) -> Result<Self, Failure> {
        if !is_object(named.as_str()) {
            return Ok(Self { folder: named.clone(), named });
        }
        let name = format!("{:032x}", content_key(key.as_str(), KeyOptions::STRICT));
        Ok(Self { folder: cache_dir()?.join("uploads").join(name), named })
    }

    /// Refuses a place in a store that holds something already.
    pub(super) fn refuse_taken(&self, goal: &str) -> Result<(), Failure> {
        let named = self.named.as_str();
        // What lies in the cache is our own work, whose upload may have begun.
        if !is_object(named) || self.folder.exists() {
            return Ok(());
        }
        let files = ObjectFiles::new().map_err(|error| curate_failure(goal, error))?;
        let found = files.kind(named).map_err(|error| {
            Failure::new(Exit::Environment, format!("{goal} into {named}"), error)
        })?;
        match found {
            PathKind::Missing => Ok(()),
            PathKind::File(_) | PathKind::Folder => {
                let cause = format!("{named} holds objects already");
                Err(Failure::new(Exit::Usage, goal, cause)
                    .hint("choose another --out, or add --overwrite"))
            }
        }
    }

    /// Puts the result where the user wants it.
    pub(super) fn finish(self, goal: &str) -> Result<(), Failure> {
        if !is_object(self.named.as_str()) {
            return Ok(());
        }
        let progress = for_stderr();
        let files = ObjectFiles::new().map_err(|error| curate_failure(goal, error))?;
        files
            .upload(&self.folder, self.named.as_str(), progress.as_ref())
            .map_err(|error| curate_failure(goal, error))?;
        fs::remove_dir_all(&self.folder).map_err(|error| {
            let goal = format!("cannot remove `{}`, which was uploaded", self.folder);
            Failure::new(Exit::Environment, goal, error)
        })
    }
}
