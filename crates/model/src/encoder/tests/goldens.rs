//! Tiny checkpoints of every family and head with what `transformers` and
//! `sentence-transformers` make of the inputs.

use crate::checkpoint::open_tokenizer;
use crate::encoder::{
    Encoder, EncoderConfig, EncoderInput, EncoderTask, SentenceConfig, SequenceClassifier,
    TextEmbedder, TokenClassifier,
};
use crate::linear::LoadOptions;
use crate::safetensors::SafetensorsFile;
use crate::test_support::golden;
use camino::Utf8PathBuf;
use catena_kernels::{DenseType, Pool};
use catena_text::{Tokenizer, TypedTokens};
use serde::Deserialize;
use std::sync::Arc;

/// Largest error over the largest value, in f32: two orders of its rounding, for sums of other
/// orders.
pub(super) const TOLERANCE: f64 = 1e-4;

#[derive(Deserialize)]
pub(super) struct Inputs {
    texts: Vec<String>,
    pairs: Vec<(String, String)>,
}

/// A tiny checkpoint with what the reference makes of the inputs.
pub(super) struct Golden {
    pub(super) dir: Utf8PathBuf,
    /// What is loaded: the folder or a GGUF file in it.
    pub(super) path: Utf8PathBuf,
    pub(super) config: EncoderConfig,
    forward: SafetensorsFile,
    pub(super) tokenizer: Tokenizer,
    inputs: Inputs,
}

/// The folders whose names do or do not begin with `embed_`, sorted.
pub(super) fn goldens(embedders: bool) -> Vec<Golden> {
    let root = golden("encoders");
    let mut dirs: Vec<_> = root
        .read_dir_utf8()
        .unwrap()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.is_dir())
        .filter(|path| path.file_name().unwrap().starts_with("embed_") == embedders)
        .collect();
    dirs.sort();
    assert!(dirs.len() >= 5, "{root} holds the goldens");
    dirs.into_iter().map(Golden::open).collect()
}

impl Golden {
    fn open(dir: Utf8PathBuf) -> Self {
        let inputs = std::fs::read(golden("encoders").join("inputs.json")).unwrap();
        Self {
            config: EncoderConfig::open(&dir).unwrap(),
            forward: SafetensorsFile::open(&dir.join("forward.safetensors")).unwrap(),
            tokenizer: open_tokenizer(&dir).unwrap(),
            inputs: serde_json::from_slice(&inputs).unwrap(),
            path: dir.clone(),
            dir,
        }
    }

    /// The same from a GGUF file beside it, if there is one.
    pub(super) fn gguf(&self, name: &str) -> Option<Self> {
        let path = self.dir.join(name);
        path.exists().then(|| Self {
            config: EncoderConfig::open(&path).unwrap(),
            tokenizer: open_tokenizer(&path).unwrap(),
            path,
            ..Self::open(self.dir.clone())
        })
    }

    pub(super) fn name(&self) -> &str {
        self.dir.file_name().unwrap()
    }

    /// Texts, or pairs for a cross-encoder, that the first inputs were made of.
    pub(super) fn texts(&self) -> Vec<(&str, Option<&str>)> {
        let Inputs { texts, pairs } = &self.inputs;
        let sequence = self.config.head.task == EncoderTask::SequenceClassification;
        if sequence && self.config.head.labels == ["LABEL_0"] {
            pairs.iter().map(|(a, b)| (a.as_str(), Some(b.as_str()))).collect()
        } else {
            texts.iter().map(|text| (text.as_str(), None)).collect()
        }
    }

    /// The inputs as the reference's tokenizer gives them; the last is no text.
    pub(super) fn typed_tokens(&self) -> Vec<TypedTokens> {
        let ids = |name: String| -> Vec<u32> {
            let bytes = self.forward.tensor(&name).unwrap().bytes;
            bytes.chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect()
        };
        let names = |i: &usize| self.forward.contains(&format!("tokens_{i}"));
        let input = |i: usize| TypedTokens {
            ids: ids(format!("tokens_{i}")),
            types: ids(format!("types_{i}")),
        };
        (0..99).take_while(names).map(input).collect()
    }

    pub(super) fn expected(&self, kind: &str, count: usize) -> Vec<Vec<f32>> {
        let value = |i| self.forward.tensor(&format!("{kind}_{i}")).unwrap().to_f32().unwrap();
        (0..count).map(value).collect()
    }

    /// What we make of the inputs.
    pub(super) fn found(&self, threads: usize, inputs: &[EncoderInput<'_>]) -> Vec<Vec<f32>> {
        let pool = Arc::new(Pool::new(threads));
        match self.config.head.task {
            EncoderTask::Hidden => {
                Encoder::load_with(&self.path, pool, F32).unwrap().hidden_states(inputs)
            }
            EncoderTask::SequenceClassification => {
                SequenceClassifier::load_with(&self.path, pool, F32).unwrap().logits(inputs)
            }
            EncoderTask::TokenClassification => {
                TokenClassifier::load_with(&self.path, pool, F32).unwrap().logits(inputs)
            }
        }
        .unwrap()
    }

    /// Largest error of any input over its largest value.
    pub(super) fn error(&self) -> f64 {
        let typed = self.typed_tokens();
        let kind = if self.config.head.task == EncoderTask::Hidden { "hidden" } else { "logits" };
        let expected = self.expected(kind, typed.len());
        relative_error(&self.found(2, &inputs(&typed)), &expected)
    }

    pub(super) fn embedding_error(&self) -> f64 {
        let embedder = TextEmbedder::load_with(&self.path, Arc::new(Pool::new(2)), F32).unwrap();
        // GGUF files do not have the limit.
        let limit = SentenceConfig::open(&self.dir, embedder.max_tokens()).unwrap().max_seq_length;
        let expected = self.forward.tensor("embeddings").unwrap().to_f32().unwrap();
        let expected: Vec<_> = expected.chunks_exact(embedder.dim()).map(<[f32]>::to_vec).collect();
        let tokens =
            |text: &String| self.tokenizer.encode_typed(text, None, Some(limit)).unwrap().ids;
        let batch: Vec<_> = self.inputs.texts.iter().map(tokens).collect();
        relative_error(&embedder.embed(&batch).unwrap(), &expected)
    }
}

pub(super) const F32: LoadOptions =
    LoadOptions { dense_type: DenseType::F32, quantized: crate::QuantizedProducts::Integer };

pub(super) fn inputs(typed: &[TypedTokens]) -> Vec<EncoderInput<'_>> {
    typed
        .iter()
        .map(|TypedTokens { ids, types }| EncoderInput { tokens: ids, token_types: types })
        .collect()
}

pub(super) fn relative_error(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f64 {
    assert_eq!(found.len(), expected.len(), "inputs");
    let one = |(found, expected): (&Vec<f32>, &Vec<f32>)| {
        assert_eq!(found.len(), expected.len(), "values of an input");
        let largest = expected.iter().map(|x| f64::from(x.abs())).fold(0.0, f64::max);
        let difference = |(a, b): (&f32, &f32)| f64::from((a - b).abs());
        let error = found.iter().zip(expected).map(difference).fold(0.0, f64::max);
        assert!(found.iter().all(|x| x.is_finite()));
        error / largest
    };
    found.iter().zip(expected).map(one).fold(0.0, f64::max)
}
