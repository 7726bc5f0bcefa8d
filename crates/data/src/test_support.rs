//! What tests of several modules need.

use camino::{Utf8Path, Utf8PathBuf};
use catena_protocol::{ChatExtras, ChatMessage, ChatSample, Role, TrainingSample};
use catena_text::{ChatTemplate, Tokenizer};
use serde_json::Value;

/// A ChatML template that ends each turn with `<|im_end|>` and a line end.
pub(crate) const CHATML: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
     {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// The same with marks around what the assistant writes.
pub(crate) const CHATML_MARKED: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}\
     {% generation %}{{ m.content }}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}<|im_end|>\
     {% endif %}{{ '\n' }}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// The folder of goldens.
pub(crate) fn golden() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// A golden file of JSON.
pub(crate) fn golden_json(name: &str) -> Value {
    let text = std::fs::read_to_string(golden().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The small byte-level tokenizer of the goldens; `<|im_end|>` ends a text.
pub(crate) fn tokenizer() -> Tokenizer {
    let read = |name: &str| std::fs::read(golden().join(name)).unwrap();
    let tokenizer = Tokenizer::from_json_bytes(&read("tokenizer.json")).unwrap();
    tokenizer.with_config_json(&read("tokenizer_config.json")).unwrap()
}

/// The small WordPiece tokenizer of the goldens.
pub(crate) fn wordpiece() -> Tokenizer {
    Tokenizer::from_json_bytes(&std::fs::read(golden().join("wordpiece.json")).unwrap()).unwrap()
}

/// A template that knows the special tokens of [`tokenizer`].
pub(crate) fn template(source: &str) -> ChatTemplate {
    ChatTemplate::new(source, "<s>", "<|im_end|>").unwrap()
}

/// A message.
pub(crate) fn message(role: &str, content: &str) -> ChatMessage {
    let role: Role = serde_json::from_value(role.into()).unwrap();
    ChatMessage::new(role, content)
}

/// A conversation of roles and words.
pub(crate) fn chat(turns: &[(&str, &str)]) -> ChatSample {
    let messages = turns.iter().map(|(role, content)| message(role, content)).collect();
    ChatSample { messages, extras: ChatExtras::default() }
}

/// The same as a sample.
pub(crate) fn chat_sample(turns: &[(&str, &str)]) -> TrainingSample {
    TrainingSample::Chat(chat(turns))
}

/// A folder that lasts as long as the guard.
pub(crate) fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
    (folder, path)
}

/// Writes a file into `folder`.
pub(crate) fn put(folder: &Utf8Path, name: &str, bytes: impl AsRef<[u8]>) -> Utf8PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path
}
