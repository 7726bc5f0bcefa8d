//! The products that adapters change.

use std::ops::Range;

use crate::ModelConfig;
use crate::decoder::Decoder;
use crate::decoder::attention::Attention;
use crate::decoder::latent::Latent;
use crate::decoder::mlp::{Dense, Mlp};
use crate::decoder::moe::Experts;
use crate::linear::Linear;

/// A product of a layer, or the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::decoder) enum Product {
    /// Queries, keys and values side by side.
    Qkv,
    /// The vector that queries of latent attention are made from.
    QueryLatent,
    /// Queries of latent attention.
    Query,
    /// The latent and the key to be rotated.
    Latent,
    /// A head's queries into the latent's space.
    HeadKey(usize),
    /// The latent into a head's values.
    HeadValue(usize),
    /// Behind attention.
    O,
    /// Scores of experts.
    Router,
    /// Gate and up side by side, or up alone: of an expert, or of the MLP that all rows go through.
    Up(Option<usize>),
    /// The end of such an MLP.
    Down(Option<usize>),
    /// Logits.
    Head,
}

/// A product of one layer; the head is in layer 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) layer: usize,
    pub(super) product: Product,
}

/// The columns of a product that rows of one of the decoder's tensors make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) place: Place,
    /// The first column.
    pub(super) first: usize,
    /// Rows of the tensor: one for each column, unless they are turned.
    pub(super) rows: Range<usize>,
    /// Columns of the tensor.
    pub(super) k: usize,
    /// Whether the product is with the transposed rows: they are its inputs, and columns follow
    /// from the tensor's.
    pub(super) turned: bool,
}

/// The tensor that the head has by itself or shares with the embedding.
pub(super) const HEAD: &str = "lm_head.weight";

/// Where tensor `name` makes columns that an adapter can add to; nowhere if it does not.
pub(super) fn columns(decoder: &Decoder, name: &str) -> Vec<Columns> {
    if name == HEAD {
        let (n, k) = (decoder.config.vocab_size, decoder.config.hidden_size);
        return vec![Columns::whole(Product::Head, 0, n, k)];
    }
    let of_layer = || {
        let module = name.strip_prefix("model.layers.")?.strip_suffix(".weight")?;
        let (layer, module) = module.split_once('.')?;
        let layer: usize = layer.parse().ok()?;
        let of = decoder.layers.get(layer)?;
        let columns = match module.split_once('.')? {
            ("self_attn", "o_proj") => vec![Columns::linear(Product::O, of.attention.o_proj())],
            ("self_attn", projection) => match &of.attention {
                Attention::Heads(_) => heads(&decoder.config, projection)?,
                Attention::Latent(latent) => of_latent(latent, projection)?,
            },
            ("mlp", projection) => vec![match &of.mlp {
                Mlp::Dense(mlp) => of_mlp(mlp, None, projection)?,
                Mlp::Experts(experts) => of_experts(experts, projection)?,
            }],
            _ => return None,
        };
        Some((layer, columns))
    };
    let Some((layer, mut columns)) = of_layer() else { return Vec::new() };
    for columns in &mut columns {
        columns.place.layer = layer;
    }
    columns
}

