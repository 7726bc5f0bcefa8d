//! What the files of a model say of it, for clients that list models.
//!
//! Only heads of files are read, and a sample of what follows: a folder of large models is listed in a
//! moment, and from the second time on without a look into any file that has not changed.

use crate::models::BoxError;
use camino::{Utf8DirEntry, Utf8Path, Utf8PathBuf};
use catena_model::gguf::{GgufFile, MetaValue, file_type_name, part_paths};
use catena_model::safetensors::SafetensorsFile;
use catena_serve::ModelFiles;
use catena_store::Hasher;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

/// Pieces of a file that its digest is taken of, evenly spread, the first and the last among them.
const SAMPLES: u64 = 64;
const SAMPLE_BYTES: usize = 4096;
/// Bytes of the longest `config.json` that is read: real ones have a few thousand.
const MAX_CONFIG_BYTES: u64 = 1 << 24;

/// A file of weights, with the size and the time that it had.
type Stamp = (Utf8PathBuf, u64, Duration);

/// What was read of a model's files, for as long as they are the same.
#[derive(Default)]
pub(super) struct Facts(Mutex<Option<(Vec<Stamp>, ModelFiles)>>);

impl Facts {
    /// What the files at `path` say; nothing if they cannot be read.
    pub(super) fn of(&self, path: &Utf8Path) -> Option<ModelFiles> {
        let stamp = stamp(path).ok().filter(|stamp| !stamp.is_empty())?;
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = last.as_ref().filter(|(known, _)| *known == stamp) {
            return Some(known.clone());
        }
        let read = read(path, &stamp).ok()?;
        Some(last.insert((stamp, read)).1.clone())
    }
}

/// The files of the weights at `path`: itself, or those of its folder, by name.
pub(super) fn weight_files(path: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
    if !path.is_dir() {
        return Ok(part_paths(path));
    }
    let has_weights = |path: &Utf8Path| matches!(path.extension(), Some("safetensors" | "gguf"));
    let paths = path.read_dir_utf8()?.filter_map(Result::ok).map(Utf8DirEntry::into_path);
    let mut files: Vec<Utf8PathBuf> = paths.filter(|path| has_weights(path)).collect();
    files.sort();
    Ok(files)
}

fn stamp(path: &Utf8Path) -> io::Result<Vec<Stamp>> {
    let stamp = |file: Utf8PathBuf| -> io::Result<Stamp> {
        let known = fs::metadata(&file)?;
        let modified = known.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok((file, known.len(), modified))
    };
    weight_files(path)?.into_iter().map(stamp).collect()
}

fn read(path: &Utf8Path, stamp: &[Stamp]) -> Result<ModelFiles, BoxError> {
    let said = if path.is_dir() { of_folder(path)? } else { of_gguf(path)? };
    Ok(ModelFiles {
        bytes: stamp.iter().map(|(_, bytes, _)| bytes).sum(),
        digest: digest(stamp)?,
        modified: stamp.iter().map(|(_, _, modified)| *modified).max().unwrap_or_default(),
        ..said
    })
}

fn of_gguf(path: &Utf8Path) -> Result<ModelFiles, BoxError> {
    let file = GgufFile::open(path)?;
    let family =
        file.metadata("general.architecture").and_then(MetaValue::as_str).unwrap_or_default();
    let mut stored = Stored::default();
    for tensor in file.tensors() {
        stored.add(tensor.ggml_type.name().to_owned(), &tensor.shape);
    }
    let number = |key: &str| file.metadata(key).and_then(MetaValue::as_u64);
    let file_type = number("general.file_type").and_then(file_type_name);
    Ok(ModelFiles {
        format: "gguf".to_owned(),
        family: family.to_owned(),
        parameters: stored.parameters(),
        quantization: file_type.map_or_else(|| stored.commonest(), str::to_owned),
        embedding_length: number(&format!("{family}.embedding_length")).unwrap_or_default(),
        ..ModelFiles::default()
    })
}

fn of_folder(path: &Utf8Path) -> Result<ModelFiles, BoxError> {
    let mut config = Vec::new();
    File::open(path.join("config.json"))?.take(MAX_CONFIG_BYTES).read_to_end(&mut config)?;
    let config: Value = serde_json::from_slice(&config)?;
    let index = path.join("model.safetensors.index.json");
    let single = path.join("model.safetensors");
    let file = SafetensorsFile::open(if index.exists() { &index } else { &single })?;
    let mut stored = Stored::default();
    for name in file.names() {
        let tensor = file.tensor(name)?;
        stored.add(format!("{:?}", tensor.dtype), tensor.shape);
    }
    // Models that also read images have the keys of their text part apart.
    let width = ["hidden_size", "n_embd", "d_model"].into_iter().find_map(|key| {
        config.get(key).or_else(|| config.get("text_config")?.get(key)).and_then(Value::as_u64)
    });
    Ok(ModelFiles {
        format: "safetensors".to_owned(),
        family: config["model_type"].as_str().unwrap_or_default().to_owned(),
        parameters: stored.parameters(),
        quantization: stored.commonest(),
        embedding_length: width.unwrap_or_default(),
        ..ModelFiles::default()
    })
}

