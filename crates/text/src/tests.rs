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
        E::BadMerge { .. } => 11,
        E::SpecialTokenId { .. } => 12,
        E::TextTooLong { .. } => 13,
        E::Encode(_) => 14,
        E::Inconsistent { .. } => 15,
        E::TemplateTooLarge { .. } => 16,
        E::TemplateSyntax(_) => 17,
        E::TemplateRender(_) => 18,
        E::TemplateRefused { .. } => 19,
        E::TemplateFuel { .. } => 20,
        E::TemplateOutput { .. } => 21,
        E::NoRoom { .. } => 22,
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
