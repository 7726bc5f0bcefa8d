//! Documents of the commands that need them one by one or all at once.

use super::failure::curate_failure;
use super::rejected::Rejected;
use crate::failure::Failure;
use catena_corpus::{BadRow, CorpusError, ReadOptions, Row, Shard, ShardReader, SourceDocument};
use catena_curate::{CurateError, ObjectFiles, extract_document};
use catena_protocol::Cancel;
use std::sync::Arc;
use std::vec;

/// How the commands read: files here and in object stores.
pub(super) fn read_options(goal: &str) -> Result<ReadOptions, Failure> {
    let files = ObjectFiles::new().map_err(|error| curate_failure(goal, error))?;
    Ok(ReadOptions { opener: Arc::new(files), ..ReadOptions::default() })
}

/// The documents of shards, one after the other, pages as the texts that cleaning takes out of
/// them; rows that are none go aside.
pub(super) struct Documents<'a> {
    shards: vec::IntoIter<Shard>,
    open: Option<ShardReader>,
    options: ReadOptions,
    rejected: &'a mut Rejected,
    num_read: &'a mut u64,
    cancel: &'a Cancel,
}

impl<'a> Documents<'a> {
    /// Begins with the first shard; documents are counted in `num_read`.
    pub(super) fn new(
        shards: Vec<Shard>,
        options: ReadOptions,
        rejected: &'a mut Rejected,
        num_read: &'a mut u64,
        cancel: &'a Cancel,
    ) -> Self {
        Self { shards: shards.into_iter(), open: None, options, rejected, num_read, cancel }
    }

    fn read(&mut self) -> Result<Option<SourceDocument>, CorpusError> {
        loop {
            if self.cancel.is_cancelled() {
                return Err(CorpusError::Interrupted);
            }
            if self.open.is_none() {
                let Some(shard) = self.shards.next() else { return Ok(None) };
                self.open = Some(shard.open(&self.options)?);
            }
            match self.open.as_mut().and_then(Iterator::next).transpose()? {
                Some(Row::Document(mut document)) => match extract_document(&mut document) {
                    Ok(()) => {
                        *self.num_read += 1;
                        return Ok(Some(document));
                    }
                    Err(reason) => {
                        let sample = document.text.chars().take(BadRow::SAMPLE_CHARS).collect();
                        self.rejected.add(&BadRow { place: document.place, reason, sample })?;
                    }
                },
                Some(Row::Bad(row)) => self.rejected.add(&row)?,
                None => self.open = None,
            }
        }
    }
}

impl Iterator for Documents<'_> {
    type Item = Result<SourceDocument, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// What `work` makes of the values of `results`, unless one of them is an error.
pub(super) fn while_whole<V, T, E>(
    results: impl Iterator<Item = Result<V, E>>,
    work: impl FnOnce(&mut dyn Iterator<Item = V>) -> Result<T, E>,
) -> Result<T, E> {
    let mut first = None;
    let made =
        work(&mut results.map_while(|result| result.map_err(|error| first = Some(error)).ok()));
    first.map_or(made, Err)
}

/// An operator's error as a failed command that wanted `goal`.
pub(super) fn failed(goal: &str, error: CorpusError) -> Failure {
    curate_failure(goal, CurateError::from(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use catena_corpus::plan_shards;

    #[test]
    fn pages_are_read_as_texts() {
        let dir = tempfile::tempdir().unwrap();
        let story = "The river rose in the night, and the people went up to the hills. ".repeat(6);
        let page = format!(
            "<html><head><title>The flood</title></head><body><nav><a href=\"/\">Home</a></nav>\
             <article><h1>The flood</h1><p>{story}</p></article></body></html>"
        );
        let put = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        put("flood.html", &page);
        put("nothing.html", "<html><head></head><body></body></html>");
        let path = dir.path().to_str().unwrap().to_owned();
        let options = ReadOptions::default();
        let shards = plan_shards(std::slice::from_ref(&path), &options).unwrap();
        let (mut rejected, mut num_read) = (Rejected::new(format!("{path}/bad").into()), 0);
        let cancel = Cancel::new();
        let documents = Documents::new(shards, options, &mut rejected, &mut num_read, &cancel);
        let found: Vec<SourceDocument> = documents.map(Result::unwrap).collect();
        assert_eq!((found.len(), num_read), (1, 1));
        assert!(found[0].text.contains(story.trim()) && !found[0].text.contains('<'));
        assert!(!found[0].text.contains("Home"), "{}", found[0].text);
        assert_eq!(found[0].metadata["title"], "The flood");
        assert_eq!(rejected.finish().unwrap().values().sum::<u64>(), 1);
    }

    #[test]
    fn an_error_among_the_values_is_the_outcome() {
        let sum = |results: [Result<i32, &'static str>; 3]| {
            while_whole(results.into_iter(), |values| Ok::<i32, &'static str>(values.sum()))
        };
        assert_eq!(sum([Ok(1), Ok(2), Ok(3)]), Ok(6));
        assert_eq!(sum([Ok(1), Err("torn"), Ok(3)]), Err("torn"));
    }

    #[test]
    fn reading_stops_between_two_documents() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("in.jsonl");
        std::fs::write(&path, "{\"text\":\"a\"}\n7\n{\"text\":\"b\"}\n{\"text\":\"c\"}\n").unwrap();
        let path = path.into_os_string().into_string().unwrap();
        let options = ReadOptions::default();
        let shards = plan_shards(std::slice::from_ref(&path), &options).unwrap();
        let (mut rejected, mut num_read) = (Rejected::new(format!("{path}.bad").into()), 0);
        let cancel = Cancel::new();
        let mut documents = Documents::new(shards, options, &mut rejected, &mut num_read, &cancel);
        for text in ["a", "b"] {
            assert_eq!(documents.next().unwrap().unwrap().text, text);
        }
        cancel.cancel();
        assert!(matches!(documents.next(), Some(Err(CorpusError::Interrupted))));
        assert_eq!(num_read, 2);
        assert_eq!(rejected.finish().unwrap().values().sum::<u64>(), 1);
        assert_eq!(std::fs::read_to_string(format!("{path}.bad")).unwrap().lines().count(), 1);
    }
}
