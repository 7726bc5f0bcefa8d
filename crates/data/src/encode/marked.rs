//! Finds the assistant's words by the template's own marks.

use std::ops::Range;

/// For each of the byte ranges `generated` the tokens that overlap it, given the bytes of each
/// token. Both lists are in order.
///
/// # Source
/// transformers 5.24, `PreTrainedTokenizerBase.apply_chat_template` with
/// `return_assistant_tokens_mask`. Before 5.24 a last character cut into several tokens counted
/// with its first one only.
pub(super) fn tokens_within(
    spans: &[Range<usize>],
    generated: &[Range<usize>],
) -> Vec<Range<usize>> {
    let mut found: Vec<Option<Range<usize>>> = vec![None; generated.len()];
    let mut at = 0;
    for (token, span) in spans.iter().enumerate() {
        while at < generated.len() && span.start >= generated[at].end {
            at += 1;
        }
        let Some(range) = generated.get(at) else { break };
        if span.end > range.start {
            let start = found[at].as_ref().map_or(token, |range| range.start);
            found[at] = Some(start..token + 1);
        }
    }
    // A range without tokens stands where the next one begins.
    let mut next = spans.len();
    let mut ranges: Vec<Range<usize>> = Vec::with_capacity(found.len());
    for range in found.into_iter().rev() {
        let range = range.unwrap_or(next..next);
        next = range.start;
        ranges.push(range);
    }
    ranges.reverse();
    ranges
}
