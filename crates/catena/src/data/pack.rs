//! `catena data pack`.

use super::account::Account;
use super::args::{PackArgs, PackingKind};
use super::documents::failed;
use crate::failure::{Exit, Failure};
use crate::models::LanguageModel;
use crate::output::print_line;
use crate::progress::{for_stderr, say};
use crate::pull::Finder;
use camino::Utf8Path;
use catena_corpus::{
    CorpusError, DocumentEnds, Packing, SequenceOptions, SequenceReport, Sequences, ShardOptions,
    ShardSet, TokenWidth, document_tokens, shuffle_windows,
};
use catena_protocol::Cancel;
use catena_store::Digest;
use catena_text::Tokenizer;
use std::fs;
use std::num::{NonZeroU64, NonZeroUsize};

const GOAL: &str = "cannot pack the documents";

/// A document or sequence with its id.
type Tokens = Result<(String, Vec<u32>), CorpusError>;

/// Runs `catena data pack`.
pub(super) fn run(args: &PackArgs, cancel: &Cancel) -> Result<(), Failure> {
    let progress = for_stderr();
    let finder = Finder { project: Utf8Path::new("."), progress: progress.as_ref(), cancel };
    let path = crate::bench::find_model(&args.tokenizer, &finder)?;
    let model = LanguageModel::open_base(&path)
        .map_err(|error| Failure::new(Exit::Environment, GOAL, error))?;
    let tokenizer = model.tokenizer();
    let width = TokenWidth::for_vocabulary(tokenizer.vocab_size());
    let mut account = Account::of_files((GOAL, "pack"), (&args.out, &args.read.set_part), cancel)?;
    settings(&mut account, args, tokenizer)?;
    let out = account.staged("");
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder).map_err(|error| Failure::new(Exit::Environment, GOAL, error))?;
    }
    let shards = ShardSet::create(ShardOptions {
        format: args.format.clone(),
        path: out,
        label: path.to_string(),
        width,
        shard_tokens: args.shard_tokens.map(NonZeroU64::get),
    });
    let mut shards = shards.map_err(|error| failed(GOAL, error))?;

    let end = (!args.no_end).then(|| tokenizer.eos_token_id()).flatten();
    let ends = DocumentEnds { start: None, end };
    let encode = |text: &str, tokens: &mut Vec<u32>| {
        if let Ok(ids) = tokenizer.encode(text, false, false) {
            tokens.extend(ids);
        }
    };
    let mut num_empty = 0;
    let documents = account.documents(&args.read.inputs)?.filter_map(|document| match document {
        Ok(document) => {
            let tokens = document_tokens(&document.text, encode, ends);
            num_empty += u64::from(tokens.is_none());
            Some(Ok((document.id, tokens?)))
        }
        Err(error) => Some(Err(error)),
    });
    let report = write(documents, args, tokenizer, &mut shards);
    let report = report.map_err(|error| failed(GOAL, error))?;
    finish(account, shards, report, num_empty)?;
    print_line(args.out.as_str());
    Ok(())
}

/// What decides the shards, for the card.
fn settings(
    account: &mut Account<'_>,
    args: &PackArgs,
    tokenizer: &Tokenizer,
) -> Result<(), Failure> {
    let json = tokenizer.to_json().map_err(|error| Failure::new(Exit::Bug, GOAL, error))?;
    account.set("format", args.format.as_str());
    account.set("tokenizer", args.tokenizer.as_str());
    account.set("tokenizer_sha256", Digest::of(json.as_bytes()).to_hex());
    account.set("vocab_size", tokenizer.vocab_size());
    account.set("end_token", (!args.no_end).then(|| tokenizer.eos_token_id()).flatten());
    account.set("seed", args.seed);
    account.set("shuffle_window", args.shuffle.map(NonZeroUsize::get));
    account.set("shard_tokens", args.shard_tokens.map(NonZeroU64::get));
    account.set("length", args.length.map(NonZeroUsize::get));
    if args.length.is_some() {
        account.set(
            "packing",
            match args.packing {
                PackingKind::Concat => "concat",
                PackingKind::BestFit => "best-fit",
            },
        );
    }
    if args.length.is_some() && matches!(args.packing, PackingKind::BestFit) {
        let pad = pad(tokenizer).ok_or_else(|| {
            let cause = "the tokenizer has no token to fill up sequences with";
            Failure::new(Exit::Usage, GOAL, cause).hint("leave out --packing best-fit")
        })?;
        account.set("pad_token", pad);
    }
    Ok(())
}

