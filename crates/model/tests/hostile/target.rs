//! The models that are changed.

use crate::change::{change_bytes, change_json};
use crate::read;
use camino::{Utf8Path, Utf8PathBuf};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fs;

/// A model and what is changed of it.
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) folder: Utf8PathBuf,
    /// The files that are changed, one in each case.
    files: Vec<Utf8PathBuf>,
    kind: Kind,
}

/// What reads it.
#[derive(Clone, Copy)]
enum Kind {
    Gguf,
    Decoder,
    Encoder,
    EncoderGguf,
    Adapter,
    Vocabulary,
}

/// Every golden model: small, and written by the programs whose files people have.
pub(crate) fn all() -> Vec<Target> {
    let mut targets = Vec::new();
    for folder in folders("families") {
        if folder.join("model.gguf").exists() {
            targets.push(target("gguf", &folder, Kind::Gguf));
        }
        targets.push(target("folder", &folder, Kind::Decoder));
    }
    for folder in folders("encoders") {
        if folder.join("model.gguf").exists() {
            targets.push(target("encoder-gguf", &folder, Kind::EncoderGguf));
        }
        targets.push(target("encoder", &folder, Kind::Encoder));
    }
    targets.extend(vocabularies());
    targets.extend(folders("adapters").iter().map(|f| target("adapter", f, Kind::Adapter)));
    targets
}

/// llama.cpp's own vocabulary files, those of each kind of tokenizer that are not too large to be
/// copied often.
fn vocabularies() -> impl Iterator<Item = Target> {
    let models = std::env::var("CATENA_TEST_MODELS");
    let models = models.expect("CATENA_TEST_MODELS names the test models; `make test` sets it");
    let folder = Utf8PathBuf::from(models).join("llama.cpp");
    ["bert-bge", "llama-spm", "gpt-2", "deepseek-coder"].into_iter().map(move |kind| Target {
        name: format!("vocabulary/{kind}"),
        folder: folder.clone(),
        files: vec![format!("ggml-vocab-{kind}.gguf").into()],
        kind: Kind::Vocabulary,
    })
}

fn folders(kind: &str) -> Vec<Utf8PathBuf> {
    let golden = Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(kind);
    let entries = golden.read_dir_utf8().expect("goldens are committed");
    let paths = entries.map(|entry| entry.expect("it can be listed").into_path());
    let mut paths: Vec<_> = paths.filter(|path| path.is_dir()).collect();
    paths.sort();
    paths
}

fn target(what: &str, folder: &Utf8Path, kind: Kind) -> Target {
    let mut files = Vec::new();
    collect(folder, Utf8Path::new(""), &mut files);
    let is_read = |file: &Utf8PathBuf| match kind {
        Kind::Gguf | Kind::EncoderGguf => file == "model.gguf",
        Kind::Decoder | Kind::Encoder | Kind::Adapter | Kind::Vocabulary => {
            file != "forward.safetensors" && file.extension() != Some("gguf")
        }
    };
    files.retain(is_read);
    let name = format!("{what}/{}", folder.file_name().expect("folders have names"));
    Target { name, folder: folder.to_owned(), files, kind }
}

/// The files of `folder`, relative to it, in order.
fn collect(folder: &Utf8Path, below: &Utf8Path, files: &mut Vec<Utf8PathBuf>) {
    let entries = folder.join(below).read_dir_utf8().expect("goldens can be listed");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("it can be listed").file_name().to_owned()).collect();
    names.sort();
    for name in names {
        let path = below.join(name);
        if folder.join(&path).is_dir() {
            collect(folder, &path, files);
        } else {
            files.push(path);
        }
    }
}

impl Target {
    /// A copy of the model with the changes of `seed`.
    pub(crate) fn write_changed(&self, folder: &Utf8Path, seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let changed = rng.random_range(0..self.files.len());
        for (idx, file) in self.files.iter().enumerate() {
            let mut bytes = fs::read(self.folder.join(file)).expect("goldens can be read");
            if idx == changed {
                change(file, &mut bytes, &mut rng);
            }
            let path = folder.join(file);
            fs::create_dir_all(path.parent().expect("it is in a folder")).expect("room");
            fs::write(path, bytes).expect("there is room for a copy");
        }
    }

    /// Reads everything of the model in `folder` and runs it; says whether it was accepted.
    pub(crate) fn read(&self, folder: &Utf8Path) -> bool {
        match self.kind {
            Kind::Gguf => read::decoder(&folder.join("model.gguf")),
            Kind::Decoder => read::decoder(folder),
            Kind::Encoder => read::encoder(folder),
            Kind::EncoderGguf => read::encoder(&folder.join("model.gguf")),
            Kind::Adapter => read::adapter(folder),
            Kind::Vocabulary => read::vocabulary(&folder.join(&self.files[0])),
        }
    }
}

fn change(file: &Utf8Path, bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    match file.extension() {
        Some("safetensors") if rng.random_bool(0.7) => change_header(bytes, rng),
        Some("safetensors") => change_bytes(bytes, 8, rng),
        Some("json") => change_json(bytes, rng),
        Some("gguf") => {
            let tensors = 2 * bytes.len() / 3;
            change_bytes(bytes, bytes.len() - tensors, rng);
        }
        _ => change_bytes(bytes, usize::MAX, rng),
    }
}

/// Changes the JSON header of a safetensors file, whose length stands before it.
fn change_header(bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    let length: [u8; 8] = bytes[..8].try_into().expect("eight bytes");
    let end = 8 + usize::try_from(u64::from_le_bytes(length)).expect("a golden's header is small");
    let mut header = bytes[8..end].to_vec();
    change_json(&mut header, rng);
    let mut changed = (header.len() as u64).to_le_bytes().to_vec();
    changed.extend_from_slice(&header);
    changed.extend_from_slice(&bytes[end..]);
    *bytes = changed;
}
