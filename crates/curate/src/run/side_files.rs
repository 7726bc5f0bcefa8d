//! Files that a plan names beside its inputs: what they hold decides the result as well.

use super::work::inputs_of;
use super::write::digest;
use crate::account::CardInput;
use crate::error::CurateError;
use crate::objects::is_object;
use crate::plan::{CleaningPlan, PiiStyle};
use camino::Utf8Path;
use catena_corpus::{ReadOptions, plan_shards};
use catena_protocol::Cancel;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::fs;
use std::sync::Arc;

/// A file that the plan names, such as a language model or an evaluation set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideFile {
    /// The key of the plan that names it.
    pub key: String,
    /// Its path.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes; none of a secret, whose digest would let guesses be tested, and of an
    /// object, whose entity tag is looked at instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl SideFile {
    /// The file at `path`, which the key `key` names.
    pub(crate) fn read(key: &str, path: &Utf8Path, cancel: &Cancel) -> Result<Self, CurateError> {
        let bytes = fs::metadata(path).map_err(CurateError::io("read", path))?.len();
        let sha256 = Some(digest(path, cancel)?);
        Ok(Self { key: key.to_owned(), path: path.to_string(), bytes, sha256 })
    }

    /// Its line in a README.
    pub(crate) fn write(&self, text: &mut String) {
        let Self { key, path, bytes, sha256 } = self;
        let _ = write!(text, "- {key}: `{path}` ({bytes} bytes");
        if let Some(sha256) = sha256 {
            let _ = write!(text, ", SHA-256 `{sha256}`");
        }
        text.push_str(")\n");
    }
}

/// The files that a plan names, and the digests of all of them, secrets included.
#[derive(Debug, Default)]
pub(super) struct SideFiles {
    pub(super) files: Vec<SideFile>,
    pub(super) digests: Vec<String>,
}

impl SideFiles {
    /// Those that `plan` has a use for, opened as `base` says.
    pub(super) fn of(
        plan: &CleaningPlan,
        base: &ReadOptions,
        cancel: &Cancel,
    ) -> Result<Self, CurateError> {
        let mut all = Self::default();
        let options = ReadOptions { opener: Arc::clone(&base.opener), ..ReadOptions::default() };
        if (plan.language.detect || plan.language.drops())
            && let Some(path) = &plan.language.model
        {
            all.add("language.model", path, cancel)?;
        }
        for (key, files) in plan.urls.lists() {
            for path in files {
                all.add(key, path, cancel)?;
            }
        }
        if let Some(path) = plan.tokens.file() {
            all.add("tokens.tokenizer", path.as_str(), cancel)?;
        }
        for named in &plan.decontaminate.against {
            for file in inputs_of(&plan_shards(std::slice::from_ref(named), &options)?) {
                let key = "decontaminate.against";
                if is_object(&file.path) {
                    all.add_object(key, file);
                } else {
                    all.add(key, &file.path, cancel)?;
                }
            }
        }
        let masks = !plan.pii.mask.is_empty() && plan.pii.style != PiiStyle::Placeholder;
        if let Some(path) = plan.pii.key_file.as_ref().filter(|_| masks) {
            all.add("pii.key_file", path, cancel)?;
            if let Some(secret) = all.files.last_mut() {
                secret.sha256 = None;
            }
        }
        Ok(all)
    }

    fn add(&mut self, key: &str, path: &str, cancel: &Cancel) -> Result<(), CurateError> {
        let file = SideFile::read(key, Utf8Path::new(path), cancel)?;
        let digest = file.sha256.as_deref().unwrap_or_default();
        self.digests.push(format!("{key}\n{path}\n{digest}\n"));
        self.files.push(file);
        Ok(())
    }

    /// An object is known by its entity tag: to read it twice would cost.
    fn add_object(&mut self, key: &str, file: CardInput) {
        let CardInput { path, bytes, version, .. } = file;
        self.digests.push(format!("{key}\n{path}\n{bytes} {}\n", version.unwrap_or_default()));
        self.files.push(SideFile { key: key.to_owned(), path, bytes, sha256: None });
    }
}
