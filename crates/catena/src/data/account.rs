//! What the commands that do one thing read and write, with its card.

use super::args::SetPart;
use super::documents::{Documents, failed, read_options, while_whole};
use super::failure::curate_failure;
use super::output::Output;
use super::rejected::Rejected;
use super::staged::Staged;
use crate::failure::{Exit, Failure};
use crate::progress::say;
use camino::{Utf8Path, Utf8PathBuf};
use catena_corpus::{
    ColumnTypes, CorpusError, DocumentSpool, Opener, ReadOptions, SourceDocument, plan_shards,
};
use catena_curate::{CommandCard, CurateError, document_pattern, document_writer, read_card};
use catena_protocol::Cancel;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::sync::Arc;

/// The work of one command, and what its card will say of it.
pub(super) struct Account<'a> {
    pub(super) goal: &'static str,
    pub(super) cancel: &'a Cancel,
    pub(super) card: CommandCard,
    output: Output,
    /// What the names of the card's files begin with, where they stand beside others.
    own: Option<String>,
    options: ReadOptions,
    rejected: Rejected,
    /// What is written, until all of it is.
    staged: Staged,
    /// What columns the documents that were spooled need in tables.
    types: ColumnTypes,
    num_read: u64,
}

impl<'a> Account<'a> {
    /// Of `command`, whose result goes into the folder `out`.
    pub(super) fn of_folder(
        (goal, command): (&'static str, &str),
        (out, part): (&Utf8Path, &SetPart),
        cancel: &'a Cancel,
    ) -> Result<Self, Failure> {
        let output = Output::new(out)?;
        if read_card(&output.folder).is_ok() {
            let cause = format!("{out} holds what `catena data clean` or the like wrote");
            return Err(Failure::new(Exit::Usage, goal, cause).hint("choose another --out"));
        }
        let rejected = Rejected::new(output.folder.join("rejected").join("00000.jsonl"));
        let (card, options) = (CommandCard::new(command), options(goal, part)?);
        let staged = staged(goal, &output.folder, ".catena.part")?;
        let (own, types, num_read) = (None, ColumnTypes::default(), 0);
        Ok(Self { goal, cancel, card, output, own, options, rejected, staged, types, num_read })
    }

    /// Of `command`, whose files all begin with the path `out`.
    pub(super) fn of_files(
        (goal, command): (&'static str, &str),
        (out, part): (&Utf8Path, &SetPart),
        cancel: &'a Cancel,
    ) -> Result<Self, Failure> {
        let output = Output::beside(out)?;
        let own = out.file_name().unwrap_or("shard").to_owned();
        let rejected = Rejected::new(output.folder.join(format!("{own}.rejected.jsonl")));
        let (card, options) = (CommandCard::new(command), options(goal, part)?);
        let staged = staged(goal, &output.folder, &format!(".{own}.part"))?;
        let (own, types, num_read) = (Some(own), ColumnTypes::default(), 0);
        Ok(Self { goal, cancel, card, output, own, options, rejected, staged, types, num_read })
    }

    /// Where the file of the card called `name` stands.
    fn place(&self, name: &str) -> Utf8PathBuf {
        self.output.folder.join(self.named(name))
    }

    /// Where the file of the card called `name` is written.
    pub(super) fn staged(&self, name: &str) -> Utf8PathBuf {
        self.staged.folder().join(self.named(name))
    }

    fn named(&self, name: &str) -> String {
        format!("{}{name}", self.own.as_deref().unwrap_or_default())
    }

    /// Where files come from.
    pub(super) fn opener(&self) -> Arc<dyn Opener> {
        Arc::clone(&self.options.opener)
    }

    /// Something that decides the result.
    pub(super) fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.card.settings.insert(key.to_owned(), value.into());
    }

    /// The documents of `inputs`, which the card names.
    pub(super) fn documents(&mut self, inputs: &[String]) -> Result<Documents<'_>, Failure> {
        let options = self.options.clone();
        let shards = plan_shards(inputs, &options).map_err(|error| failed(self.goal, error))?;
        let added = self.card.add_inputs(inputs, &shards, &options, self.cancel);
        added.map_err(|error| curate_failure(self.goal, error))?;
        let (rejected, num_read) = (&mut self.rejected, &mut self.num_read);
        Ok(Documents::new(shards, options, rejected, num_read, self.cancel))
    }

    /// All of them, kept on disk beside the output.
    pub(super) fn spool(&mut self, inputs: &[String]) -> Result<DocumentSpool, Failure> {
        let goal = self.goal;
        let folder = self.output.folder.clone();
        fs::create_dir_all(&folder)
            .map_err(|error| Failure::new(Exit::Environment, goal, error))?;
        let fail = |error| failed(goal, error);
        let mut spool = DocumentSpool::create(&folder).map_err(fail)?;
        let mut types = std::mem::take(&mut self.types);
        for document in self.documents(inputs)? {
            let document = document.map_err(fail)?;
            types.add(&(&document).into());
            spool.push(&document).map_err(fail)?;
        }
        self.types = types;
        Ok(spool)
    }

