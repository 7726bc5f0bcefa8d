//! Tests and checks.

use super::clients::clients;
use super::deps::{For, ensure};
use super::e2e::e2e;
use super::exchange::exchange;
use super::product::{build, pull};
use super::studio;
use crate::error::TaskError;
use crate::process::{cache_dir, command, lines_of, run, run_command};
use crate::tidy;
use camino::Utf8PathBuf;
use std::fs;
use std::os::unix::fs::symlink;

/// Folder that tests find through `CATENA_TEST_MODELS`: name in it, path below the pulled items.
const TEST_MODELS: [(&str, &str); 3] = [
    ("smollm2-135m-instruct.q4_1.gguf", "smollm2-135m-instruct/smollm2-135m-instruct.q4_1.gguf"),
    ("all-minilm-l6-v2", "all-minilm-l6-v2"),
    ("bank-support", "bank-support"),
];

/// Folder of llama.cpp's own vocabularies and chat templates among them, below its source.
const LLAMA_CPP: (&str, &str) = ("llama.cpp", "models");

/// The kernels with the feature under which those for AVX-512 run on any x86-64 machine.
const EMULATED: [&str; 4] = ["-p", "catena-kernels", "--features", "emulate-avx512"];

/// Everything CI does, in its order.
pub(crate) fn ci() -> Result<(), TaskError> {
    test()?;
    check()?;
    let mut once = command("cargo", &["xtask", "up"]);
    once.env("ONCE", "1");
    run_command(once)?;
    e2e()?;
    clients()?;
    exchange()
}

/// All tests of the workspace, the kernels' once more with AVX-512 emulated, then the browser test.
pub(crate) fn test() -> Result<(), TaskError> {
    ensure(For::Tests)?;
    build()?;
    pull()?;
    let models = link_test_models()?;
    let mut tests = command("cargo", &["test", "--release", "--locked", "--workspace"]);
    tests.env("CATENA_TEST_MODELS", &models);
    run_command(tests)?;
    if cfg!(target_arch = "x86_64") {
        run("cargo", &[&["test", "--release", "--locked"], EMULATED.as_slice()].concat())?;
    }
    studio::browser_test(None)
}

/// Formatting, lints (of the emulation too), tidy and the studio's checks.
pub(crate) fn check() -> Result<(), TaskError> {
    run("cargo", &["fmt", "--all", "--check"])?;
    let (clippy, deny) =
        (["clippy", "--release", "--locked", "--all-targets"], ["--", "-D", "warnings"]);
    run("cargo", &[clippy.as_slice(), &["--workspace"], &deny].concat())?;
    if cfg!(target_arch = "x86_64") {
        run("cargo", &[clippy.as_slice(), &EMULATED, &deny].concat())?;
    }
    tidy::run()?;
    studio::check()
}

/// Lays out the pulled files as tests expect them, by links into the user's cache.
fn link_test_models() -> Result<Utf8PathBuf, TaskError> {
    let cache = cache_dir();
    let folder = cache.join("test-models");
    fs::create_dir_all(&folder).map_err(TaskError::file(&folder))?;
    let source = lines_of(command("python3", &["bench/peers/llama_cpp.py"]))?;
    let source = Utf8PathBuf::from(source.concat()).join(LLAMA_CPP.1);
    let pulled = TEST_MODELS.map(|(name, pulled)| (name, cache.join("models").join(pulled)));
    for (name, target) in pulled.into_iter().chain([(LLAMA_CPP.0, source)]) {
        let link = folder.join(name);
        if fs::symlink_metadata(&link).is_ok() {
            fs::remove_file(&link).map_err(TaskError::file(&link))?;
        }
        symlink(&target, &link).map_err(TaskError::file(&link))?;
    }
    Ok(folder)
}
