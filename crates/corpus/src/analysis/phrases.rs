//! Phrases that decide about lines of pages, found in any case of ASCII.

use aho_corasick::{AhoCorasick, MatchKind};
use std::sync::LazyLock;

/// What a phrase says of its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phrase {
    /// Filler text: C4 drops the document.
    LoremIpsum,
    /// A notice that scripts are needed: C4 drops the line.
    Javascript,
    /// A notice about cookies or terms: C4 drops the line.
    Policy,
    /// What NeMo takes for boilerplate besides the phrases of C4.
    MorePolicy,
    /// RefinedWeb takes it from short lines.
    Cart,
    /// RefinedWeb takes it from the end of short lines.
    ReadMore,
    /// RefinedWeb takes it from the start of short lines.
    SignIn,
}

/// A phrase in lower case, and where its anchor begins.
struct Known {
    text: &'static str,
    anchor: usize,
    meaning: Phrase,
}

const fn known(text: &'static str, anchor: usize, meaning: Phrase) -> Known {
    Known { text, anchor, meaning }
}

/// The phrases, by their anchors: three characters that are rare in texts.
///
/// Of the three notices that NeMo has at full length we look for the part that no other text
/// would have.
static KNOWN: [(&str, &[Known]); 8] = [
    ("ips", &[known("lorem ipsum", 6, Phrase::LoremIpsum)]),
    ("vas", &[known("javascript", 2, Phrase::Javascript)]),
    ("f u", &[known("terms of use", 7, Phrase::Policy)]),
    (
        "vac",
        &[
            known("privacy policy", 3, Phrase::Policy),
            known("privacy overview", 3, Phrase::MorePolicy),
            known("privacy & cookies policy", 3, Phrase::MorePolicy),
            known("privacy and cookies policy", 3, Phrase::MorePolicy),
        ],
    ),
    (
        "kie",
        &[
            known("cookie policy", 3, Phrase::Policy),
            known("uses cookies", 8, Phrase::Policy),
            known("use of cookies", 10, Phrase::Policy),
            known("use cookies", 7, Phrase::Policy),
            known(
                "necessary cookies are absolutely essential for the website to function properly",
                13,
                Phrase::MorePolicy,
            ),
            known(
                "any cookies that may not be particularly necessary for the website to function",
                7,
                Phrase::MorePolicy,
            ),
            known(
                "without changing your cookie settings, you agree to this use",
                25,
                Phrase::MorePolicy,
            ),
        ],
    ),
    ("n c", &[known("items in cart", 7, Phrase::Cart)]),
    ("d m", &[known("read more", 3, Phrase::ReadMore)]),
    ("n-i", &[known("sign-in", 3, Phrase::SignIn)]),
];

/// Finds the anchors in each of their cases, which the matcher knows to look for many bytes at a
/// time, as it would not if it were told to look for any case.
struct Anchors {
    matcher: AhoCorasick,
    /// The place in [`KNOWN`] of each pattern.
    known: Vec<usize>,
}

static ANCHORS: LazyLock<Anchors> = LazyLock::new(|| {
    let mut patterns: Vec<String> = Vec::new();
    let mut known = Vec::new();
    for (place, (anchor, _)) in KNOWN.iter().enumerate() {
        for capitals in 0..1 << anchor.len() {
            let in_case = |(at, ch): (usize, char)| {
                if capitals >> at & 1 == 0 { ch } else { ch.to_ascii_uppercase() }
            };
            let pattern = anchor.chars().enumerate().map(in_case).collect();
            if !patterns.contains(&pattern) {
                patterns.push(pattern);
                known.push(place);
            }
        }
    }
    let builder = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(patterns);
    Anchors { matcher: builder.expect("a few short patterns make a small automaton"), known }
});

/// Appends where phrases start in `text`; phrases of a line stand together, in no order.
#[expect(clippy::cast_possible_truncation, reason = "texts are far below 4 GiB")]
pub(crate) fn find_phrases(text: &str, found: &mut Vec<(u32, Phrase)>) {
    let (anchors, bytes) = (&*ANCHORS, text.as_bytes());
    for place in anchors.matcher.find_iter(bytes) {
        let (_, phrases) = &KNOWN[anchors.known[place.pattern().as_usize()]];
        for known in *phrases {
            let start = place.start().checked_sub(known.anchor);
            let piece = start.and_then(|start| bytes.get(start..start + known.text.len()));
            if piece.is_some_and(|piece| piece.eq_ignore_ascii_case(known.text.as_bytes())) {
                found.push(((place.start() - known.anchor) as u32, known.meaning));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn anchors_stand_where_they_are_said_to() {
        for (anchor, phrases) in &KNOWN {
            for known in *phrases {
                assert!(known.text[known.anchor..].starts_with(anchor), "{}", known.text);
            }
        }
    }

    proptest! {
        #[test]
        fn all_phrases_are_found_in_any_case(
            pieces in prop::collection::vec((0_usize..20, any::<bool>()), 0..12),
        ) {
            let all: Vec<&Known> = KNOWN.iter().flat_map(|(_, phrases)| *phrases).collect();
            let mut text = String::new();
            for (index, is_shouted) in pieces {
                let piece = all.get(index).map_or(" kiosk canvas ", |known| known.text);
                text += &if is_shouted { piece.to_ascii_uppercase() } else { piece.to_owned() };
            }
            let mut found = Vec::new();
            find_phrases(&text, &mut found);
            let lower = text.to_ascii_lowercase();
            for known in all {
                let ours = found.iter().filter(|(at, meaning)| {
                    lower[*at as usize..].starts_with(known.text) && *meaning == known.meaning
                });
                let expected = (0..lower.len()).filter(|&at| lower[at..].starts_with(known.text));
                prop_assert_eq!(ours.count(), expected.count(), "{} in {}", known.text, text);
            }
        }
    }
}
