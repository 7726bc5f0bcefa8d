//! Messages of which only a text changes.

use serde_json::Value;

/// A message with a place for a text.
#[derive(Debug)]
pub(crate) struct Template {
    /// Its name, in protocols that name messages.
    pub(super) event: Option<&'static str>,
    /// Its JSON up to the text.
    pub(super) before: Vec<u8>,
    /// Its JSON behind the text.
    pub(super) after: Vec<u8>,
}

impl Template {
    /// The message that `with` gives for a text, which stands in it once.
    ///
    /// # Panics
    /// If the message does not hold the text: a caller's bug.
    pub(crate) fn new(event: Option<&'static str>, with: impl Fn(&str) -> Value) -> Self {
        // What else it holds may be any text, so that the place is found by what changes.
        let [one, other] = ["a", "b"].map(|text| with(text).to_string().into_bytes());
        let differs = one.iter().zip(&other).position(|(one, other)| one != other);
        let place = differs.expect("the message holds the text");
        debug_assert_eq!(one[place + 1..], other[place + 1..], "it holds the text once");
        // The quotes belong to the text.
        Self { event, before: one[..place - 1].to_vec(), after: one[place + 2..].to_vec() }
    }
}
