//! What a server takes from its project's file while it runs.

use super::Options;
use super::files::{Defaults, Running};
use super::on_demand::OnDemand;
use crate::models::Numerics;
use camino::Utf8Path;
use catena_engine::KvBudget;
use catena_kernels::Pool;
use catena_pipeline::config;
use catena_serve::{App, ServeLimits};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A project with folders that may be models, and what was declared of it.
struct Project {
    dir: tempfile::TempDir,
    app: App,
}

impl Project {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["a", "b", "c", "formal"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        // As large as the memory for all of them, of nothing.
        std::fs::create_dir(dir.path().join("big")).unwrap();
        let big = std::fs::File::create(dir.path().join("big/model.safetensors")).unwrap();
        big.set_len(1 << 30).unwrap();
        Self { dir, app: App::new(Vec::new(), ServeLimits::default()) }
    }

    fn folder(&self) -> &Utf8Path {
        Utf8Path::from_path(self.dir.path()).unwrap()
    }

    /// The options of a file whose section `[serve]` is this.
    fn options(&self, serve: &str) -> Options {
        let text = format!("[project]\nname = \"x\"\n[data]\nsource = \"docs\"\n[serve]\n{serve}");
        std::fs::write(self.folder().join("catena.toml"), text).unwrap();
        let config = config::load(self.folder()).unwrap();
        Options::of_project(self.folder(), &config.serve, |_| {}).unwrap()
    }

    fn begin(&self, options: &Options) -> OnDemand {
        OnDemand::begin(&self.app, options, &running(), 1 << 30, Some("base")).unwrap()
    }

    fn names(&self) -> BTreeSet<String> {
        self.app.model_names().into_iter().collect()
    }
}

/// As small as it can be.
pub(super) fn running() -> Running {
    Running {
        pool: Arc::new(Pool::new(1)),
        numerics: Numerics::default(),
        max_sequences: 1,
        max_waiting: 1,
        budget: KvBudget::Bytes(1 << 20),
        defaults: Defaults::OPENAI,
    }
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[test]
fn models_and_adapters_come_and_go_with_the_file() {
    let project = Project::new();
    let first = project.options("models = { a = \"a\", b = \"b\" }\naliases = { prod = \"a\" }\n");
    let demand = project.begin(&first);
    assert_eq!(project.names(), names(["a", "b"]));
    let text = "models = { b = \"c\", c = \"c\" }\nadapters = { formal = \"formal\" }\n\
                aliases = { prod = \"c\" }\n";
    let second = project.options(text);
    let change = demand.change(&first.again().unwrap()).unwrap();
    let after = demand.names_after(&change);
    assert_eq!(after, names(["b", "c", "formal"]));
    second.check_aliases(&after).unwrap();
    assert_eq!(project.names(), names(["a", "b"]), "nothing is changed yet");
    demand.apply(change);
    assert_eq!(project.names(), after);
}

#[test]
fn what_cannot_be_served_changes_nothing() {
    let project = Project::new();
    let demand = project.begin(&project.options("models = { a = \"a\" }\n"));
    for (serve, said) in [
        ("models = { a = \"a\", b = \"./nowhere\" }\n", "no such file or folder"),
        ("[serve.models.b]\nsource = \"a\"\ndraft = \"./nowhere\"\n", "no such file or folder"),
        ("models = { b = { source = \"big\", pinned = true } }\n", "models may take"),
        ("adapters = { formal = \"nowhere\" }\n", "there is no `"),
        ("models = { a = \"a\" }\nadapters = { a = \"formal\" }\n", "already"),
        ("models = { a = \"a\" }\naliases = { prod = \"b\" }\n", "no model `b`; known: a"),
        ("models = { a = \"a\" }\naliases = { a = \"a\" }\n", "own name"),
    ] {
        let options = project.options(serve);
        let change = demand.change(&options);
        let checked = change.and_then(|change| options.check_aliases(&demand.names_after(&change)));
        let failure = checked.expect_err(serve);
        let cause = std::error::Error::source(&failure).unwrap().to_string();
        assert!(cause.contains(said), "{serve}: {cause}");
        assert_eq!(project.names(), names(["a"]));
    }
}

/// A name that the server was started with is nobody else's.
#[test]
fn the_servers_own_names_stay() {
    let project = Project::new();
    project.app.declare_adapter("a", "base", "formal").unwrap();
    let demand = project.begin(&project.options(""));
    let options = project.options("models = { a = \"a\" }\n");
    assert!(demand.change(&options).is_err_and(|failure| failure.advice().is_some()));
}
