//! Samples that the model is measured on and learns from.

use super::report::Severity;
use super::rules::Context;
use super::texts::Texts;
use crate::leak::plain;
use catena_corpus::NearIndex;
use std::collections::HashMap;

/// `eval-leak` (all of a sample), `eval-leak-prompt` (its prompt), `eval-leak-near` (nearly all of
/// it).
///
/// Texts are compared by their words, lower-cased, as records are.
pub(super) fn check(context: &mut Context<'_>) {
    let eval: Vec<Texts> = context.options.eval.iter().map(Texts::of).collect();
    if eval.is_empty() {
        return;
    }
    let (mut whole, mut prompts) = (HashMap::new(), HashMap::new());
    let mut near = NearIndex::new(&context.options.near_duplicates);
    for (at, texts) in eval.iter().enumerate() {
        whole.entry(plain(&texts.whole())).or_insert(at);
        let prompt = plain(&texts.prompt);
        if !prompt.is_empty() {
            prompts.entry(prompt).or_insert(at);
        }
        near.insert(&texts.whole());
    }
    for (at, sample) in context.samples.iter().enumerate() {
        let texts = Texts::of(sample);
        if let Some(eval) = whole.get(&plain(&texts.whole())) {
            let message = format!("the same as evaluation sample {eval}");
            context.find("eval-leak", Severity::Error, Some(at), message);
        } else if let Some(eval) = prompts.get(&plain(&texts.prompt)) {
            let message = format!("asks what evaluation sample {eval} asks");
            context.find("eval-leak-prompt", Severity::Error, Some(at), message);
        } else if let Some(found) = near.best(&texts.whole()) {
            let (eval, percent) = (found.of, found.similarity * 100.0);
            let message = format!("{percent:.0} % the same as evaluation sample {eval}");
            context.find("eval-leak-near", Severity::Warning, Some(at), message);
        }
    }
}
