//! Arrow IPC streams, and files, which are streams between two marks.
//!
//! The library allocates what a message says that it needs before it looks whether that can be;
//! so each message is taken out of the stream and checked here before the library sees it.

use super::columns::{Batches, damaged_file, guarded, rows};
use super::raw::{RawRow, RawRows, bad_file, only};
use super::window::{Stream, Window};
use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::{Message, MessageHeader, RecordBatch as BatchMessage, root_as_message};
use arrow_schema::ArrowError;

/// The mark at both ends of a file, padded to eight bytes.
const FILE_MARK: &[u8] = b"ARROW1\0\0";
/// What stands before the length of a message.
const CONTINUES: [u8; 4] = [0xFF; 4];
/// Bytes of a message's description.
const MAX_DESCRIPTION_BYTES: usize = 16 << 20;
/// Bytes before the first message of a file.
const MAX_PADDING: usize = 64;
/// Rows that a batch may have besides those that its bytes explain.
const FREE_ROWS: u64 = 1 << 20;
/// Rows that one byte explains, in a well compressed column of truth values.
const ROWS_PER_BYTE: u64 = 2000;

/// The rows of an Arrow IPC stream or file, no batch of which may have more than `max_bytes`.
pub(super) fn arrow(stream: Stream, max_bytes: u64, limit: usize) -> RawRows {
    let mut window = Window::new(stream);
    match window.want(FILE_MARK.len()) {
        Ok(head) if head.starts_with(FILE_MARK) => {
            window.consume(FILE_MARK.len());
            skip_padding(&mut window);
        }
        Ok(_) => {}
        Err(error) => return only(RawRow::broken(1, error)),
    }
    let mut messages = Messages { window, decoder: StreamDecoder::new(), max_bytes };
    // The first message is the schema; without it the file is something else.
    let first = match messages.message() {
        Ok(Some(message)) => message,
        Ok(None) => return bad_file(damaged_file("Arrow", "it is empty")),
        Err(error) => return first_error(error),
    };
    if let Err(error) = messages.decode(first) {
        return first_error(error);
    }
    let batches: Batches = Box::new(std::iter::from_fn(move || messages.next_batch().transpose()));
    rows("Arrow", batches, 1, limit)
}

/// Writers align the first message to 8 bytes or to as many as 64.
fn skip_padding(window: &mut Window) {
    for _ in 0..MAX_PADDING {
        if !matches!(window.want(1), Ok([0, ..])) {
            return;
        }
        window.consume(1);
    }
}

fn first_error(error: ArrowError) -> RawRows {
    if let ArrowError::IoError(_, error) = error {
        return only(RawRow::broken(1, error));
    }
    bad_file(damaged_file("Arrow", &error.to_string()))
}

struct Messages {
    window: Window,
    decoder: StreamDecoder,
    max_bytes: u64,
}

fn broken(message: &str) -> ArrowError {
    ArrowError::IpcError(message.to_owned())
}

impl Messages {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        while let Some(message) = self.message()? {
            if let Some(batch) = self.decode(message)? {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    fn decode(&mut self, message: Buffer) -> Result<Option<RecordBatch>, ArrowError> {
        let mut message = message;
        let decoder = &mut self.decoder;
        guarded(|| decoder.decode(&mut message)).unwrap_or_else(|word| Err(broken(&word)))
    }

    /// The bytes of the next message; none at the end.
    fn message(&mut self) -> Result<Option<Buffer>, ArrowError> {
        let mut prefix = 4;
        let mut head = self.window.want(prefix)?;
        if head.starts_with(&CONTINUES) {
            prefix = 8;
            head = self.window.want(prefix)?;
        }
        let Some(size) = head.get(prefix - 4..prefix) else {
            // A stream may end without its end mark, but not within a message.
            let within = !head.is_empty();
            return if within { Err(broken("it ends within a message")) } else { Ok(None) };
        };
        let size = u32::from_le_bytes([size[0], size[1], size[2], size[3]]) as usize;
        if size == 0 {
            return Ok(None);
        }
        if size > MAX_DESCRIPTION_BYTES {
            return Err(broken("the description of a message is too long"));
        }
        let described = prefix + size;
        let bytes = self.window.want(described)?;
        let Some(description) = bytes.get(prefix..described) else {
            return Err(broken("it ends within a message"));
        };
        let body = guarded(|| body_bytes(description, self.max_bytes));
        let body = body.unwrap_or_else(|word| Err(broken(&word)))?;
        let all = described + body;
        let bytes = self.window.want(all)?;
        let Some(message) = bytes.get(..all) else {
            return Err(broken("it ends within a message"));
        };
        let (description, body) = (&message[prefix..described], &message[described..]);
        guarded(|| check(description, body, self.max_bytes))
            .unwrap_or_else(|word| Err(broken(&word)))?;
        let message = Buffer::from(message);
        self.window.consume(all);
        Ok(Some(message))
    }
}

fn parse(description: &[u8]) -> Result<Message<'_>, ArrowError> {
    root_as_message(description).map_err(|error| broken(&error.to_string()))
}

/// How many bytes follow a description.
fn body_bytes(description: &[u8], max_bytes: u64) -> Result<usize, ArrowError> {
    let bytes = u64::try_from(parse(description)?.bodyLength()).ok();
    let bytes = bytes.filter(|bytes| *bytes <= max_bytes).and_then(|it| usize::try_from(it).ok());
    bytes.ok_or_else(|| broken("a batch is larger than allowed"))
}

/// Refuses a batch that says it has more rows, or decompresses to more bytes, than can be.
fn check(description: &[u8], body: &[u8], max_bytes: u64) -> Result<(), ArrowError> {
    let message = parse(description)?;
    let batch: Option<BatchMessage<'_>> = match message.header_type() {
        MessageHeader::RecordBatch => message.header_as_record_batch(),
        MessageHeader::DictionaryBatch => {
            message.header_as_dictionary_batch().and_then(|one| one.data())
        }
        _ => None,
    };
    let Some(batch) = batch else { return Ok(()) };
    let most = FREE_ROWS.saturating_add((body.len() as u64).saturating_mul(ROWS_PER_BYTE));
    let fits = |rows: i64| u64::try_from(rows).is_ok_and(|rows| rows <= most);
    let nodes = batch.nodes().into_iter().flatten();
    if !fits(batch.length()) || nodes.into_iter().any(|node| !fits(node.length())) {
        return Err(broken("a batch has more rows than its bytes can hold"));
    }
    if batch.compression().is_none() {
        return Ok(());
    }
    let mut total = 0u64;
    for buffer in batch.buffers().into_iter().flatten().filter(|one| one.length() > 0) {
        let start = usize::try_from(buffer.offset()).ok();
        let size = start.and_then(|start| body.get(start..start.checked_add(8)?));
        let size = size.and_then(|bytes| Some(i64::from_le_bytes(bytes.try_into().ok()?)));
        let size = size.ok_or_else(|| broken("a column lies outside of its batch"))?;
        // What is not compressed says -1.
        total = total.saturating_add(u64::try_from(size).unwrap_or(0));
    }
    if total > max_bytes {
        return Err(broken("a batch decompresses to more than allowed"));
    }
    Ok(())
}
