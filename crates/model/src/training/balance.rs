//! How evenly rows go to experts, and the loss that makes them go more evenly.

use super::room::Room;

/// What routers of all layers chose in a pass.
///
/// `loss = E * sum over experts e of f_e P_e`, where over the rows of all layers `f_e` is the number
/// of choices of `e` by rows, and `P_e` the mean of its probability before the choice. Even routers
/// of which each row takes `k` experts have the loss `k`. The choice is a constant to the gradient,
/// so that of every row's `p_e` is `E f_e` by the number of rows.
///
/// # Source
/// Fedus et al. 2021, arXiv:2101.03961, eq. 4 to 6; `load_balancing_loss_func` of Hugging Face
/// `transformers`, which takes the layers together as we do.
pub(super) struct Balance {
    /// Choices of each expert.
    counts_e: Vec<f64>,
    /// Sums of probabilities.
    probs_e: Vec<f64>,
    rows: usize,
    /// Whether rows are counted: those of layers that are computed again were.
    counting: bool,
    /// What the gradient of each probability has beside that of the experts; nothing without weight.
    slopes_e: Vec<f32>,
}

impl Balance {
    pub(super) fn new(room: &mut Room, num_experts: usize) -> Self {
        room.count(num_experts * (2 * size_of::<f64>() + size_of::<f32>()));
        let len = if room.takes { num_experts } else { 0 };
        Balance {
            counts_e: vec![0.0; len],
            probs_e: vec![0.0; len],
            rows: 0,
            counting: false,
            slopes_e: Vec::with_capacity(len),
        }
    }

    /// Starts the forward pass.
    pub(super) fn begin(&mut self) {
        self.counts_e.fill(0.0);
        self.probs_e.fill(0.0);
        self.rows = 0;
        self.counting = true;
    }

    /// Counts the rows of a layer: `[t, e]` probabilities, and who was chosen for all rows.
    pub(super) fn add(&mut self, probs_te: &[f32], chosen: &[(usize, f32)]) {
        if !self.counting {
            return;
        }
        for probs_e in probs_te.chunks_exact(self.probs_e.len()) {
            self.rows += 1;
            for (sum, prob) in self.probs_e.iter_mut().zip(probs_e) {
                *sum += f64::from(*prob);
            }
        }
        for (expert, _) in chosen {
            self.counts_e[*expert] += 1.0;
        }
    }

    /// The loss of the rows that were counted.
    pub(super) fn loss(&self) -> f64 {
        let rows = self.rows.max(1) as f64;
        let terms = self.counts_e.iter().zip(&self.probs_e);
        let sum: f64 = terms.map(|(count, probs)| count * probs).sum();
        self.counts_e.len() as f64 * sum / (rows * rows)
    }

    /// Ends the forward pass: on the way back the gradient is that of `weight * loss` too.
    #[expect(clippy::cast_possible_truncation, reason = "summed wide, used as f32")]
    pub(super) fn end(&mut self, weight: f32) {
        self.counting = false;
        self.slopes_e.clear();
        if weight != 0.0 && self.rows > 0 {
            let rows = self.rows as f64;
            let factor = f64::from(weight) * self.counts_e.len() as f64 / (rows * rows);
            self.slopes_e.extend(self.counts_e.iter().map(|count| (factor * count) as f32));
        }
    }

    /// Adds the gradient of the loss by each probability, `[t, e]`.
    pub(super) fn backward(&self, dprobs_te: &mut [f32]) {
        if self.slopes_e.is_empty() {
            return;
        }
        for dprobs_e in dprobs_te.chunks_exact_mut(self.slopes_e.len()) {
            for (dprob, slope) in dprobs_e.iter_mut().zip(&self.slopes_e) {
                *dprob += slope;
            }
        }
    }
}
