//! Reading an encoder's tensors and checking their shapes.

use super::EncoderConfig;
use super::config::Positions;
use super::families::Names;
use crate::checkpoint::{Files, Source, is_gguf};
use crate::gguf::GgufFile;
use crate::linear::{Linear, LoadOptions};
use crate::{ModelError, Weight};
use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::{MatmulScratch, Pool, add_bias};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Gain and bias of a layer norm; a norm without bias has zeros.
pub(super) struct LayerNorm {
    pub(super) gain_c: Vec<f32>,
    pub(super) bias_c: Vec<f32>,
}

/// A product with its bias, which some families do not have.
pub(super) struct BiasedLinear {
    pub(super) weight: Linear,
    pub(super) bias_n: Option<Vec<f32>>,
}

impl BiasedLinear {
    /// `out = x W^T + b`.
    pub(super) fn apply(
        &self,
        pool: &Pool,
        x_tk: &[f32],
        out_tn: &mut [f32],
        matmul: &mut MatmulScratch,
    ) {
        self.weight.apply(pool, x_tk, out_tn, self.weight.n(), false, matmul);
        if let Some(bias_n) = &self.bias_n {
            add_bias(pool, out_tn, bias_n.len(), bias_n);
        }
    }

    /// The bias of a product whose family always has one.
    ///
    /// # Panics
    /// If it has none.
    pub(super) fn bias(&self) -> &[f32] {
        self.bias_n.as_deref().expect("families with norms behind and plain MLPs have biases")
    }

    /// `out += x W^T`; the bias is left to the step behind.
    pub(super) fn add_product(
        &self,
        pool: &Pool,
        x_tk: &[f32],
        out_tn: &mut [f32],
        matmul: &mut MatmulScratch,
    ) {
        self.weight.apply(pool, x_tk, out_tn, self.weight.n(), true, matmul);
    }
}

/// Reads tensors, checks their shapes and notes which were read.
pub(super) struct Loader {
    /// The folder or file that was opened.
    path: Utf8PathBuf,
    files: Files,
    pub(super) config: EncoderConfig,
    /// The family's name, for errors.
    architecture: &'static str,
    pub(super) names: &'static Names,
    /// What the trunk's names begin with in this file.
    trunk: &'static str,
    /// First rows of the position table that the files leave out since no token of a text is there.
    pub(super) absent_positions: usize,
    pub(super) pool: Arc<Pool>,
    pub(super) options: LoadOptions,
    seen: RefCell<BTreeSet<String>>,
}

impl Loader {
    /// Opens a `.gguf` file, or a folder with its weights in one file or several.
    pub(super) fn open(
        path: &Utf8Path,
        pool: Arc<Pool>,
        options: LoadOptions,
    ) -> Result<Self, ModelError> {
        let (files, config, architecture, names) = if is_gguf(path)? {
            let file = GgufFile::open(path)?;
            let (config, family) = EncoderConfig::read_gguf(&file)?;
            (Files::Gguf(file), config, family.gguf.architecture, &family.gguf.names)
        } else {
            let (config, family) = EncoderConfig::read_folder(path)?;
            (Files::open_folder(path)?, config, family.model_types[0], &family.names)
        };
        let bare = files.shape(&format!("{}.weight", names.word_embeddings)).is_ok();
        let trunk = if bare { "" } else { names.trunk };
        let absent_positions = match (&files, &config.positions) {
            (Files::Gguf(_), Positions::Learned { padding_idx: Some(padding_idx), .. }) => {
                *padding_idx as usize + 1
            }
            (Files::Gguf(_) | Files::Folder(_), Positions::Learned { .. } | Positions::Rotary) => 0,
        };
        let seen = RefCell::default();
        Ok(Self {
            path: path.to_owned(),
            files,
            config,
            architecture,
            names,
            trunk,
            absent_positions,
            pool,
            options,
            seen,
        })
    }

    /// The GGUF file, if the model is one.
    pub(super) fn gguf(&self) -> Option<&GgufFile> {
        match &self.files {
            Files::Gguf(file) => Some(file),
            Files::Folder(_) => None,
        }
    }

    /// The name of a tensor of the trunk.
    pub(super) fn trunk(&self, name: &str) -> String {
        format!("{}{name}", self.trunk)
    }

