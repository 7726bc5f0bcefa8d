//! One layer: attention and MLP with the norms around them, on the residual stream.

use catena_kernels::{AlignedBuf, add, add_scaled, scale};

use super::attention::AttentionBlock;
use super::buffers::{Saved, Work};
use super::grads::Grads;
use super::linear::KeptWidth;
use super::mlp::Mlp;
use super::norm::Norm;
use super::pass::Pass;
use super::room::Room;
use super::spec::{LayerSpec, Placement};

/// A layer and what its forward pass keeps.
pub(super) struct Layer {
    pub(super) spec: LayerSpec,
    pub(super) attention_in_norm: Option<Norm>,
    pub(super) attention: AttentionBlock,
    pub(super) attention_out_norm: Option<Norm>,
    pub(super) mlp_in_norm: Option<Norm>,
    pub(super) mlp: Mlp,
    pub(super) mlp_out_norm: Option<Norm>,
    /// Norms of the residual stream itself, behind attention and behind the MLP.
    pub(super) attention_sum_norm: Option<Norm>,
    pub(super) mlp_sum_norm: Option<Norm>,
    /// The residual stream that came in; empty if nothing at or below this layer is trained.
    pub(super) input: AlignedBuf<f32>,
    /// What the forward pass keeps; `None` if it is computed again on the way back.
    pub(super) saved: Option<Saved>,
}

impl Layer {
    /// Changes the residual stream `x`. What a layer does not keep itself goes to `passing`.
    pub(super) fn forward(
        &mut self,
        pass: &Pass<'_>,
        x: &mut [f32],
        passing: &mut Saved,
        work: &mut Work,
    ) {
        if !self.input.is_empty() {
            copy(pass, x, &mut self.input);
        }
        let mut own = self.saved.take();
        match &mut own {
            Some(own) => {
                own.swap_lent(passing);
                self.run(pass, x, own, work, false);
                own.swap_lent(passing);
            }
            None => self.run(pass, x, passing, work, false),
        }
        self.saved = own;
    }

    /// Runs the layer: to its end, or, `again`, as far as its way back reads what it gives.
    fn run(
        &mut self,
        pass: &Pass<'_>,
        x: &mut [f32],
        saved: &mut Saved,
        work: &mut Work,
        again: bool,
    ) {
        let spec = &self.spec;
        let len = x.len();
        std::mem::swap(&mut work.linear.kept, &mut saved.kept);
        if spec.placement == Placement::Parallel {
            copy(pass, x, &mut saved.before_mlp);
        }
        enter(pass, spec, self.attention_in_norm.as_ref(), x, work);
        let norm = self.attention_out_norm.as_ref();
        if is_direct(spec, norm) {
            self.attention.forward(pass, spec, saved, work, (x, true));
        } else {
            let mut delta = std::mem::take(&mut work.delta_tc);
            self.attention.forward(pass, spec, saved, work, (&mut delta[..len], false));
            leave(pass, spec, norm, &mut saved.attention_out, &mut delta[..len], x);
            work.delta_tc = delta;
        }
        norm_sum(pass, self.attention_sum_norm.as_ref(), &mut saved.attention_sum, x);
        if spec.placement == Placement::InTurn {
            copy(pass, x, &mut saved.before_mlp);
        }
        let (before, norm) = (&saved.before_mlp[..len], self.mlp_in_norm.as_ref());
        match &self.mlp {
            Mlp::Dense(_) => enter(pass, spec, norm, before, work),
            // Each of them makes an operand of its rows.
            Mlp::Experts(_) => Branch { before, norm }.input(pass, &mut work.normed_tc[..len]),
        }
        let normed = self.mlp_out_norm.is_some() || self.mlp_sum_norm.is_some();
        if !(again && !normed && self.mlp.again(pass, saved, work)) {
            self.run_mlp(pass, x, saved, work);
        }
        std::mem::swap(&mut work.linear.kept, &mut saved.kept);
    }

