//! From inputs to shards.

use super::attributes::beside;
use super::card::{Card, SetCard, front_matter};
use super::columns::{Pieces, row_groups};
use super::decompress;
use super::encoding::{Codec, HEAD_BYTES};
use super::file_splits::{check_no_config, files_of_others};
use super::format::{Compression, Format, KNOWN};
use super::opener::{ListedFile, PathKind};
use super::options::ReadOptions;
use super::read::encoding_of;
use super::shard::{Part, Shard};
use super::splits::splits_of;
use super::window::{Peeked, read_whole};
use crate::error::CorpusError;
use globset::{Glob, GlobBuilder, GlobMatcher};
use std::collections::{BTreeSet, HashSet};
use std::io::ErrorKind;
use std::sync::Arc;

/// Bytes of a README that are read for its card.
const MAX_CARD_BYTES: u64 = 4 << 20;

/// Files that stand beside the data of a set and are none.
const NOT_DATA: [&str; 11] = [
    "README.md",
    "LICENSE",
    "LICENSE.md",
    "LICENSE.txt",
    "NOTICE",
    "_SUCCESS",
    "dataset_info.json",
    "dataset_infos.json",
    "dataset_dict.json",
    "state.json",
    "CITATION.cff",
];

/// A file that was found.
struct Found {
    path: String,
    name: String,
    bytes: u64,
    version: Option<String>,
    split: Option<String>,
    /// Whether the input names this very file.
    named: bool,
}

/// The shards of `inputs`, in the order of the inputs and below each in the order of the names.
///
/// An input is a file, a glob (`*`, `**`, `?`, `[..]`, `{..}`), or a folder. In a folder with a
/// README whose YAML has `configs`, the files of one configuration are read; in one with a folder
/// `documents`, as Dolma lays it, the files below that; else all files below it, hidden ones left
/// out, and those that stand beside data unless the options want every file. Where no README names
/// configurations, they are `default`, which is all of it, and the folders in it; where none names
/// splits, the names of files and folders tell them, those of a glob below the folder that it
/// begins with, and those of inputs that are files together. A file that is found twice is read
/// once. A file of no known format is an error if it is named, and else a shard that yields one bad
/// row.
///
/// # Errors
/// Nothing is there, nothing matches, a configuration or split that a folder does not have, a card
/// that cannot be read, and the system's errors.
pub fn plan_shards(inputs: &[String], options: &ReadOptions) -> Result<Vec<Shard>, CorpusError> {
    encoding_of(options)?;
    let left_out = files_of_others(inputs, options)?;
    let (mut shards, mut paths, mut names) = (Vec::new(), HashSet::new(), HashSet::new());
    for (at, input) in inputs.iter().enumerate() {
        if left_out.contains(input.as_str()) {
            continue;
        }
        for mut file in find(input, options)? {
            if !paths.insert(file.path.clone()) {
                continue;
            }
            if options.name_inputs && inputs.len() > 1 && !file.named {
                file.name = name_in(input, &file.name);
            }
            while !names.insert(file.name.clone()) {
                file.name = format!("{at}/{}", file.name);
            }
            split(file, options, &mut shards)?;
        }
    }
    Ok(shards)
}

/// The name of a file below the folder `input`, or the one that a pattern begins with, with that of
/// the folder before it.
fn name_in(input: &str, name: &str) -> String {
    let folder = match input.find(['*', '?', '[', '{']) {
        Some(fixed) => input[..fixed].rsplit_once('/').map_or("", |(folder, _)| folder),
        None => input,
    };
    match folder.trim_end_matches('/').rsplit('/').next() {
        None | Some("" | "." | "..") => name.to_owned(),
        Some(own) => format!("{own}/{name}"),
    }
}

/// Names the path in an error of the system.
pub(super) fn io(path: &str) -> impl FnOnce(std::io::Error) -> CorpusError {
    CorpusError::io("read", path)
}

/// The files of one input.
fn find(input: &str, options: &ReadOptions) -> Result<Vec<Found>, CorpusError> {
    let input = if input.len() > 1 { input.trim_end_matches('/') } else { input };
    let files = match options.opener.kind(input).map_err(io(input))? {
        PathKind::File(bytes) => {
            let name = input.rsplit('/').next().unwrap_or(input).to_owned();
            check_no_config(input, options)?;
            let version = options.opener.version(input).map_err(io(input))?;
            let split = options.split.clone();
            vec![Found { path: input.to_owned(), name, bytes, version, split, named: true }]
        }
        PathKind::Folder => folder(input, options)?,
        PathKind::Missing if input.contains(['*', '?', '[', '{']) => glob(input, options)?,
        PathKind::Missing => return Err(CorpusError::NotFound { path: input.into() }),
    };
    if files.is_empty() {
        return Err(CorpusError::NoInput { input: input.to_owned() });
    }
    Ok(files)
}

