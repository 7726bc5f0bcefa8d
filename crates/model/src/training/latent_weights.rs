//! The weights of latent attention's keys and values, as trained and as the decoder has them.
//!
//! Training has one matrix, as the family's files and PEFT's keys have: `kv_b_proj`, of each head
//! the rows of its keys, then those of its values, `[h (k + v), r]`. The decoder's form is that of
//! its absorbed products: `k_b_proj`, of each head transposed, `[h r, k]`, and `v_b_proj`,
//! `[h v, r]`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::model::TrainModel;
use super::source::WeightSource;
use crate::checkpoint::{Weight, WeightData, transpose};
use crate::config::MlaConfig;
use crate::{ModelConfig, ModelError};

/// What the matrix of a layer is called, behind the name of its attention.
const JOINED: &str = "kv_b_proj.weight";

/// How the matrix is made of two.
#[derive(Clone, Copy)]
pub(super) struct JoinedLatents {
    shape: MlaConfig,
    heads: usize,
}

impl JoinedLatents {
    /// That of a decoder with latent attention.
    pub(super) fn of(config: &ModelConfig) -> Option<Self> {
        Some(Self { shape: config.mla?, heads: config.num_attention_heads })
    }

    /// Names and shapes of the decoder's two tensors of a layer, by the name of its attention.
    fn parts(self, attention: &str) -> [(String, [usize; 2]); 2] {
        let MlaConfig { kv_lora_rank: rank, qk_nope_head_dim: nope, v_head_dim, .. } = self.shape;
        [
            (format!("{attention}k_b_proj.weight"), [self.heads * rank, nope]),
            (format!("{attention}v_b_proj.weight"), [self.heads * v_head_dim, rank]),
        ]
    }

    fn join(self, keys: &[f32], values: &[f32]) -> Vec<f32> {
        let (of_keys, of_values) = (keys.len() / self.heads, values.len() / self.heads);
        let heads = keys.chunks_exact(of_keys).zip(values.chunks_exact(of_values));
        let mut joined = Vec::with_capacity(keys.len() + values.len());
        for (keys, values) in heads {
            joined.extend(transpose(keys, self.shape.kv_lora_rank));
            joined.extend_from_slice(values);
        }
        joined
    }

    fn split(self, joined: &[f32]) -> [Vec<f32>; 2] {
        let MlaConfig { kv_lora_rank: rank, qk_nope_head_dim: nope, v_head_dim, .. } = self.shape;
        let [mut keys, mut values] = [(); 2].map(|()| Vec::new());
        for head in joined.chunks_exact((nope + v_head_dim) * rank) {
            let (own_keys, own_values) = head.split_at(nope * rank);
            keys.extend(transpose(own_keys, nope));
            values.extend_from_slice(own_values);
        }
        [keys, values]
    }
}

/// A decoder's weights with the matrices of latent attention joined. What was in blocks is held as
/// other frozen floats are.
pub(super) struct WithJoined<'a> {
    pub(super) source: &'a dyn WeightSource,
    pub(super) latents: JoinedLatents,
}

impl WeightSource for WithJoined<'_> {
    fn weight(&self, name: &str, shape: &[usize]) -> Result<Weight<'_>, ModelError> {
        let Some(attention) = name.strip_suffix(JOINED) else {
            return self.source.weight(name, shape);
        };
        let [(keys, keys_shape), (values, values_shape)] = self.latents.parts(attention);
        let keys = self.source.weight(&keys, &keys_shape)?.to_f32();
        let values = self.source.weight(&values, &values_shape)?.to_f32();
        let data = WeightData::F32(Cow::Owned(self.latents.join(&keys, &values)));
        Ok(Weight { shape: shape.to_vec(), data })
    }

    fn form(&self, name: &str, shape: &[usize]) -> Result<Weight<'_>, ModelError> {
        let Some(attention) = name.strip_suffix(JOINED) else {
            return self.source.form(name, shape);
        };
        for (name, shape) in self.latents.parts(attention) {
            self.source.form(&name, &shape)?;
        }
        Ok(Weight { shape: shape.to_vec(), data: WeightData::F32(Cow::Borrowed(&[])) })
    }

    fn release(&self, name: &str) {
        let Some(attention) = name.strip_suffix(JOINED) else { return self.source.release(name) };
        for (name, _) in self.latents.parts(attention) {
            self.source.release(&name);
        }
    }
}

impl TrainModel {
    /// What is trained of the model's own tensors and of new heads, shapes and values by the names
    /// that [`crate::Checkpoint`] has; of a method that trains nothing beside the model.
    pub fn tensors(&self) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
        let mut tensors = BTreeMap::new();
        for param in self.params() {
            let values = &self.values()[param.range.clone()];
            let joined = param.name.strip_suffix(JOINED).zip(self.saved_as.latents);
            let Some((attention, latents)) = joined else {
                tensors.insert(param.name.clone(), (param.shape.clone(), values.to_vec()));
                continue;
            };
            for ((name, shape), values) in
                latents.parts(attention).into_iter().zip(latents.split(values))
            {
                tensors.insert(name, (shape.to_vec(), values));
            }
        }
        tensors
    }
}
