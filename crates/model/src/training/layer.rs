//! One decoder layer.

use catena_kernels::{DenseType, Pool};

use super::attention::{AttentionBlock, Shared};
use super::batch::Layout;
use super::buffers::{Saved, Work};
use super::linear::{Linear, LinearScratch};
use super::lora::{Param, Projection};
use super::mlp::MlpBlock;
use crate::{ModelConfig, ModelError};

/// A decoder layer and what its forward pass keeps.
pub(super) struct Layer {
    attention: AttentionBlock,
    mlp: MlpBlock,
    saved: Saved,
    is_first: bool,
}

/// Gives a tensor by Hugging Face name and expected shape.
pub(super) type WeightSource<'a> = dyn FnMut(&str, &[usize]) -> Result<Vec<f32>, ModelError> + 'a;

/// How to build the layers.
pub(super) struct Plan<'a> {
    pub(super) config: &'a ModelConfig,
    pub(super) dtype: DenseType,
    pub(super) params: &'a [Param],
    pub(super) scale: f32,
    pub(super) max_tokens: usize,
}

impl Layer {
    /// Loads and packs layer `idx`; `weight` gives tensors by Hugging Face name.
    pub(super) fn load(
        pool: &Pool,
        plan: &Plan<'_>,
        idx: usize,
        projections: &[Projection; 7],
        weight: &mut WeightSource<'_>,
    ) -> Result<Self, ModelError> {
        let c = plan.config.hidden_size;
        let prefix = format!("model.layers.{idx}");
        let attention_norm = weight(&format!("{prefix}.input_layernorm.weight"), &[c])?;
        let mlp_norm = weight(&format!("{prefix}.post_attention_layernorm.weight"), &[c])?;
        let mut linear = |i: usize| -> Result<Linear, ModelError> {
            let p = &projections[i];
            let values = weight(&format!("{prefix}.{}.weight", p.module), &[p.n, p.k])?;
            let extent = (plan.scale, plan.max_tokens);
            Ok(Linear::new(pool, &values, p, plan.dtype, plan.params, extent))
        };
        let attention = AttentionBlock {
            norm_c: attention_norm,
            q_proj: linear(0)?,
            k_proj: linear(1)?,
            v_proj: linear(2)?,
            o_proj: linear(3)?,
        };
        let mlp = MlpBlock {
            norm_c: mlp_norm,
            eps: plan.config.norm_eps,
            intermediate_size: plan.config.intermediate_size,
            gate_proj: linear(4)?,
            up_proj: linear(5)?,
            down_proj: linear(6)?,
        };
        let saved = Saved::new(plan.config, plan.max_tokens);
        Ok(Layer { attention, mlp, saved, is_first: idx == 0 })
    }

    fn linears_mut(&mut self) -> [&mut Linear; 7] {
        let (attention, mlp) = (&mut self.attention, &mut self.mlp);
        [
            &mut attention.q_proj,
            &mut attention.k_proj,
            &mut attention.v_proj,
            &mut attention.o_proj,
            &mut mlp.gate_proj,
            &mut mlp.up_proj,
            &mut mlp.down_proj,
        ]
    }

    /// Takes changed adapter values into use.
    pub(super) fn refresh(&mut self, pool: &Pool, values: &[f32], scratch: &mut LinearScratch) {
        for linear in self.linears_mut() {
            linear.refresh(pool, values, scratch);
        }
    }

    pub(super) fn forward(
        &mut self,
        pool: &Pool,
        shared: &Shared,
        batch: &Layout,
        work: &mut Work,
    ) {
        self.attention.forward(pool, shared, batch, &mut self.saved, work);
        self.mlp.forward(pool, batch.positions.len(), &mut self.saved, work);
    }

    pub(super) fn backward(
        &mut self,
        pool: &Pool,
        shared: &Shared,
        batch: &Layout,
        work: &mut Work,
        grads: &mut [f32],
    ) {
        let saved = &mut self.saved;
        self.mlp.backward(pool, batch.positions.len(), (saved, work), grads);
        self.attention.backward(pool, shared, batch, (saved, work), grads, self.is_first);
    }

    /// Memory held.
    pub(super) fn bytes(&mut self) -> usize {
        let linears: usize = self.linears_mut().into_iter().map(|linear| linear.bytes()).sum();
        linears + self.saved.bytes()
    }
}
