//! The parts of a library tokenizer, written as `tokenizer.json` writes them.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokenizers::decoders::DecoderWrapper;
use tokenizers::processors::PostProcessorWrapper;

use crate::error::TextError;

/// The library's part that `json` describes.
pub(super) fn part<T: DeserializeOwned>(json: Value) -> Result<T, TextError> {
    serde_json::from_value(json).map_err(|error| TextError::Vocab(error.into()))
}

/// Joins SentencePiece's pieces: `▁` is a space, `<0x0A>` a byte, and the space that was put
/// before the text is taken away again.
pub(super) fn pieces_decoder(add_space_prefix: bool) -> Result<DecoderWrapper, TextError> {
    let mut decoders = vec![
        json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if add_space_prefix {
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    part(json!({"type": "Sequence", "decoders": decoders}))
}

/// A special token, if there is one, as an element of a template.
fn one(token: Option<&(String, u32)>, type_id: u32) -> Option<Value> {
    token.map(|(text, _)| json!({"SpecialToken": {"id": text, "type_id": type_id}}))
}

/// Tokens that stand before and after every text, each with its id.
#[derive(Clone, Debug, Default)]
pub(in crate::tokenizer) struct Frame {
    pub(in crate::tokenizer) before: Option<(String, u32)>,
    pub(in crate::tokenizer) after: Option<(String, u32)>,
    /// What stands before the second text of a pair as well; RoBERTa's way, whose tokens are all of
    /// one type.
    pub(in crate::tokenizer) between: Option<(String, u32)>,
}

impl Frame {
    /// The library's part that adds them.
    pub(in crate::tokenizer) fn post_processor(
        &self,
    ) -> Result<Option<PostProcessorWrapper>, TextError> {
        if self.before.is_none() && self.after.is_none() {
            return Ok(None);
        }
        let text = |name: &str, type_id: u32| json!({"Sequence": {"id": name, "type_id": type_id}});
        let single: Vec<Value> = one(self.before.as_ref(), 0)
            .into_iter()
            .chain([text("A", 0)])
            .chain(one(self.after.as_ref(), 0))
            .collect();
        let second_type = u32::from(self.between.is_none());
        let second = one(self.between.as_ref(), second_type)
            .into_iter()
            .chain([text("B", second_type)])
            .chain(one(self.after.as_ref(), second_type));
        let pair: Vec<Value> = single.iter().cloned().chain(second).collect();
        let tokens = self.before.iter().chain(&self.after).chain(&self.between);
        let tokens: serde_json::Map<String, Value> = tokens
            .map(|(text, id)| (text.clone(), json!({"id": text, "ids": [id], "tokens": [text]})))
            .collect();
        let template = json!({
            "type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens
        });
        part(template).map(Some)
    }
}
