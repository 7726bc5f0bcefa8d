//! The products that adapters change.

use crate::decoder::Decoder;
use crate::decoder::attention::Attention;
use crate::decoder::mlp::Mlp;

/// A product of a layer, or the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::decoder) enum Product {
    /// Queries, keys and values side by side.
    Qkv,
    /// Behind attention.
    O,
    /// Gate and up side by side, or up alone.
    Up,
    /// The end of an MLP.
    Down,
    /// Logits.
    Head,
}

/// A product of one layer; the head is in layer 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) layer: usize,
    pub(super) product: Product,
}

/// The columns of a product that one of the decoder's tensors makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) place: Place,
    /// The first column and their number: rows of the tensor.
    pub(super) first: usize,
    pub(super) count: usize,
    /// Columns of the tensor.
    pub(super) k: usize,
}

/// The tensor that the head has by itself or shares with the embedding.
pub(super) const HEAD: &str = "lm_head.weight";

/// Where tensor `name` makes columns that an adapter can add to, if it does.
pub(super) fn columns(decoder: &Decoder, name: &str) -> Option<Columns> {
    let config = &decoder.config;
    let hidden = config.hidden_size;
    if name == HEAD {
        let place = Place { layer: 0, product: Product::Head };
        return Some(Columns { place, first: 0, count: config.vocab_size, k: hidden });
    }
    let module = name.strip_prefix("model.layers.")?.strip_suffix(".weight")?;
    let (layer_idx, module) = module.split_once('.')?;
    let layer_idx: usize = layer_idx.parse().ok()?;
    let layer = decoder.layers.get(layer_idx)?;
    let (product, first, count, k) = match module.split_once('.')? {
        ("self_attn", "o_proj") => {
            let o_proj = layer.attention.o_proj();
            (Product::O, 0, o_proj.n(), o_proj.k())
        }
        ("self_attn", projection) => {
            let Attention::Heads(_) = &layer.attention else { return None };
            let (q, kv) = (config.q_width(), config.kv_width());
            let (first, count) = match projection {
                "q_proj" => (0, q),
                "k_proj" => (q, kv),
                "v_proj" => (q + kv, kv),
                _ => return None,
            };
            (Product::Qkv, first, count, hidden)
        }
        ("mlp", projection) => {
            let Mlp::Dense(mlp) = &layer.mlp else { return None };
            match projection {
                "gate_proj" if mlp.up_proj.n() > mlp.width => (Product::Up, 0, mlp.width, hidden),
                "up_proj" => (Product::Up, mlp.up_proj.n() - mlp.width, mlp.width, hidden),
                "down_proj" => (Product::Down, 0, mlp.down_proj.n(), mlp.down_proj.k()),
                _ => return None,
            }
        }
        _ => return None,
    };
    Some(Columns { place: Place { layer: layer_idx, product }, first, count, k })
}