    /// Whether there is a weight of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.files.shape(&format!("{name}.weight")).is_ok()
    }

    pub(super) fn tensor(&self, name: &str, expected: &[usize]) -> Result<Vec<f32>, ModelError> {
        self.check(name, expected)?;
        let weight = self.files.weight(&Source::rows(name, 0, expected), name)?;
        let values = weight.to_f32();
        self.files.release(name);
        Ok(values)
    }

    /// The folder or file that was opened.
    pub(super) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// All tensors of the files, with their shapes.
    pub(super) fn tensors(&self) -> Result<Vec<(String, Vec<usize>)>, ModelError> {
        let shape = |name: &str| Ok((name.to_owned(), self.files.shape(name)?.to_vec()));
        self.files.names().into_iter().map(shape).collect()
    }

    /// A whole tensor as it is stored.
    pub(super) fn whole(&self, name: &str, expected: &[usize]) -> Result<Weight<'_>, ModelError> {
        self.check(name, expected)?;
        self.files.weight(&Source::rows(name, 0, expected), name)
    }

    /// Says that a tensor was taken.
    pub(super) fn release(&self, name: &str) {
        self.files.release(name);
    }

    /// Refuses a tensor of another shape, and notes that it is read.
    fn check(&self, name: &str, expected: &[usize]) -> Result<(), ModelError> {
        let found = self.files.shape(name)?;
        if found != expected {
            let (found, expected) = (found.to_vec(), expected.to_vec());
            return Err(ModelError::ShapeMismatch { name: name.to_owned(), found, expected });
        }
        self.seen.borrow_mut().insert(name.to_owned());
        Ok(())
    }

    pub(super) fn norm(&self, name: &str, c: usize, bias: bool) -> Result<LayerNorm, ModelError> {
        let gain_c = self.tensor(&format!("{name}.weight"), &[c])?;
        let bias_c = if bias { self.tensor(&format!("{name}.bias"), &[c])? } else { vec![0.0; c] };
        Ok(LayerNorm { gain_c, bias_c })
    }

    /// A product of `n` outputs and `k` inputs.
    pub(super) fn linear(
        &self,
        name: &str,
        shape: (usize, usize),
        bias: bool,
    ) -> Result<BiasedLinear, ModelError> {
        let [linear] = self.linears(name, shape, bias)?;
        Ok(linear)
    }

    /// Products of `n` outputs each that stand below one another in one tensor.
    pub(super) fn linears<const PARTS: usize>(
        &self,
        name: &str,
        (n, k): (usize, usize),
        bias: bool,
    ) -> Result<[BiasedLinear; PARTS], ModelError> {
        let weight_name = format!("{name}.weight");
        self.check(&weight_name, &[PARTS * n, k])?;
        let bias_n =
            if bias { Some(self.tensor(&format!("{name}.bias"), &[PARTS * n])?) } else { None };
        let mut parts = Vec::with_capacity(PARTS);
        for part in 0..PARTS {
            let source = Source::rows(&weight_name, part * n, &[n, k]);
            let weight = self.files.weight(&source, &weight_name)?;
            let weight = Linear::from_weights(&self.pool, [weight], k, self.options)?;
            let bias_n = bias_n.as_ref().map(|bias_n| bias_n[part * n..][..n].to_vec());
            parts.push(BiasedLinear { weight, bias_n });
        }
        self.files.release(&weight_name);
        Ok(parts.try_into().unwrap_or_else(|_| unreachable!("as many as were asked for")))
    }

    /// Refuses a trunk that holds more than the configuration implies: it would compute otherwise.
    pub(super) fn check_trunk(&self) -> Result<(), ModelError> {
        let names = self.names;
        let parts = [
            format!("{}.", self.trunk(names.layer)),
            self.trunk("embeddings."),
            format!("{}.", self.trunk(names.final_norm)),
        ];
        let of_trunk = |name: &str| match names.heads {
            Some(heads) => !name.starts_with(heads),
            None => parts.iter().any(|part| name.starts_with(part.as_str())),
        };
        let seen = self.seen.borrow();
        let surplus = self.files.names().into_iter().find(|name| {
            // The buffer follows from the configuration.
            of_trunk(name) && !seen.contains(*name) && !name.ends_with("embeddings.position_ids")
        });
        match surplus {
            None => Ok(()),
            Some(name) => Err(ModelError::UnexpectedTensor {
                name: name.to_owned(),
                architecture: self.architecture,
                file: self.files.path().to_owned(),
            }),
        }
    }
}
