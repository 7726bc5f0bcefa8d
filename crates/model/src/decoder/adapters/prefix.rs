//! Learned keys and values in the place of those of the first tokens.

use super::apply::Deltas;
use crate::ModelError;
use crate::adapter::{PROMPT, PeftAdapter, PeftConfig};
use crate::decoder::Decoder;

/// Keys and values of every layer, `[tokens, layers, 2, g, d]`: neither normed nor rotated, as in
/// PEFT.
pub(super) struct Prefix {
    rows: Vec<f32>,
    tokens: usize,
    /// Values of a layer's keys, and of its values.
    width: usize,
}

impl Prefix {
    /// The prefix of an adapter that is one.
    ///
    /// # Errors
    /// It has no keys and values, of another size than the decoder's, or the decoder's attention is
    /// one that a prefix does not stand before: over latents, or in a window.
    pub(super) fn of(decoder: &Decoder, adapter: &PeftAdapter) -> Result<Option<Self>, ModelError> {
        let PeftConfig::Prefix(prefix) = &adapter.config else { return Ok(None) };
        let name = || PROMPT.to_owned();
        let config = &decoder.config;
        let windows = config.layers.iter().any(|layer| layer.sliding_window.is_some());
        let Some(tensor) = adapter.tensors.get(PROMPT).filter(|_| config.mla.is_none() && !windows)
        else {
            return Err(ModelError::AdapterModule { name: name() });
        };
        let (tokens, width) = (prefix.num_virtual_tokens, config.kv_width());
        let expected = vec![tokens, 2 * config.num_hidden_layers * width];
        let whole = tensor.data.len() == expected.iter().product::<usize>();
        if !whole || tensor.shape != expected || tokens >= decoder.max_tokens() {
            let found = tensor.shape.clone();
            return Err(ModelError::ShapeMismatch { name: name(), found, expected });
        }
        Ok(Some(Self { rows: tensor.data.clone(), tokens, width }))
    }

    pub(super) fn bytes(&self) -> usize {
        self.rows.len() * size_of::<f32>()
    }

    pub(super) fn tokens(&self) -> usize {
        self.tokens
    }

    /// Keys and values of a token in a layer, side by side.
    fn row(&self, token: usize, layer: usize) -> &[f32] {
        let layers = self.rows.len() / self.tokens / (2 * self.width);
        &self.rows[(token * layers + layer) * 2 * self.width..][..2 * self.width]
    }
}

impl Deltas<'_> {
    /// Puts the prefixes of adapters in the place of the keys and values of the rows that stand where
    /// a prefix does.
    ///
    /// # Shapes
    /// `kv` rows `ld` apart, keys and values side by side; `positions_t` one for each row.
    pub(in crate::decoder) fn put_prefixes(
        &self,
        positions_t: &[u32],
        (kv, ld): (&mut [f32], usize),
    ) {
        for (adapter, rows) in self.runs.of_rows() {
            let Some(prefix) = adapter.prefix() else { continue };
            for row in rows {
                let position = positions_t[row] as usize;
                if position < prefix.tokens {
                    let own = prefix.row(position, self.layer);
                    kv[row * ld..][..own.len()].copy_from_slice(own);
                }
            }
        }
    }
}
