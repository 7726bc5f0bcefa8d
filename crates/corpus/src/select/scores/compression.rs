//! How well a text compresses.

use flate2::{Compress, Compression, FlushCompress, Status};

/// Bytes kept of the output at a time; only their number is wanted.
const BUFFER_BYTES: usize = 32 << 10;

/// Bytes of a text by its bytes after raw DEFLATE at level 6; 1 for an empty text.
///
/// # Source
/// The compression ratio of Shaib et al. 2024, arXiv:2403.00553, there with gzip over a corpus;
/// we leave out the 18 bytes of gzip's frame, which weigh on short texts.
pub(super) fn ratio(text: &str) -> f64 {
    if text.is_empty() {
        return 1.0;
    }
    let mut deflate = Compress::new(Compression::new(6), false);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = usize::try_from(deflate.total_in()).expect("no more is read than is there");
        let rest = &text.as_bytes()[read..];
        let status = deflate.compress(rest, &mut buffer, FlushCompress::Finish);
        if !matches!(status, Ok(Status::Ok | Status::BufError)) {
            return text.len() as f64 / deflate.total_out().max(1) as f64;
        }
    }
}
