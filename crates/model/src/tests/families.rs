//! Every family against `transformers`, from both kinds of files.

use std::fmt::Write;

use crate::Checkpoint;
use crate::config::JsonKeys;
use crate::decoder::LogitsFor;
use crate::decoder::tests::{Bench, check_invariance, exact};
use crate::families::{FAMILIES, Family};
use crate::safetensors::SafetensorsFile;
use crate::test_support::{families, golden, tokens};

/// Largest error of a logit relative to the largest logit, all arithmetic in f32; keys and values
/// are rounded to bf16 in both.
const TOLERANCE: f32 = 1e-4;

/// Error of the logits of the golden's tokens.
fn error(name: &str, file: &str) -> f32 {
    let folder = golden("families").join(name);
    let checkpoint = Checkpoint::open(&folder.join(file)).unwrap();
    let golden = SafetensorsFile::open(&folder.join("forward.safetensors")).unwrap();
    let expected = golden.tensor("logits").unwrap().to_f32().unwrap();
    let mut bench = Bench::new(&checkpoint, 2, exact());
    let tokens = tokens(&golden, "tokens");
    let found = bench.step(512, &[(0, &tokens, 0, LogitsFor::From(0))]);
    assert_eq!(found.len(), expected.len(), "{name}");
    let largest = expected.iter().fold(0f32, |max, x| max.max(x.abs()));
    let error = found.iter().zip(&expected).fold(0f32, |max, (a, b)| max.max((a - b).abs()));
    error / largest
}

/// A golden's errors from both kinds of files.
struct Checked {
    name: String,
    size: String,
    family: &'static Family,
    huggingface: f32,
    gguf: Option<f32>,
}

fn check(name: String) -> Checked {
    let folder = golden("families").join(&name);
    let keys = JsonKeys::read(&folder.join("config.json")).unwrap();
    let (family, _) = Family::of_json(&keys).unwrap();
    let gguf = folder.join("model.gguf").exists().then(|| error(&name, "model.gguf"));
    let size = size(&Checkpoint::open(&folder).unwrap());
    Checked { family, huggingface: error(&name, ""), gguf, name, size }
}

/// Layers and width, heads of queries and of keys, and the number of all weights.
fn size(checkpoint: &Checkpoint) -> String {
    let config = checkpoint.config();
    let values = |name: &str| checkpoint.shape(name).unwrap().iter().product::<usize>();
    let weights: usize = checkpoint.tensor_names().map(values).sum();
    format!(
        "{} x {}, {}/{}, {weights}",
        config.num_hidden_layers,
        config.hidden_size,
        config.num_attention_heads,
        config.num_key_value_heads,
    )
}

#[test]
fn every_family_agrees_with_transformers_and_the_page_says_how_well() {
    let checked: Vec<Checked> = families().into_iter().map(check).collect();
    let within = |error: f32| !error.is_nan() && error <= TOLERANCE;
    for one in &checked {
        let sound = within(one.huggingface) && one.gguf.is_none_or(within);
        assert!(sound, "{}: {:e}, {:?}", one.name, one.huggingface, one.gguf);
    }
    for family in FAMILIES {
        let is_checked = checked.iter().any(|one| std::ptr::eq(one.family, *family));
        assert!(is_checked, "{family:?} has no golden");
    }
    let page = golden("../../../../docs/families.md");
    let found = std::fs::read_to_string(&page).unwrap_or_default();
    let wanted = page_of(&checked, &found);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&page, page_of(&checked, "")).unwrap();
    } else {
        assert!(found == wanted, "{page} is stale: UPDATE_DOCS=1 cargo test -p catena-model page");
    }
}

const PAGE: &str = "\
# Decoder families

Generated from the code and its tests (`UPDATE_DOCS=1 cargo test --release -p catena-model page`).

Models are read from a Hugging Face folder (safetensors, one file or several) or a GGUF file of llama.cpp. Every family
is checked against `transformers` on tiny checkpoints with random weights: the error is that of the logit that is
furthest off, relative to the largest logit, with all arithmetic in f32 and keys and values rounded to bf16 as in the
KV cache, rounded up to a power of ten. An error above 1e-4 fails the tests; so do logits that depend on what else is
in a batch, on how a prompt is cut, or on the number of threads.

Every checkpoint is written as the GGUF file that llama.cpp's converter makes of it, and every GGUF file as the folder
that transformers made it from: the tests compare tensor for tensor, bit for bit, and the keys of the GGUF file.

Every family is trained too: the gradient of every tensor is compared with that of torch, from both kinds of files.

A size is layers x width, heads of queries/of keys and values, and the number of weights. Beside these, SmolLM2-135M-Instruct
(`Q4_1`, 30 x 576, 9/3) is compared with `transformers` as it is published.

Folders of Gemma 3 and Mistral that also see pictures (`gemma3`, `mistral3`) are read as the decoder in them, and saved as
that decoder. A model with long and short factors of positions (Phi-3 for long sequences) uses the long ones for all texts
if it takes more tokens than its training had; `transformers` changes the factors as a text grows.

A dash in the last column: llama.cpp's file does not say all that the checkpoint computes (windows of Mistral and
StarCoder 2, Gemma's `query_pre_attn_scalar`).

| family | `model_type` | GGUF architecture | checkpoint | size | error, safetensors | error, GGUF |
|---|---|---|---|---|---|---|
";

/// The page, one line for each checkpoint. What `old` says of an error stands while it holds, so that
/// the page is the same on every processor.
fn page_of(checked: &[Checked], old: &str) -> String {
    let mut page = PAGE.to_owned();
    for family in FAMILIES {
        for one in checked.iter().filter(|one| std::ptr::eq(one.family, *family)) {
            let names = |names: &[&str]| match names {
                [] => "llama".to_owned(),
                names => names.join(", "),
            };
            let start = format!(
                "| {} | {} | {} | {} | {} |",
                family.name,
                names(family.model_types),
                names(family.architectures),
                one.name,
                one.size,
            );
            let line = old.lines().find_map(|line| line.strip_prefix(start.as_str()));
            let mut stated = line.unwrap_or_default().split('|').map(str::trim);
            let mut bound = |error: Option<f32>| {
                let stated = stated.next().and_then(|text| Some((text, text.parse().ok()?)));
                match (error, stated) {
                    (None, _) => "-".to_owned(),
                    (Some(error), Some((text, bound))) if error <= bound => text.to_owned(),
                    (Some(error), _) => format!("1e{:.0}", error.log10().ceil()),
                }
            };
            let (huggingface, gguf) = (bound(Some(one.huggingface)), bound(one.gguf));
            writeln!(page, "{start} {huggingface} | {gguf} |").unwrap();
        }
    }
    page
}

#[test]
fn logits_of_no_family_depend_on_the_batch() {
    for name in families() {
        let checkpoint = Checkpoint::open(&golden("families").join(&name)).unwrap();
        check_invariance(&checkpoint, exact(), 96);
    }
}
