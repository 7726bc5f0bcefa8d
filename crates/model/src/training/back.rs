//! The way back: from the gradient of the last residual stream to that of every trained value, one
//! part of the model after another.

use std::ops::Range;

use super::batch::{Layout, TrainBatch};
use super::model::TrainModel;
use super::pass::pass_of;
use super::shared::LayersRoom;

/// What a part of the model learns from a batch.
#[derive(Debug)]
pub struct GradientPart<'a> {
    /// The place of its values in [`TrainModel::values`]: whole tensors.
    pub range: Range<usize>,
    /// Its values, to be changed: nothing of the batch reads them any more.
    pub values: &'a mut [f32],
    /// Their gradient.
    pub grads: &'a [f32],
}

/// A part of the model, on the way back.
#[derive(Clone, Copy)]
enum Part {
    /// What stands on the trunk.
    Head,
    Layer(usize),
    /// Tables, and what all layers have in common.
    Shared,
}

/// A batch that is on its way back.
pub(super) struct Back {
    layout: Layout,
    tokens: Vec<u32>,
    token_types: Vec<u32>,
    /// Whether anything is learnt from it.
    learns: bool,
    /// The part whose gradient is the next to be given.
    next: Option<Part>,
}

impl TrainModel {
    /// Whether gradients are to be taken with [`Self::next_gradients`], those of one part of the
    /// model at a time.
    pub fn gradients_by_part(&self) -> bool {
        self.grads.by_part()
    }

    /// Goes back through one more part of the model, and gives what it learns; `None` when there is
    /// none left. The parts of a batch are all trained values, each once.
    ///
    /// An optimizer may change a part's values at once, as PyTorch's hooks of accumulated gradients
    /// do: the parts before it on the way were the last that read them.
    pub fn next_gradients(&mut self) -> Option<GradientPart<'_>> {
        let mut back = self.back.take()?;
        while let Some(part) = back.next {
            self.back_through(&back, part);
            back.next = self.below(part);
            let range = self.values_of(part).clone();
            if !range.is_empty() {
                self.back = Some(back);
                let values = &mut self.values[range.clone()];
                return Some(GradientPart { grads: self.grads.of(&range), values, range });
            }
        }
        None
    }

    /// Starts on the way back, behind the head; goes it to the end if there is room for all
    /// gradients.
    pub(super) fn begin_back(&mut self, layout: Layout, batch: &TrainBatch, learns: bool) {
        if let (true, Some(experts)) = (learns, self.shared.experts_mut()) {
            experts.balance.end(batch.router_loss);
        }
        self.back = Some(Back {
            layout,
            tokens: batch.tokens.clone(),
            token_types: batch.token_types.clone(),
            learns,
            next: Some(Part::Head),
        });
        if !self.gradients_by_part() {
            while self.next_gradients().is_some() {}
            self.grads.settle_all();
        }
    }

    /// Makes the gradient of a part; that of the head was made before.
    fn back_through(&mut self, back: &Back, part: Part) {
        let len = back.tokens.len() * self.hidden_size;
        let embedding = self.embedding.is_trained();
        match part {
            Part::Head => {}
            Part::Layer(idx) => {
                self.grads.open(&self.parts.layers[idx]);
                if back.learns {
                    let pass = pass_of!(self, &back.layout);
                    let residual = (&mut self.dx_tc[..len], &mut self.x_tc[..len]);
                    let wants_input = idx > self.first_trained || embedding;
                    let LayersRoom { passing, work } = self.shared.layers();
                    let layer = &mut self.layers[idx];
                    layer.backward(&pass, residual, wants_input, &mut self.grads, passing, work);
                }
            }
            Part::Shared => {
                if back.learns && embedding {
                    let pass = pass_of!(self, &back.layout);
                    let residual = (&mut self.dx_tc[..len], &mut self.x_tc[..len]);
                    let tokens = (&back.tokens[..], &back.token_types[..]);
                    let stats = &mut self.shared.layers().work.stats;
                    self.embedding.backward(&pass, tokens, residual, &mut self.grads, stats);
                }
            }
        }
    }

    fn values_of(&self, part: Part) -> &Range<usize> {
        match part {
            Part::Head => &self.parts.head,
            Part::Layer(idx) => &self.parts.layers[idx],
            Part::Shared => &self.parts.shared,
        }
    }

    /// The part behind another, on the way back.
    fn below(&self, part: Part) -> Option<Part> {
        let above = match part {
            Part::Head => self.layers.len(),
            Part::Layer(idx) => idx,
            Part::Shared => return None,
        };
        Some(if above > self.first_trained { Part::Layer(above - 1) } else { Part::Shared })
    }
}
