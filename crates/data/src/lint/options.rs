//! What lint looks at and how strict it is.

use crate::encode::EncodeOptions;
use crate::samples::ReadReport;
use catena_corpus::MinHashConfig;
use catena_protocol::TrainingSample;
use catena_text::{ChatTemplate, Tokenizer};

/// What is known of the training that `samples` are for.
#[derive(Clone, Debug)]
pub struct LintOptions<'a> {
    /// The model's tokenizer; without one only the texts are looked at.
    pub tokenizer: Option<&'a Tokenizer>,
    /// The model's chat template.
    pub template: Option<&'a ChatTemplate>,
    /// How the samples will be encoded.
    pub encode: EncodeOptions,
    /// Samples that the model is measured on.
    pub eval: &'a [TrainingSample],
    /// What became of the rows of each set when they were read.
    pub read: &'a [ReadReport],
    /// Whether plain texts will be packed into rows, where none is cut.
    pub pack_texts: bool,
    /// Share of samples that may lose trained tokens, or tokens of a text that is classified or
    /// compared, before it is a finding.
    pub max_truncated_share: f64,
    /// How near duplicates of samples to measure on are found.
    pub near_duplicates: MinHashConfig,
    /// Most findings of one rule that are listed; the others are counted.
    pub max_findings: usize,
}

impl LintOptions<'_> {
    /// Nothing known but how samples are encoded; texts are packed, and one sample in twenty may
    /// be cut.
    pub fn new(encode: EncodeOptions) -> Self {
        Self {
            tokenizer: None,
            template: None,
            encode,
            eval: &[],
            read: &[],
            pack_texts: true,
            max_truncated_share: 0.05,
            near_duplicates: MinHashConfig {
                keep_if_numbers_differ: true,
                ..MinHashConfig::default()
            },
            max_findings: 100,
        }
    }
}
