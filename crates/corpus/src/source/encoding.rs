//! Encodings of text: told, marked or guessed, and strictly decoded.

use super::reason::BadReason;
use super::window::{Peeked, Stream};
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{CoderResult, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use std::borrow::Cow;
use std::io::{self, Read};

/// Bytes of a file's beginning by which its encoding is judged.
pub(super) const HEAD_BYTES: usize = 64 << 10;

/// The encoding of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Codec {
    encoding: &'static Encoding,
    /// Bytes of the byte-order mark.
    pub(super) mark_bytes: usize,
}

impl Codec {
    /// The encoding named `label`, or that of a file which begins with `head`.
    ///
    /// In this order: the byte-order mark; UTF-16 by its zero bytes; UTF-8 where it is valid but
    /// for a few rows, or where control bytes say that this is no text at all; else chardetng's
    /// guess.
    pub(super) fn of(head: &[u8], label: Option<&'static Encoding>) -> Self {
        if let Some((encoding, mark_bytes)) = Encoding::for_bom(head)
            && label.is_none_or(|label| label == encoding)
        {
            return Self { encoding, mark_bytes };
        }
        let plain = |encoding| Self { encoding, mark_bytes: 0 };
        if let Some(encoding) = label {
            return plain(encoding);
        }
        if let Some(encoding) = wide_text(head) {
            return plain(encoding);
        }
        let is_text = |byte: &u8| *byte >= b' ' || matches!(byte, 9..=13 | 0x1B);
        let valid = match simdutf8::compat::from_utf8(head) {
            Ok(_) => true,
            // A character that the head cuts in two is no fault.
            Err(error) => error.error_len().is_none(),
        };
        if valid || !head.iter().all(is_text) || is_mostly_utf8(head) {
            return plain(UTF_8);
        }
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        detector.feed(head, head.len() < HEAD_BYTES);
        plain(detector.guess(None, Utf8Detection::Deny))
    }

    /// UTF-8 without a mark.
    pub(super) fn utf8() -> Self {
        Self { encoding: UTF_8, mark_bytes: 0 }
    }

    /// Whether the text is UTF-8 as it stands.
    pub(super) fn is_utf8(self) -> bool {
        self.encoding == UTF_8
    }

    /// Whether line ends are single bytes, so that lines can be told before they are decoded.
    pub(super) fn has_byte_lines(self) -> bool {
        self.encoding != UTF_16LE && self.encoding != UTF_16BE
    }

    /// The text that `bytes` encode.
    pub(super) fn decode(self, bytes: &[u8]) -> Result<Cow<'_, str>, BadReason> {
        let encoding = self.encoding.name();
        let bad = |offset: usize| BadReason::Encoding { encoding, offset: offset as u64 };
        if self.encoding == UTF_8 {
            let text = simdutf8::compat::from_utf8(bytes);
            return text.map(Cow::Borrowed).map_err(|error| bad(error.valid_up_to()));
        }
        let text = self.encoding.decode_without_bom_handling_and_without_replacement(bytes);
        text.ok_or_else(|| bad(self.first_bad(bytes)))
    }

    /// The text that `bytes` encode, with U+FFFD for what is malformed.
    pub(super) fn decode_lossy(self, bytes: &[u8]) -> String {
        self.encoding.decode_without_bom_handling(bytes).0.into_owned()
    }

    fn first_bad(self, bytes: &[u8]) -> usize {
        let mut decoder = self.encoding.new_decoder_without_bom_handling();
        let (mut to, mut at) = (vec![0; 4096], 0);
        loop {
            let rest = &bytes[at..];
            let (result, read, _) = decoder.decode_to_utf8_without_replacement(rest, &mut to, true);
            at += read;
            match result {
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(length, extra) => {
                    return at.saturating_sub(usize::from(length) + usize::from(extra));
                }
                DecoderResult::InputEmpty => return at,
            }
        }
    }
}

/// Whether the text has at least as many characters of UTF-8 beyond ASCII as bad places: a file
/// put together from several. In texts of other encodings what looks like UTF-8 is an accident, one
/// pair in five at most.
fn is_mostly_utf8(head: &[u8]) -> bool {
    let (mut good, mut bad) = (0usize, 0usize);
    for chunk in head.utf8_chunks() {
        good += chunk.valid().chars().filter(|ch| !ch.is_ascii()).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    good >= bad && good > 0
}

/// UTF-16 without a mark: in most scripts many characters have a zero byte, always on one side.
fn wide_text(head: &[u8]) -> Option<&'static Encoding> {
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|&&byte| byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let many = head.len() / 8;
    match (even, odd) {
        (0, odd) if odd > many && head.len() > 3 => Some(UTF_16LE),
        (even, 0) if even > many && head.len() > 3 => Some(UTF_16BE),
        _ => None,
    }
}

/// The stream without its byte-order mark, and how its lines or bytes are decoded: UTF-16 is
/// turned into UTF-8 here, so that whoever reads on finds line ends, and `always` does so with
/// every encoding. Where it is turned here, what is malformed becomes U+FFFD.
pub(super) fn open_text(
    stream: Stream,
    label: Option<&'static Encoding>,
    always: bool,
) -> (Stream, Codec) {
    let mut peeked = Peeked::new(stream, HEAD_BYTES);
    let codec = Codec::of(peeked.head(), label);
    peeked.skip(codec.mark_bytes);
    if codec.encoding == UTF_8 || (codec.has_byte_lines() && !always) {
        return (Box::new(peeked), codec);
    }
    let decoder = codec.encoding.new_decoder_without_bom_handling();
    let turned = Turned {
        stream: peeked,
        decoder,
        from: vec![0; HEAD_BYTES],
        ready: Vec::new(),
        at: 0,
        ended: false,
    };
    (Box::new(turned), Codec { encoding: UTF_8, mark_bytes: 0 })
}

/// Turns a stream into UTF-8.
struct Turned {
    stream: Peeked,
    decoder: encoding_rs::Decoder,
    from: Vec<u8>,
    /// Text that was turned and not yet handed on, from `at`.
    ready: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Turned {
    /// Turns the next bytes.
    fn turn(&mut self) -> io::Result<()> {
        let read = self.stream.read(&mut self.from)?;
        self.ended = read == 0;
        let room = self.decoder.max_utf8_buffer_length(read).unwrap_or(4 * HEAD_BYTES);
        self.ready.resize(room, 0);
        let from = &self.from[..read];
        let (result, _, written, _) =
            self.decoder.decode_to_utf8(from, &mut self.ready, self.ended);
        assert_eq!(result, CoderResult::InputEmpty, "{room} bytes for {read}");
        self.ready.truncate(written);
        self.at = 0;
        Ok(())
    }
}

impl Read for Turned {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.at == self.ready.len() && !self.ended {
            self.turn()?;
        }
        let bytes = (self.ready.len() - self.at).min(to.len());
        to[..bytes].copy_from_slice(&self.ready[self.at..self.at + bytes]);
        self.at += bytes;
        Ok(bytes)
    }
}
