//! RoBERTa (Liu et al. 2019, arXiv:1907.11692) and XLM-RoBERTa: multilingual E5, BGE-M3 and the
//! BGE rerankers.

use super::bert::{self, Keys};
use super::{Family, HeadNames, Names};
use crate::ModelError;
use crate::encoder::config::{EncoderConfig, parse};
use camino::Utf8Path;
use serde_json::Value;

pub(super) static FAMILY: Family = Family {
    name: "RoBERTa, XLM-RoBERTa",
    model_types: &["roberta", "xlm-roberta", "camembert"],
    relatives: &["xlm-roberta-xl", "longformer", "big_bird", "data2vec-text", "deberta", "luke"],
    read,
    names: Names { trunk: "roberta.", sequence_head: SEQUENCE_HEAD, ..bert::NAMES },
};

/// Both layers belong to the head.
const SEQUENCE_HEAD: HeadNames =
    HeadNames { dense: Some("classifier.dense"), norm: None, out: "classifier.out_proj" };

fn read(value: &Value, path: &Utf8Path) -> Result<EncoderConfig, ModelError> {
    let keys: Keys = parse(value, path)?;
    let padding_idx = keys.pad_token_id.unwrap_or(1);
    bert::config(keys, Some(padding_idx), path)
}
