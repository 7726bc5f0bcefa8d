//! A zip archive of parts, with a limit on what they add up to.

use super::xml::{Element, Tokens};
use crate::source::encoding::{Codec, HEAD_BYTES};
use crate::source::reason::BadReason;
use std::io::{Cursor, Read};
use zip::ZipArchive;
use zip::result::ZipError;

/// An opened archive.
pub(super) struct Package {
    archive: ZipArchive<Cursor<Vec<u8>>>,
    format: &'static str,
    limit: u64,
    left: u64,
}

/// A reference from one part to another.
pub(super) struct Relation {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) target: String,
}

impl Package {
    /// Opens an archive whose parts may add up to `limit` bytes.
    pub(super) fn open(
        bytes: Vec<u8>,
        format: &'static str,
        limit: u64,
    ) -> Result<Self, BadReason> {
        // A document with a password is an OLE file that holds the encrypted archive.
        if bytes.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) {
            return Err(BadReason::Encrypted);
        }
        let damaged = |error: ZipError| damaged(format, &error.to_string());
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
        Ok(Self { archive, format, limit, left: limit })
    }

    /// The text of the part `name`; none if there is no such part.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, BadReason> {
        let format = self.format;
        let part = match self.archive.by_name(name.trim_start_matches('/')) {
            Ok(part) => part,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)) => {
                return Err(BadReason::Encrypted);
            }
            Err(error) => return Err(damaged(format, &error.to_string())),
        };
        let mut bytes = Vec::new();
        let read = part.take(self.left.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| damaged(format, &error.to_string()))?;
        let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
            return Err(BadReason::TooLong { bytes: self.limit + 1, limit: self.limit });
        };
        self.left = left;
        let codec = Codec::of(&bytes[..bytes.len().min(HEAD_BYTES)], None);
        Ok(Some(codec.decode_lossy(&bytes[codec.mark_bytes..])))
    }

    /// The text of a part that must be there.
    pub(super) fn need(&mut self, name: &str) -> Result<String, BadReason> {
        self.text(name)?.ok_or_else(|| damaged(self.format, &format!("it has no part `{name}`")))
    }

    /// What the part `name` refers to; paths are from the archive's root.
    pub(super) fn relations(&mut self, name: &str) -> Result<Vec<Relation>, BadReason> {
        let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
        let path = if folder.is_empty() {
            format!("_rels/{file}.rels")
        } else {
            format!("{folder}/_rels/{file}.rels")
        };
        let Some(xml) = self.text(&path)? else { return Ok(Vec::new()) };
        let relation = |one: Element<'_>| {
            let target = resolve(folder, &one.attribute("Target")?);
            let kind = one.attribute("Type").unwrap_or_default();
            Some(Relation { id: one.attribute("Id")?, kind, target })
        };
        Ok(Tokens::new(&xml).called("Relationship").filter_map(relation).collect())
    }

    /// The part that holds the document itself.
    pub(super) fn main_part(&mut self, usual: &str) -> Result<String, BadReason> {
        let relations = self.relations("")?;
        let main = relations.into_iter().find(|one| one.kind.ends_with("/officeDocument"));
        Ok(main.map_or_else(|| usual.to_owned(), |one| one.target))
    }
}

/// A damaged file of `format`.
pub(super) fn damaged(format: &'static str, message: &str) -> BadReason {
    BadReason::Damaged { format, message: message.to_owned() }
}

/// The path `target` seen from `folder`.
pub(super) fn resolve(folder: &str, target: &str) -> String {
    let (start, target) = match target.strip_prefix('/') {
        Some(target) => ("", target),
        None => (folder, target),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in start.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
