//! Numbers for documents: of their texts alone, by a model, by their likeness to other texts.

use super::account::Account;
use super::args::SelectArgs;
use super::documents::{failed, while_whole};
use crate::classifier::LocalClassifier;
use crate::failure::{Exit, Failure};
use crate::likelihood::Likelihood;
use crate::machine::pool;
use crate::models::{LanguageModel, Numerics};
use crate::progress::for_stderr;
use crate::pull::Finder;
use camino::Utf8Path;
use catena_corpus::{
    CorpusError, DocumentSpool, FastText, ImportanceModel, ImportanceOptions, TEXT_SCORES,
    UnigramCounts, score_column, text_scorer,
};
use catena_knowledge::Classifier;
use catena_protocol::Progress;
use std::fs;

const GOAL: &str = "cannot score the documents";
/// The scores that need more than the texts.
const OTHERS: [&str; 3] = ["perplexity", "classifier", "likeness"];
/// Tokens of a text that a language model reads.
const WINDOW: usize = 512;

/// How the scores are computed.
pub(super) struct Scoring<'a, 'c> {
    pub(super) args: &'a SelectArgs,
    pub(super) threads: Option<usize>,
    /// Learns of the models and texts that are looked at.
    pub(super) account: &'a mut Account<'c>,
}

impl Scoring<'_, '_> {
    /// One number for each of `documents`, by the score called `name`.
    pub(super) fn of(
        &mut self,
        name: &str,
        documents: &DocumentSpool,
    ) -> Result<Vec<f32>, Failure> {
        match name {
            "perplexity" => self.perplexity(documents),
            "classifier" => self.classifier(documents),
            "likeness" => self.likeness(documents),
            _ => of_texts(name, documents),
        }
    }

    /// `exp(-mean log p(token | those before it))` over the first tokens of each text; that of a
    /// text without a token to predict is the size of the vocabulary, as if by guessing.
    fn perplexity(&mut self, documents: &DocumentSpool) -> Result<Vec<f32>, Failure> {
        let progress = for_stderr();
        let path = self.model(progress.as_ref())?;
        let fail = |error| Failure::new(Exit::Environment, GOAL, error);
        let model = LanguageModel::open_base(&path).map_err(fail)?;
        let pool = pool(self.threads);
        let likelihood = Likelihood::load(&model, Numerics::default(), WINDOW, pool);
        let mut likelihood = likelihood.map_err(fail)?;
        let tokenizer = model.tokenizer();
        self.each(documents, progress.as_ref(), |text| {
            let ids = tokenizer.encode(text, true, false).map_err(|error| fail(error.into()))?;
            let ids = &ids[..ids.len().min(WINDOW)];
            if ids.len() < 2 {
                return Ok(tokenizer.vocab_size() as f32);
            }
            let sum = likelihood.log_prob(ids, 0).map_err(fail)?;
            #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
            Ok((-sum / (ids.len() - 1) as f64).exp() as f32)
        })
    }

    /// The probability of the label asked for, by a fastText model or an encoder with a head.
    fn classifier(&mut self, documents: &DocumentSpool) -> Result<Vec<f32>, Failure> {
        let progress = for_stderr();
        let path = self.model(progress.as_ref())?;
        let fail = |error| Failure::new(Exit::Environment, GOAL, error);
        if matches!(path.extension(), Some("bin" | "ftz")) {
            let bytes = fs::read(&path).map_err(|error| fail(error.into()))?;
            let model = FastText::load(&bytes).map_err(|error| failed(GOAL, error))?;
            let label = self.label(model.labels())?;
            return self.each(documents, progress.as_ref(), |text| {
                let found = model.predict(text, model.labels().len());
                let found = found.iter().find(|one| one.label == model.labels()[label]);
                Ok(found.map_or(0.0, |one| one.probability.min(1.0)))
            });
        }
        let model = LocalClassifier::open(&path, pool(self.threads)).map_err(fail)?;
        let label = self.label(model.labels())?;
        self.each(documents, progress.as_ref(), |text| {
            let logits = model.logits(&[(text, None)]).map_err(|error| fail(error.into()))?;
            Ok(probability(&logits[0], label))
        })
    }

