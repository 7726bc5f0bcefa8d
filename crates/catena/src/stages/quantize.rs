//! Stage `quantize`: the merged model as GGUF files, each compared with the unquantized one.

use super::merge::MODEL_DIR;
use super::synth::HELDOUT_FILE;
use super::{Inputs, setting};
use crate::merged::{GgufFormat, gguf_file, save_gguf};
use crate::models::{BoxError, LanguageModel, Numerics};
use camino::Utf8Path;
use catena_data::{encode_record, read_records};
use catena_engine::Request;
use catena_model::{Checkpoint, ExportSource};
use catena_pipeline::{Settings, Stage, StageContext, Summary};
use catena_protocol::NoProgress;
use serde_json::{Map, json};
use std::sync::Arc;

/// Held-out records whose log-probabilities are compared.
const CHECKED_RECORDS: usize = 4;
/// Largest mean absolute difference of a token's log-probability, in nats, that counts as the same
/// model: for 8 bits and for 4. With the 135M model of the bank's example 4 bits moved it by 0.6;
/// a wrong tensor moves it by several.
const MAX_MEAN_DIFFERENCE: [f64; 2] = [0.3, 1.2];

/// The stage.
pub(crate) struct Quantize(pub(crate) Arc<Inputs>);

/// A quantized file does not behave like the model it was made from.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{format}` changes the log-probability of a held-out token by {difference:.3} nats in the \
     mean, at most {limit} is allowed"
)]
struct QuantizedDiffers {
    format: String,
    difference: f64,
    limit: f64,
}

impl Stage for Quantize {
    fn name(&self) -> &'static str {
        "quantize"
    }

    fn version(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [&'static str] {
        &["synth", "merge"]
    }

    fn settings(&self) -> Settings {
        Settings::from([setting("quantize.formats", self.0.config.quantize.formats.join(","))])
    }

    fn run(&self, context: &StageContext<'_>) -> Result<Summary, BoxError> {
        let merged = context.input("merge").join(MODEL_DIR);
        let checkpoint = Checkpoint::open(&merged)?;
        let expected = self.logprobs(context, &merged)?;
        let mut summary = Map::new();
        for format in &self.0.config.quantize.formats {
            let path = gguf_file(context.dir(), format);
            let known =
                GgufFormat::of_name(format).ok_or("a project names formats that are known")?;
            save_gguf(&ExportSource::new(&checkpoint), known, &path)?;
            let found = self.logprobs(context, &path)?;
            let difference = mean_difference(&expected, &found);
            let limit = MAX_MEAN_DIFFERENCE[usize::from(format != "q8_0")];
            if difference.is_nan() || difference > limit {
                let format = format.clone();
                return Err(Box::new(QuantizedDiffers { format, difference, limit }));
            }
            let bytes = std::fs::metadata(&path)?.len();
            summary.insert(
                format.clone(),
                json!({"bytes": bytes, "mean_logprob_difference": difference}),
            );
        }
        Ok(summary)
    }
}

impl Quantize {
    /// Log-probabilities of every prompt and answer token of a few held-out records.
    fn logprobs(&self, context: &StageContext<'_>, path: &Utf8Path) -> Result<Vec<f32>, BoxError> {
        let model = LanguageModel::open(path)?;
        let records = read_records(&context.input("synth").join(HELDOUT_FILE))?;
        let mut requests = Vec::new();
        for record in records.iter().take(CHECKED_RECORDS) {
            let limit = self.0.config.train.max_tokens;
            let encoded = encode_record(model.tokenizer(), model.template(), record, limit)?;
            let (first, rest) = encoded.tokens.split_at(1);
            requests.push(Request::score(first, rest));
        }
        let mut engine = model.batch_engine(self.0.pool.clone(), Numerics::default())?;
        let done = engine.run_all(requests, &NoProgress, context.cancel())?;
        Ok(done.into_iter().flat_map(|completion| completion.prompt_logprobs).collect())
    }
}

fn mean_difference(expected: &[f32], found: &[f32]) -> f64 {
    assert_eq!(expected.len(), found.len(), "both models scored the same tokens");
    let sum: f64 = expected.iter().zip(found).map(|(a, b)| f64::from((a - b).abs())).sum();
    sum / expected.len() as f64
}
