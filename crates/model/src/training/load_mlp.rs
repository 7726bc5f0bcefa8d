//! Putting MLPs together: one, or experts with their router.

use catena_kernels::DenseType;

use super::experts::ExpertsBlock;
use super::linear::Linear;
use super::load::Loader;
use super::mlp::{Mlp, MlpBlock};
use super::spec::{ExpertsSpec, LayerSpec, MlpNames, MlpSpec, Module};
use crate::ModelError;

impl Loader<'_> {
    /// What stands behind attention in a layer.
    pub(super) fn mlp(&mut self, spec: &LayerSpec) -> Result<Mlp, ModelError> {
        Ok(match &spec.experts {
            None => {
                let width = (spec.intermediate_size, spec.mlp_bias);
                Mlp::Dense(Box::new(self.mlp_block(spec, &spec.names.mlp, width)?))
            }
            Some(experts) => Mlp::Experts(Box::new(self.experts(spec, experts)?)),
        })
    }

    fn mlp_block(
        &mut self,
        spec: &LayerSpec,
        names: &MlpNames,
        (f, bias): (usize, bool),
    ) -> Result<MlpBlock, ModelError> {
        let c = spec.hidden_size;
        Ok(MlpBlock {
            kind: spec.mlp,
            width: f,
            gate_proj: match spec.mlp {
                MlpSpec::Gated(_) => Some(self.linear(&names.gate, f, c, bias)?),
                MlpSpec::Plain(_) => None,
            },
            up_proj: self.linear(&names.up, f, c, bias)?,
            down_proj: self.linear(&names.down, c, f, bias)?,
        })
    }

    fn experts(
        &mut self,
        spec: &LayerSpec,
        experts: &ExpertsSpec,
    ) -> Result<ExpertsBlock, ModelError> {
        let ExpertsSpec { shape, name } = experts;
        let router =
            self.exact(&format!("{name}.gate").into(), shape.num_experts, spec.hidden_size)?;
        let first = self.slot;
        let mut mlps_e = Vec::with_capacity(shape.num_experts);
        for expert in 0..shape.num_experts {
            self.slot = first;
            let names = MlpNames::within(&format!("{name}.experts.{expert}"));
            mlps_e.push(self.mlp_block(spec, &names, (shape.moe_intermediate_size, false))?);
        }
        let width = shape.shared_intermediate_size;
        let shared = if width > 0 {
            let names = MlpNames::within(&format!("{name}.shared_experts"));
            Some(self.mlp_block(spec, &names, (width, false))?)
        } else {
            None
        };
        Ok(ExpertsBlock { shape: *shape, router, mlps_e, shared })
    }

    /// A projection whose products are f32 whatever those of others are.
    fn exact(&mut self, module: &Module, n: usize, k: usize) -> Result<Linear, ModelError> {
        let own = (self.frozen, self.keep_blocks, self.dtype);
        (self.frozen, self.keep_blocks, self.dtype) = (DenseType::F32, false, DenseType::F32);
        let linear = self.linear(module, n, k, false);
        (self.frozen, self.keep_blocks, self.dtype) = own;
        linear
    }
}