    /// What `work` makes of the texts of `inputs`, with which others are compared; they are counted
    /// as `what`.
    pub(super) fn compare_with<T>(
        &mut self,
        what: &str,
        inputs: &[String],
        work: impl FnOnce(&mut dyn Iterator<Item = String>) -> Result<T, CorpusError>,
    ) -> Result<T, Failure> {
        let (goal, num_read) = (self.goal, self.num_read);
        // The part that is asked for is one of what is chosen from.
        let whole = ReadOptions { config: None, split: None, ..self.options.clone() };
        let options = std::mem::replace(&mut self.options, whole);
        let texts = self.documents(inputs)?.map(|document| document.map(|one| one.text));
        let made = while_whole(texts, work);
        self.options = options;
        self.card.count(what, self.num_read - num_read);
        self.num_read = num_read;
        made.map_err(|error| failed(goal, error))
    }

    /// The card names the model at `path`.
    pub(super) fn add_model(&mut self, path: &Utf8Path) -> Result<(), Failure> {
        let added = self.card.add_model(path, self.cancel);
        added.map_err(|error| curate_failure(self.goal, error))
    }

    /// Writes documents in the form called `format`.
    pub(super) fn write(
        &mut self,
        format: &str,
        documents: impl Iterator<Item = Result<SourceDocument, CorpusError>>,
    ) -> Result<(), Failure> {
        let fail = |error: CorpusError| failed(self.goal, error);
        let folder = self.staged.folder();
        let writer = document_writer(format, folder, "train", &self.types);
        let mut writer = writer.map_err(|error| curate_failure(self.goal, error))?;
        for document in documents {
            if self.cancel.is_cancelled() {
                return Err(fail(CorpusError::Interrupted));
            }
            document.and_then(|document| writer.write(&document)).map_err(fail)?;
        }
        let mut num_written = 0;
        for file in writer.finish().map_err(fail)? {
            let name = file.path.strip_prefix(folder).unwrap_or(&file.path);
            let place = self.output.folder.join(name);
            say(&format!("  {place}: {} documents, {} bytes", file.documents, file.bytes));
            num_written += file.documents;
            let numbers = (Some(file.documents), None);
            let added = self.card.add_file(folder, &file.path, numbers, self.cancel);
            added.map_err(|error| curate_failure(self.goal, error))?;
        }
        self.card.pattern = Some(document_pattern(format));
        self.card.count("documents written", num_written);
        self.set("format", format);
        Ok(())
    }

    /// Writes `decisions.jsonl`: what became of each document, with its reason.
    pub(super) fn write_decisions(
        &mut self,
        decisions: impl Iterator<Item = Result<Value, CorpusError>>,
    ) -> Result<(), Failure> {
        let path = self.staged("decisions.jsonl");
        let fail = |source| {
            let path = path.clone();
            failed(self.goal, CorpusError::Io { action: "write", path, source })
        };
        fs::create_dir_all(self.staged.folder()).map_err(fail)?;
        let mut lines = BufWriter::new(File::create(&path).map_err(fail)?);
        let mut rows = 0;
        for decision in decisions {
            let decision = decision.map_err(|error| failed(self.goal, error))?;
            writeln!(lines, "{decision}").map_err(fail)?;
            rows += 1;
        }
        let file = lines.into_inner().map_err(|error| fail(error.into_error()))?;
        file.sync_all().map_err(fail)?;
        self.add_file(&path, (Some(rows), None))
    }

    /// Names a file that the command wrote itself where [`Self::staged`] says, with its rows and
    /// tokens.
    pub(super) fn add_file(
        &mut self,
        path: &Utf8Path,
        numbers: (Option<u64>, Option<u64>),
    ) -> Result<(), Failure> {
        let added = self.card.add_file(self.staged.folder(), path, numbers, self.cancel);
        added.map_err(|error| curate_failure(self.goal, error))
    }

    /// Brings everything to where the user wants it, with its card, in the place of what an earlier
    /// command left there. Before this nothing is there.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.card.count("documents read", self.num_read);
        let rejected = self.rejected.finish().map_err(|error| failed(self.goal, error))?;
        for (reason, count) in &rejected {
            say(&format!("  refused {count:>9}  {reason}"));
        }
        self.card.rejected = rejected;
        let names = if self.own.is_some() {
            [".card.json", ".README.md"]
        } else {
            ["card.json", "README.md"]
        };
        let [card, readme] = names.map(|name| self.place(name));
        CommandCard::retract(&card).map_err(|error| curate_failure(self.goal, error))?;
        let moved = |error| Failure::new(Exit::Environment, self.goal, error);
        self.staged.put().map_err(moved)?;
        let saved: Result<(), CurateError> = self.card.save(&card, &readme);
        saved.map_err(|error| curate_failure(self.goal, error))?;
        self.staged.end().map_err(moved)?;
        self.output.finish(self.goal)
    }
}

/// The folder `name` in `folder` for files that are written.
fn staged(goal: &str, folder: &Utf8Path, name: &str) -> Result<Staged, Failure> {
    Staged::begin(folder, name).map_err(|error| Failure::new(Exit::Environment, goal, error))
}

/// How inputs are read, by what is asked of rows and data sets.
fn options(goal: &str, part: &SetPart) -> Result<ReadOptions, Failure> {
    let SetPart { text, id, config, split } = part;
    Ok(ReadOptions {
        text_column: text.clone(),
        id_column: id.clone(),
        config: config.clone(),
        split: split.clone(),
        ..read_options(goal)?
    })
}
