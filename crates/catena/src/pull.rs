//! `catena pull`, and the inputs of a project by name or path.

use crate::args::PullArgs;
use crate::explain::store_failure;
use crate::failure::{Exit, Failure};
use crate::machine::pull_options;
use crate::output::print_line;
use crate::progress::{for_stderr, say};
use crate::stages::ModelInput;
use camino::{Utf8Path, Utf8PathBuf};
use catena_protocol::{Cancel, Progress};
use catena_store::{Hasher, digest_file, known_items, list_files, pull};

/// Runs `catena pull`.
pub(crate) fn run(args: &PullArgs, cancel: &Cancel) -> Result<(), Failure> {
    if args.list {
        for item in known_items() {
            let mib = item.bytes() as f64 / f64::from(1 << 20);
            print_line(&format!(
                "{:<24} {mib:>7.1} MiB  {} ({})",
                item.name, item.about, item.license
            ));
        }
        return Ok(());
    }
    let mut options = pull_options()?;
    options.from.clone_from(&args.from);
    options.verify = args.verify;
    let progress = for_stderr();
    for name in &args.names {
        let pulled = pull(name, &options, progress.as_ref(), cancel)
            .map_err(|error| store_failure(&format!("cannot pull `{name}`"), error))?;
        for miss in &pulled.misses {
            say(&format!("  {miss}"));
        }
        say(&format!("{name}: from {}", pulled.source));
        print_line(pulled.path().as_str());
    }
    Ok(())
}

/// Finds inputs named in a project's configuration.
pub(crate) struct Finder<'a> {
    pub(crate) project: &'a Utf8Path,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) cancel: &'a Cancel,
}

impl Finder<'_> {
    /// A model: a path relative to the project if it exists, else a name to pull.
    pub(crate) fn model(&self, name: &str) -> Result<ModelInput, Failure> {
        Self::digested(self.model_path(name)?)
    }

    /// Where a model is; its bytes are not read.
    pub(crate) fn model_path(&self, name: &str) -> Result<Utf8PathBuf, Failure> {
        let path = self.project.join(name);
        if path.exists() {
            return Ok(path);
        }
        // No name of an item looks like a path.
        if name.contains('/') || path.extension() == Some("gguf") {
            let cause = "there is no such file or folder";
            return Err(Failure::new(Exit::Environment, format!("cannot read `{name}`"), cause)
                .hint("give a GGUF file, a folder with safetensors, or a name that `catena pull --list` shows"));
        }
        Ok(self.pull(name)?.path())
    }

    /// A file: a path relative to the project, or `pull:NAME/FILE`.
    pub(crate) fn file(&self, source: &str) -> Result<ModelInput, Failure> {
        let Some(rest) = source.strip_prefix("pull:") else {
            return Self::digested(self.project.join(source));
        };
        let (name, file) = rest.split_once('/').ok_or_else(|| {
            let cause = format!("`{source}` names no file");
            Failure::new(Exit::Usage, "cannot find the project's input", cause)
                .hint("write it as pull:NAME/FILE")
        })?;
        Self::digested(self.pull(name)?.dir.join(file))
    }

    fn pull(&self, name: &str) -> Result<catena_store::Pulled, Failure> {
        let pulled = pull(name, &pull_options()?, self.progress, self.cancel)
            .map_err(|error| store_failure(&format!("cannot pull `{name}`"), error))?;
        for miss in &pulled.misses {
            say(&format!("  {miss}"));
        }
        Ok(pulled)
    }

    /// The SHA-256 of a file, or of a folder's names and bytes.
    pub(crate) fn digested(path: Utf8PathBuf) -> Result<ModelInput, Failure> {
        let goal = format!("cannot read `{path}`");
        let digest = if path.is_dir() {
            let mut hasher = Hasher::new();
            for entry in list_files(&path).map_err(|error| store_failure(&goal, error))? {
                let digest = digest_file(&path.join(&entry.path))
                    .map_err(|error| store_failure(&goal, error))?;
                hasher.update(entry.path.as_str().as_bytes());
                hasher.update(digest.to_hex().as_bytes());
            }
            hasher.finish()
        } else {
            digest_file(&path).map_err(|error| store_failure(&goal, error))?
        };
        Ok(ModelInput { path, digest: digest.to_hex() })
    }
}