fn list(folder: &str, options: &ReadOptions) -> Result<Vec<ListedFile>, CorpusError> {
    options.opener.list(folder, options.limits.max_files).map_err(io(folder))
}

/// The file's path below `folder`.
fn name_below(folder: &str, path: &str) -> String {
    let below = path.strip_prefix(folder).unwrap_or(path);
    below.trim_start_matches('/').replace('\\', "/")
}

fn found(folder: &str, file: ListedFile, split: Option<String>) -> Found {
    let name = name_below(folder, &file.path);
    let ListedFile { path, bytes, version } = file;
    Found { path, name, bytes, version, split, named: false }
}

fn glob(pattern: &str, options: &ReadOptions) -> Result<Vec<Found>, CorpusError> {
    let matcher = matcher(pattern)?;
    let fixed = pattern.find(['*', '?', '[', '{']).unwrap_or(0);
    let folder = pattern[..fixed].rsplit_once('/').map_or(".", |(folder, _)| folder);
    let folder = if folder.is_empty() { "/" } else { folder };
    if options.opener.kind(folder).map_err(io(folder))? != PathKind::Folder {
        return Err(CorpusError::NotFound { path: folder.into() });
    }
    check_no_config(pattern, options)?;
    let matches = |path: &str| matcher.is_match(path.strip_prefix("./").unwrap_or(path));
    let mut files = list(folder, options)?;
    files.retain(|file| matches(&file.path));
    if files.is_empty() {
        return Ok(Vec::new());
    }
    of_split(folder, folder, files, options)
}

fn matcher(pattern: &str) -> Result<GlobMatcher, CorpusError> {
    let plain = pattern.strip_prefix("./").unwrap_or(pattern);
    let built: Result<Glob, _> = GlobBuilder::new(plain).literal_separator(true).build();
    let glob = built.map_err(|source| CorpusError::Glob { pattern: pattern.to_owned(), source });
    Ok(glob?.compile_matcher())
}

fn folder(folder: &str, options: &ReadOptions) -> Result<Vec<Found>, CorpusError> {
    // A folder of which every file is asked for is no data set, whatever its README says.
    if !options.every_file
        && let Some(config) = config(folder, options)?
    {
        return config_files(folder, config, options);
    }
    let documents = format!("{folder}/documents");
    let is_dolma = !options.every_file
        && options.opener.kind(&documents).map_err(io(&documents))? == PathKind::Folder;
    let below = if is_dolma { &documents } else { folder };
    let files: Vec<ListedFile> = list(below, options)?;
    let is_data = |file: &ListedFile| {
        let name = file.path.rsplit('/').next().unwrap_or(&file.path);
        !NOT_DATA.contains(&name)
    };
    let data = files.iter().filter(|file| is_data(file)).count();
    let all = options.every_file || data == 0;
    let files: Vec<ListedFile> = files.into_iter().filter(|file| all || is_data(file)).collect();
    let (below, files) = match &options.config {
        Some(name) if name != "default" => of_config(below, name, files)?,
        Some(_) | None => (below.to_owned(), files),
    };
    of_split(folder, &below, files, options)
}

/// The folder of the configuration `name`, which no card names, and those of `files` in it.
fn of_config(
    folder: &str,
    name: &str,
    files: Vec<ListedFile>,
) -> Result<(String, Vec<ListedFile>), CorpusError> {
    let below = |file: &ListedFile| name_below(folder, &file.path);
    let folder_of = |file: &ListedFile| Some(below(file).split_once('/')?.0.to_owned());
    let (own, others): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|file| folder_of(file).as_deref() == Some(name));
    if own.is_empty() {
        let folders: BTreeSet<String> = others.iter().filter_map(folder_of).collect();
        let known = std::iter::once("default".to_owned()).chain(folders).collect();
        let (path, name) = (folder.into(), name.to_owned());
        return Err(CorpusError::UnknownConfig { path, name, known });
    }
    Ok((format!("{folder}/{name}"), own))
}

