//! One look over a JSON body before anything is built from it.
//!
//! The parser that builds values has its own limit on depth, but none on how many values there are,
//! and a body of a few megabytes can become a hundred times as much memory. This pass allocates
//! nothing. It does not check the grammar; the parser does.

use std::ops::Range;

/// Most values of a list, and most fields of an object.
pub(crate) const MAX_ITEMS: u32 = 262_144;
/// Most lists and objects inside each other.
pub(crate) const MAX_DEPTH: usize = 64;

/// What a body looks like.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Where the value of the outermost object's field `model` stands, with its quotes.
    pub(crate) model: Option<Range<usize>>,
}

/// A body that is larger than it may be, in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooComplex {
    /// Lists and objects inside each other.
    Depth,
    /// Values of one list or fields of one object.
    Items,
}

/// Looks over `bytes`.
///
/// # Errors
/// The limit that it passes.
pub(crate) fn read_shape(bytes: &[u8]) -> Result<Shape, TooComplex> {
    let mut shape = Shape::default();
    let mut commas = [0_u32; MAX_DEPTH];
    let mut depth = 0_usize;
    let mut last_string = 0..0;
    let mut is_model = false;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = string_end(bytes, at);
                last_string = at..end;
                if is_model {
                    shape.model = Some(last_string.clone());
                    is_model = false;
                }
                at = end;
                continue;
            }
            b':' => is_model = depth == 1 && bytes.get(last_string.clone()) == Some(b"\"model\""),
            b',' => {
                is_model = false;
                if let Some(count) = depth.checked_sub(1).and_then(|idx| commas.get_mut(idx)) {
                    *count += 1;
                    if *count >= MAX_ITEMS {
                        return Err(TooComplex::Items);
                    }
                }
            }
            b'[' | b'{' => {
                is_model = false;
                *commas.get_mut(depth).ok_or(TooComplex::Depth)? = 0;
                depth += 1;
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    Ok(shape)
}

/// Behind the closing quote of the string that begins at `start`, or the end of the bytes.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}