/// How many numbers are stored in which form.
#[derive(Default)]
struct Stored(BTreeMap<String, u64>);

impl Stored {
    fn add(&mut self, form: String, shape: &[usize]) {
        *self.0.entry(form).or_default() += shape.iter().product::<usize>() as u64;
    }

    fn parameters(&self) -> u64 {
        self.0.values().sum()
    }

    fn commonest(&self) -> String {
        let most = self.0.iter().max_by_key(|(_, count)| **count);
        most.map_or_else(String::new, |(form, _)| form.clone())
    }
}

/// SHA-256 of each file's size and samples. That of all bytes would take minutes for a large model, and
/// models that differ do so in nearly every weight. Names and times are not part of it: a copy is the
/// same model.
fn digest(stamp: &[Stamp]) -> io::Result<String> {
    let mut hasher = Hasher::new();
    let mut sample = vec![0; SAMPLE_BYTES];
    for (path, bytes, _) in stamp {
        hasher.update(&bytes.to_le_bytes());
        if *bytes < SAMPLES * SAMPLE_BYTES as u64 {
            hasher.update(&fs::read(path)?);
            continue;
        }
        let last = bytes - SAMPLE_BYTES as u64;
        let mut file = File::open(path)?;
        for idx in 0..SAMPLES {
            file.seek(SeekFrom::Start(last * idx / (SAMPLES - 1)))?;
            file.read_exact(&mut sample)?;
            hasher.update(&sample);
        }
    }
    Ok(hasher.finish().to_hex())
}

#[cfg(test)]
mod tests {
    use super::*;
    use catena_model::gguf::{GgmlType, GgufWriter};
    use catena_model::safetensors::write_f32;

    fn write_gguf(path: &Utf8Path, last: u8) {
        let mut writer = GgufWriter::new();
        writer.set("general.architecture", MetaValue::String("llama".to_owned()));
        writer.set("llama.embedding_length", MetaValue::U32(512));
        writer.add_tensor("token_embd.weight", &[1024, 512], GgmlType::Q8_0);
        writer.add_tensor("output_norm.weight", &[512], GgmlType::F32);
        let bytes_of = |name: &str| {
            let bytes = if name == "output_norm.weight" { 2048 } else { 1024 * 512 / 32 * 34 };
            let mut bytes = vec![7; bytes];
            *bytes.last_mut().expect("there are some") = last;
            Ok(bytes)
        };
        writer.write(path, bytes_of).expect("it is written");
    }

    #[test]
    fn a_gguf_file_says_what_it_is() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = Utf8Path::from_path(dir.path()).expect("a plain path");
        let [first, copy, other] = ["a.gguf", "b.gguf", "c.gguf"].map(|name| root.join(name));
        write_gguf(&first, 1);
        fs::copy(&first, &copy).expect("it is copied");
        write_gguf(&other, 2);
        let facts = Facts::default();
        let said = facts.of(&first).expect("it reads");
        assert_eq!((said.format.as_str(), said.family.as_str()), ("gguf", "llama"));
        assert_eq!((said.parameters, said.embedding_length), (1024 * 512 + 512, 512));
        assert_eq!(said.quantization, "Q8_0", "the file does not say it, its tensors do");
        assert_eq!(said.bytes, first.metadata().expect("it is there").len());
        assert!(said.bytes > SAMPLES * SAMPLE_BYTES as u64, "its digest is of samples");
        assert_eq!(said.digest.len(), 64);
        let digest = |path: &Utf8Path| Facts::default().of(path).expect("it reads").digest;
        assert_eq!(digest(&copy), said.digest);
        assert_ne!(digest(&other), said.digest);
        // A file that was changed is read again, one that is gone says nothing.
        write_gguf(&first, 2);
        let later = said.modified + Duration::from_secs(1);
        let file = File::options().write(true).open(&first).expect("it opens");
        file.set_modified(UNIX_EPOCH + later).expect("it is changed");
        assert_eq!(facts.of(&first).expect("it reads").digest, digest(&other));
        fs::remove_file(&first).expect("it is removed");
        assert_eq!(facts.of(&first), None);
    }

    #[test]
    fn a_folder_says_what_it_is() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = Utf8Path::from_path(dir.path()).expect("a plain path");
        assert_eq!(Facts::default().of(root), None);
        let config = "{\"model_type\": \"gemma3\", \"text_config\": {\"hidden_size\": 3}}";
        fs::write(root.join("config.json"), config).expect("it is written");
        let weights = root.join("model.safetensors");
        write_f32(&weights, [("x", [2, 3].as_slice(), [0.5; 6].as_slice())], &[])
            .expect("it is written");
        let said = Facts::default().of(root).expect("it reads");
        assert_eq!((said.format.as_str(), said.family.as_str()), ("safetensors", "gemma3"));
        assert_eq!((said.parameters, said.embedding_length), (6, 3));
        assert_eq!(
            (said.quantization.as_str(), said.bytes),
            ("F32", weights.metadata().expect("it").len())
        );
        fs::write(root.join("config.json"), "{").expect("it is written");
        assert_eq!(Facts::default().of(root), None, "what is broken says nothing");
    }
}