/// Those of `files` that are in the split asked for, by their names below `set`.
fn of_split(
    folder: &str,
    set: &str,
    files: Vec<ListedFile>,
    options: &ReadOptions,
) -> Result<Vec<Found>, CorpusError> {
    let Some(wanted) = &options.split else {
        return Ok(files.into_iter().map(|file| found(folder, file, None)).collect());
    };
    let names: Vec<String> = files.iter().map(|file| name_below(set, &file.path)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let splits = splits_of(&names);
    check_split(set, wanted, splits.iter().flatten())?;
    let files = files.into_iter().zip(splits).filter(|(_, split)| split.as_ref() == Some(wanted));
    Ok(files.map(|(file, split)| found(folder, file, split)).collect())
}

/// Refuses a split that is not among those that `known` repeats.
pub(super) fn check_split<'s>(
    set: &str,
    wanted: &str,
    known: impl Iterator<Item = &'s String>,
) -> Result<(), CorpusError> {
    let known: BTreeSet<&String> = known.collect();
    if known.iter().any(|split| *split == wanted) || known.is_empty() {
        return Ok(());
    }
    let known = known.into_iter().cloned().collect();
    Err(CorpusError::UnknownSplit { path: set.into(), name: wanted.to_owned(), known })
}

/// The YAML of the README at `path`, if there are both.
fn yaml(path: &str, options: &ReadOptions) -> Result<Option<String>, CorpusError> {
    let PathKind::File(_) = options.opener.kind(path).map_err(io(path))? else {
        return Ok(None);
    };
    let stream = options.opener.open(path, 0).map_err(io(path))?;
    let (bytes, _) = read_whole(stream, MAX_CARD_BYTES).map_err(io(path))?;
    Ok(front_matter(&String::from_utf8_lossy(&bytes)).map(str::to_owned))
}

/// What the data set in the folder `input` says of itself; none if the input is no folder, or has
/// no README with YAML.
///
/// # Errors
/// The system's.
pub fn set_card(input: &str, options: &ReadOptions) -> Result<Option<SetCard>, CorpusError> {
    let folder = input.trim_end_matches('/');
    if options.opener.kind(folder).map_err(io(folder))? != PathKind::Folder {
        return Ok(None);
    }
    let yaml = yaml(&format!("{folder}/README.md"), options)?;
    Ok(yaml.map(|yaml| SetCard::parse(&yaml)))
}

/// The configuration that the card of a data set names, if it has one.
fn config(folder: &str, options: &ReadOptions) -> Result<Option<super::card::Config>, CorpusError> {
    let path = format!("{folder}/README.md");
    let Some(yaml) = yaml(&path, options)? else { return Ok(None) };
    let card: Card = serde_saphyr::from_str(&yaml).map_err(|source| CorpusError::Card {
        path: path.clone().into(),
        source: Box::new(source),
    })?;
    let mut configs = card.configs;
    if configs.is_empty() {
        return Ok(None);
    }
    let at = match &options.config {
        Some(name) => {
            let known = || configs.iter().map(|one| one.name.clone()).collect();
            let found = configs.iter().position(|one| one.name == *name);
            Some(found.ok_or_else(|| CorpusError::UnknownConfig {
                path: path.into(),
                name: name.clone(),
                known: known(),
            })?)
        }
        None => configs.iter().position(|one| one.default || one.name == "default"),
    };
    let at = at.unwrap_or(0);
    Ok((at < configs.len()).then(|| configs.swap_remove(at)))
}

fn config_files(
    folder: &str,
    config: super::card::Config,
    options: &ReadOptions,
) -> Result<Vec<Found>, CorpusError> {
    let dir = config.data_dir.as_deref().unwrap_or_default();
    let dir = dir.trim_start_matches("./").trim_matches('/');
    let below = if dir.is_empty() || dir == "." { String::new() } else { format!("{dir}/") };
    let files = list(folder, options)?;
    let mut all = Vec::new();
    let Some(patterns) = config.patterns() else {
        let is_own = |file: &ListedFile| {
            let name = name_below(folder, &file.path);
            let base = name.rsplit('/').next().unwrap_or(&name);
            name.starts_with(&below) && !NOT_DATA.contains(&base)
        };
        let files = files.into_iter().filter(is_own).collect();
        let set = format!("{folder}/{below}");
        return of_split(folder, set.trim_end_matches('/'), files, options);
    };
    if let Some(wanted) = &options.split {
        check_split(folder, wanted, patterns.iter().map(|(split, _)| split))?;
    }
    for (split, pattern) in patterns {
        if options.split.as_ref().is_some_and(|wanted| *wanted != split) {
            continue;
        }
        let matcher = matcher(&format!("{below}{}", pattern.trim_start_matches("./")))?;
        for file in &files {
            let name = name_below(folder, &file.path);
            let base = name.rsplit('/').next().unwrap_or(&name);
            if matcher.is_match(&name) && !NOT_DATA.contains(&base) {
                all.push(found(folder, file.clone(), Some(split.clone())));
            }
        }
    }
    Ok(all)
}

