//! Tokens that end a generation in GGUF files.

use crate::config::GgufKeys;
use crate::error::ModelError;

/// Texts of tokens that end a turn, a call or a text in the vocabularies of models that converse.
///
/// A file often names one of them only, and not the one that its chat template ends turns with:
/// Gemma's names `<eos>`, Phi-3's `<|endoftext|>`. llama.cpp therefore goes by texts as well.
const ENDS: &[&str] = &[
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<end_of_turn>",
    "<|end_of_turn|>",
    "<end_of_utterance>",
    "<|observation|>",
    "<|EOT|>",
    "<EOT>",
    "▁<EOT>",
];

/// Whether a token of this text ends a generation, whatever its file says of it.
pub(crate) fn is_end(text: &str) -> bool {
    ENDS.contains(&text)
}

/// The tokens that end a generation: those of a text, a turn and a message that the file names, then
/// those that are known by their texts.
///
/// # Errors
/// If a key is no token id.
pub(super) fn gguf_ends(keys: &GgufKeys<'_>) -> Result<Vec<u32>, ModelError> {
    let named = [keys.token("eos")?, keys.token("eot")?, keys.token("eom")?];
    let mut ends = Vec::new();
    for id in named.into_iter().flatten().chain(keys.tokens_where(is_end)) {
        if !ends.contains(&id) {
            ends.push(id);
        }
    }
    Ok(ends)
}

#[cfg(test)]
mod tests {
    use super::gguf_ends;
    use crate::config::{GgufKeys, KeySource};
    use crate::error::ModelError;
    use crate::gguf::{MetaArray, MetaValue};
    use camino::Utf8Path;

    struct Keys(Vec<(&'static str, MetaValue)>);

    impl KeySource for Keys {
        fn path(&self) -> &Utf8Path {
            Utf8Path::new("x.gguf")
        }

        fn metadata(&self, key: &str) -> Option<&MetaValue> {
            self.0.iter().find(|(found, _)| *found == key).map(|(_, value)| value)
        }

        fn has_tensor(&self, _name: &str) -> bool {
            false
        }

        fn floats(&self, _name: &str) -> Result<Option<Vec<f32>>, ModelError> {
            Ok(None)
        }
    }

    /// The ends of a file with these tokens and special ids.
    fn ends(tokens: &[&str], ids: &[(&'static str, u32)]) -> Vec<u32> {
        let texts = tokens.iter().map(|&text| text.to_owned()).collect();
        let mut keys = vec![
            ("general.architecture", MetaValue::from("llama")),
            ("tokenizer.ggml.tokens", MetaValue::Array(MetaArray::String(texts))),
        ];
        keys.extend(ids.iter().map(|&(key, id)| (key, MetaValue::U32(id))));
        gguf_ends(&GgufKeys::new(&Keys(keys)).unwrap()).unwrap()
    }

    const EOS: &str = "tokenizer.ggml.eos_token_id";
    const EOT: &str = "tokenizer.ggml.eot_token_id";
    const EOM: &str = "tokenizer.ggml.eom_token_id";

    #[test]
    fn ends_of_turns_are_known_by_their_texts() {
        let gemma = ["<pad>", "<eos>", "<bos>", "a", "<start_of_turn>", "<end_of_turn>"];
        assert_eq!(ends(&gemma, &[(EOS, 1)]), [1, 5]);
        let phi3 = ["a", "<|endoftext|>", "<|assistant|>", "<|end|>"];
        assert_eq!(ends(&phi3, &[(EOS, 1)]), [1, 3]);
    }

    #[test]
    fn ends_that_a_file_names_come_first_and_once() {
        let tokens = ["<|im_end|>", "b", "c", "d"];
        assert_eq!(ends(&tokens, &[(EOS, 0), (EOT, 2), (EOM, 3)]), [0, 2, 3]);
        assert_eq!(ends(&tokens, &[(EOT, 1), (EOS, 1)]), [1, 0]);
        assert_eq!(ends(&["a", "b"], &[]), [0u32; 0]);
    }
}
