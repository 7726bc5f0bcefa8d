//! The third step of a run: lines, paragraphs and spans that occurred before are cut out of the
//! texts that stay.

use super::duplicates::Repeats;
use super::judge::Means;
use super::names::names_of;
use super::spool::{Spool, read_spool};
use super::table::{column, have_turns, write_table};
use super::texts::for_each_text;
use super::work::Work;
use crate::documents::Part;
use crate::documents::schema::{KEY, TEXT};
use crate::error::CurateError;
use crate::functions::read_key;
use crate::plan::DedupSettings;
use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use camino::Utf8PathBuf;
use catena_corpus::{
    CorpusError, ExactDedup, FirstOfEach, KeyOptions, Keys, RepeatedSpans, Scratch, SubstringDedup,
    TextPart, drop_repeated_parts, without_spans,
};
use std::collections::HashSet;
use std::fs;
use std::sync::Arc;

/// Shorter lines and paragraphs are no evidence: brackets, list marks, page numbers.
const LEAST_CHARS: usize = 20;

/// What was cut out of a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Passages.
    pub(crate) num: u32,
    /// Bytes of them.
    pub(crate) bytes: u64,
    /// Bytes of the text that is left; none is left of what was only white space.
    pub(crate) left: u64,
}

/// What was cut, by the documents' numbers; empty if nothing was looked for.
#[derive(Debug, Default)]
pub(crate) struct Cuts(Vec<Option<Cut>>);

impl Cuts {
    /// What was cut out of the document `number`.
    pub(crate) fn of(&self, number: usize) -> Option<Cut> {
        self.0.get(number).copied().flatten()
    }

    /// Whether nothing is left of the document `number`.
    pub(crate) fn drops(&self, number: usize) -> bool {
        self.of(number).is_some_and(|cut| cut.left == 0)
    }
}

/// A way of finding passages.
#[derive(Clone, Copy)]
enum Way {
    Parts(TextPart),
    Spans(usize),
}

/// Cuts repeated passages out of the texts that `repeats` leaves, and writes what was cut to
/// `passages.parquet`. A row of turns stays whole, unless nothing is left and it is a copy of an
/// earlier one: passages that occurred before may be a new question and answer. The texts that are
/// left lie in [`PartFiles::cut`](super::part_files).
pub(crate) fn cut(
    work: &Work,
    settings: &DedupSettings,
    repeats: &Repeats,
    means: &Means<'_>,
) -> Result<Cuts, CurateError> {
    let ways = [
        settings.lines.then_some(Way::Parts(TextPart::Line)),
        settings.paragraphs.then_some(Way::Parts(TextPart::Paragraph)),
        (settings.substring_bytes > 0).then_some(Way::Spans(settings.substring_bytes)),
    ];
    let mut cuts = Cuts::default();
    let mut is_first_way = true;
    for way in ways.into_iter().flatten() {
        let step = Step { work, repeats, means, from_cut: !is_first_way };
        step.run(way, &mut cuts)?;
        is_first_way = false;
    }
    if !is_first_way {
        write(work, &cuts, means)?;
    }
    Ok(cuts)
}

/// One way over all documents.
struct Step<'a> {
    work: &'a Work,
    repeats: &'a Repeats,
    means: &'a Means<'a>,
    /// Whether an earlier way has already cut.
    from_cut: bool,
}

