//! Reading an encoder's tensors and checking their shapes.

use super::families::Family;
use crate::ModelError;
use crate::linear::{Linear, LoadOptions};
use crate::safetensors::SafetensorsFile;
use camino::Utf8Path;
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
            add_bias(pool, out_tn, bias_n);
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
    file: SafetensorsFile,
    pub(super) family: &'static Family,
    /// What the trunk's names begin with in this file.
    trunk: &'static str,
    pub(super) pool: Arc<Pool>,
    pub(super) options: LoadOptions,
    seen: RefCell<BTreeSet<String>>,
}

impl Loader {
    /// Opens the weights of a folder, in one file or several.
    pub(super) fn open(
        dir: &Utf8Path,
        family: &'static Family,
        pool: Arc<Pool>,
        options: LoadOptions,
    ) -> Result<Self, ModelError> {
        let index = dir.join("model.safetensors.index.json");
        let single = dir.join("model.safetensors");
        let file = SafetensorsFile::open(if index.exists() { &index } else { &single })?;
        let bare = format!("{}.weight", family.names.word_embeddings);
        let trunk = if file.contains(&bare) { "" } else { family.names.trunk };
        Ok(Self { file, family, trunk, pool, options, seen: RefCell::default() })
    }

    /// The name of a tensor of the trunk.
    pub(super) fn trunk(&self, name: &str) -> String {
        format!("{}{name}", self.trunk)
    }

    pub(super) fn tensor(&self, name: &str, expected: &[usize]) -> Result<Vec<f32>, ModelError> {
        let view = self.file.tensor(name)?;
        if view.shape != expected {
            let (found, expected) = (view.shape.to_vec(), expected.to_vec());
            return Err(ModelError::ShapeMismatch { name: name.to_owned(), found, expected });
        }
        self.seen.borrow_mut().insert(name.to_owned());
        view.to_f32()
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
        let w_nk = self.tensor(&format!("{name}.weight"), &[PARTS * n, k])?;
        let bias_n =
            if bias { Some(self.tensor(&format!("{name}.bias"), &[PARTS * n])?) } else { None };
        let dtype = self.options.dense_type;
        Ok(std::array::from_fn(|part| {
            let rows = &w_nk[part * n * k..][..n * k];
            BiasedLinear {
                weight: Linear::from_floats(&self.pool, rows, n, k, dtype),
                bias_n: bias_n.as_ref().map(|bias_n| bias_n[part * n..][..n].to_vec()),
            }
        }))
    }

    /// Refuses a trunk that holds more than the configuration implies: it would compute otherwise.
    pub(super) fn check_trunk(&self) -> Result<(), ModelError> {
        let names = &self.family.names;
        let parts = [
            format!("{}.", self.trunk(names.layer)),
            self.trunk("embeddings."),
            format!("{}.", self.trunk(names.final_norm)),
        ];
        let seen = self.seen.borrow();
        let surplus = self.file.names().find(|name| {
            parts.iter().any(|part| name.starts_with(part.as_str()))
                && !seen.contains(*name)
                // A buffer that follows from the configuration.
                && !name.ends_with("embeddings.position_ids")
        });
        match surplus {
            None => Ok(()),
            Some(name) => Err(ModelError::UnexpectedTensor {
                name: name.to_owned(),
                architecture: self.family.model_types[0],
                file: self.file.path().to_owned(),
            }),
        }
    }
}
