//! RoBERTa (Liu et al. 2019, arXiv:1907.11692) and XLM-RoBERTa: multilingual E5, BGE-M3 and the
//! BGE rerankers.

use super::bert::{self, Keys};
use super::{Family, Gguf, HeadNames, Names};
use crate::ModelError;
use crate::config::GgufKeys;
use crate::encoder::config::{EncoderConfig, parse};
use camino::Utf8Path;
use serde_json::Value;

pub(super) static FAMILY: Family = Family {
    name: "RoBERTa, XLM-RoBERTa",
    model_types: &["roberta", "xlm-roberta", "camembert"],
    relatives: &["xlm-roberta-xl", "longformer", "big_bird", "data2vec-text", "deberta", "luke"],
    read,
    names: Names { trunk: "roberta.", sequence_head: Some(SEQUENCE_HEAD), ..bert::NAMES },
    gguf: Gguf {
        architecture: "bert",
        vocabularies: &["gpt2", "t5"],
        read: read_gguf,
        names: bert::GGUF_NAMES,
    },
};

/// Both layers belong to the head.
const SEQUENCE_HEAD: HeadNames =
    HeadNames { dense: Some("classifier.dense"), norm: None, out: "classifier.out_proj" };

/// The padding of all known checkpoints.
const PADDING_IDX: u32 = 1;

fn read(value: &Value, path: &Utf8Path) -> Result<EncoderConfig, ModelError> {
    let keys: Keys = parse(value, path)?;
    let padding_idx = keys.pad_token_id.unwrap_or(PADDING_IDX);
    bert::config(keys, Some(padding_idx), path)
}

/// llama.cpp's converter cuts the rows of the position table off that no token of a text takes; the
/// row of padding among them is zero in a checkpoint, since it is not trained.
fn read_gguf(keys: &GgufKeys<'_>) -> Result<EncoderConfig, ModelError> {
    let model_type = if keys.vocabulary()? == "t5" { "xlm-roberta" } else { "roberta" };
    let padding_idx = keys.token("padding")?.unwrap_or(PADDING_IDX);
    // Rows that the file does not hold must not be more than those it does.
    if padding_idx as usize >= keys.vocab_size()? {
        let reason = "must be in the vocabulary";
        return Err(keys.refuse("padding_token_id", padding_idx.to_string(), reason));
    }
    bert::gguf_config(keys, model_type, Some(padding_idx))
}
