//! Folders whose models and adapters requests may name.

use super::facts::Facts;
use super::files::Running;
use super::kind::Kind;
use camino::{Utf8DirEntry, Utf8Path, Utf8PathBuf};
use catena_model::gguf::is_later_part;
use catena_serve::{Library, LoadError, LoadedModel, ModelFiles, ModelSource};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What a folder of a model has, and what a file of one, or of an adapter, ends with.
const MODEL_FILE: &str = "config.json";
const MODEL_EXTENSION: &str = "gguf";

/// The two folders. Only what lies directly in them is found.
pub(super) struct Folders {
    pub(super) models: Option<Utf8PathBuf>,
    pub(super) adapters: Option<Utf8PathBuf>,
    pub(super) running: Running,
    /// What was asked for so far, so that no file is read twice to tell what it is.
    pub(super) sources: Mutex<BTreeMap<Utf8PathBuf, Arc<Unread>>>,
}

/// A model whose files are read when it matters what they are.
pub(super) struct Unread {
    path: Utf8PathBuf,
    running: Running,
    /// As its files said when they were read last.
    kind: Mutex<Option<Kind>>,
    facts: Facts,
}

impl Unread {
    fn of_kind(&self, kind: Kind) -> Arc<dyn ModelSource> {
        kind.source(self.path.clone(), None, &self.running)
    }

    /// What its files say. What cannot be told is said when it is loaded.
    fn read(&self) -> Kind {
        let kind = Kind::of(&self.path).unwrap_or(Kind::Language);
        *self.kind.lock().unwrap_or_else(PoisonError::into_inner) = Some(kind);
        kind
    }
}

impl ModelSource for Unread {
    fn bytes(&self) -> u64 {
        let known = *self.kind.lock().unwrap_or_else(PoisonError::into_inner);
        self.of_kind(known.unwrap_or_else(|| self.read())).bytes()
    }

    fn files(&self) -> Option<ModelFiles> {
        self.facts.of(&self.path)
    }

    fn load(&self) -> Result<LoadedModel, LoadError> {
        // The files may be others by now.
        self.of_kind(self.read()).load()
    }
}

impl Library for Folders {
    fn names(&self) -> Vec<String> {
        let entries = self.models.iter().filter_map(|folder| folder.read_dir_utf8().ok());
        let paths = entries.flatten().filter_map(Result::ok).map(Utf8DirEntry::into_path);
        let mut names: Vec<String> = paths.filter_map(|path| name_of(&path)).collect();
        names.sort();
        names.dedup();
        names
    }

    fn model(&self, name: &str) -> Option<Arc<dyn ModelSource>> {
        if !is_plain(name) {
            return None;
        }
        let folder = self.models.as_ref()?.join(name);
        let file = self.models.as_ref()?.join(format!("{name}.{MODEL_EXTENSION}"));
        let path = [folder, file].into_iter().find(|path| name_of(path).is_some())?;
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let source = sources.entry(path.clone()).or_insert_with(|| {
            let (running, facts) = (self.running.clone(), Facts::default());
            Arc::new(Unread { path, running, kind: Mutex::default(), facts })
        });
        Some(source.clone())
    }

    fn adapter(&self, path: &str) -> Option<String> {
        let folder = self.adapters.as_ref()?.canonicalize_utf8().ok()?;
        let found = folder.join(path).canonicalize_utf8().ok()?;
        let is_adapter = found.is_dir() || found.extension() == Some(MODEL_EXTENSION);
        (found.parent() == Some(folder.as_path()) && is_adapter).then(|| found.into_string())
    }
}

/// The name of the model at `path`, if there is one.
fn name_of(path: &Utf8Path) -> Option<String> {
    if path.is_dir() {
        return path.join(MODEL_FILE).exists().then(|| path.file_name().map(str::to_owned))?;
    }
    // Of a model in several files the first stands for all.
    let is_model = path.extension() == Some(MODEL_EXTENSION) && !is_later_part(path);
    let is_model = is_model && path.is_file();
    is_model.then(|| path.file_stem().map(str::to_owned))?
}

/// Whether a name leads nowhere else.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}

#[cfg(test)]
mod tests {
    use super::super::tests::running;
    use super::*;
    use std::fs;

    #[test]
    fn s34_only_what_lies_in_the_folders_is_found() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = Utf8Path::from_path(dir.path()).expect("a plain path");
        for folder in ["models/small", "models/empty", "adapters/formal", "adapters/deep/inner"] {
            fs::create_dir_all(root.join(folder)).expect("it is made");
        }
        fs::write(root.join("models/small/config.json"), "{}").expect("it is written");
        for file in [
            "models/large.gguf",
            "models/parts-00001-of-00002.gguf",
            "models/parts-00002-of-00002.gguf",
            "models/notes.txt",
            "secret.gguf",
            "adapters/brief.gguf",
            "adapters/x",
        ] {
            fs::write(root.join(file), "x").expect("it is written");
        }
        let (models, adapters) = (Some(root.join("models")), Some(root.join("adapters")));
        let running = running();
        let folders = Folders { models, adapters, running, sources: Mutex::default() };
        assert_eq!(folders.names(), ["large", "parts-00001-of-00002", "small"]);
        let large = folders.model("large").expect("it is there");
        assert!(large.bytes() >= 1 << 20);
        // It was read once, and is not read again to be told.
        assert!(Arc::ptr_eq(&large, &folders.model("large").expect("it is there")));
        let outside = [
            "../secret",
            "/etc",
            "..",
            ".",
            "",
            "small/../large",
            "notes",
            "notes.txt",
            "parts-00002-of-00002",
            "empty",
            "..\\secret",
            "small\0",
        ];
        for name in outside {
            assert!(folders.model(name).is_none(), "{name:?}");
        }
        let formal = root.join("adapters/formal").canonicalize_utf8().expect("it is there");
        assert_eq!(folders.adapter("formal").as_deref(), Some(formal.as_str()));
        assert_eq!(folders.adapter(formal.as_str()).as_deref(), Some(formal.as_str()));
        let brief = root.join("adapters/brief.gguf").canonicalize_utf8().expect("it is there");
        assert_eq!(folders.adapter("brief.gguf").as_deref(), Some(brief.as_str()));
        for path in [
            "..",
            ".",
            "",
            "/etc",
            "../models/small",
            "../models/large.gguf",
            "../secret.gguf",
            "deep/inner",
            "none",
            "x",
            "formal/../../models",
        ] {
            assert_eq!(folders.adapter(path), None, "{path:?}");
        }
    }
}
