//! Parquet files by row groups, and the rows of columnar batches.

use super::cells::{fields_of, sizes};
use super::decompress::system;
use super::opener::Opener;
use super::raw::{RawRow, RawRows, bad_file};
use super::reason::BadReason;
use super::window::Stream;
use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use std::io::{self, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// Rows decoded at once: few, for a row may be a book.
const BATCH_ROWS: usize = 64;

/// Batches of rows, as the library hands them on.
pub(super) type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

/// A file that is read in pieces.
#[derive(Clone)]
pub(super) struct Pieces {
    opener: Arc<dyn Opener>,
    path: Arc<str>,
    bytes: u64,
    failed: Failed,
}

/// An error of the system: the library hands errors on as text, which would make it look like the
/// file's fault.
type Failed = Arc<Mutex<Option<io::Error>>>;

fn note(failed: &Failed, error: io::Error) -> io::Error {
    let word = io::Error::new(error.kind(), error.to_string());
    *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    word
}

fn noted(failed: &Failed) -> Option<io::Error> {
    failed.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Pieces {
    /// The file at `path`, of `bytes`.
    pub(super) fn new(opener: Arc<dyn Opener>, path: Arc<str>, bytes: u64) -> Self {
        Self { opener, path, bytes, failed: Failed::default() }
    }

    fn open(&self, start: u64) -> io::Result<Watched> {
        let stream = self.opener.open(&self.path, start).map_err(|it| note(&self.failed, it))?;
        Ok(Watched { stream, failed: Arc::clone(&self.failed) })
    }
}

/// A stream whose errors are noted.
pub(super) struct Watched {
    stream: Stream,
    failed: Failed,
}

impl Read for Watched {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.stream.read(to).map_err(|error| {
            let again = error.kind() == io::ErrorKind::Interrupted;
            if again { error } else { note(&self.failed, error) }
        })
    }
}

impl Length for Pieces {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for Pieces {
    type T = BufReader<Watched>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::new(self.open(start)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<bytes::Bytes, ParquetError> {
        let end = start.checked_add(length as u64);
        if end.is_none_or(|end| end > self.bytes) {
            return Err(ParquetError::EOF("a piece beyond the end of the file".to_owned()));
        }
        let mut bytes = Vec::with_capacity(length);
        self.open(start)?.take(length as u64).read_to_end(&mut bytes)?;
        if bytes.len() != length {
            return Err(ParquetError::EOF("the file ends in a piece".to_owned()));
        }
        Ok(bytes.into())
    }
}

/// Rows of each row group; none if the file is damaged, which reading it will tell.
pub(super) fn row_groups(pieces: &Pieces) -> io::Result<Option<Vec<(u64, u64)>>> {
    let load = || ArrowReaderMetadata::load(pieces, ArrowReaderOptions::new());
    let metadata = guarded(load);
    if let Some(error) = noted(&pieces.failed) {
        return Err(error);
    }
    let Ok(Ok(metadata)) = metadata else { return Ok(None) };
    let group = |group: &parquet::file::metadata::RowGroupMetaData| {
        let number = |value: i64| u64::try_from(value).unwrap_or(0);
        (number(group.num_rows()), number(group.compressed_size()))
    };
    Ok(Some(metadata.metadata().row_groups().iter().map(group).collect()))
}

/// The rows of a Parquet file, or of its row group `group` whose first row is `first`.
pub(super) fn parquet(
    file: Pieces,
    group: Option<usize>,
    first: u64,
    limit: usize,
) -> io::Result<RawRows> {
    let failed = Arc::clone(&file.failed);
    let rows = parquet_in(file, group, first, limit, Arc::clone(&failed));
    noted(&failed).map_or(Ok(rows), Err)
}

/// The same of a file that is held in memory.
pub(super) fn parquet_held(bytes: Vec<u8>, limit: usize) -> RawRows {
    parquet_in(bytes::Bytes::from(bytes), None, 1, limit, Failed::default())
}

fn parquet_in<R: ChunkReader + 'static>(
    file: R,
    group: Option<usize>,
    first: u64,
    limit: usize,
    failed: Failed,
) -> RawRows {
    let open = || {
        let mut builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
        if let Some(group) = group {
            builder = builder.with_row_groups(vec![group]);
        }
        builder.with_batch_size(BATCH_ROWS).build()
    };
    let mut batches = match guarded(open) {
        Ok(Ok(batches)) => batches,
        Ok(Err(error)) => return bad_file(damaged_file("Parquet", &error.to_string())),
        Err(message) => return bad_file(damaged_file("Parquet", &message)),
    };
    let next = move || match batches.next()? {
        Err(error) => Some(Err(noted(&failed).map_or(error, |it| system(it).into()))),
        batch => Some(batch),
    };
    rows("Parquet", Box::new(std::iter::from_fn(next)), first, limit)
}

/// A file that cannot be understood.
pub(super) fn damaged_file(format: &'static str, message: &str) -> BadReason {
    BadReason::Damaged { format, message: message.to_owned() }
}

/// Calls the library, which trusts lengths that a damaged file states wrongly and can then panic:
/// that is the file's fault and an error like any other.
pub(super) fn guarded<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|_| "the reader stopped".to_owned())
}

pub(super) fn rows(format: &'static str, batches: Batches, first: u64, limit: usize) -> RawRows {
    let mut batches = Some(batches);
    let (mut batch, mut at, mut row) = (None::<RecordBatch>, 0, first);
    Box::new(std::iter::from_fn(move || {
        loop {
            if let Some(batch) = &batch
                && at < batch.num_rows()
            {
                let fields = guarded(|| fields_of(batch, at));
                (at, row) = (at + 1, row + 1);
                return Some(Ok(match fields {
                    Ok(fields) => bounded(row - 1, limit, fields),
                    Err(message) => {
                        RawRow::bad(row - 1, BadReason::Damaged { format, message }, b"")
                    }
                }));
            }
            let message = match guarded(|| batches.as_mut()?.next()) {
                Ok(None) => return None,
                Ok(Some(Ok(next))) if next.num_columns() > 0 => {
                    (batch, at) = (Some(next), 0);
                    continue;
                }
                Ok(Some(Ok(_))) => "it has no columns".to_owned(),
                Ok(Some(Err(ArrowError::IoError(_, error)))) => {
                    (batch, batches) = (None, None);
                    return Some(RawRow::broken(row, error));
                }
                Ok(Some(Err(error))) => error.to_string(),
                Err(message) => message,
            };
            (batch, batches) = (None, None);
            return Some(Ok(RawRow::bad(row, BadReason::Damaged { format, message }, b"")));
        }
    }))
}

fn bounded(row: u64, limit: usize, fields: serde_json::Map<String, serde_json::Value>) -> RawRow {
    let (bytes, limit) = (sizes(&fields), limit as u64);
    if bytes <= limit {
        return RawRow::Fields { row, bytes, fields, markup: None };
    }
    RawRow::bad(row, BadReason::TooLong { bytes, limit }, b"")
}
