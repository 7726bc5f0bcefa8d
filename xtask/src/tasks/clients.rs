//! Suites of clients that people use, against the running binary with small models.
//!
//! Each folder `clients/python/with_*` is one environment: its `requirements.txt` and the tests that
//! run in it, since not all clients can be installed together. `clients/node` is one for Node.js. A
//! further suite is a further folder, or a further file in one of them.

use super::deps::{For, ensure};
use super::product::{build, product, pull};
use super::server::Server;
use crate::error::TaskError;
use crate::process::{cache_dir, command, lines_of, root, run, run_command};
use camino::{Utf8Path, Utf8PathBuf};
use std::fs;
use std::process::Command;

/// Names under which the suites find their models, and where those are below the pulled items.
const MODEL: (&str, &str) = ("smollm2", "smollm2-135m-instruct/smollm2-135m-instruct.q4_1.gguf");
const EMBEDDER: (&str, &str) = ("minilm", "all-minilm-l6-v2");
/// A classifier and a cross-encoder without training: two of the golden files, with the variables that
/// tell the suites their names.
const CLASSIFIERS: [(&str, &str, &str); 2] = [
    ("CATENA_CLASSIFIER", "labels", "bert_sequence"),
    ("CATENA_RERANKER", "ranks", "bert_cross_encoder"),
];
/// Where those files lie.
const GOLDEN: &str = "crates/model/tests/golden/encoders";
/// The suite that asks a server with keys.
const WITH_KEYS: &str = "with_openapi";

/// Builds, pulls, serves, and runs every suite.
pub(crate) fn clients() -> Result<(), TaskError> {
    ensure(For::Tests)?;
    build()?;
    pull()?;
    let suites = [python_suites()?, vec![node_suite()?]].concat();
    let models = cache_dir().join("models");
    let named = |(name, path): (&str, &str)| format!("{name}={}", models.join(path));
    let (model, embedder) = (named(MODEL), named(EMBEDDER));
    let golden = root().join(GOLDEN);
    let [labels, ranks] =
        CLASSIFIERS.map(|(_, name, path)| format!("{name}={}", golden.join(path)));
    let folder = cache_dir().join("clients");
    let start = |files: &str, more: &[&str]| {
        let files = folder.join(files);
        let encoders = ["--embedder", &embedder, "--classifier", &labels, "--classifier", &ranks];
        let rest = ["--files", files.as_str(), "--port", "0"];
        let serve = [&["serve", &model][..], &encoders, &rest].concat();
        Server::start(product(&[&serve[..], more].concat()))
    };
    let server = start("files", &[])?;
    let keys = folder.join("keys.json");
    let key = fresh_key(&keys)?;
    let locked = start("files-with-keys", &["--keys", keys.as_str()])?;
    suites.iter().try_for_each(|suite| {
        let mut tests = suite.command();
        tests.env("CATENA_MODEL", MODEL.0).env("CATENA_EMBEDDER", EMBEDDER.0);
        for (variable, name, _) in CLASSIFIERS {
            tests.env(variable, name);
        }
        if suite.arguments.iter().any(|argument| argument == WITH_KEYS) {
            tests.env("CATENA_ADDRESS", &locked.address).env("CATENA_KEY", &key);
        } else {
            tests.env("CATENA_ADDRESS", &server.address);
        }
        run_command(tests)
    })
}

/// The only key in the file at `path`; it may ask for everything.
fn fresh_key(path: &Utf8Path) -> Result<String, TaskError> {
    if path.exists() {
        fs::remove_file(path).map_err(TaskError::file(path))?;
    }
    let lines =
        lines_of(product(&["keys", "--file", path.as_str(), "create", "clients", "--admin"]))?;
    Ok(lines.concat())
}

/// A suite that is ready to run.
#[derive(Clone)]
struct Suite {
    program: Utf8PathBuf,
    arguments: Vec<String>,
    folder: Utf8PathBuf,
}

impl Suite {
    fn command(&self) -> Command {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let mut tests = command(self.program.as_str(), &arguments);
        tests.current_dir(&self.folder);
        tests
    }
}

/// Those of Python, their environments made where they are missing or old.
fn python_suites() -> Result<Vec<Suite>, TaskError> {
    let folder = root().join("clients/python");
    let mut names: Vec<String> = folder
        .read_dir_utf8()
        .map_err(TaskError::file(&folder))?
        .filter_map(|entry| Some(entry.ok()?.file_name().to_owned()))
        .filter(|name| folder.join(name).join("requirements.txt").exists())
        .collect();
    names.sort();
    let suite = |name: &String| {
        let program = environment(name, &folder.join(name).join("requirements.txt"))?;
        let quiet = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib"];
        let arguments = ["-m", "pytest"].iter().chain(&quiet).map(ToString::to_string);
        let arguments = arguments.chain([name.clone()]).collect();
        Ok(Suite { program, arguments, folder: folder.clone() })
    };
    names.iter().map(suite).collect()
}

/// The interpreter of a virtual environment with what `requirements` names.
fn environment(name: &str, requirements: &Utf8Path) -> Result<Utf8PathBuf, TaskError> {
    let home = cache_dir().join("clients").join(name);
    let (python, installed) = (home.join("bin/python"), home.join("installed.txt"));
    let wanted = fs::read_to_string(requirements).map_err(TaskError::file(requirements))?;
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    run("python3", &["-m", "venv", "--clear", home.as_str()])?;
    run(python.as_str(), &["-m", "pip", "install", "-q", "-r", requirements.as_str()])?;
    fs::write(&installed, wanted).map_err(TaskError::file(&installed))?;
    Ok(python)
}

/// That of Node.js, its packages installed as its lock file says.
fn node_suite() -> Result<Suite, TaskError> {
    let folder = root().join("clients/node");
    let modified =
        |path: &str| fs::metadata(folder.join(path)).and_then(|file| file.modified()).ok();
    let installed = modified("node_modules/.package-lock.json");
    if installed.is_none() || installed < modified("package-lock.json") {
        let mut install = command("npm", &["ci", "--no-audit", "--no-fund"]);
        install.current_dir(&folder);
        run_command(install)?;
    }
    Ok(Suite { program: "npm".into(), arguments: vec!["test".to_owned()], folder })
}