    fn run_mlp(&mut self, pass: &Pass<'_>, x: &mut [f32], saved: &mut Saved, work: &mut Work) {
        let (spec, norm) = (&self.spec, self.mlp_out_norm.as_ref());
        if is_direct(spec, norm) {
            self.mlp.forward(pass, saved, work, (x, true));
        } else {
            let (len, mut delta) = (x.len(), std::mem::take(&mut work.delta_tc));
            self.mlp.forward(pass, saved, work, (&mut delta[..len], false));
            leave(pass, spec, norm, &mut saved.mlp_out, &mut delta[..len], x);
            work.delta_tc = delta;
        }
        norm_sum(pass, self.mlp_sum_norm.as_ref(), &mut saved.mlp_sum, x);
    }

    /// Adds the gradients of what is trained, and turns `dx`, the gradient of what the layer gave,
    /// into that of what it got if `wants_input` says so.
    ///
    /// `x` is working memory for a layer that is computed again.
    pub(super) fn backward(
        &mut self,
        pass: &Pass<'_>,
        (dx, x): (&mut [f32], &mut [f32]),
        wants_input: bool,
        grads: &mut Grads,
        passing: &mut Saved,
        work: &mut Work,
    ) {
        let mut own = self.saved.take();
        if let Some(own) = &mut own {
            own.swap_lent(passing);
        } else {
            copy(pass, &self.input[..x.len()], x);
            self.run(pass, x, passing, work, true);
        }
        let saved = own.as_mut().unwrap_or(&mut *passing);
        std::mem::swap(&mut work.linear.kept, &mut saved.kept);
        work.linear.swap_rows(&mut work.operand);
        // A parallel MLP's gradient is that of the sum, which attention's must not see changed.
        let parallel = self.spec.placement == Placement::Parallel;
        let mut dsum = std::mem::take(&mut work.dsum_tc);
        if parallel {
            copy(pass, dx, &mut dsum);
        }
        let norm = self.mlp_sum_norm.as_ref();
        norm_sum_backward(pass, norm, &saved.mlp_sum, dx, grads, work);
        let below = wants_input || (!parallel && self.attention_is_trained());
        self.mlp_backward(pass, (None, dx), below, grads, (&mut *saved, &mut *work));
        if below {
            let norm = self.attention_sum_norm.as_ref();
            norm_sum_backward(pass, norm, &saved.attention_sum, dx, grads, work);
        }
        let dout = parallel.then(|| &dsum[..dx.len()]);
        self.attention_backward(pass, (dout, dx), wants_input, grads, (&mut *saved, &mut *work));
        work.linear.swap_rows(&mut work.operand);
        std::mem::swap(&mut work.linear.kept, &mut saved.kept);
        work.dsum_tc = dsum;
        if let Some(own) = &mut own {
            own.swap_lent(passing);
        }
        self.saved = own;
    }

    fn mlp_backward(
        &self,
        pass: &Pass<'_>,
        (dout, dx): (Option<&[f32]>, &mut [f32]),
        wants_input: bool,
        grads: &mut Grads,
        (saved, work): (&mut Saved, &mut Work),
    ) {
        let spec = &self.spec;
        let before = std::mem::take(&mut saved.before_mlp);
        let (kept, norm) = (std::mem::take(&mut saved.mlp_out), self.mlp_out_norm.as_ref());
        let branch = Branch { before: &before[..dx.len()], norm: self.mlp_in_norm.as_ref() };
        let out = (norm, &kept[..]);
        let run = |dout: &[f32], dinput: Option<&mut [f32]>, grads: &mut Grads, work: &mut Work| {
            let input = |normed: &mut [f32]| branch.input(pass, normed);
            self.mlp.backward(pass, dout, (&mut *saved, work), &input, dinput, grads);
        };
        branch.backward(pass, spec, (dout, dx), out, wants_input, grads, work, run);
        saved.before_mlp = before;
        saved.mlp_out = kept;
    }

