//! Putting the model together: frozen weights packed, trained ones into the flat vector.

use catena_kernels::{AlignedBuf, DenseMatrix, DenseType, Pool, QuantMatrix};
use rand::Rng;

use super::attention::AttentionBlock;
use super::embedding::Embedding;
use super::layer::Layer;
use super::linear::Linear;
use super::lora::Lora;
use super::matrix::{Matrix, Trained};
use super::method::Method;
use super::mlp::MlpBlock;
use super::norm::Norm;
use super::params::{ParamKind, Params, Vector};
use super::source::{WeightSource, generator};
use super::spec::{LayerSpec, MlpSpec, NormSpec, Spec};
use crate::ModelError;
use crate::checkpoint::WeightData;
use crate::config::{NormKind, QkNorm};

/// Takes weights from their source, each once.
pub(super) struct Loader<'a> {
    pub(super) pool: &'a Pool,
    pub(super) source: &'a dyn WeightSource,
    pub(super) method: &'a Method,
    /// Form of frozen float weights.
    pub(super) frozen: DenseType,
    pub(super) max_tokens: usize,
    pub(super) params: Params,
}

impl Loader<'_> {
    pub(super) fn embedding(&mut self, spec: &Spec) -> Result<Embedding, ModelError> {
        let (embedding, c) = (&spec.embedding, spec.hidden_size);
        let words = self.matrix(&embedding.words, spec.vocab_size, c, ParamKind::Embedding)?;
        let positions = match &embedding.positions {
            None => None,
            Some((name, rows)) => {
                Some(self.vector(&format!("{name}.weight"), &[*rows, c], ParamKind::Embedding)?)
            }
        };
        Ok(Embedding { words, multiplier: embedding.multiplier, positions })
    }

    /// A layer that does not keep anything yet.
    pub(super) fn layer(&mut self, spec: &LayerSpec, norm: NormSpec) -> Result<Layer, ModelError> {
        let (names, c, f) = (&spec.names, spec.hidden_size, spec.intermediate_size);
        let (queries, keys) = spec.widths();
        let (qkv_bias, mlp_bias) = (spec.qkv_bias, spec.mlp_bias);
        Ok(Layer {
            attention_in_norm: self.norm(names.attention_in_norm.as_ref(), c, norm)?,
            attention: AttentionBlock {
                q_proj: self.linear(&names.q, queries, c, qkv_bias)?,
                k_proj: self.linear(&names.k, keys, c, qkv_bias)?,
                v_proj: self.linear(&names.v, keys, c, qkv_bias)?,
                qk_norms: match spec.qk_norm {
                    None => None,
                    Some(kind) => {
                        let d = spec.attention.head_dim;
                        let (q, k) = match kind {
                            QkNorm::PerHead => (d, d),
                            QkNorm::Whole => (queries, keys),
                        };
                        // Always root-mean-square norms, whatever the others are.
                        let norm = NormSpec { kind: NormKind::Rms, ..norm };
                        let norms =
                            [self.named_norm(&names.q_norm, q, norm)?, self.named_norm(&names.k_norm, k, norm)?];
                        Some((kind, norms))
                    }
                },
                o_proj: self.linear(&names.o, c, queries, spec.out_bias)?,
            },
            attention_out_norm: self.norm(names.attention_out_norm.as_ref(), c, norm)?,
            mlp_in_norm: self.norm(names.mlp_in_norm.as_ref(), c, norm)?,
            mlp: MlpBlock {
                gate_proj: match spec.mlp {
                    MlpSpec::Gated(_) => Some(self.linear(&names.gate, f, c, mlp_bias)?),
                    MlpSpec::Plain(_) => None,
                },
                up_proj: self.linear(&names.up, f, c, mlp_bias)?,
                down_proj: self.linear(&names.down, c, f, mlp_bias)?,
            },
            mlp_out_norm: self.norm(names.mlp_out_norm.as_ref(), c, norm)?,
            spec: spec.clone(),
            input: AlignedBuf::default(),
            saved: None,
        })
    }

    pub(super) fn norm(
        &mut self,
        name: Option<&String>,
        width: usize,
        norm: NormSpec,
    ) -> Result<Option<Norm>, ModelError> {
        name.map(|name| self.named_norm(name, width, norm)).transpose()
    }

    fn named_norm(&mut self, name: &str, width: usize, norm: NormSpec) -> Result<Norm, ModelError> {
        let gain = self.vector(&format!("{name}.weight"), &[width], ParamKind::Norm)?;
        let bias = match norm.kind {
            NormKind::Rms => Vector::Frozen(Vec::new()),
            NormKind::Layer if norm.bias => {
                self.vector(&format!("{name}.bias"), &[width], ParamKind::Norm)?
            }
            NormKind::Layer => Vector::Frozen(vec![0.0; width]),
        };
        Ok(Norm { kind: norm.kind, eps: norm.eps, gain, bias })
    }

    fn vector(
        &mut self,
        name: &str,
        shape: &[usize],
        kind: ParamKind,
    ) -> Result<Vector, ModelError> {
        let values = self.source.weight(name, shape)?.to_f32();
        Ok(if self.method.trains(name) {
            Vector::Trained(self.params.add(name.to_owned(), shape, kind, &values))
        } else {
            Vector::Frozen(values)
        })
    }

    pub(super) fn linear(
        &mut self,
        module: &str,
        n: usize,
        k: usize,
        bias: bool,
    ) -> Result<Linear, ModelError> {
        let weight = self.matrix(module, n, k, ParamKind::Matrix)?;
        let bias = match bias {
            false => None,
            true => Some(self.vector(&format!("{module}.bias"), &[n], ParamKind::Bias)?),
        };
        Ok(Linear { n, k, weight, bias, lora: self.lora(module, n, k) })
    }

    pub(super) fn matrix(
        &mut self,
        module: &str,
        n: usize,
        k: usize,
        kind: ParamKind,
    ) -> Result<Matrix, ModelError> {
        let name = format!("{module}.weight");
        let weight = self.source.weight(&name, &[n, k])?;
        let matrix = if self.method.trains(&name) {
            let range = self.params.add(name.clone(), &[n, k], kind, &weight.to_f32());
            Matrix::Trained(Trained { range, n, k })
        } else if let WeightData::Blocks { format, rows } = &weight.data {
            Matrix::Quant(QuantMatrix::from_blocks(self.pool, *format, rows, k)?)
        } else {
            Matrix::Dense(DenseMatrix::pack(self.pool, &weight.to_f32(), n, k, self.frozen))
        };
        self.source.release(&name);
        Ok(matrix)
    }

    /// First values as PEFT draws them: A uniform within `1 / sqrt(fan_in)` (Kaiming with
    /// `a = sqrt(5)`), B zero. The numbers are our generator's, not PyTorch's.
    fn lora(&mut self, module: &str, n: usize, k: usize) -> Option<Lora> {
        let config = self.method.lora(module)?;
        let (r, key) = (config.r, format!("base_model.model.{module}"));
        let bound = 1.0 / (k as f32).sqrt();
        let name = format!("{key}.lora_A.weight");
        let mut rng = generator(config.seed, &name);
        let values: Vec<f32> = (0..r * k).map(|_| rng.random_range(-bound..bound)).collect();
        let a = self.params.add(name, &[r, k], ParamKind::LoraA, &values);
        let name = format!("{key}.lora_B.weight");
        let b = self.params.add(name, &[n, r], ParamKind::LoraB, &vec![0.0; n * r]);
        let inner = AlignedBuf::zeroed(self.max_tokens * r);
        Some(Lora { n, k, r, scale: config.scale(), a, b, inner })
    }
}