    /// The logarithm of how much likelier the words of each text are in the texts of `--like`
    /// than in all texts.
    fn likeness(&mut self, documents: &DocumentSpool) -> Result<Vec<f32>, Failure> {
        if self.args.like.is_empty() {
            return Err(usage("`likeness` compares with other texts").hint("name them with --like"));
        }
        let options = ImportanceOptions::default();
        let model =
            self.account.compare_with("documents compared with", &self.args.like, |wanted| {
                while_whole(documents.texts(), |all| ImportanceModel::fit(wanted, all, &options))
            })?;
        #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
        let weight = |text: String| model.log_weight(&text) as f32;
        let scores: Result<_, _> = documents.texts().map(|text| text.map(weight)).collect();
        scores.map_err(|error| failed(GOAL, error))
    }

    /// Where the model that the user named is.
    fn model(&mut self, progress: &dyn Progress) -> Result<camino::Utf8PathBuf, Failure> {
        let Some(name) = &self.args.model else {
            return Err(usage("this score needs a model").hint("name one with --model"));
        };
        let cancel = self.account.cancel;
        let finder = Finder { project: Utf8Path::new("."), progress, cancel };
        let path = crate::bench::find_model(name, &finder)?;
        self.account.add_model(&path)?;
        Ok(path)
    }

    /// The place of the label asked for, or of the only one there is.
    fn label(&self, labels: &[String]) -> Result<usize, Failure> {
        let known = || format!("the labels are {}", labels.join(", "));
        match &self.args.label {
            Some(wanted) => labels
                .iter()
                .position(|label| label == wanted)
                .ok_or_else(|| usage(format!("the model has no label `{wanted}`")).hint(known())),
            None if labels.len() == 1 => Ok(0),
            None => {
                Err(usage("the model has several labels, and --label names none").hint(known()))
            }
        }
    }

    /// `score` of every text, with progress.
    fn each(
        &self,
        documents: &DocumentSpool,
        progress: &dyn Progress,
        mut score: impl FnMut(&str) -> Result<f32, Failure>,
    ) -> Result<Vec<f32>, Failure> {
        let num_documents = documents.num_documents();
        progress.begin("scoring documents", Some(num_documents as u64), "documents");
        let mut scores = Vec::with_capacity(num_documents);
        for text in documents.texts() {
            if self.account.cancel.is_cancelled() {
                return Err(failed(GOAL, CorpusError::Interrupted));
            }
            let text = text.map_err(|error| failed(GOAL, error))?;
            scores.push(score(&text)?);
            progress.update(scores.len() as u64);
        }
        progress.end();
        Ok(scores)
    }
}

/// The score called `name`, which needs the texts alone.
fn of_texts(name: &str, documents: &DocumentSpool) -> Result<Vec<f32>, Failure> {
    let fail = |error| failed(GOAL, error);
    let mut counts = UnigramCounts::default();
    if TEXT_SCORES.iter().any(|kind| kind.name == name && kind.needs_counts) {
        for text in documents.texts() {
            counts.add(&text.map_err(fail)?);
        }
    }
    let mut scorer = text_scorer(name, counts).map_err(|error| unknown(name, error))?;
    let mut scores = Vec::with_capacity(documents.num_documents());
    for text in documents.texts() {
        let text = text.map_err(fail)?;
        scores.extend(score_column(scorer.as_mut(), &[text.as_str()]).map_err(fail)?);
    }
    Ok(scores)
}

/// The softmax of `logits` at `label`; of a single logit, its logistic function.
fn probability(logits: &[f32], label: usize) -> f32 {
    if let [logit] = logits {
        return 1.0 / (1.0 + (-logit).exp());
    }
    let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - greatest).exp()).sum();
    (logits[label] - greatest).exp() / sum
}

/// An unknown score, among all there are.
fn unknown(name: &str, error: CorpusError) -> Failure {
    let CorpusError::UnknownName { what, .. } = error else {
        return failed(GOAL, error);
    };
    let names = TEXT_SCORES.iter().map(|kind| kind.name).chain(OTHERS);
    failed(GOAL, CorpusError::unknown(what, name, names))
}

fn usage(cause: impl Into<crate::models::BoxError>) -> Failure {
    Failure::new(Exit::Usage, GOAL, cause)
}