impl Step<'_> {
    fn run(&self, way: Way, cuts: &mut Cuts) -> Result<(), CurateError> {
        let scratch = self.work.scratch(self.means.threads);
        match way {
            Way::Parts(part) => {
                let mut keys = Keys::new(KeyOptions::LOOSE);
                let mut seen = ExactDedup::new(&scratch)?;
                self.each("finding repeated passages", |text| {
                    let push = |key| seen.push(key).map(|()| true);
                    drop_repeated_parts(text, part, LEAST_CHARS, &mut keys, push).map(|_| ())
                })?;
                let mut first = seen.finish(self.means.cancel)?;
                let mut at = 0;
                self.rewrite(cuts, |text| {
                    let is_first = |_| next_is_first(&mut first, &mut at);
                    let left = drop_repeated_parts(text, part, LEAST_CHARS, &mut keys, is_first)?;
                    Ok((left.text, left.num_dropped))
                })
            }
            Way::Spans(least_bytes) => self.spans(least_bytes, &scratch, cuts),
        }
    }

    fn spans(
        &self,
        least_bytes: usize,
        scratch: &Scratch,
        cuts: &mut Cuts,
    ) -> Result<(), CurateError> {
        let mut dedup = SubstringDedup::new(least_bytes, scratch)?;
        self.each("taking texts to compare", |text| dedup.add(text))?;
        let spans: RepeatedSpans = dedup.finish(self.means.progress, self.means.cancel)?;
        let mut index = 0;
        self.rewrite(cuts, |text| {
            let found = spans.of(index);
            index += 1;
            Ok((without_spans(text, found), found.len()))
        })
    }

    fn source(&self, part: &Part) -> Utf8PathBuf {
        let files = self.work.files(part);
        if self.from_cut { files.cut } else { files.documents }
    }

    /// Gives every text that is left so far.
    fn each(
        &self,
        what: &str,
        mut take: impl FnMut(&str) -> Result<(), CorpusError>,
    ) -> Result<(), CurateError> {
        let progress = self.means.progress;
        progress.begin(what, None, "documents");
        for_each_text(
            self.work,
            self.means,
            |part| self.source(part),
            |first, _, texts| {
                for (number, text) in (first..).zip(texts) {
                    if !self.repeats.drops(number) {
                        take(text)?;
                    }
                }
                progress.update((first + texts.len()) as u64);
                Ok(())
            },
        )?;
        progress.end();
        Ok(())
    }

    /// Puts what `cut` leaves of every text in the place of the text.
    fn rewrite(
        &self,
        cuts: &mut Cuts,
        mut cut: impl FnMut(&str) -> Result<(String, usize), CorpusError>,
    ) -> Result<(), CurateError> {
        let progress = self.means.progress;
        progress.begin("cutting repeated passages", None, "documents");
        let (mut number, mut samples) = (0, HashSet::new());
        for part in &self.work.parts {
            let files = self.work.files(part);
            let mut spool: Option<Spool> = None;
            for batch in read_spool(&self.source(part))? {
                if self.means.cancel.is_cancelled() {
                    return Err(CurateError::Interrupted);
                }
                let batch = batch?;
                let mut texts = Vec::with_capacity(batch.num_rows());
                let with_turns = have_turns(&batch).iter().map(Option::unwrap_or_default);
                let all = column(&batch, TEXT).iter().map(Option::unwrap_or_default);
                let keys = column(&batch, KEY).iter().map(Option::unwrap_or_default).map(read_key);
                for ((text, has_turns), key) in all.zip(with_turns).zip(keys) {
                    let mut left = text.to_owned();
                    if !self.repeats.drops(number) {
                        let (text, num) = cut(text)?;
                        // Turns are dropped as a whole or not at all.
                        let is_copy = has_turns && !samples.insert(key);
                        if !has_turns || is_copy && text.trim().is_empty() {
                            cuts.add(number, num, left.len() - text.len(), &text);
                            left = text;
                        }
                    }
                    texts.push(left);
                    number += 1;
                }
                let batch = with_texts(&batch, texts);
                if spool.is_none() {
                    spool = Some(Spool::create(&files.cut, &batch.schema())?);
                }
                if let Some(spool) = &mut spool {
                    spool.write(&batch)?;
                }
                progress.update(number as u64);
            }
            if let Some(spool) = spool {
                spool.finish(files.sync)?;
            } else {
                // A part without documents stays as it is.
                let copied = fs::copy(&files.documents, &files.cut);
                copied.map_err(CurateError::io("write", &files.cut))?;
            }
        }
        progress.end();
        Ok(())
    }
}

impl Cuts {
    fn add(&mut self, number: usize, num: usize, bytes: usize, text: &str) {
        if num == 0 {
            return;
        }
        if self.0.len() <= number {
            self.0.resize(number + 1, None);
        }
        let cut = self.0[number].get_or_insert_default();
        cut.num += u32::try_from(num).expect("a text has less than 2^32 passages");
        cut.bytes += bytes as u64;
        cut.left = if text.trim().is_empty() { 0 } else { text.len() as u64 };
    }
}

/// Whether the next key is the first of its kind.
fn next_is_first(first: &mut FirstOfEach, at: &mut u64) -> Result<bool, CorpusError> {
    let found = first.next().expect("the texts are the same as before")?;
    *at += 1;
    Ok(found == *at - 1)
}

fn with_texts(batch: &RecordBatch, texts: Vec<String>) -> RecordBatch {
    let at = batch.schema().index_of(TEXT).expect("a file of ours has its columns");
    let mut columns = batch.columns().to_vec();
    columns[at] = Arc::new(StringArray::from(texts));
    RecordBatch::try_new(batch.schema(), columns).expect("the same columns")
}

/// Writes what was cut with the documents' ids and places.
fn write(work: &Work, cuts: &Cuts, means: &Means<'_>) -> Result<(), CurateError> {
    let (numbers, found): (Vec<usize>, Vec<Cut>) =
        cuts.0.iter().enumerate().filter_map(|(number, cut)| Some((number, (*cut)?))).unzip();
    let names = names_of(work, &numbers, means)?;
    let text = |at: usize| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(names.iter().map(|name| &name[at])))
    };
    let numbers = |value: fn(&Cut) -> u64| -> ArrayRef {
        Arc::new(found.iter().map(value).collect::<UInt64Array>())
    };
    let columns = [
        ("id", text(0)),
        ("place", text(1)),
        ("passages", numbers(|cut| u64::from(cut.num))),
        ("bytes_cut", numbers(|cut| cut.bytes)),
        ("bytes_left", numbers(|cut| cut.left)),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
    write_table(&work.folder.join("passages.parquet"), &batch, work.sync)
}
