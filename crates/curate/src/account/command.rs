//! The card of a command that does one thing with documents.

use super::card::{CardInput, InputSet, by_count, input_sets, table};
use crate::error::CurateError;
use crate::objects::is_object;
use crate::run::{SideFile, digest, inputs_of, write_whole};
use camino::{Utf8Component, Utf8Path};
use catena_corpus::{LocalFiles, Opener, ReadOptions, Shard};
use catena_protocol::Cancel;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

/// Files of a model's folder.
const MAX_MODEL_FILES: usize = 10_000;

/// What a command read, decided by and wrote. The same inputs and settings give the same card.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CommandCard {
    /// Version of the program that wrote it.
    pub version: String,
    /// The command, such as `select`.
    pub command: String,
    /// All that decides the result beside the inputs: rules, thresholds, seeds.
    pub settings: Map<String, Value>,
    /// What was read.
    pub inputs: Vec<CardInput>,
    /// What inputs that are data sets say of themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_sets: Vec<InputSet>,
    /// Models that were asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<SideFile>,
    /// What was counted, such as `documents read`.
    pub counts: BTreeMap<String, u64>,
    /// Rows that were no documents, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// The files of the documents as a pattern, where other programs can read them as a data set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// What was written.
    pub files: Vec<CommandFile>,
}

/// A file that a command wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandFile {
    /// Its path beside the card.
    pub path: String,
    /// Documents or sequences in it; none where another file holds them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_rows: Option<u64>,
    /// Tokens in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_tokens: Option<u64>,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

impl CommandCard {
    /// The card of `command`, which has read and written nothing yet.
    pub fn new(command: &str) -> Self {
        let (version, command) = (env!("CARGO_PKG_VERSION").to_owned(), command.to_owned());
        Self { version, command, ..Self::default() }
    }

    /// Adds `inputs` with the files of their `shards`, those of this machine with their SHA-256.
    ///
    /// # Errors
    /// Errors of reading; [`CurateError::Interrupted`].
    pub fn add_inputs(
        &mut self,
        inputs: &[String],
        shards: &[Shard],
        options: &ReadOptions,
        cancel: &Cancel,
    ) -> Result<(), CurateError> {
        self.input_sets.extend(input_sets(inputs, options)?);
        for mut input in inputs_of(shards) {
            if cancel.is_cancelled() {
                return Err(CurateError::Interrupted);
            }
            if !is_object(&input.path) {
                input.sha256 = Some(digest(Utf8Path::new(&input.path), cancel)?);
            }
            self.inputs.push(input);
        }
        Ok(())
    }

    /// Adds the files of the model at `path`, a file or a folder.
    ///
    /// # Errors
    /// Errors of reading; [`CurateError::Interrupted`].
    pub fn add_model(&mut self, path: &Utf8Path, cancel: &Cancel) -> Result<(), CurateError> {
        if path.is_file() {
            self.models.push(SideFile::read("model", path, cancel)?);
            return Ok(());
        }
        let files = LocalFiles.list(path.as_str(), MAX_MODEL_FILES);
        for file in files.map_err(CurateError::io("read", path))? {
            self.models.push(SideFile::read("model", Utf8Path::new(&file.path), cancel)?);
        }
        Ok(())
    }

    /// Adds the file at `path`, which was written below `folder`.
    ///
    /// # Errors
    /// Errors of reading; [`CurateError::Interrupted`].
    pub fn add_file(
        &mut self,
        folder: &Utf8Path,
        path: &Utf8Path,
        (num_rows, num_tokens): (Option<u64>, Option<u64>),
        cancel: &Cancel,
    ) -> Result<(), CurateError> {
        let bytes = fs::metadata(path).map_err(CurateError::io("read", path))?.len();
        let sha256 = digest(path, cancel)?;
        let path = path.strip_prefix(folder).unwrap_or(path).to_string();
        self.files.push(CommandFile { path, num_rows, num_tokens, bytes, sha256 });
        Ok(())
    }

    /// Counts more of what is called `name`.
    pub fn count(&mut self, name: &str, more: u64) {
        *self.counts.entry(name.to_owned()).or_insert(0) += more;
    }

    /// Removes an earlier command's card, which tells that its result is whole, and the files that
    /// it names.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn retract(card: &Utf8Path) -> Result<(), CurateError> {
        let earlier = fs::read(card).ok();
        let earlier = earlier.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        let Some(Self { files, .. }) = earlier else { return Ok(()) };
        fs::remove_file(card).map_err(CurateError::io("remove", card))?;
        let folder = card.parent().unwrap_or(Utf8Path::new(""));
        for file in files {
            let named = Utf8Path::new(&file.path);
            let below = named.components().all(|part| matches!(part, Utf8Component::Normal(_)));
            let path = folder.join(named);
            if below && path.is_file() {
                fs::remove_file(&path).map_err(CurateError::io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Writes the card as JSON and as a README.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn save(&self, card: &Utf8Path, readme: &Utf8Path) -> Result<(), CurateError> {
        write_whole(readme, self.readme().as_bytes(), true)?;
        let json = serde_json::to_vec_pretty(self).expect("a card is plain data");
        write_whole(card, &json, true)
    }

    /// The card for people; with a pattern, as the README of a Hugging Face data set.
    pub fn readme(&self) -> String {
        let mut text = String::new();
        if let Some(pattern) = &self.pattern {
            let _ = write!(
                text,
                "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    \
                 path: {pattern}\n---\n\n"
            );
        }
        let Self { version, command, .. } = self;
        let _ = writeln!(text, "# Data card\n\nMade by `catena data {command}` {version}.\n");
        table(
            &mut text,
            "Counts",
            "what",
            &self.counts.iter().map(|(what, count)| (what, *count)).collect::<Vec<_>>(),
        );
        table(&mut text, "Rows that could not be read", "reason", &by_count(&self.rejected));
        text.push_str("## Settings\n\n| key | value |\n|---|---|\n");
        for (key, value) in &self.settings {
            let _ = writeln!(text, "| {key} | `{}` |", value.to_string().replace('|', "\\|"));
        }
        text.push_str("\n## Inputs\n\n");
        self.input_sets.iter().for_each(|set| set.write(&mut text));
        for input in &self.inputs {
            input.write(&mut text);
        }
        self.models.iter().for_each(|model| model.write(&mut text));
        self.write_files(&mut text);
        text
    }

    fn write_files(&self, text: &mut String) {
        let has_tokens = self.files.iter().any(|file| file.num_tokens.is_some());
        let (tokens, line) = if has_tokens { (" tokens |", "---:|") } else { ("", "") };
        let _ = writeln!(
            text,
            "\n## Files\n\n| file | rows |{tokens} bytes | SHA-256 |\n|---|---:|{line}---:|---|"
        );
        let number = |value: Option<u64>| value.map_or(String::new(), |value| value.to_string());
        for file in &self.files {
            let tokens = number(file.num_tokens);
            let tokens = if has_tokens { format!(" {tokens} |") } else { String::new() };
            let (path, rows, bytes) = (&file.path, number(file.num_rows), file.bytes);
            let _ = writeln!(text, "| {path} | {rows} |{tokens} {bytes} | `{}` |", file.sha256);
        }
    }
}
