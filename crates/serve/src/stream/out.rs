//! Messages as the bytes of a stream.

use super::template::Template;
use serde::Serialize;
use serde_json::Value;

/// Bytes for which room is made at once: a token's message is about half as long.
const ROOM: usize = 512;

/// How messages stand in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As server-sent events.
    Events,
    /// As lines, without names.
    Lines,
}

/// Messages on their way to a client.
#[derive(Debug)]
pub(crate) struct Out {
    form: Form,
    bytes: Vec<u8>,
}

impl Out {
    pub(crate) fn new(form: Form) -> Self {
        Self { form, bytes: Vec::with_capacity(ROOM) }
    }

    /// A message without a name.
    pub(crate) fn data(&mut self, value: &impl Serialize) {
        self.message(None, |bytes| write_json(bytes, value));
    }

    /// A message with a name, in protocols that name them.
    pub(crate) fn named(&mut self, event: &'static str, value: &impl Serialize) {
        self.message(Some(event), |bytes| write_json(bytes, value));
    }

    /// A message with a name that stands in its data too, as `type`.
    pub(crate) fn typed(&mut self, event: &'static str, mut value: Value) {
        value["type"] = Value::from(event);
        self.named(event, &value);
    }

    /// A message with `text` in its place.
    pub(crate) fn fill(&mut self, template: &Template, text: &str) {
        self.message(template.event, |bytes| {
            bytes.extend_from_slice(&template.before);
            write_json(bytes, text);
            bytes.extend_from_slice(&template.after);
        });
    }

    /// What ends a stream of OpenAI's.
    pub(crate) fn done(&mut self) {
        self.message(None, |bytes| bytes.extend_from_slice(b"[DONE]"));
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Writes a message: its name if it has one, and its data, which is one line: JSON as we write it
    /// breaks none.
    fn message(&mut self, event: Option<&'static str>, data: impl FnOnce(&mut Vec<u8>)) {
        match self.form {
            Form::Lines => data(&mut self.bytes),
            Form::Events => {
                if let Some(name) = event {
                    self.bytes.extend_from_slice(b"event: ");
                    self.bytes.extend_from_slice(name.as_bytes());
                    self.bytes.push(b'\n');
                }
                self.bytes.extend_from_slice(b"data: ");
                data(&mut self.bytes);
                self.bytes.push(b'\n');
            }
        }
        self.bytes.push(b'\n');
    }
}

fn write_json(bytes: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(bytes, value).expect("what is sent has the form of JSON");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(form: Form, write: impl FnOnce(&mut Out)) -> String {
        let mut out = Out::new(form);
        write(&mut out);
        String::from_utf8(out.into_bytes()).expect("UTF-8")
    }

    #[test]
    fn messages_have_names_in_events_and_none_in_lines() {
        let write = |out: &mut Out| {
            out.named("delta", &json!({"text": "a\nb"}));
            out.typed("end", json!({"index": 1}));
            out.data(&json!(1));
            out.done();
        };
        let events = "event: delta\ndata: {\"text\":\"a\\nb\"}\n\n\
                      event: end\ndata: {\"index\":1,\"type\":\"end\"}\n\ndata: 1\n\ndata: [DONE]\n\n";
        assert_eq!(written(Form::Events, write), events);
        let lines = "{\"text\":\"a\\nb\"}\n{\"index\":1,\"type\":\"end\"}\n1\n[DONE]\n";
        assert_eq!(written(Form::Lines, write), lines);
    }

    /// The same bytes as the whole message, whatever the text and what stands around it.
    #[test]
    fn a_template_gives_what_its_message_would() {
        let message = |text: &str| json!({"id": "a", "model": "\"b\"\u{0}", "delta": {"text": text}, "a": null});
        for event in [None, Some("delta")] {
            let template = Template::new(event, message);
            for text in
                ["", "a", "b", "\"", "\\", "\u{0}\u{1f}\u{7f}", "é\u{2028}🙂", "\r\n\t</think>"]
            {
                let whole = written(Form::Events, |out| match event {
                    Some(name) => out.named(name, &message(text)),
                    None => out.data(&message(text)),
                });
                assert_eq!(written(Form::Events, |out| out.fill(&template, text)), whole);
            }
        }
    }
}