    fn attention_backward(
        &self,
        pass: &Pass<'_>,
        (dout, dx): (Option<&[f32]>, &mut [f32]),
        wants_input: bool,
        grads: &mut Grads,
        (saved, work): (&mut Saved, &mut Work),
    ) {
        let spec = &self.spec;
        let norm = self.attention_out_norm.as_ref();
        let kept = std::mem::take(&mut saved.attention_out);
        let branch =
            Branch { before: &self.input[..dx.len()], norm: self.attention_in_norm.as_ref() };
        let out = (norm, &kept[..]);
        let run = |dout: &[f32], dinput: Option<&mut [f32]>, grads: &mut Grads, work: &mut Work| {
            let input = |normed: &mut [f32]| branch.input(pass, normed);
            self.attention.backward(pass, spec, dout, (&mut *saved, work), &input, dinput, grads);
        };
        branch.backward(pass, spec, (dout, dx), out, wants_input, grads, work, run);
        saved.attention_out = kept;
    }

    fn attention_is_trained(&self) -> bool {
        let norms = [&self.attention_in_norm, &self.attention_out_norm, &self.attention_sum_norm];
        self.attention.is_trained() || norms.into_iter().flatten().any(Norm::is_trained)
    }

    /// Whether anything in it is trained.
    pub(super) fn is_trained(&self) -> bool {
        let norms = [&self.mlp_in_norm, &self.mlp_out_norm, &self.mlp_sum_norm];
        self.attention_is_trained()
            || self.mlp.is_trained()
            || norms.into_iter().flatten().any(Norm::is_trained)
    }

    /// Gives it what it keeps from the forward pass of `tokens` tokens: its input, if `trained`
    /// says that the way back reaches it, and all else unless it is `recomputed`.
    pub(super) fn give_memory(
        &mut self,
        room: &mut Room,
        tokens: usize,
        trained: bool,
        recomputed: bool,
    ) {
        if !trained {
            return;
        }
        self.input = room.floats(tokens * self.spec.hidden_size);
        if !recomputed {
            let kept = (self.spec.mlp_kept(), &self.kept_widths()[..]);
            self.saved = Some(Saved::of_layer(room, &self.spec, kept, tokens));
        }
    }

    /// Values per token that the adapter of each projection keeps, by slot.
    pub(super) fn kept_widths(&self) -> Vec<KeptWidth> {
        let attention = self.attention.linears().into_iter().map(|linear| (linear, 1));
        let mut widths = Vec::new();
        for (linear, rows) in attention.chain(self.mlp.linears()) {
            widths.resize(widths.len().max(linear.slot + 1), KeptWidth::default());
            let width = &mut widths[linear.slot];
            *width = width.max(linear.kept_width().times(rows));
        }
        widths
    }
}

/// Copies a residual stream to the beginning of a place for the largest.
fn copy(pass: &Pass<'_>, x: &[f32], out: &mut [f32]) {
    pass.pool.split_rows(&mut out[..x.len()], 1, &|part, out| out.copy_from_slice(&x[part]));
}

/// Whether a branch adds to the residual stream as it is.
fn is_direct(spec: &LayerSpec, out_norm: Option<&Norm>) -> bool {
    out_norm.is_none() && !spec.has_multiplier()
}

/// Makes the input of a branch the operand at hand.
fn enter(pass: &Pass<'_>, spec: &LayerSpec, norm: Option<&Norm>, x: &[f32], work: &mut Work) {
    let (t, c) = (pass.tokens(), spec.hidden_size);
    match norm {
        Some(norm) => norm.enter(pass, x, &mut work.operand),
        None => work.operand.set(pass.pool, x, t, c, c),
    }
}

