//! What was done to a text.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// What was done to a text, so that what was done to its parts adds up.
///
/// Displayed as `entities, control-characters` or `email=2 phone=1`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Note {
    /// In a few words, each of them once.
    done: Vec<Cow<'static, str>>,
    /// How often each kind was found.
    counts: BTreeMap<&'static str, u64>,
}

impl Note {
    /// A note in words.
    pub(crate) fn of(done: impl IntoIterator<Item = impl Into<Cow<'static, str>>>) -> Self {
        Self { done: done.into_iter().map(Into::into).collect(), counts: BTreeMap::new() }
    }

    /// A note of how often each kind was found.
    pub(crate) fn counting(kinds: impl Iterator<Item = &'static str>) -> Self {
        let mut note = Self::default();
        for kind in kinds {
            *note.counts.entry(kind).or_insert(0) += 1;
        }
        note
    }

    /// Adds what was done to another part.
    pub(crate) fn add(&mut self, other: Self) {
        for done in other.done {
            if !self.done.contains(&done) {
                self.done.push(done);
            }
        }
        for (kind, count) in other.counts {
            *self.counts.entry(kind).or_insert(0) += count;
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.done.join(", "))?;
        for (at, (kind, count)) in self.counts.iter().enumerate() {
            let gap = if at == 0 && self.done.is_empty() { "" } else { " " };
            write!(f, "{gap}{kind}={count}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Note;

    #[test]
    fn notes_add_up() {
        let mut note = Note::of(["entities"]);
        note.add(Note::of(["gbk-as-latin-1", "entities"]));
        assert_eq!(note.to_string(), "entities, gbk-as-latin-1");
        let mut note = Note::counting(["phone", "email", "phone"].into_iter());
        note.add(Note::counting(["email"].into_iter()));
        assert_eq!(note.to_string(), "email=2 phone=2");
    }
}