/// The base's product at a place, but for those of latent attention's heads.
pub(super) fn linear(decoder: &Decoder, place: Place) -> Option<&Linear> {
    let layer = decoder.layers.get(place.layer)?;
    let mlp = |expert: Option<usize>| match (&layer.mlp, expert) {
        (Mlp::Dense(mlp), _) => Some(mlp),
        (Mlp::Experts(experts), Some(expert)) => experts.mlps_e.get(expert),
        (Mlp::Experts(experts), None) => experts.shared.as_ref(),
    };
    let latent = || match &layer.attention {
        Attention::Latent(latent) => Some(latent),
        Attention::Heads(_) => None,
    };
    Some(match place.product {
        Product::Qkv => match &layer.attention {
            Attention::Heads(heads) => &heads.qkv_proj,
            Attention::Latent(_) => return None,
        },
        Product::QueryLatent => &latent()?.q_a.as_ref()?.0,
        Product::Query => &latent()?.q_b_proj,
        Product::Latent => &latent()?.kv_a_proj,
        Product::HeadKey(_) | Product::HeadValue(_) => return None,
        Product::O => layer.attention.o_proj(),
        Product::Router => match &layer.mlp {
            Mlp::Experts(experts) => &experts.router,
            Mlp::Dense(_) => return None,
        },
        Product::Up(expert) => &mlp(expert)?.up_proj,
        Product::Down(expert) => &mlp(expert)?.down_proj,
        Product::Head => decoder.head(),
    })
}

impl Columns {
    /// All rows of a tensor, in layer 0.
    fn whole(product: Product, first: usize, n: usize, k: usize) -> Self {
        Self { place: Place { layer: 0, product }, first, rows: 0..n, k, turned: false }
    }

    fn linear(product: Product, linear: &Linear) -> Self {
        Self::whole(product, 0, linear.n(), linear.k())
    }
}

fn heads(config: &ModelConfig, projection: &str) -> Option<Vec<Columns>> {
    let (q, kv) = (config.q_width(), config.kv_width());
    let (first, count) = match projection {
        "q_proj" => (0, q),
        "k_proj" => (q, kv),
        "v_proj" => (q + kv, kv),
        _ => return None,
    };
    Some(vec![Columns::whole(Product::Qkv, first, count, config.hidden_size)])
}

fn of_latent(latent: &Latent, projection: &str) -> Option<Vec<Columns>> {
    let linear = |product, linear| vec![Columns::linear(product, linear)];
    let rank = latent.shape.kv_lora_rank;
    let per_head = |product: fn(usize) -> Product, width: usize, turned: bool| {
        let head = |head: usize| {
            let rows = head * width..(head + 1) * width;
            Columns { rows, turned, ..Columns::whole(product(head), 0, 0, rank) }
        };
        (0..latent.k_b_proj_h.len()).map(head).collect()
    };
    Some(match (projection, &latent.q_a) {
        ("q_proj", None) | ("q_b_proj", Some(_)) => linear(Product::Query, &latent.q_b_proj),
        ("q_a_proj", Some((q_a_proj, _))) => linear(Product::QueryLatent, q_a_proj),
        ("kv_a_proj_with_mqa", _) => linear(Product::Latent, &latent.kv_a_proj),
        ("k_b_proj", _) => per_head(Product::HeadKey, latent.shape.qk_nope_head_dim, true),
        ("v_b_proj", _) => per_head(Product::HeadValue, latent.shape.v_head_dim, false),
        _ => return None,
    })
}

fn of_experts(experts: &Experts, projection: &str) -> Option<Columns> {
    if projection == "gate" {
        return Some(Columns::linear(Product::Router, &experts.router));
    }
    if let Some(projection) = projection.strip_prefix("shared_experts.") {
        return of_mlp(experts.shared.as_ref()?, None, projection);
    }
    let (expert, projection) = projection.strip_prefix("experts.")?.split_once('.')?;
    let expert: usize = expert.parse().ok()?;
    of_mlp(experts.mlps_e.get(expert)?, Some(expert), projection)
}

fn of_mlp(mlp: &Dense, expert: Option<usize>, projection: &str) -> Option<Columns> {
    let (up, n, k) = (Product::Up(expert), mlp.up_proj.n(), mlp.up_proj.k());
    Some(match projection {
        "gate_proj" if n > mlp.width => Columns::whole(up, 0, mlp.width, k),
        "up_proj" => Columns::whole(up, n - mlp.width, mlp.width, k),
        "down_proj" => Columns::linear(Product::Down(expert), &mlp.down_proj),
        _ => return None,
    })
}
