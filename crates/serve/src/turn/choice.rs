//! One answer in the making: thoughts, words and calls are told apart.

use crate::thinking::{ThoughtParser, mark_text};
use crate::tools::{CallParser, Part};
use catena_engine::{TokenEvent, Vocabulary};

/// One of the answers.
pub(super) struct Choice {
    thoughts: ThoughtParser,
    calls: Option<CallParser>,
    /// Its words, without thoughts and calls, where they may be taken from passages.
    said: Option<String>,
}

impl Choice {
    /// An answer at its beginning; with `thinks` the prompt ended where thoughts begin, and with `cites`
    /// its words are kept.
    pub(super) fn new(thinks: bool, cites: bool, calls: Option<CallParser>) -> Self {
        Self { thoughts: ThoughtParser::new(thinks), calls, said: cites.then(String::new) }
    }

    /// Whether what comes is thoughts.
    pub(super) fn is_thinking(&self) -> bool {
        self.thoughts.is_thinking()
    }

    /// Its words so far, if they are kept.
    pub(super) fn said(&self) -> Option<&str> {
        self.said.as_deref()
    }

    /// What a token brings. Its text goes into that, and out of the token.
    pub(super) fn token(&mut self, vocabulary: &Vocabulary, token: &mut TokenEvent) -> Vec<Part> {
        let mut told = self.thoughts.take(std::mem::take(&mut token.text));
        if let Some(mark) = mark_text(vocabulary, token.token) {
            let more = self.thoughts.mark(mark);
            told.thoughts.push_str(&more.thoughts);
            told.answer.push_str(&more.answer);
        } else if vocabulary.is_special(token.token) {
            told.answer.push_str(&self.thoughts.give_up());
        }
        let mut parts: Vec<Part> = thoughts(told.thoughts).into_iter().collect();
        match &mut self.calls {
            None => parts.extend(words(told.answer)),
            // Thoughts may hold whatever they like.
            Some(_) if self.thoughts.is_thinking() => {}
            // Text that comes with a control token stood before it.
            Some(calls) if vocabulary.is_special(token.token) => {
                parts.extend(calls.push_text(&told.answer));
                parts.extend(calls.push(token.token, ""));
            }
            Some(calls) => parts.extend(calls.push(token.token, &told.answer)),
        }
        self.note(&parts);
        parts
    }

    /// What was held, and whether there are calls and all are whole.
    pub(super) fn end(&mut self, tail: &str) -> (Vec<Part>, bool) {
        let told = self.thoughts.finish(tail);
        let mut parts: Vec<Part> = thoughts(told.thoughts).into_iter().collect();
        let has_calls = if let Some(calls) = &mut self.calls {
            parts.extend(calls.finish(&told.answer));
            calls.has_whole_calls()
        } else {
            parts.extend(words(told.answer));
            false
        };
        self.note(&parts);
        (parts, has_calls)
    }

    fn note(&mut self, parts: &[Part]) {
        let Some(said) = &mut self.said else { return };
        for part in parts {
            if let Part::Text(text) = part {
                said.push_str(text);
            }
        }
    }
}

/// Text without calls.
fn words(text: String) -> Option<Part> {
    (!text.is_empty()).then_some(Part::Text(text))
}

fn thoughts(text: String) -> Option<Part> {
    (!text.is_empty()).then_some(Part::Thought(text))
}
