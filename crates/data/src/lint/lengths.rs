//! Texts that are classified, tagged or compared: what of them the model sees.

use super::masks::refused;
use super::report::Severity;
use super::rules::Context;
use crate::encode::{Classes, TextEncoder};
use crate::error::DataError;
use catena_protocol::{Label, TrainingSample};

/// What a sample's rows hold.
#[derive(Default)]
struct Seen {
    tokens: usize,
    /// Tokens that carry a label of their own.
    trained: usize,
    /// Rows without a token.
    empty: bool,
    /// Tokens of texts, or words with labels, that did not fit.
    lost: usize,
    /// Whether it is labels that are lost.
    tagged: bool,
}

/// `no-tokens`, `nothing-trained`, `truncated`, `not-encodable` of samples whose loss does not count
/// tokens that follow.
///
/// A text that is cut is still judged as a whole: beyond the share it is a warning. A word that is
/// cut loses its label, as an answer does its tokens: an error.
pub(super) fn check(context: &mut Context<'_>) {
    let Some(tokenizer) = context.options.tokenizer else { return };
    let encoder = TextEncoder::new(tokenizer, context.options.encode.max_tokens);
    let classes = Classes::of(context.samples.iter().flat_map(word_labels));
    let (mut looked_at, mut cut, mut tagged) = (0usize, 0usize, false);
    for (at, sample) in context.samples.iter().enumerate() {
        let seen = match look(&encoder, &classes, &format!("sample {at}"), sample) {
            Ok(Some(seen)) => seen,
            Ok(None) => continue,
            Err(error) => {
                refused(context, at, &error);
                continue;
            }
        };
        looked_at += 1;
        tagged |= seen.tagged;
        cut += usize::from(seen.lost > 0);
        context.report.num_truncated += usize::from(seen.lost > 0);
        context.report.num_tokens += seen.tokens;
        context.report.num_trained += seen.trained;
        if seen.tagged && seen.trained == 0 {
            let message = "no word with a label is left to train on";
            context.find("nothing-trained", Severity::Error, Some(at), message);
        } else if seen.empty {
            context.find("no-tokens", Severity::Error, Some(at), "a text has no tokens");
        }
    }
    let share = cut as f64 / looked_at.max(1) as f64;
    if share > context.options.max_truncated_share {
        let (percent, max) = (share * 100.0, context.options.encode.max_tokens);
        let (severity, what) = if tagged {
            (Severity::Error, "words with labels")
        } else {
            (Severity::Warning, "the end of a text")
        };
        let message = format!(
            "{cut} of {looked_at} samples ({percent:.1} %) lose {what} in rows of {max} tokens"
        );
        context.find("truncated", severity, None, message);
    }
}

/// The labels of a sample's words.
fn word_labels(sample: &TrainingSample) -> &[Label] {
    if let TrainingSample::TokenLabels(sample) = sample { &sample.labels } else { &[] }
}

/// What of a sample the model sees; nothing for samples of other kinds.
fn look(
    encoder: &TextEncoder<'_>,
    classes: &Classes,
    name: &str,
    sample: &TrainingSample,
) -> Result<Option<Seen>, DataError> {
    let texts = match sample {
        TrainingSample::Classification(sample) => {
            vec![encoder.encode(name, &sample.text, sample.text_pair.as_deref())?]
        }
        TrainingSample::Rerank(sample) => vec![encoder.encode_rerank(name, sample)?.0],
        TrainingSample::Embedding(sample) => encoder.encode_embedding(name, sample)?,
        TrainingSample::TokenLabels(sample) => {
            let words = encoder.encode_words(name, sample, classes)?;
            return Ok(Some(Seen {
                tokens: words.tokens.len(),
                trained: words.labels.iter().flatten().count(),
                empty: words.tokens.is_empty(),
                lost: words.lost_words,
                tagged: true,
            }));
        }
        TrainingSample::Text(_)
        | TrainingSample::Chat(_)
        | TrainingSample::Completion(_)
        | TrainingSample::Preference(_)
        | TrainingSample::Unpaired(_) => return Ok(None),
    };
    Ok(Some(Seen {
        tokens: texts.iter().map(|text| text.tokens.ids.len()).sum(),
        empty: texts.iter().any(|text| text.tokens.ids.is_empty()),
        lost: texts.iter().map(|text| text.lost_tokens).sum(),
        ..Seen::default()
    }))
}