/// What fills up a sequence: the padding token, else the one that ends a text.
fn pad(tokenizer: &Tokenizer) -> Option<u32> {
    tokenizer.pad_token_id().or(tokenizer.eos_token_id())
}

/// Writes `documents` as they are or as sequences; then what became of them is told.
fn write(
    documents: impl Iterator<Item = Tokens>,
    args: &PackArgs,
    tokenizer: &Tokenizer,
    shards: &mut ShardSet,
) -> Result<Option<SequenceReport>, CorpusError> {
    let Some(length) = args.length else {
        write_all(documents, args, shards)?;
        return Ok(None);
    };
    let packing = match args.packing {
        PackingKind::Concat => Packing::Concat,
        PackingKind::BestFit => Packing::BestFit,
    };
    let pad = pad(tokenizer).unwrap_or_default();
    let options = SequenceOptions { packing, pad, ..SequenceOptions::new(length.get()) };
    let documents = documents.map(|document| document.map(|(_, tokens)| tokens));
    let mut sequences = Sequences::new(documents, options)?;
    let numbered = sequences.by_ref().enumerate();
    write_all(numbered.map(|(at, one)| Ok((at.to_string(), one?))), args, shards)?;
    Ok(Some(sequences.report()))
}

/// Writes `items`, shuffled if that is wanted.
fn write_all(
    mut items: impl Iterator<Item = Tokens>,
    args: &PackArgs,
    shards: &mut ShardSet,
) -> Result<(), CorpusError> {
    let mut write = |item: Tokens| {
        let (id, tokens) = item?;
        shards.write(&id, &tokens)
    };
    match args.shuffle {
        Some(window) => shuffle_windows(items, window.get(), args.seed).try_for_each(&mut write),
        None => items.try_for_each(&mut write),
    }
}

/// Puts the shards in their places and writes the card.
fn finish(
    mut account: Account<'_>,
    shards: ShardSet,
    report: Option<SequenceReport>,
    num_empty: u64,
) -> Result<(), Failure> {
    let (mut rows, mut tokens) = (0, 0);
    for shard in shards.finish().map_err(|error| failed(GOAL, error))? {
        rows += shard.info.documents;
        tokens += shard.info.tokens;
        let info = (Some(shard.info.documents), Some(shard.info.tokens));
        for (at, file) in shard.files.iter().enumerate() {
            account.add_file(file, if at == 0 { info } else { (None, None) })?;
        }
    }
    let what = if report.is_some() { "sequences" } else { "documents" };
    say(&format!("  {rows} {what}, {tokens} tokens"));
    if num_empty > 0 {
        say(&format!("  {num_empty} documents without tokens are left out"));
    }
    account.card.count("documents without tokens", num_empty);
    account.card.count("tokens written", tokens);
    match report {
        None => account.card.count("documents written", rows),
        Some(report) => {
            let SequenceReport { tokens, padding, cut, left_over, .. } = report;
            say(&format!(
                "  of {tokens} tokens read {left_over} are left over, {padding} places are \
                 filled up, {cut} documents are cut"
            ));
            account.card.count("sequences written", rows);
            account.card.count("tokens read", tokens);
            account.card.count("tokens left over", left_over);
            account.card.count("places filled up", padding);
            account.card.count("documents cut", cut);
        }
    }
    account.finish()
}
