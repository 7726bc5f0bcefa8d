//! The memory that layers and the head of a language model work in, in turn.
//!
//! Layers are done with theirs when the head begins, and the head with its own when the way back
//! through the layers begins. So both are cut from one arena, as large as the larger of them.

use catena_kernels::{Arena, DenseType};

use super::buffers::{Lasting, Saved, Work};
use super::experts::ExpertsWork;
use super::head::{HeadPlan, HeadRoom};
use super::linear::KeptWidth;
use super::method::AdapterNeeds;
use super::room::Room;
use super::spec::{LayerSpec, MlpKept, Spec};

/// What layers work in: its size, for a micro-step of the most tokens.
pub(super) struct LayersPlan {
    pub(super) spec: Spec,
    pub(super) dtype: DenseType,
    pub(super) tokens: usize,
    pub(super) needs: AdapterNeeds,
    /// The most that any layer's adapters keep, by slot.
    pub(super) kept: Vec<KeptWidth>,
}

/// What layers work in.
pub(super) struct LayersRoom {
    /// What a layer that keeps nothing has between its two passes.
    pub(super) passing: Saved,
    pub(super) work: Work,
}

/// Memory of layers and head.
pub(super) struct Shared {
    arena: Arena,
    layers_plan: LayersPlan,
    /// Of a language model.
    head_plan: Option<HeadPlan>,
    /// At most one of them is there.
    layers: Option<LayersRoom>,
    head: Option<HeadRoom>,
    /// What keeps its memory, while layers have given up theirs.
    lasting: Lasting,
    /// Whether nobody is to find what another left.
    #[cfg(test)]
    pub(super) spoils: bool,
}

impl LayersPlan {
    fn room(&self, room: &mut Room, lasting: Lasting) -> LayersRoom {
        let mlps = self.spec.layers.iter().map(LayerSpec::mlp_kept);
        let mlp = mlps.fold(MlpKept::default(), MlpKept::max);
        let (kept, tokens) = ((mlp, &self.kept[..]), self.tokens);
        let Lasting { attention, experts, routing } = lasting;
        let passing = Saved::passing(room, &self.spec.layers[0], kept, tokens, routing);
        let work = Work::new(room, &self.spec, self.dtype, tokens, self.needs);
        LayersRoom { passing, work: Work { attention, experts, ..work } }
    }

    /// Bytes that layers work in.
    fn bytes(&self) -> usize {
        let mut room = Room::new(false);
        self.room(&mut room, Lasting::default());
        room.bytes()
    }
}

impl Shared {
    /// Memory for layers, and for `head` if it is a language model's, which is given as many rows at
    /// a time as fit what the layers take anyway.
    pub(super) fn new(room: &mut Room, layers: LayersPlan, head: Option<&mut HeadPlan>) -> Self {
        let lasting = Lasting::new(room, &layers.spec, layers.tokens, layers.needs);
        let mut bytes = layers.bytes();
        let head_plan = head.map(|plan| {
            plan.fit(bytes, layers.tokens);
            bytes = bytes.max(plan.bytes());
            plan.clone()
        });
        room.count(bytes);
        Shared {
            arena: Arena::new(if room.takes { bytes } else { 0 }),
            layers_plan: layers,
            head_plan,
            layers: None,
            head: None,
            lasting,
            #[cfg(test)]
            spoils: false,
        }
    }

    /// What layers work in; the head gives its memory up.
    pub(super) fn layers(&mut self) -> &mut LayersRoom {
        if self.layers.is_none() {
            let mut room = self.turn();
            let lasting = std::mem::take(&mut self.lasting);
            self.layers = Some(self.layers_plan.room(&mut room, lasting));
            self.arena = room.into_arena();
        }
        self.layers.as_mut().expect("it was just made")
    }

    /// What the head works in; layers give their memory up.
    ///
    /// # Panics
    /// If there is no head of a language model: a caller's bug.
    pub(super) fn head(&mut self) -> &mut HeadRoom {
        if self.head.is_none() {
            let mut room = self.turn();
            let plan = self.head_plan.as_ref().expect("the model has a head for tokens");
            self.head = Some(plan.room(&mut room));
            self.arena = room.into_arena();
        }
        self.head.as_mut().expect("it was just made")
    }

    /// What experts of all layers share; `None` without any.
    pub(super) fn experts(&self) -> Option<&ExpertsWork> {
        let layers = self.layers.as_ref();
        layers.map_or(&self.lasting.experts, |layers| &layers.work.experts).as_deref()
    }

    /// The same, to be changed.
    pub(super) fn experts_mut(&mut self) -> Option<&mut ExpertsWork> {
        let layers = self.layers.as_mut();
        let experts = layers.map_or(&mut self.lasting.experts, |layers| &mut layers.work.experts);
        experts.as_deref_mut()
    }

    /// Takes the memory back from whoever has it.
    fn turn(&mut self) -> Room {
        self.head = None;
        if let Some(LayersRoom { passing, work }) = self.layers.take() {
            self.lasting = Lasting {
                attention: work.attention,
                experts: work.experts,
                routing: passing.routing,
            };
        }
        let memory = self.arena.clear();
        #[cfg(test)]
        if self.spoils {
            memory.fill(u8::MAX);
        }
        #[cfg(not(test))]
        let _ = memory;
        Room::within(std::mem::take(&mut self.arena))
    }
}
