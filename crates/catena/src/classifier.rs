//! The classifiers and cross-encoders of a project, opened and ready to run.

use crate::failure::{Exit, Failure};
use crate::models::BoxError;
use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::Pool;
use catena_knowledge::{Classifier, KnowledgeError, TextOrPair};
use catena_model::encoder::{EncoderInput, SequenceClassifier};
use catena_model::{LoadOptions, open_tokenizer};
use catena_text::{Tokenizer, TypedTokens};
use std::sync::Arc;

/// A classifier with its tokenizer.
pub(crate) struct LocalClassifier {
    path: Utf8PathBuf,
    encoder: SequenceClassifier,
    tokenizer: Tokenizer,
}

/// A model that cannot score passages.
#[derive(Debug, thiserror::Error)]
#[error("it has the labels {}, a cross-encoder has one", labels.join(", "))]
struct NoCrossEncoder {
    labels: Vec<String>,
}

impl LocalClassifier {
    /// Opens a folder or a GGUF file.
    pub(crate) fn open(path: &Utf8Path, pool: Arc<Pool>) -> Result<Self, BoxError> {
        let encoder = SequenceClassifier::load_with(path, pool, LoadOptions::default())?;
        Ok(Self { path: path.to_owned(), encoder, tokenizer: open_tokenizer(path)? })
    }

    /// The folder or file that it was opened from.
    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// The one that `serve.classifier` names.
    pub(crate) fn classifier(path: &Utf8Path, pool: Arc<Pool>) -> Result<Self, Failure> {
        Self::open(path, pool).map_err(|error| failure("classify texts", path, error))
    }

    /// The one that `serve.reranker` names: a single score for a query and a passage.
    pub(crate) fn cross_encoder(path: &Utf8Path, pool: Arc<Pool>) -> Result<Self, Failure> {
        let fail = |error| failure("rank passages", path, error);
        let model = Self::open(path, pool).map_err(fail)?;
        match model.labels() {
            [_] => Ok(model),
            labels => Err(fail(Box::new(NoCrossEncoder { labels: labels.to_vec() }))),
        }
    }

    fn encode(&self, (first, second): TextOrPair<'_>) -> Result<TypedTokens, KnowledgeError> {
        let limit = Some(self.max_tokens());
        let typed = self.tokenizer.encode_typed(first, second, limit);
        typed.map_err(|error| KnowledgeError::classify(1, error))
    }
}

fn failure(what: &str, path: &Utf8Path, error: BoxError) -> Failure {
    Failure::new(Exit::Environment, format!("cannot {what} with `{path}`"), error)
        .hint("name a folder or GGUF file of an encoder with a head for whole texts")
}

impl Classifier for LocalClassifier {
    fn labels(&self) -> &[String] {
        self.encoder.labels()
    }

    fn max_tokens(&self) -> usize {
        self.encoder.encoder().config().max_tokens
    }

    fn count_tokens(&self, (first, second): TextOrPair<'_>) -> usize {
        // A text no tokenizer takes is refused when it is scored.
        let typed = self.tokenizer.encode_typed(first, second, None);
        typed.map_or(usize::MAX, |typed| typed.ids.len())
    }

    fn logits(&self, inputs: &[TextOrPair<'_>]) -> Result<Vec<Vec<f32>>, KnowledgeError> {
        let typed: Vec<TypedTokens> =
            inputs.iter().map(|&input| self.encode(input)).collect::<Result<_, _>>()?;
        let rows: Vec<EncoderInput<'_>> = typed
            .iter()
            .map(|typed| EncoderInput { tokens: &typed.ids, token_types: &typed.types })
            .collect();
        self.encoder.logits(&rows).map_err(|error| KnowledgeError::classify(inputs.len(), error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8PathBuf;

    fn golden(name: &str) -> Utf8PathBuf {
        let folder = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/golden");
        folder.join("encoders").join(name)
    }

    #[test]
    fn a_cross_encoder_scores_pairs_alone_as_together_and_cuts_what_is_long() {
        let path = golden("bert_cross_encoder");
        let model = LocalClassifier::cross_encoder(&path, Arc::new(Pool::new(2))).unwrap();
        let long = "A card is sent within five days. ".repeat(40);
        let query = "How do I block a stolen debit card?";
        let inputs = [(query, Some("Block it in the app.")), (query, Some(long.as_str()))];
        let together = model.logits(&inputs).unwrap();
        for (input, scores) in inputs.iter().zip(&together) {
            assert_eq!(scores.len(), 1);
            assert_eq!(&model.logits(&[*input]).unwrap()[0], scores);
        }
        assert_ne!(together[0], together[1]);
        assert!(model.count_tokens(inputs[1]) > model.max_tokens());
        // The separators of both texts and the token in front.
        let [one, two] = [query, "Block it in the app."].map(|t| model.count_tokens((t, None)));
        assert_eq!(model.count_tokens(inputs[0]), one + two - 1);
    }

    #[test]
    fn a_classifier_of_several_labels_ranks_no_passages() {
        let path = golden("bert_sequence");
        let pool = || Arc::new(Pool::new(1));
        let model = LocalClassifier::classifier(&path, pool()).unwrap();
        assert_eq!(model.labels(), ["refund", "card", "transfer"]);
        assert_eq!(model.logits(&[("Where is my card?", None)]).unwrap()[0].len(), 3);
        assert!(LocalClassifier::cross_encoder(&path, pool()).is_err());
        assert!(LocalClassifier::classifier(&golden("embed_cls"), pool()).is_err());
    }
}
