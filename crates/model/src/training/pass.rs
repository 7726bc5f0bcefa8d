//! What every step of a pass reads.

use catena_kernels::{Pool, RopeTable};

use super::batch::Layout;

/// What a pass of a model reads, without borrowing the buffers that it changes.
macro_rules! pass_of {
    ($model:expr, $layout:expr) => {
        $crate::training::pass::Pass {
            pool: &$model.pool,
            values: if $model.adapted || $model.initial.is_empty() {
                &$model.values
            } else {
                &$model.initial
            },
            batch: $layout,
            ropes: &$model.ropes,
            adapted: $model.adapted || $model.moved,
        }
    };
}
pub(super) use pass_of;

/// What every step of a pass reads.
pub(super) struct Pass<'a> {
    pub(super) pool: &'a Pool,
    pub(super) values: &'a [f32],
    pub(super) batch: &'a Layout,
    pub(super) ropes: &'a [RopeTable],
    /// Whether adapters are added; without them the model is its base.
    pub(super) adapted: bool,
}

impl Pass<'_> {
    /// Tokens of the batch.
    pub(super) fn tokens(&self) -> usize {
        self.batch.positions.len()
    }
}
