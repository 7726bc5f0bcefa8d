//! Where the decoder's tensors stand in the tensors of a kind of file, worked out from a family's
//! rules. Read forward it finds weights, read backward it writes files.

use std::collections::BTreeMap;

use super::tensors::expected;
use crate::config::ModelConfig;
use crate::families::{Form, Rule};

/// A tensor of a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FileTensor {
    /// Its name.
    pub(crate) name: String,
    /// Its shape.
    pub(crate) shape: Vec<usize>,
    /// The decoder's tensors within.
    pub(crate) parts: Vec<String>,
}

/// Where one of the decoder's tensors stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Source {
    /// Name of the file's tensor.
    pub(crate) file: String,
    /// Shape of the decoder's tensor.
    pub(crate) shape: Vec<usize>,
    /// Where its rows are among the rows of the file's tensor.
    pub(crate) rows: RowOrder,
    /// Whether the file's matrix is to be transposed first.
    pub(crate) transposed: bool,
    /// Number of heads of which each is to be transposed, once rows are taken.
    pub(crate) transposed_heads: Option<usize>,
    /// Added to all values.
    pub(crate) offset: f32,
}

impl Source {
    /// Rows from `first` on of the tensor `file`, as they stand.
    pub(crate) fn rows(file: &str, first: usize, shape: &[usize]) -> Self {
        Self {
            file: file.to_owned(),
            shape: shape.to_vec(),
            rows: RowOrder::InOrder { first },
            transposed: false,
            transposed_heads: None,
            offset: 0.0,
        }
    }
}

/// Which row of a file's tensor is which of the decoder's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowOrder {
    /// Row `i` is `first + i`.
    InOrder { first: usize },
    /// The two halves of each head are interleaved.
    Rotary { head_dim: usize },
    /// Runs of `count` rows, each `stride` after the last, from `first` on.
    Runs { first: usize, count: usize, stride: usize },
}

impl RowOrder {
    /// The file's row of the decoder's row `row`.
    pub(crate) fn place(self, row: usize) -> usize {
        match self {
            Self::InOrder { first } => first + row,
            Self::Rotary { head_dim } => {
                let (head, within) = (row / head_dim, row % head_dim);
                let (half, j) = (within / (head_dim / 2), within % (head_dim / 2));
                head * head_dim + 2 * j + half
            }
            Self::Runs { first, count, stride } => row / count * stride + first + row % count,
        }
    }
}

/// All tensors of a model in one kind of file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    /// Those of the file, by the names of their parts.
    pub(crate) files: Vec<FileTensor>,
    /// Where each of the decoder's is, by name.
    pub(crate) sources: BTreeMap<String, Source>,
}

impl Layout {
    /// Takes for each tensor of the decoder the first of `rules` of which `is_there` knows the name,
    /// or else the first, or else the tensor itself by the same name.
    pub(crate) fn new<'a>(
        config: &ModelConfig,
        rules: &(impl Iterator<Item = &'a Rule> + Clone),
        is_there: &dyn Fn(&str) -> bool,
    ) -> Self {
        let mut open: BTreeMap<String, Vec<usize>> = expected(config).into_iter().collect();
        let mut layout = Self::default();
        for only_there in [true, false] {
            for rule in rules.clone() {
                for (name, parts) in instances(rule, config) {
                    for kind in ["weight", "bias"] {
                        let name = format!("{name}.{kind}");
                        let parts = parts.iter().map(|part| format!("{part}.{kind}"));
                        let parts: Option<Vec<_>> =
                            parts.map(|part| open.get_key_value(&part)).collect();
                        if let Some(parts) = parts
                            && !parts.is_empty()
                            && (!only_there || is_there(&name))
                        {
                            let parts = parts.into_iter();
                            let parts = parts.map(|(part, shape)| (part.clone(), shape.clone()));
                            layout.place(config, rule.form, name, parts.collect(), &mut open);
                        }
                    }
                }
            }
        }
        for (name, shape) in std::mem::take(&mut open) {
            layout.place(config, Form::Rows, name.clone(), vec![(name, shape)], &mut open);
        }
        layout.files.sort_by(|a, b| a.parts.cmp(&b.parts));
        layout
    }

    /// Enters a tensor of the file and its parts.
    fn place(
        &mut self,
        config: &ModelConfig,
        form: Form,
        name: String,
        parts: Vec<(String, Vec<usize>)>,
        open: &mut BTreeMap<String, Vec<usize>>,
    ) {
        let heads = config.num_attention_heads;
        // Keys and values of latent attention have as many rows in the file as columns here.
        let file_rows = |part: usize, shape: &[usize]| match (form, part) {
            (Form::Latent, 0) => heads * shape[1],
            _ => shape[0],
        };
        let total: usize =
            parts.iter().enumerate().map(|(idx, (_, shape))| file_rows(idx, shape)).sum();
        let mut shape = parts[parts.len() - 1].1.clone();
        shape[0] = total;
        match form {
            Form::Transposed => shape.reverse(),
            Form::Experts => {
                shape.insert(0, parts.len());
                shape[1] = total / parts.len();
            }
            Form::Heads => {
                shape.insert(0, heads);
                shape[1] = total / heads;
            }
            Form::Rows | Form::Rotary | Form::PerHead | Form::MinusOne | Form::Latent => {}
        }
        let mut first = 0;
        let names = parts.iter().map(|(name, _)| name.clone()).collect();
        for (idx, (part, shape)) in parts.into_iter().enumerate() {
            let rows = file_rows(idx, &shape);
            let order = match form {
                Form::Rotary => RowOrder::Rotary { head_dim: config.head_dim },
                Form::PerHead | Form::Latent => {
                    let (count, stride) = (rows / heads, total / heads);
                    RowOrder::Runs { first: first / heads, count, stride }
                }
                Form::Rows | Form::Transposed | Form::MinusOne | Form::Experts | Form::Heads => {
                    RowOrder::InOrder { first }
                }
            };
            first += rows;
            open.remove(&part);
            let source = Source {
                file: name.clone(),
                shape,
                rows: order,
                transposed: form == Form::Transposed,
                transposed_heads: (form == Form::Latent && idx == 0).then_some(heads),
                offset: if form == Form::MinusOne { 1.0 } else { 0.0 },
            };
            self.sources.insert(part, source);
        }
        self.files.push(FileTensor { name, shape, parts: names });
    }
}

/// The names of a rule with the numbers of layers and experts put in.
fn instances(rule: &Rule, config: &ModelConfig) -> Vec<(String, Vec<String>)> {
    let number = |text: &str, what: &str, number: usize| text.replace(what, &number.to_string());
    let layers = if rule.file.contains("{l}") { config.layers.len() } else { 1 };
    let experts = config.moe.map_or(0, |moe| moe.num_experts);
    let mut all = Vec::new();
    for layer in 0..layers {
        let file = number(rule.file, "{l}", layer);
        let parts = rule.parts.iter().map(|part| number(part, "{l}", layer));
        if file.contains("{e}") {
            let parts: Vec<String> = parts.collect();
            all.extend((0..experts).map(|expert| {
                let parts = parts.iter().map(|part| number(part, "{e}", expert));
                (number(&file, "{e}", expert), parts.collect())
            }));
        } else if rule.form == Form::Experts {
            let parts = parts.flat_map(|part| {
                (0..experts).map(move |expert| number(&part, "{e}", expert)).collect::<Vec<_>>()
            });
            all.push((file, parts.collect()));
        } else {
            all.push((file, parts.collect()));
        }
    }
    all
}
