//! Which angles a model turns its queries and keys by.

use std::f64::consts::PI;

/// Which dimensions of a head make a pair.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RopeLayout {
    /// `i` and `i + rotary_dim / 2` of what is rotated, as in GPT-NeoX and all weights in Hugging
    /// Face's order.
    #[default]
    Halves,
    /// `2 i` and `2 i + 1`, as in GPT-J, ChatGLM and GGUF files of Llama.
    Interleaved,
}

/// The rotary embedding of a model.
///
/// Frequency of pair `i`: `theta^(-2 i / rotary_dim)`, changed by the scaling.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeSpec {
    /// Dimensions of a head.
    pub head_dim: usize,
    /// The first that is rotated, usually 0.
    pub first_rotary_dim: usize,
    /// How many are rotated from there on.
    pub rotary_dim: usize,
    /// Base of the frequencies.
    pub theta: f32,
    /// Which dimensions make a pair.
    pub layout: RopeLayout,
    /// How frequencies are stretched for sequences longer than those of the first training.
    pub scaling: RopeScaling,
}

/// How frequencies are stretched.
///
/// # Source
/// The names and formulas of `transformers`, `modeling_rope_utils.py`; papers at each.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    #[default]
    None,
    /// All frequencies divided by `factor` (Chen et al. 2023, arXiv:2306.15595).
    Linear {
        /// The factor.
        factor: f32,
    },
    /// A larger base for longer sequences. The base is that of the longest sequence served, for all
    /// sequences: results then do not depend on how long a sequence has become.
    Dynamic {
        /// The factor.
        factor: f32,
        /// Longest sequence of the training.
        original_positions: usize,
    },
    /// High frequencies kept, low ones divided by `factor`, a ramp between (Peng et al. 2023,
    /// arXiv:2309.00071).
    Yarn {
        /// The factor.
        factor: f32,
        /// Longest sequence of the training.
        original_positions: usize,
        /// Turns over the training length from which a frequency is kept, usually 32.
        beta_fast: f32,
        /// Turns up to which it is divided, usually 1.
        beta_slow: f32,
        /// What queries and keys are multiplied by; `0.1 ln(factor) + 1` if `None`.
        attention_factor: Option<f32>,
        /// Whether the ends of the ramp are whole pairs.
        truncate: bool,
    },
    /// As YaRN with a ramp over wavelengths instead (Llama 3.1).
    Llama3 {
        /// The factor.
        factor: f32,
        /// Wavelengths above `original_positions / low_freq_factor` are stretched fully.
        low_freq_factor: f32,
        /// Wavelengths below `original_positions / high_freq_factor` are kept.
        high_freq_factor: f32,
        /// Longest sequence of the training.
        original_positions: usize,
    },
    /// A factor for each pair (Ding et al. 2024, arXiv:2402.13753). Whether the long or the short
    /// factors are used depends on the longest sequence served, not on each sequence.
    LongRope {
        /// Factors up to the training length.
        short_factors: Vec<f32>,
        /// Factors beyond.
        long_factors: Vec<f32>,
        /// Longest sequence of the training.
        original_positions: usize,
        /// What queries and keys are multiplied by.
        attention_factor: f32,
    },
}

impl RopeSpec {
    /// Whole heads, halves, no scaling.
    pub fn plain(head_dim: usize, theta: f32) -> Self {
        let (layout, scaling) = (RopeLayout::Halves, RopeScaling::None);
        Self { head_dim, first_rotary_dim: 0, rotary_dim: head_dim, theta, layout, scaling }
    }

    /// The frequency of each pair, and what queries and keys are multiplied by, for sequences of up
    /// to `max_positions`.
    ///
    /// # Panics
    /// If dimensions are odd, zero or disagree, or `theta` is not positive.
    pub fn frequencies(&self, max_positions: usize) -> (Vec<f64>, f64) {
        let (d, theta) = (self.rotary_dim, f64::from(self.theta));
        assert!(d > 0 && d.is_multiple_of(2), "rope over {d} dimensions");
        let last = self.first_rotary_dim + d;
        assert!(last <= self.head_dim, "rope over dimensions up to {last} of {}", self.head_dim);
        assert!(theta > 0.0, "rope with base {theta}");
        let pairs = |base: f64| -> Vec<f64> {
            (0..d / 2).map(|i| base.powf(-2.0 * i as f64 / d as f64)).collect()
        };
        let plain = pairs(theta);
        match &self.scaling {
            RopeScaling::None => (plain, 1.0),
            RopeScaling::Linear { factor } => {
                (plain.iter().map(|f| f / f64::from(*factor)).collect(), 1.0)
            }
            RopeScaling::Dynamic { factor, original_positions } => {
                let (factor, original) = (f64::from(*factor), *original_positions as f64);
                let longest = (max_positions as f64).max(original);
                let stretch = factor * longest / original - (factor - 1.0);
                (pairs(theta * stretch.powf(d as f64 / (d as f64 - 2.0))), 1.0)
            }
            RopeScaling::Yarn {
                factor,
                original_positions,
                beta_fast,
                beta_slow,
                attention_factor,
                truncate,
            } => {
                let factor = f64::from(*factor);
                let ramp = self.yarn_ramp(*original_positions, [*beta_fast, *beta_slow], *truncate);
                let blend = |(i, f): (usize, &f64)| {
                    let stretched = ramp(i);
                    f / factor * stretched + f * (1.0 - stretched)
                };
                let usual = if factor <= 1.0 { 1.0 } else { 0.1 * factor.ln() + 1.0 };
                let attention_factor = attention_factor.map_or(usual, f64::from);
                (plain.iter().enumerate().map(blend).collect(), attention_factor)
            }
            RopeScaling::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_positions,
            } => {
                let (low, high) = (f64::from(*low_freq_factor), f64::from(*high_freq_factor));
                let blend = |f: &f64| {
                    let turns = *original_positions as f64 * f / (2.0 * PI);
                    let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                    f / f64::from(*factor) * (1.0 - kept) + f * kept
                };
                (plain.iter().map(blend).collect(), 1.0)
            }
            RopeScaling::LongRope {
                short_factors,
                long_factors,
                original_positions,
                attention_factor,
            } => {
                let long = max_positions > *original_positions;
                let factors = if long { long_factors } else { short_factors };
                assert!(factors.len() == d / 2, "{} factors for {} pairs", factors.len(), d / 2);
                let scaled = plain.iter().zip(factors).map(|(f, by)| f / f64::from(*by));
                (scaled.collect(), f64::from(*attention_factor))
            }
        }
    }

    /// By how much YaRN stretches each pair: 0 below those that make the first number of turns over
    /// the training length, 1 beyond those that make the second.
    fn yarn_ramp(
        &self,
        original_positions: usize,
        turns: [f32; 2],
        truncate: bool,
    ) -> impl Fn(usize) -> f64 {
        let (d, theta) = (self.rotary_dim as f64, f64::from(self.theta));
        let [low, high] = turns.map(|turns| {
            let length = original_positions as f64 / (f64::from(turns) * 2.0 * PI);
            d * length.ln() / (2.0 * theta.ln())
        });
        let (low, high) = if truncate { (low.floor(), high.ceil()) } else { (low, high) };
        let (low, high) = (low.max(0.0), high.min(d - 1.0));
        let high = if low >= high { low + 0.001 } else { high };
        move |i| ((i as f64 - low) / (high - low)).clamp(0.0, 1.0)
    }
}
