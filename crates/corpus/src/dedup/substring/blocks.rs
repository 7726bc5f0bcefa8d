//! Repeats within the bytes of a block.

use crate::error::CorpusError;
use libsais::SuffixArrayConstruction;
use std::ops::Range;

/// Stands between the regions of a block; no byte of UTF-8.
const BORDER: u8 = 0xFF;

/// Parts of documents side by side.
#[derive(Default)]
pub(super) struct Block {
    bytes: Vec<u8>,
    regions: Vec<Region>,
}

/// A part of a document.
#[derive(Clone, Debug)]
pub(super) struct Region {
    /// The document.
    pub(super) document: usize,
    /// Where it lies in the document.
    pub(super) range: Range<usize>,
}

impl Block {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a region, whose bytes `fill` writes.
    pub(super) fn push(
        &mut self,
        region: Region,
        fill: impl FnOnce(&mut [u8]) -> Result<(), CorpusError>,
    ) -> Result<(), CorpusError> {
        let start = self.bytes.len();
        self.bytes.resize(start + region.range.len(), 0);
        fill(&mut self.bytes[start..])?;
        self.bytes.push(BORDER);
        self.regions.push(region);
        Ok(())
    }

    /// Calls `on_span` with each document and span, in order, whose every run of `least` bytes
    /// occurred earlier in the block, cut to whole characters.
    pub(super) fn repeats(
        &self,
        least: usize,
        mut on_span: impl FnMut(usize, Range<usize>),
    ) -> Result<(), CorpusError> {
        let repeated = self.repeated_starts(least)?;
        let mut start = 0;
        for region in &self.regions {
            let end = start + region.range.len();
            let mut span: Option<Range<usize>> = None;
            let mut emit = |span: Range<usize>| {
                let span = whole_characters(&self.bytes[start..end], span);
                if !span.is_empty() {
                    let offset = region.range.start;
                    on_span(region.document, span.start + offset..span.end + offset);
                }
            };
            for at in (start..end).filter(|&at| repeated[at / 64] >> (at % 64) & 1 == 1) {
                let run = at - start..at - start + least;
                match &mut span {
                    Some(span) if span.end >= run.start => span.end = run.end,
                    other => {
                        if let Some(done) = other.replace(run) {
                            emit(done);
                        }
                    }
                }
            }
            if let Some(span) = span {
                emit(span);
            }
            start = end + 1;
        }
        Ok(())
    }

    /// One bit for each place whose run of `least` bytes occurred earlier.
    fn repeated_starts(&self, least: usize) -> Result<Vec<u64>, CorpusError> {
        let suffixes = SuffixArrayConstruction::for_text(&self.bytes)
            .in_owned_buffer32()
            .single_threaded()
            .run();
        let suffixes = suffixes.map_err(|_| CorpusError::Memory { bytes: 4 * self.bytes.len() })?;
        let mut repeated = vec![0_u64; self.bytes.len().div_ceil(64)];
        let mut mark = |at: usize| repeated[at / 64] |= 1 << (at % 64);
        // Suffixes with the same beginning stand together; the smallest of them came first.
        let (mut first, mut before): (usize, Option<&[u8]>) = (0, None);
        for &suffix in suffixes.suffix_array() {
            let at = usize::try_from(suffix).expect("places are not negative");
            let run = self.bytes.get(at..at + least).filter(|run| !run.contains(&BORDER));
            if run.is_none() || run != before {
                first = at;
            } else if at < first {
                mark(first);
                first = at;
            } else {
                mark(at);
            }
            before = run;
        }
        Ok(repeated)
    }
}

/// `span` without the parts of characters at its ends.
fn whole_characters(text: &[u8], span: Range<usize>) -> Range<usize> {
    let start = (span.start..span.end).find(|&at| is_border(text, at)).unwrap_or(span.end);
    let end = (start..=span.end).rev().find(|&at| is_border(text, at)).unwrap_or(start);
    start..end
}

/// Whether a character can start at `at`. A region may end within one, so that at its end the last
/// character is looked at.
fn is_border(text: &[u8], at: usize) -> bool {
    let is_inside = |byte: u8| byte & 0xC0 == 0x80;
    if let Some(&byte) = text.get(at) {
        return !is_inside(byte);
    }
    // The leading ones of its first byte tell the bytes of a character; ASCII has none.
    let lead = text.iter().rposition(|&byte| !is_inside(byte));
    lead.is_none_or(|lead| lead + text[lead].leading_ones().max(1) as usize == at)
}