/// Adds what a branch gave, normed and scaled.
fn leave(
    pass: &Pass<'_>,
    spec: &LayerSpec,
    norm: Option<&Norm>,
    kept: &mut [f32],
    delta: &mut [f32],
    x: &mut [f32],
) {
    if let Some(norm) = norm {
        copy(pass, delta, kept);
        norm.forward(pass, &kept[..delta.len()], delta);
    }
    if spec.has_multiplier() {
        add_scaled(pass.pool, x, delta, spec.multiplier);
    } else {
        add(pass.pool, x, delta);
    }
}

/// Norms the residual stream, keeping what it was.
fn norm_sum(pass: &Pass<'_>, norm: Option<&Norm>, kept: &mut [f32], x: &mut [f32]) {
    if let Some(norm) = norm {
        copy(pass, x, kept);
        norm.forward(pass, &kept[..x.len()], x);
    }
}

/// Replaces the gradient of a normed residual stream by that of the sum.
fn norm_sum_backward(
    pass: &Pass<'_>,
    norm: Option<&Norm>,
    kept: &[f32],
    dx: &mut [f32],
    grads: &mut Grads,
    work: &mut Work,
) {
    if let Some(norm) = norm {
        let dsum = &mut work.delta_tc[..dx.len()];
        dsum.fill(0.0);
        norm.backward(pass, &kept[..dx.len()], dx, Some(dsum), grads, &mut work.stats);
        copy(pass, &work.delta_tc[..dx.len()], dx);
    }
}

/// What attention and MLP see: the residual stream before them, through a norm or not.
struct Branch<'a> {
    before: &'a [f32],
    norm: Option<&'a Norm>,
}

impl Branch<'_> {
    fn input(&self, pass: &Pass<'_>, normed: &mut [f32]) {
        match self.norm {
            Some(norm) => norm.forward(pass, self.before, normed),
            None => copy(pass, self.before, normed),
        }
    }

    /// Takes the gradient of what the branch added (`dout`, or `dx` itself) through the norms and
    /// `run`, the branch's own backward, and adds the gradient of its input to `dx`.
    fn backward(
        &self,
        pass: &Pass<'_>,
        spec: &LayerSpec,
        (dout, dx): (Option<&[f32]>, &mut [f32]),
        (out_norm, kept): (Option<&Norm>, &[f32]),
        wants_input: bool,
        grads: &mut Grads,
        work: &mut Work,
        mut run: impl FnMut(&[f32], Option<&mut [f32]>, &mut Grads, &mut Work),
    ) {
        let len = dx.len();
        let mut delta = std::mem::take(&mut work.delta_tc);
        let mut dinput = std::mem::take(&mut work.dnormed_tc);
        let dsum = dout.unwrap_or(dx);
        let mut dbranch = dsum;
        if spec.has_multiplier() {
            let scaled = &mut dinput[..len];
            copy(pass, dsum, scaled);
            scale(pass.pool, scaled, spec.multiplier);
            if out_norm.is_none() {
                copy(pass, scaled, &mut delta);
                dbranch = &delta[..len];
            }
        }
        if let Some(norm) = out_norm {
            let dy = if spec.has_multiplier() { &dinput[..len] } else { dsum };
            delta[..len].fill(0.0);
            norm.backward(pass, &kept[..len], dy, Some(&mut delta[..len]), grads, &mut work.stats);
            dbranch = &delta[..len];
        }
        let norm_is_trained = self.norm.is_some_and(Norm::is_trained);
        let wanted = (wants_input || norm_is_trained).then_some(&mut dinput[..len]);
        run(dbranch, wanted, grads, work);
        let dinput_tc = &dinput[..len];
        match self.norm {
            Some(norm) if wants_input || norm_is_trained => {
                let dx = wants_input.then_some(&mut *dx);
                norm.backward(pass, self.before, dinput_tc, dx, grads, &mut work.stats);
            }
            None if wants_input => add(pass.pool, dx, dinput_tc),
            Some(_) | None => {}
        }
        work.delta_tc = delta;
        work.dnormed_tc = dinput;
    }
}
