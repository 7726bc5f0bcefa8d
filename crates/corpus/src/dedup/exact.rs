//! Keys of contents, and texts without the parts that were seen before.

use super::loose::loosen;
use twox_hash::XxHash3_128;

/// What two contents may differ in and still have the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyOptions {
    /// Upper and lower case are the same.
    pub ignore_case: bool,
    /// Any white space is one space, none at the ends.
    pub ignore_white_space: bool,
}

impl KeyOptions {
    /// Every byte counts.
    pub const STRICT: Self = Self { ignore_case: false, ignore_white_space: false };
    /// Case and white space do not count.
    pub const LOOSE: Self = Self { ignore_case: true, ignore_white_space: true };
}

/// The key of a content: XXH3, 128 bits, the same in every version and on every machine.
///
/// Among 10^12 different contents two share a key with a chance of 10^-15; the hash does not
/// withstand somebody who makes contents to collide.
pub fn content_key(content: &str, options: KeyOptions) -> u128 {
    Keys::new(options).key(content)
}

/// Makes content keys; keeps its buffer from one to the next.
#[derive(Clone, Debug)]
pub struct Keys {
    options: KeyOptions,
    buffer: Vec<u8>,
}

impl Keys {
    /// Keys under these options.
    pub fn new(options: KeyOptions) -> Self {
        Self { options, buffer: Vec::new() }
    }

    /// The key of `content`; see [`content_key`].
    pub fn key(&mut self, content: &str) -> u128 {
        if self.options == KeyOptions::STRICT {
            return XxHash3_128::oneshot(content.as_bytes());
        }
        if self.options == KeyOptions::LOOSE {
            loosen(content, &mut self.buffer);
        } else {
            self.buffer.clear();
            self.push_chars(content);
        }
        XxHash3_128::oneshot(&self.buffer)
    }

    fn push_chars(&mut self, content: &str) {
        let KeyOptions { ignore_case, ignore_white_space } = self.options;
        let (mut utf8, mut gap) = ([0; 4], false);
        let mut push = |ch: char, out: &mut Vec<u8>| {
            out.extend_from_slice(ch.encode_utf8(&mut utf8).as_bytes());
        };
        for ch in content.chars() {
            if ignore_white_space && ch.is_whitespace() {
                gap = !self.buffer.is_empty();
                continue;
            }
            if std::mem::take(&mut gap) {
                self.buffer.push(b' ');
            }
            if ignore_case {
                ch.to_lowercase().for_each(|small| push(small, &mut self.buffer));
            } else {
                push(ch, &mut self.buffer);
            }
        }
    }
}

/// A text without the parts that were seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unrepeated {
    /// What is left.
    pub text: String,
    /// Parts that are gone.
    pub num_dropped: usize,
    /// Their bytes.
    pub dropped_bytes: usize,
}

/// What of a text is compared with the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextPart {
    /// A line.
    Line,
    /// What stands between lines without visible characters.
    Paragraph,
}

/// Drops the parts of `text` that `is_first` says were seen before, in this text or an earlier one;
/// it is asked about the key of each part in turn, and what was seen may lie on disk, as in
/// [`super::ExactDedup`]. The blank lines after a paragraph go with it.
///
/// Parts of fewer than `least_chars` characters without the white space around them stay and are
/// not asked about: empty lines, brackets, list marks.
///
/// # Errors
/// Those of `is_first`.
pub fn drop_repeated_parts<E>(
    text: &str,
    part: TextPart,
    least_chars: usize,
    keys: &mut Keys,
    is_first: impl FnMut(u128) -> Result<bool, E>,
) -> Result<Unrepeated, E> {
    match part {
        TextPart::Line => drop_parts(text.split_inclusive('\n'), least_chars, keys, is_first),
        TextPart::Paragraph => drop_parts(paragraphs(text), least_chars, keys, is_first),
    }
}

fn drop_parts<'t, E>(
    parts: impl Iterator<Item = &'t str>,
    least_chars: usize,
    keys: &mut Keys,
    mut is_first: impl FnMut(u128) -> Result<bool, E>,
) -> Result<Unrepeated, E> {
    let mut left = Unrepeated { text: String::new(), num_dropped: 0, dropped_bytes: 0 };
    for part in parts {
        let content = part.trim();
        let long = content.chars().take(least_chars.max(1)).count() == least_chars.max(1);
        if long && !is_first(keys.key(content))? {
            left.num_dropped += 1;
            left.dropped_bytes += part.len();
        } else {
            left.text.push_str(part);
        }
    }
    Ok(left)
}

/// The parts of `text` that start where a line follows a blank one.
fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (mut end, mut blank) = (0, false);
        for line in rest.split_inclusive('\n') {
            let is_blank = line.trim().is_empty();
            if blank && !is_blank {
                break;
            }
            blank = is_blank && end > 0 || blank;
            end += line.len();
        }
        let (paragraph, after) = rest.split_at(end);
        rest = after;
        (!paragraph.is_empty()).then_some(paragraph)
    })
}