/// Adds the shards of one file.
fn split(file: Found, options: &ReadOptions, shards: &mut Vec<Shard>) -> Result<(), CorpusError> {
    let mut whole = Shard {
        id: file.name.clone(),
        split: file.split,
        bytes: file.bytes,
        version: version(&file.path, file.version, options)?,
        ..Shard::of_file(&file.path)
    };
    whole.name = file.name.into();
    if whole.format == Format::Unknown {
        (whole.format, whole.compression) = sniff(&whole, options)?;
        if whole.format == Format::Unknown && file.named {
            return Err(CorpusError::UnknownFormat { path: file.path.into(), known: KNOWN });
        }
    }
    let plain = whole.compression == Compression::None;
    if whole.format == Format::JsonLines && plain && options.attributes.is_empty() {
        return line_parts(&whole, options, shards);
    }
    if whole.format == Format::Parquet && plain {
        return group_parts(whole, options, shards);
    }
    shards.push(whole);
    Ok(())
}

/// What changes with the file at `path` or with its sidecars.
fn version(
    path: &str,
    own: Option<String>,
    options: &ReadOptions,
) -> Result<Option<Arc<str>>, CorpusError> {
    let mut all: Vec<String> = own.into_iter().collect();
    for name in &options.attributes {
        let beside = beside(path, name);
        match options.opener.version(&beside) {
            Ok(version) => all.extend(version),
            // Said when the documents are read.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(io(&beside)(error)),
        }
    }
    Ok((!all.is_empty()).then(|| all.join(" ").into()))
}

/// The row groups of a Parquet file.
fn group_parts(
    whole: Shard,
    options: &ReadOptions,
    shards: &mut Vec<Shard>,
) -> Result<(), CorpusError> {
    let (opener, path) = (Arc::clone(&options.opener), Arc::clone(&whole.path));
    let pieces = Pieces::new(opener, path, whole.bytes);
    let groups = row_groups(&pieces).map_err(io(&whole.path))?.unwrap_or_default();
    if groups.len() < 2 {
        shards.push(whole);
        return Ok(());
    }
    let mut first_row = 1;
    for (index, (rows, bytes)) in groups.into_iter().enumerate() {
        shards.push(whole.part(Part::RowGroup { index, first_row }, bytes));
        first_row += rows;
    }
    Ok(())
}

/// Parts of a fixed size, which begin and end with whole lines when they are read. Files in UTF-16
/// have no single bytes for line ends and stay whole.
fn line_parts(
    whole: &Shard,
    options: &ReadOptions,
    shards: &mut Vec<Shard>,
) -> Result<(), CorpusError> {
    let size = options.limits.shard_bytes.max(1);
    let split = whole.bytes > size && {
        let stream = options.opener.open(&whole.path, 0).map_err(io(&whole.path))?;
        let peeked = Peeked::new(stream, HEAD_BYTES);
        Codec::of(peeked.head(), encoding_of(options)?).has_byte_lines()
    };
    if !split {
        shards.push(whole.clone());
        return Ok(());
    }
    let mut start = 0;
    while start < whole.bytes {
        let end = whole.bytes.min(start + size);
        shards.push(whole.part(Part::Lines { start, end }, end - start));
        start = end;
    }
    Ok(())
}

/// The format of a file whose ending says nothing, by its first bytes.
fn sniff(whole: &Shard, options: &ReadOptions) -> Result<(Format, Compression), CorpusError> {
    let raw = options.opener.open(&whole.path, 0).map_err(io(&whole.path))?;
    let peeked = Peeked::new(raw, 4);
    let compression = match peeked.head() {
        [0x1F, 0x8B, ..] => Compression::Gzip,
        [0x28, 0xB5, 0x2F, 0xFD] => Compression::Zstd,
        _ => Compression::None,
    };
    let plain = decompress::open(Box::new(peeked), compression, options.limits.max_ratio);
    let head = Peeked::new(plain.map_err(io(&whole.path))?, 1024);
    let (format, _) = Format::of_head(head.head());
    Ok((format, compression))
}
