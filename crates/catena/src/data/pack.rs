//! `catena data pack`.

use super::args::PackArgs;
use super::documents::{failed, for_each};
use crate::failure::{Exit, Failure};
use crate::models::LanguageModel;
use crate::output::print_line;
use crate::progress::{for_stderr, say};
use crate::pull::Finder;
use camino::Utf8Path;
use catena_corpus::{DocumentEnds, TokenWidth, shard_writer, tokenize_documents};
use catena_protocol::Cancel;
use std::fs;

const GOAL: &str = "cannot pack the documents";

/// Runs `catena data pack`.
pub(super) fn run(args: &PackArgs, cancel: &Cancel) -> Result<(), Failure> {
    let progress = for_stderr();
    let finder = Finder { project: Utf8Path::new("."), progress: progress.as_ref(), cancel };
    let path = crate::bench::find_model(&args.tokenizer, &finder)?;
    let model = LanguageModel::open_base(&path)
        .map_err(|error| Failure::new(Exit::Environment, GOAL, error))?;
    let tokenizer = model.tokenizer();
    let width = TokenWidth::for_vocabulary(tokenizer.vocab_size());
    if let Some(folder) = args.out.parent() {
        fs::create_dir_all(folder).map_err(|error| Failure::new(Exit::Environment, GOAL, error))?;
    }
    let mut writer = shard_writer(&args.format, &args.out, path.as_str(), width)
        .map_err(|error| failed(GOAL, error))?;
    let end = (!args.no_end).then(|| tokenizer.eos_token_id()).flatten();
    let ends = DocumentEnds { start: None, end };
    let mut left_out = 0;
    for_each(GOAL, &args.inputs, |document| {
        let encode = |text: &str, tokens: &mut Vec<u32>| {
            if let Ok(ids) = tokenizer.encode(text, false, false) {
                tokens.extend(ids);
            }
        };
        let one = [(document.id.as_str(), document.text.as_str())];
        left_out += tokenize_documents(one, encode, ends, writer.as_mut())?;
        Ok(())
    })?;
    let info = writer.finish().map_err(|error| failed(GOAL, error))?;
    say(&format!("  {} documents, {} tokens", info.documents, info.tokens));
    if left_out > 0 {
        say(&format!("  {left_out} documents without tokens are left out"));
    }
    print_line(args.out.as_str());
    Ok(())
}
