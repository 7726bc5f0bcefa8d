//! A snapshot of every error's text.

use std::fmt::Write;
use std::io;

use crate::TextError;
use crate::limits;

fn every_error() -> Vec<TextError> {
    use TextError as E;
    let cause = || -> crate::ToolError { Box::new(io::Error::other("the library's own words")) };
    let json = serde_json::from_str::<bool>("[").expect_err("broken JSON");
    let jinja = || {
        let kind = minijinja::ErrorKind::InvalidOperation;
        Box::new(minijinja::Error::new(kind, "the template's fault"))
    };
    vec![
        E::TokenizerTooLarge { bytes: 200_000_000, limit: limits::MAX_TOKENIZER_JSON_BYTES },
        E::TokenizerJson(cause()),
        E::ConfigJson(json),
        E::Vocab(cause()),
        E::UnsupportedModel { found: "rwkv".into(), known: &["gpt2"] },
        E::UnsupportedPreTokenizer { found: "x".into(), known: vec!["gpt-2", "smollm"] },
        E::EmptyVocab,
        E::VocabTooLarge { found: 4_000_000_000, limit: limits::MAX_VOCAB_SIZE },
        E::TokenTooLong { id: 7, bytes: 70_000, limit: limits::MAX_TOKEN_BYTES },
        E::DuplicateToken { token: "Ġthe".into(), first: 7, second: 9 },
        E::TokenTypeCount { tokens: 49_152, types: 5 },
        E::ScoreCount { tokens: 32_000, scores: 5 },
        E::BadScore { id: 7, score: f32::NAN },
        E::PiecesTooLong { found: 300_000_000, limit: limits::MAX_MERGE_BYTES },
        E::UnknownMerge { merge_idx: 3, rule: "Ġ t".into(), missing: "Ġt".into() },
        E::BadMerge { merge_idx: 3, rule: "Ġt".into() },
        E::SpecialTokenId { which: "eos", id: 50_000, vocab_size: 49_152 },
        E::TextTooLong { bytes: 300_000_000, limit: limits::MAX_TEXT_BYTES },
        E::Encode(cause()),
        E::Inconsistent { doing: "encoding a text" },
        E::TemplateTooLarge { bytes: 2_000_000, limit: limits::MAX_TEMPLATE_BYTES },
        E::TemplateSyntax(jinja()),
        E::TemplateRender(jinja()),
        E::TemplateRefused { message: "roles must alternate".into() },
        E::TemplateFuel { limit: limits::TEMPLATE_FUEL },
        E::TemplateOutput { limit: limits::MAX_RENDERED_BYTES },
        E::NoRoom { max_tokens: 2, added: 3 },
        E::TemplateMarks { offset: 40 },
        E::ReservedCharacter,
        E::VocabTooSmall { found: 100, least: 259 },
        E::SpecialTokenIsWord { token: "end".into() },
        E::NoTrainingText,
        E::TrainingTextTooLong { limit: limits::MAX_TRAINING_BYTES },
        E::TrainingCancelled,
    ]
}

/// A new variant does not compile here until it is listed above.
fn position(error: &TextError) -> usize {
    use TextError as E;
    match error {
        E::TokenizerTooLarge { .. } => 0,
        E::TokenizerJson(_) => 1,
        E::ConfigJson(_) => 2,
        E::Vocab(_) => 3,
        E::UnsupportedModel { .. } => 4,
        E::UnsupportedPreTokenizer { .. } => 5,
        E::EmptyVocab => 6,
        E::VocabTooLarge { .. } => 7,
        E::TokenTooLong { .. } => 8,
        E::DuplicateToken { .. } => 9,
        E::TokenTypeCount { .. } => 10,
        E::ScoreCount { .. } => 11,
        E::BadScore { .. } => 12,
        E::PiecesTooLong { .. } => 13,
        E::UnknownMerge { .. } => 14,
        E::BadMerge { .. } => 15,
        E::SpecialTokenId { .. } => 16,
        E::TextTooLong { .. } => 17,
        E::Encode(_) => 18,
        E::Inconsistent { .. } => 19,
        E::TemplateTooLarge { .. } => 20,
        E::TemplateSyntax(_) => 21,
        E::TemplateRender(_) => 22,
        E::TemplateRefused { .. } => 23,
        E::TemplateFuel { .. } => 24,
        E::TemplateOutput { .. } => 25,
        E::NoRoom { .. } => 26,
        E::TemplateMarks { .. } => 27,
        E::ReservedCharacter => 28,
        E::VocabTooSmall { .. } => 29,
        E::SpecialTokenIsWord { .. } => 30,
        E::NoTrainingText => 31,
        E::TrainingTextTooLong { .. } => 32,
        E::TrainingCancelled => 33,
    }
}

#[test]
fn every_error_reads_well() {
    let errors = every_error();
    let mut text = String::new();
    for (at, error) in errors.iter().enumerate() {
        assert_eq!(position(error), at);
        writeln!(text, "{error}").unwrap();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            writeln!(text, "  cause: {error}").unwrap();
            cause = error.source();
        }
    }
    insta::assert_snapshot!("errors", text);
}
