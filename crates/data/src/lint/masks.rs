//! What is wrong with what is trained on.

use super::report::Severity;
use super::rules::Context;
use crate::encode::{EncodeOptions, EncodedSample, Encoder};
use crate::error::DataError;
use catena_protocol::TrainingSample;
use catena_text::Tokenizer;

/// `nothing-trained`, `no-end-of-turn`, `double-bos`, `truncated`, `template-rewrites`,
/// `no-template`, `not-encodable`.
pub(super) fn check(context: &mut Context<'_>) {
    let Some(tokenizer) = context.options.tokenizer else { return };
    let options = context.options.encode.clone();
    let encoder = Encoder::new(tokenizer, context.options.template, options.clone());
    let uncut = EncodeOptions { max_tokens: usize::MAX, ..options };
    let uncut = Encoder::new(tokenizer, None, uncut);
    let (mut encoded_samples, mut cut) = (0usize, 0usize);
    for (at, sample) in context.samples.iter().enumerate() {
        let packed = context.options.pack_texts && matches!(sample, TrainingSample::Text(_));
        let encoder = if packed { &uncut } else { &encoder };
        let rows = match encode(encoder, &format!("sample {at}"), sample) {
            Ok(rows) => rows,
            Err(error) => {
                refused(context, at, &error);
                continue;
            }
        };
        if rows.is_empty() {
            continue;
        }
        encoded_samples += 1;
        cut += usize::from(rows.iter().any(|(_, row)| row.lost_trained > 0));
        let any_lost = rows.iter().any(|(_, row)| row.lost_tokens > 0);
        context.report.num_truncated += usize::from(any_lost);
        for (part, row) in &rows {
            look(context, tokenizer, (at, part), sample, row);
        }
    }
    let share = cut as f64 / encoded_samples.max(1) as f64;
    if share > context.options.max_truncated_share {
        let (percent, max) = (share * 100.0, context.options.encode.max_tokens);
        let message = format!(
            "{cut} of {encoded_samples} samples ({percent:.1} %) lose trained tokens in rows of \
             {max} tokens"
        );
        context.find("truncated", Severity::Error, None, message);
    }
}

/// The rows whose loss counts tokens, each with how to speak of it.
fn encode(
    encoder: &Encoder<'_>,
    name: &str,
    sample: &TrainingSample,
) -> Result<Vec<(&'static str, EncodedSample)>, DataError> {
    match sample {
        TrainingSample::Text(_) | TrainingSample::Chat(_) | TrainingSample::Completion(_) => {
            Ok(vec![("", encoder.encode(name, sample)?)])
        }
        TrainingSample::Preference(sample) => {
            let pair = encoder.encode_preference(name, sample)?;
            Ok(vec![("chosen: ", pair.chosen), ("rejected: ", pair.rejected)])
        }
        TrainingSample::Unpaired(sample) => {
            Ok(vec![("", encoder.encode_unpaired(name, sample)?.row)])
        }
        TrainingSample::Classification(_)
        | TrainingSample::TokenLabels(_)
        | TrainingSample::Embedding(_)
        | TrainingSample::Rerank(_) => Ok(Vec::new()),
    }
}

/// A sample that cannot be encoded.
pub(super) fn refused(context: &mut Context<'_>, at: usize, error: &DataError) {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    let message = format!("{error}{}", cause.unwrap_or_default());
    let rewrites =
        matches!(error, DataError::TemplatePrefix { .. } | DataError::MarkedTurns { .. });
    let code = if rewrites {
        "template-rewrites"
    } else if matches!(error, DataError::NoTemplate { .. }) {
        "no-template"
    } else {
        "not-encodable"
    };
    context.find(code, Severity::Error, Some(at), message);
}

fn look(
    context: &mut Context<'_>,
    tokenizer: &Tokenizer,
    (at, part): (usize, &str),
    sample: &TrainingSample,
    row: &EncodedSample,
) {
    context.report.num_tokens += row.tokens.len();
    context.report.num_trained += row.num_supervised();
    let text = matches!(sample, TrainingSample::Text(_));
    if row.num_supervised() == 0 && text && row.lost_trained == 0 {
        let message = "the text has no token that follows another: nothing is learned of it";
        context.find("nothing-trained", Severity::Warning, Some(at), message);
    } else if row.num_supervised() == 0 {
        let (lost, max) = (row.lost_trained, context.options.encode.max_tokens);
        let why = match lost {
            0 => "no turn of the assistant is trained on".to_owned(),
            lost => format!("all {lost} trained tokens lie beyond the limit of {max}"),
        };
        let message = format!("{part}nothing is left to train on: {why}");
        context.find("nothing-trained", Severity::Error, Some(at), message);
    } else if row.lost_trained == 0 && !ends(context, tokenizer, sample, row) {
        let message =
            format!("{part}no end-of-turn token is trained: the model will not learn to stop");
        context.find("no-end-of-turn", Severity::Error, Some(at), message);
    }
    let begin = tokenizer.bos_token_id();
    if begin.is_some()
        && row.tokens.first().copied() == begin
        && row.tokens.get(1).copied() == begin
    {
        let message =
            "the row begins with the begin token twice: template and tokenizer both add it";
        context.find("double-bos", Severity::Error, Some(at), message);
    }
}

/// Whether every run of trained tokens holds a token that ends it. Text has no turns to end.
fn ends(
    context: &Context<'_>,
    tokenizer: &Tokenizer,
    sample: &TrainingSample,
    row: &EncodedSample,
) -> bool {
    if matches!(sample, TrainingSample::Text(_)) {
        return true;
    }
    let ends = |id: u32| {
        Some(id) == tokenizer.eos_token_id()
            || context.options.encode.end_tokens.contains(&id)
            || tokenizer.is_special(id)
    };
    let runs = row.labels.split(Option::is_none).filter(|run| !run.is_empty());
    runs.into_iter().all(|run| run.iter().flatten().any(|&id| ends(id)))
}
